"""Cutting a net and its port into pieces that correspond."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lasport.compare.diagnosis.alignment import Alignment
from lasport.compare.diagnosis.roles import MOVES, role_of_part
from lasport.compare.diagnosis.steps import Step
from lasport.spec import Network
from lasport.targets.parts import Part, TakenApart, between

__all__ = ["Unit", "cut"]


@dataclass(frozen=True, eq=False)
class Unit:
    """A piece of the net and the piece of the port that stands for it.

    Attributes
    ----------
    steps : tuple of Step
        Of the net; none where the port has something that the net lacks.
    value : str
        The value that they give.
    feeds : dict of str to str
        By the values that they take, the port's tensors that hold these.
    tensor : str
        The tensor that holds the value.
    parts : tuple of Part
        Between these tensors.
    exchanged : tuple of (str, str)
        Steps whose parts come in the other order.
    missing : frozenset of str
        Steps without a part.
    """

    steps: tuple[Step, ...]
    value: str
    feeds: Mapping[str, str]
    tensor: str
    parts: tuple[Part, ...]
    exchanged: tuple[tuple[str, str], ...] = ()
    missing: frozenset[str] = frozenset()


def cut(
    network: Network, steps: Sequence[Step], port: TakenApart, alignment: Alignment
) -> list[Unit]:
    """Cut both between the pairs of an alignment.

    Parameters
    ----------
    network : Network
        Whose inputs and outputs are the port's.
    steps : sequence of Step
        Of the network.
    port : TakenApart
        Its port.
    alignment : Alignment
        Of the two.
    """
    return list(_Cut(network, steps, port, alignment).units())


class _Cut:
    def __init__(
        self, network: Network, steps: Sequence[Step], port: TakenApart, alignment: Alignment
    ) -> None:
        self.steps = {step.name: step for step in steps}
        self.port = port
        self.alignment = alignment
        self.ends = dict(zip(network.outputs, port.outputs, strict=True))
        # The tensors that hold each value so far; the last one is behind all that the net lacks.
        self.holders: dict[str, list[str]] = {
            name: [key] for name, key in zip(network.inputs, port.inputs, strict=True)
        }

    def units(self) -> Iterator[Unit]:
        for name in self.steps:
            part = self.alignment.pairs.get(name)
            if part is not None:
                yield from self._extras(part)
                yield self._unit(name, part.output)
                self.holders[name] = [part.output]
            if name in self.ends:
                yield from self._end(name, self.ends[name])

    def _extras(self, part: Part) -> Iterator[Unit]:
        """Yield the units of parts that the net lacks, on the way to a part."""
        extra = {id(each) for each in self.alignment.extra}
        known = [key for keys in self.holders.values() for key in keys]
        for each in between(self.port.parts, known, [part.output]):
            sources = _sources(each, self.port.parts)
            names = [name for name, keys in self.holders.items() if sources & set(keys)]
            if id(each) in extra and len(each.inputs) == 1 and names:
                name = names[-1]
                (key,) = sources & set(self.holders[name])
                yield Unit((), name, {name: key}, each.output, (each,))
                self.holders[name].append(each.output)

    def _unit(self, value: str, tensor: str) -> Unit:
        names, feeds = {value}, dict[str, str]()
        known = {key for keys in self.holders.values() for key in keys}
        way = _reached(tensor, self.port.parts, known)
        waiting = list(self.steps[value].incoming)
        while waiting:
            name = waiting.pop()
            held = [key for key in self.holders.get(name, ()) if key in way]
            if name in self.holders:
                feeds[name] = held[-1] if held else self.holders[name][-1]
            elif name not in names:
                names.add(name)
                waiting += self.steps[name].incoming
        return Unit(
            tuple(step for name, step in self.steps.items() if name in names),
            value,
            feeds,
            tensor,
            tuple(between(self.port.parts, tuple(feeds.values()), [tensor])),
            tuple(pair for pair in self.alignment.exchanged if set(pair) <= names),
            frozenset(step.name for step in self.alignment.missing if step.name in names),
        )

    def _end(self, value: str, tensor: str) -> Iterator[Unit]:
        """Yield what lies between the last pair on the way to an output and the output."""
        for part in self.port.parts:
            if part.output == tensor and tensor not in self.holders.get(value, ()):
                yield from self._extras(part)
        held = self.holders.get(value, ())
        rest = between(self.port.parts, held, [tensor])
        if not held or any(role_of_part(part) != MOVES for part in rest):
            yield self._unit(value, tensor)
        self.holders[value] = [*held, tensor]


def _sources(part: Part, parts: Sequence[Part]) -> set[str]:
    """Return the tensors that reach a part without any arithmetic on the way."""
    made_by = {each.output: each for each in parts}
    found: set[str] = set()
    waiting = list(part.inputs)
    while waiting:
        key = waiting.pop()
        found.add(key)
        if key in made_by and role_of_part(made_by[key]) == MOVES:
            waiting += made_by[key].inputs
    return found


def _reached(tensor: str, parts: Sequence[Part], known: Collection[str]) -> set[str]:
    """Return those of the known tensors that a tensor is computed from, the nearest on each way."""
    made_by = {part.output: part for part in parts}
    found: set[str] = set()
    waiting = list(made_by[tensor].inputs) if tensor in made_by else []
    seen: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key in known:
            found.add(key)
        elif key in made_by and key not in seen:
            waiting += made_by[key].inputs
        seen.add(key)
    return found

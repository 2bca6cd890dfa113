"""The calls of a model as Python statements: which variable holds what."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lasport.plan import unique_name
from lasport.spec import format_shape
from lasport.targets.identifiers import identifier
from lasport.targets.keras_calls import Call, Calls
from lasport.targets.keras_source.code import Brackets, Expression, call, constant
from lasport.terminal import harmless

__all__ = ["CHAIN", "COUNTER", "OWN", "Comment", "Statement", "statements"]

OWN = "lasport.keras_layers."
CHAIN = "x"  # the variable of whatever only the next line needs
COUNTER = "n"  # of loops
RESERVED = (CHAIN, COUNTER, "keras", "layers", "keras_layers")


@dataclass(frozen=True)
class Comment:
    """What is said of a Lasagne layer: its name, its class, and the shape of its output."""

    layer: str
    kind: str
    shape: str

    def __str__(self) -> str:
        text = f"{self.layer}: {self.kind}{', ' if self.shape else ''}{self.shape}"
        # Names are what a file says, and must not end the comment that they stand in.
        return harmless(text).replace("\n", "\\n")


@dataclass(frozen=True)
class Statement:
    """One assignment.

    Attributes
    ----------
    target : str
        The variable.
    value : Expression
        What it becomes.
    comment : Comment or None
        The Lasagne layer that begins here.
    """

    target: str
    value: Expression
    comment: Comment | None = None


def statements(calls: Calls, dtype: str | None) -> tuple[list[Statement], dict[str, str]]:
    """Return the statements of a model, and the variables of its calls.

    Parameters
    ----------
    calls : Calls
        What would be executed.
    dtype : str or None
        The expression of each layer's dtype; None where Keras' own will do.
    """
    writer = _Writer(calls, dtype)
    return list(writer.run()), writer.variables


def build_name(layer: str, net: str) -> str:
    """Return the name of the function that builds a net inside a layer."""
    return f"build_{identifier(layer)}_{net}"


class _Writer:
    def __init__(self, calls: Calls, dtype: str | None) -> None:
        self.calls = calls
        self.dtype = dtype
        self.variables: dict[str, str] = {}
        self.layers: dict[str, str] = {}  # variables of layers that are called more than once
        self.taken = set(RESERVED)
        self.reused = {each.reuses for each in calls.calls}

    def run(self) -> Iterator[Statement]:
        layers = {layer.name: layer for layer in self.calls.plan.network.layers}
        chained = _chained(self.calls)
        before = None
        for step, its_calls in self.calls.by_step():
            layer = layers[step.layer]
            shape = "" if layer.output_shape is None else format_shape(layer.output_shape)
            comment = Comment(layer.name, layer.kind.rpartition(".")[2], shape)
            for each in its_calls:
                heading = None if comment == before else comment
                before = comment
                yield from self._call(each, heading, each.name in chained)

    def _call(self, each: Call, comment: Comment | None, is_chained: bool) -> Iterator[Statement]:
        made = self._layer(each)
        if each.name in self.reused:
            self.layers[each.name] = self._name(f"{each.name}_layer")
            yield Statement(self.layers[each.name], made, comment)
            made, comment = self.layers[each.name], None
        value = made if each.layer == "keras.Input" else self._on_inputs(each, made)
        self.variables[each.name] = CHAIN if is_chained else self._name(each.name)
        yield Statement(self.variables[each.name], value, comment)

    def _layer(self, each: Call) -> Expression:
        if each.reuses is not None:
            return self.layers[each.reuses]
        options = {name: constant(value) for name, value in each.arguments.items()}
        for net in each.nets:
            options[net] = call(build_name(each.name, net))
        if self.dtype is not None:
            options.setdefault("dtype", self.dtype)
        return call(_spelled(each), **options, name=constant(each.name))

    def _on_inputs(self, each: Call, made: Expression) -> Brackets:
        inputs = [self.variables[name] for name in each.inputs]
        given: Expression = inputs[0]
        if len(inputs) > 1:
            given = Brackets("", "[", tuple(("", name) for name in inputs), "]")
        if each.cotangent is None:
            return call(made, given)
        return call(made, given, cotangent=self.variables[each.cotangent])

    def _name(self, name: str) -> str:
        chosen = unique_name(identifier(name), self.taken)
        self.taken.add(chosen)
        return chosen


def _chained(calls: Calls) -> Collection[str]:
    """Return the calls whose results nothing but the next call takes, or the model gives."""
    users: dict[str, list[int]] = {}
    for place, each in enumerate(calls.calls):
        for name in (*each.inputs, *([each.cotangent] if each.cotangent is not None else [])):
            users.setdefault(name, []).append(place)
    ends = [calls.results[value.id] for value in calls.plan.outputs]
    chained = set()
    for place, each in enumerate(calls.calls):
        last = place + 1 == len(calls.calls) and ends == [each.name]
        passed_on = users.get(each.name) == [place + 1] and each.name not in ends
        if each.layer != "keras.Input" and (last or passed_on):
            chained.add(each.name)
    return chained


def _spelled(each: Call) -> str:
    """Return a layer's class as the script names it after its imports."""
    if each.own is not None:
        return each.own.__name__
    if each.layer.startswith(OWN):
        return f"keras_layers.{each.layer.removeprefix(OWN)}"
    return each.layer.replace("keras.layers.", "layers.")

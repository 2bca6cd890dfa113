"""What a hypothesis is: a change of the net's step that makes it as wrong as the port may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lasport.compare.diagnosis.arrangement import Arrangement
from lasport.compare.diagnosis.steps import Step
from lasport.registry import Run
from lasport.spec import Array
from lasport.targets.parts import Part

__all__ = [
    "Case",
    "Edit",
    "Hypothesis",
    "apply",
    "as_stored",
    "flagged",
    "passed_on",
]

# So many units in the last place may be lost where somebody computes a weight from others.
FEW = 4


@dataclass(frozen=True, eq=False)
class Edit:
    """One change of one step.

    Attributes
    ----------
    hypothesis : str
        What it is a case of.
    target : str
        The step.
    fix : str
        What has to be done about the port, to go behind "if".
    change : callable
        ``(step) -> steps`` that come in its place, the last of them under its name.
    rank : int
        The larger, the less it explains; of two that fit the lower one is taken.
    rewrite : callable or None
        ``(steps) -> steps`` where more than one step changes; ``change`` has nothing to do then.
    """

    hypothesis: str
    target: str
    fix: str
    change: Callable[[Step], Sequence[Step]]
    rank: int = 1
    rewrite: Callable[[Sequence[Step]], list[Step]] | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """A step with what is known of the part that stands for it.

    Attributes
    ----------
    step : Step
        The net's.
    part : Part or None
        The port's; None where it seems to lack one.
    parts : tuple of Part
        All parts of the unit.
    source : Arrangement or None
        How the part holds what it takes.
    image : tuple of int or None
        The sizes of the image that is flattened on the way to the step.
    x, y : dict of str to ndarray
        By run, what the step takes and what the port gives, where the step is
        its unit's only one.
    missing : bool
        Whether the port seems to lack it.
    """

    step: Step
    part: Part | None
    parts: tuple[Part, ...] = ()
    source: Arrangement | None = None
    image: tuple[int, ...] | None = None
    x: Mapping[str, Array] = field(default_factory=dict)
    y: Mapping[str, Array] = field(default_factory=dict)
    missing: bool = False

    def edit(
        self, fix: str, change: Callable[[Step], Step | Sequence[Step]], rank: int = 1
    ) -> Edit:
        """Return a change of the step; the table names the hypothesis."""

        def steps(step: Step) -> Sequence[Step]:
            result = change(step)
            return [result] if isinstance(result, Step) else result

        return Edit("", self.step.name, fix, steps, rank)

    def weight(self, name: str) -> Array | None:
        """Return one of the part's variables."""
        return None if self.part is None else self.part.weights.get(name)


@dataclass(frozen=True)
class Hypothesis:
    """One way in which ports go wrong.

    Attributes
    ----------
    name : str
        What it is called in reports.
    roles : tuple of str
        The steps to which it applies; see :mod:`lasport.compare.diagnosis.roles`.
    edits : callable
        ``(case) -> edits`` to try.
    """

    name: str
    roles: tuple[str, ...]
    edits: Callable[[Case], Iterator[Edit]]


def apply(edits: Sequence[Edit], steps: Sequence[Step]) -> list[Step]:
    """Return steps with changes made, those of several steps last."""
    result = list(steps)
    for edit in sorted(edits, key=lambda edit: edit.rewrite is not None):
        if edit.rewrite is not None:
            result = edit.rewrite(result)
            continue
        result = [
            new
            for step in result
            for new in (edit.change(step) if step.name == edit.target else [step])
        ]
    return result


class _Flagged:
    """A pass in which one step has a mode of its own."""

    def __init__(self, run: Run, *, training: bool) -> None:
        self.run = run
        self.training = training

    def __getattr__(self, name: str) -> object:
        return getattr(self.run, name)


def flagged(step: Step, *, training: bool) -> Step:
    """Return a step that computes in one mode whatever the others do."""

    def compute(a: object, params: Mapping[str, Array], inputs: Sequence[Array], run: Run) -> Array:
        return step.compute(a, params, inputs, _Flagged(run, training=training))  # type: ignore[arg-type]  # hands on all that Run has

    return replace(step, compute=compute)


def passed_on(step: Step) -> Step:
    """Return a step that gives what it takes."""
    return replace(step, compute=lambda a, params, inputs, run: inputs[0])


def as_stored(computed: Array, stored: Array | None) -> Array:
    """Return what a port stores for a weight that somebody computed in single precision.

    Parameters
    ----------
    computed : ndarray
        In double precision.
    stored : ndarray or None
        What the port may hold for it, perhaps in another order.

    Returns
    -------
    ndarray
        ``stored`` in the order of ``computed`` where both are the same numbers up to
        rounding; otherwise ``computed``.
    """
    if stored is None or stored.size != computed.size:
        return computed
    order = np.argsort(computed, axis=None)
    ordered = np.empty(computed.size)
    ordered[order] = np.sort(stored, axis=None)
    ordered = ordered.reshape(computed.shape)
    unit = float(np.finfo(np.float32).eps)
    for candidate in (stored.reshape(computed.shape), ordered):
        if np.allclose(candidate, computed, rtol=FEW * unit, atol=0):
            return np.asarray(candidate, np.float64)
    return computed

"""What is found of one piece of a port."""

from __future__ import annotations

from dataclasses import dataclass

from lasport.compare.diagnosis.apart import Apart
from lasport.compare.diagnosis.cutting import Unit
from lasport.compare.diagnosis.edits import Edit
from lasport.compare.diagnosis.result import Cause, Remedy
from lasport.compare.diagnosis.search import Explanation

__all__ = ["Finding", "explained", "names_of"]


@dataclass(frozen=True)
class Finding:
    """What was found of a piece that differs by itself.

    Attributes
    ----------
    cause : Cause or None
        None if it is right together with a neighbour.
    edits : tuple of Edit
        What makes the net as wrong.
    modelled : bool
        Whether these do all of it.
    """

    cause: Cause | None
    edits: tuple[Edit, ...] = ()
    modelled: bool = False

    @property
    def problem(self) -> str | None:
        """Why a piece could not be compared."""
        return None if self.cause is None else self.cause.problem


def explained(unit: Unit, before: dict[str, Apart], found: list[Explanation]) -> Finding:
    """Return what is found of a piece that has explanations."""
    layers, parts = names_of(unit)
    by_step = {step.name: step.layer for step in unit.steps}
    alternatives = dict.fromkeys(
        tuple(Remedy(by_step[edit.target], edit.hypothesis, edit.fix) for edit in each.edits)
        for each in found
    )
    after = max(each.after for each in found)
    cause = Cause(layers, parts, before, tuple(alternatives), after)
    return Finding(cause, found[0].edits, modelled=True)


def names_of(unit: Unit) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of a piece's layers, and of its port's."""
    return (
        tuple(dict.fromkeys(step.layer for step in unit.steps)),
        tuple(dict.fromkeys(part.label for part in unit.parts)),
    )

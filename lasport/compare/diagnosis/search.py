"""The search for the simplest change of the net that makes it as wrong as the port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lasport.compare.diagnosis.bench import Bench, Results
from lasport.compare.diagnosis.cutting import Unit
from lasport.compare.diagnosis.edits import Case, Edit, apply
from lasport.compare.diagnosis.hypotheses import edits_of
from lasport.compare.diagnosis.of_structure import exchanges, foldings
from lasport.compare.diagnosis.steps import Step
from lasport.compare.metrics import STRUCTURE_BOUND

__all__ = ["Explanation", "agrees", "explain"]


@dataclass(frozen=True)
class Explanation:
    """One set of changes that explains a difference.

    Attributes
    ----------
    edits : tuple of Edit
        All of them are needed.
    after : float
        The largest relative difference that is left.
    """

    edits: tuple[Edit, ...]
    after: float


def agrees(differences: dict[str, float]) -> bool:
    """Whether only rounding is left, in every run."""
    return bool(differences) and max(differences.values()) <= STRUCTURE_BOUND


def explain(bench: Bench, unit: Unit, results: Results, size: int = 2) -> list[Explanation]:
    """Return the simplest explanations of what a unit's port does; all that are equally simple.

    Parameters
    ----------
    bench : Bench
        Who runs them.
    unit : Unit
        What differs.
    results : Results
        What the port gave.
    size : int
        How many changes to combine at most.
    """
    edits = [edit for step in unit.steps for edit in edits_of(_case(bench, unit, results, step))]
    edits += [*exchanges(unit), *foldings(unit, bench.alignment.partners)]
    sets = [each for n in range(1, size + 1) for each in combinations(edits, n) if _sensible(each)]
    sets.sort(key=_rank)
    found: list[Explanation] = []
    for each in sets:
        if found and _rank(each) > _rank(found[0].edits):
            break
        steps = apply(each, unit.steps)
        left = bench.differences(unit, results, steps, bound=STRUCTURE_BOUND)
        if agrees(left):
            found.append(Explanation(each, max(left.values())))
    return found


def _rank(edits: Sequence[Edit]) -> int:
    return sum(edit.rank for edit in edits)


def _sensible(edits: Sequence[Edit]) -> bool:
    """Whether no two of them say the same of one step."""
    return len({(edit.target, edit.hypothesis) for edit in edits}) == len(edits)


def _case(bench: Bench, unit: Unit, results: Results, step: Step) -> Case:
    part = bench.alignment.partners.get(step.name)
    alone = len(unit.steps) == 1 and len(step.incoming) == 1
    x = {run: fed[step.incoming[0]] for run, fed in results.given.items()} if alone else {}
    return Case(
        step,
        part,
        unit.parts,
        None if part is None else bench.arrangements.get(part.inputs[0]),
        bench.image_behind(step.incoming[0]) if step.incoming else None,
        x,
        results.found if alone else {},
        step.name in unit.missing,
    )


def largest(differences: dict[str, float]) -> float:
    """Return the largest of some differences."""
    return max(differences.values(), default=np.inf)

"""The search for the simplest change of the net that makes it as wrong as the port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations

from lasport.compare.diagnosis.apart import Apart, agrees, largest
from lasport.compare.diagnosis.bench import Bench, Results
from lasport.compare.diagnosis.cutting import Unit
from lasport.compare.diagnosis.edits import Case, Edit, apply
from lasport.compare.diagnosis.hypotheses import edits_of
from lasport.compare.diagnosis.of_structure import exchanges, foldings, inputs
from lasport.compare.diagnosis.steps import Step

__all__ = ["Explanation", "explain", "simplest"]

# Of more changes pairs are not tried: there would be thousands.
MOST = 150


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


def explain(
    bench: Bench, unit: Unit, results: Results, size: int = 2, known: Sequence[Edit] = ()
) -> list[Explanation]:
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
    known : sequence of Edit
        Changes that are to be made in any case.
    """
    edits = [edit for step in unit.steps for edit in _edits_of(_case(bench, unit, results, step))]
    edits += [*exchanges(unit), *foldings(unit, bench.alignment.partners), *inputs(unit)]

    def differences(changes: Sequence[Edit]) -> Mapping[str, Apart]:
        steps = apply((*known, *changes), unit.steps)
        return bench.differences(unit, results, steps, stop=True)

    return simplest(edits, differences, size)


def _edits_of(case: Case) -> list[Edit]:
    """Return all changes of a step that may explain what its port does.

    What options and weights show says which to try, but for a class of a user's, which may
    use them in another way.
    """
    found = list(edits_of(case))
    if case.part is not None and case.part.own:
        known = {(edit.hypothesis, edit.fix) for edit in found}
        blind = replace(case, part=replace(case.part, config={}, weights={}))
        found += [e for e in edits_of(blind) if (e.hypothesis, e.fix) not in known]
    return found


def simplest(
    edits: Sequence[Edit], differences: Callable[[Sequence[Edit]], Mapping[str, Apart]], size: int
) -> list[Explanation]:
    """Return the simplest sets of changes that leave only rounding; all that are equally simple.

    Parameters
    ----------
    edits : sequence of Edit
        To choose from.
    differences : callable
        ``(changes) -> differences`` that are left with some of them made.
    size : int
        How many to combine at most.
    """
    if len(edits) > MOST:
        size = 1
    mistakes = [*((edit,) for edit in edits), *_everywhere(edits)]
    sets = [
        tuple(chain.from_iterable(each))
        for n in range(1, size + 1)
        for each in combinations(mistakes, n)
    ]
    sets = sorted(filter(_sensible, sets), key=lambda each: (_rank(each), len(each)))
    found: list[Explanation] = []
    for each in sets:
        if found and _rank(each) > _rank(found[0].edits):
            break
        if any(set(fewer.edits) <= set(each) for fewer in found):
            continue
        left = differences(each)
        if agrees(left):
            found.append(Explanation(each, largest(left)))
    return found


def _everywhere(edits: Sequence[Edit]) -> Iterator[tuple[Edit, ...]]:
    """Yield what may be one mistake in all layers of a kind, as in a function that makes them."""
    same: dict[tuple[str, str], list[Edit]] = {}
    for edit in edits:
        same.setdefault((edit.hypothesis, edit.fix), []).append(edit)
    yield from (tuple(each) for each in same.values() if len({e.target for e in each}) > 1)


def _rank(edits: Sequence[Edit]) -> int:
    """Return the sum of the ranks, one mistake in several layers being one."""
    return sum({(edit.hypothesis, edit.fix): edit.rank for edit in edits}.values())


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

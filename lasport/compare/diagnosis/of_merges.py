"""How ports of layers with several inputs go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

from lasport.compare.diagnosis.edits import Case, Edit, Hypothesis
from lasport.compare.diagnosis.steps import changed
from lasport.layers.merge import FUNCTIONS, ElemwiseAttributes

__all__ = ["FACTORS", "HYPOTHESES", "MERGE"]

FACTORS, MERGE = "factors of a merge", "merge"
# Of more inputs only the reverse order is tried.
MOST = 4
# What these give depends on the order.
ORDERED = ("subtract", "divide")


def function(case: Case) -> Iterator[Edit]:
    """Another function of the inputs."""
    a = case.step.attributes
    assert isinstance(a, ElemwiseAttributes)
    for theirs in FUNCTIONS:
        if theirs != a.merge_function:
            fix = f"the merge by {theirs} becomes one by {a.merge_function}"
            yield case.edit(fix, lambda s, f=theirs: changed(s, merge_function=f))  # type: ignore[misc]
    count = len(case.step.incoming)
    mean = (1 / count,) * count
    if any(factor != 1 for factor in a.coeffs):
        return
    if a.merge_function == "add":
        fix = f"its inputs are added, and not divided by {count}"
        yield case.edit(fix, lambda s: changed(s, coeffs=mean))
    else:
        fix = f"its inputs are merged by {a.merge_function}, not averaged"
        yield case.edit(fix, lambda s: changed(s, merge_function="add", coeffs=mean))


def coefficients(case: Case) -> Iterator[Edit]:
    """Other factors of the inputs."""
    a = case.step.attributes
    assert isinstance(a, ElemwiseAttributes)
    if len(set(a.coeffs)) > 1:
        fix = f"the factors of its inputs, which are in reverse order, become {a.coeffs}"
        yield case.edit(fix, lambda s: changed(s, coeffs=a.coeffs[::-1]))
    if any(factor != 1 for factor in a.coeffs):
        fix = f"its inputs are multiplied by {a.coeffs}"
        yield case.edit(fix, lambda s: changed(s, coeffs=()))


def order(case: Case) -> Iterator[Edit]:
    """Take the inputs in another order."""
    a, ours = case.step.attributes, case.step.incoming
    if isinstance(a, ElemwiseAttributes) and a.merge_function not in ORDERED:
        return
    found = permutations(ours) if len(ours) <= MOST else [ours[::-1]]
    for theirs in dict.fromkeys(found):
        if theirs != ours:
            fix = f"its inputs, which are in the order ({', '.join(theirs)}), become those "
            fix += f"of ({', '.join(ours)})"
            yield case.edit(fix, lambda s, t=theirs: replace(s, incoming=t))  # type: ignore[misc]


HYPOTHESES = (
    Hypothesis(MERGE, ("sum",), function),
    Hypothesis(FACTORS, ("sum",), coefficients),
    Hypothesis("order of inputs", ("sum", "concatenation"), order),
)

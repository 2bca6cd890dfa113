"""How reports speak of errors, of what was compared and of what was not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lasport.compare.report import Comparison, Group, Report

__all__ = [
    "bound_size",
    "bound_text",
    "class_remarks",
    "error_size",
    "error_text",
    "gaps",
    "meaning",
    "median_text",
    "walk_remarks",
]

# What the subjects are, by what stands behind the mode.
PLACES = {
    "layers": "outputs of every layer, in one pass through the net",
    "single": "outputs of every layer by itself, fed what the original fed it",
    "outputs": "the net's outputs",
    "params": "the parameters",
    "grads": "gradients with respect to parameters",
    "input-grads": "gradients with respect to inputs",
    "slopes": "gradients, by slopes of the reference in random directions",
    "outputs-after": "outputs after training passes",
    "shorter-layers": "outputs of every layer, for inputs one shorter",
    "shorter-outputs": "the net's outputs, for inputs one shorter",
    "model": "the model itself; the other rows are about copies of it",
    "reference": "the record against the numpy reference",
}

COUNTABLE = 1e6  # an error of more units in the last place has nothing to do with them


def error_size(comparison: Comparison) -> float:
    """Return an error in units of rounding; infinity where there is no number.

    Where rounding is judged, of the original's own rounding error; in float64
    of the last place of the largest entry.
    """
    if comparison.difference is None:
        return math.inf
    return comparison.difference.ulp if comparison.ratio is None else comparison.ratio


def bound_size(comparison: Comparison) -> float:
    """Return a bound in the unit of :func:`error_size`."""
    bound, difference = comparison.bound or 0.0, comparison.difference
    if comparison.ratio is not None or comparison.dtype != "float64":
        return bound
    # How many units the largest entry has depends on the entry; without a difference nobody knows.
    known = difference is not None and 0 < difference.relative < math.inf
    return bound * (difference.ulp / difference.relative if difference and known else 2.0**52)


def error_text(comparison: Comparison) -> str:
    """Return an error as it is judged, or what kept it from being a number.

    In float64 the relative difference, and in narrower types how many times the
    original's own rounding error it is.
    """
    if comparison.difference is None:
        return comparison.problem or "not compared"
    if comparison.difference.largest == 0:
        return "exact"
    if comparison.ratio is not None:
        return f"{comparison.ratio:.2g} times"
    relative, ulp = comparison.difference.relative, comparison.difference.ulp
    if ulp >= COUNTABLE:
        return f"{relative:.2g}"
    return f"{relative:.2g}, {ulp:.0f} ulp" if ulp >= 10 else f"{relative:.2g}, {ulp:.2g} ulp"


def bound_text(comparison: Comparison) -> str:
    """Return what an error may be."""
    if comparison.bound is None:
        return ""
    return f"{comparison.bound:.2g}{'' if comparison.ratio is None else ' times'}"


def median_text(group: Group) -> str:
    """Return the beginning of a sentence on what is in the middle of a group."""
    if group.median is None:
        return ""
    if any(member.ratio is not None for member in group.members):
        return f"median {group.median:.2g} times the oracle's error; "
    return f"median relative difference {group.median:.2g}; "


def class_remarks(report: Report) -> Iterator[str]:
    """Yield what there is to say of classifiers' outputs."""
    classified = [one for one in report.comparisons if one.agreement is not None]
    agreements = [one.agreement for one in classified if one.agreement is not None]
    if agreements:
        same, rows = sum(each.same for each in agreements), sum(each.rows for each in agreements)
        yield f"classes: the same in {same} of {rows} rows of outputs"
    for one, each in zip(classified, agreements, strict=True):
        if each.same < each.rows:
            yield (
                f"{one.subject} [{one.dtype}]: the same class in {each.same} of {each.rows} rows, "
                f"a tie that rounding decides in {each.ties}, another class in {each.others}"
            )


def walk_remarks(report: Report) -> Iterator[str]:
    """Yield which layers are wrong by themselves, and how many inherit an error."""
    count = len(report.inheriting)
    inherit = f"{count} layer{'s' * (count != 1)} only inherit{'s' * (count == 1)} an error"
    if report.alone_wrong:
        more = f"; {inherit}" if count else ""
        yield f"wrong when run alone: {', '.join(report.alone_wrong)}{more}"
    elif count and any("/single/" in one.subject for one in report.comparisons):
        yield f"no layer is wrong when run alone; {inherit}"


def meaning(place: str) -> str:
    """Return in words what a group of comparisons is about.

    Examples
    --------
    >>> meaning("training/params/5")
    'the parameters after 5 training passes, training mode'
    """
    mode, _, rest = place.partition("/")
    name, _, passes = rest.partition("/")
    after = f" after {passes} training pass{'es' * (passes != '1')}" if passes.isdecimal() else ""
    return f"{PLACES.get(name, name)}{after}, {mode} mode"


def gaps(report: Report) -> Iterator[str]:
    """Yield what a report says nothing about, without that being a failure."""
    subjects = [comparison.subject for comparison in report.comparisons]
    for mode in ("inference", "training"):
        if not any(subject.startswith(mode) for subject in subjects):
            yield f"The {mode} mode was not compared."
    if not any("/layers/" in subject for subject in subjects):
        yield "Of the layers, only those that give the net's outputs were compared."
    kinds = ("grads", "input-grads", "slopes")
    found = [c.dtype for c in report.comparisons if any(f"/{kind}/" in c.subject for kind in kinds)]
    if not found:
        yield "Gradients were not compared."
    elif "float32" not in found:
        yield "Gradients were compared in float64 only."
    yield "Optimizers, losses and regularizers are outside of every report."

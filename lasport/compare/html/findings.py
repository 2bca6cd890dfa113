"""What was found, first of all: the verdict, what differs, and what nobody compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lasport.compare.html.markup import Child, Element, element
from lasport.compare.html.pieces import NUMBERS, badge, bullets, code, row, table
from lasport.compare.wording import bound_text, error_size, error_text, gaps, walk_remarks

if TYPE_CHECKING:
    from lasport.compare.report import Comparison, Group, Report

__all__ = ["differences", "header", "not_compared"]

FAILURES = 20  # are of use in one table


def header(report: Report) -> Element:
    """Return the verdict, who was compared with whom, and how large errors are."""
    agreed, compared = len(report.comparisons) - len(report.failures), len(report.comparisons)
    return element(
        "header",
        element("p", badge(report.verdict), class_="verdict"),
        element("h1", report.model, element("small", f" against {report.oracle}")),
        element("p", f"{agreed} of {compared} arrays agree. ", *_sentences(report.groups)),
    )


def _sentences(groups: Sequence[Group]) -> Iterator[str]:
    """Yield how large the largest errors are, for each float type."""
    for dtype in dict.fromkeys(group.dtype for group in groups):
        worst = max((group.worst for group in groups if group.dtype == dtype), key=error_size)
        if math.isfinite(error_size(worst)):
            yield f"The largest error in {dtype} is {_explained(worst)}. "


def _explained(comparison: Comparison) -> str:
    assert comparison.difference is not None
    allowed = "" if comparison.bound is None else f" ({bound_text(comparison)} allowed)"
    if comparison.ratio is not None:
        return f"{comparison.ratio:.2g} times the original's own rounding error{allowed}"
    return f"{error_text(comparison)}, relative to the largest entry{allowed}"


def differences(report: Report) -> Element | None:
    """Return what differs, the first of it; None if nothing does."""
    failures = report.failures
    if not failures:
        return None
    more = len(failures) - FAILURES
    return element(
        "section",
        element("h2", "What differs"),
        element(
            "p",
            "In the order of the net, the first array that differs is ",
            code(failures[0].subject),
            f" in {failures[0].dtype}.",
        ),
        *(element("p", f"{said[:1].upper()}{said[1:]}.") for said in walk_remarks(report)),
        table(
            ("", "Subject", "In", *NUMBERS),
            [row(failure, whole=True) for failure in failures[:FAILURES]],
        ),
        element("p", f"{more} more are listed below.") if more > 0 else None,
    )


def not_compared(report: Report) -> Element:
    """Return what the verdict does not cover."""
    parts: list[Child] = [element("h2", "What was not compared")]
    if report.problems:
        parts.append(element("p", "Could not be compared, which counts as a failure:"))
        parts.append(bullets(report.problems, class_="finding"))
    parts.append(bullets([*gaps(report), *report.notes]))
    return element("section", *parts)

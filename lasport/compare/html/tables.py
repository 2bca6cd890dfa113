"""Everything that was compared: by kind, and one by one, folded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lasport.compare.html.markup import Element, element
from lasport.compare.html.pieces import NUMBERS, cell, code, mark_of, row, table
from lasport.compare.wording import bound_text, error_text, meaning

if TYPE_CHECKING:
    from lasport.compare.report import Group

__all__ = ["all_comparisons", "comparisons_by_kind"]

JUDGED = (
    "Both are computed in float64, where the largest difference, relative to the largest entry, "
    "shows whether the structure is the same; and in narrower types, where the port's error "
    "against the float64 result is counted in times the original's own."
)


def comparisons_by_kind(groups: Sequence[Group]) -> Element:
    """Return a line for every kind of comparison, with the worst of it."""
    rows = [
        element(
            "tr",
            cell(mark_of(group.agreed == len(group.members))),
            element("th", code(group.place), element("br"), meaning(group.place), scope="row"),
            cell(group.dtype),
            cell(f"{group.agreed} of {len(group.members)}", number=True),
            cell(code(group.worst.name)),
            cell(error_text(group.worst), number=True),
            cell(bound_text(group.worst), number=True),
        )
        for group in groups
    ]
    head = ("", "What", "Float type", "Agree", "Worst", "Its error", "Bound")
    return element(
        "section", element("h2", "What was compared"), element("p", JUDGED), table(head, rows)
    )


def all_comparisons(groups: Sequence[Group]) -> Element:
    """Return every comparison; each kind is unfolded by a click."""
    folds = [
        element(
            "details",
            element(
                "summary",
                mark_of(group.agreed == len(group.members)),
                f" {group}: {group.agreed} of {len(group.members)} agree",
            ),
            _comparisons(group),
        )
        for group in groups
    ]
    return element("section", element("h2", "All comparisons"), *folds)


def _comparisons(group: Group) -> Element:
    return table(("", "Subject", *NUMBERS), [row(member) for member in group.members])

"""What the sections of the page are made of: marks, words, lists and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lasport.compare.html.markup import Child, Element, element
from lasport.compare.wording import error_text

if TYPE_CHECKING:
    from lasport.compare.report import Comparison

__all__ = ["NUMBERS", "VERDICTS", "badge", "bullets", "cell", "code", "mark_of", "row", "table"]


class Verdict(NamedTuple):
    """How a verdict is shown: a word, its class in the style sheet, and a mark."""

    word: str
    style: str
    mark: str


VERDICTS = {
    "equal": Verdict("Equal", "equal", "✓"),
    "DIFFERENT": Verdict("Different", "different", "✗"),
    "NOT ALL COMPARED": Verdict("Not all compared", "incomplete", "!"),
}
NUMBERS = ("Error", "Largest difference", "99 %", "Median", "Remark")  # of a row, the last columns


def badge(verdict: str) -> Element:
    """Return a verdict as a mark, a word and a colour."""
    word, style, mark = VERDICTS[verdict]
    return element("span", element("span", mark, aria_hidden="true"), f" {word}", class_=style)


def mark_of(ok: bool) -> Element:
    """Return the mark of what agrees, or of what differs."""
    verdict = "equal" if ok else "different"
    return element("span", "✓" if ok else "✗", class_=verdict, title="agrees" if ok else "differs")


def code(text: str) -> Element:
    """Return a name from a file, or one of lasport's."""
    return element("code", text)


def bullets(texts: Sequence[str], class_: str | None = None) -> Element:
    """Return texts as a list."""
    return element("ul", *(element("li", text) for text in texts), class_=class_)


def table(head: Sequence[str], rows: Sequence[Element]) -> Element:
    """Return a table, which scrolls by itself where the window is too narrow."""
    titles = element("tr", *(element("th", title, scope="col") for title in head))
    lines = element("table", element("thead", titles), element("tbody", *rows))
    return element("div", lines, class_="scroll")


def cell(content: Child, *, number: bool = False) -> Element:
    """Return a cell of a table, for text or for a number."""
    return element("td", content, class_="number" if number else None)


def row(comparison: Comparison, *, whole: bool = False) -> Element:
    """Return a line of a table; a whole one also says what its group would have said."""
    numbers = [""] * 4
    difference = comparison.difference
    if difference is not None:
        plain = (difference.largest, difference.q99, difference.median)
        numbers = [error_text(comparison), *(f"{number:.2g}" for number in plain)]
    name = comparison.subject if whole else comparison.name
    return element(
        "tr",
        cell(mark_of(comparison.ok)),
        element("th", code(name), scope="row"),
        cell(comparison.dtype) if whole else None,
        *(cell(text, number=True) for text in numbers),
        cell(_remark(comparison)),
        class_=None if comparison.ok else "failed",
    )


def _remark(comparison: Comparison) -> str:
    agreement = comparison.agreement
    if agreement is None:
        return comparison.problem or ""
    return f"same class in {agreement.same} of {agreement.rows} rows, {agreement.ties} ties"

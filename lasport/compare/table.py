"""A report on a terminal: one row per kind of comparison, and the verdict in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from lasport.compare.wording import bound_text, error_text
from lasport.terminal import harmless, show

if TYPE_CHECKING:
    from lasport.compare.report import Group, Report

__all__ = ["show_report"]

COLOURS = {"equal": "bold green", "DIFFERENT": "bold red", "NOT ALL COMPARED": "bold yellow"}

TITLES = ("compared", "in", "agree", "worst", "its error", "allowed")
UNITS = (
    "errors: float64 relative to the largest entry, narrower types in times the original's own "
    "rounding error"
)


def show_report(report: Report, stream: TextIO) -> None:
    """Print a report: a table on a terminal, and otherwise all of it as plain text.

    Parameters
    ----------
    report : Report
    stream : text stream
        Where to.
    """
    if not stream.isatty():
        show(report.to_text(), stream)
        return
    # Not needed by anybody else, and it takes a while to import.
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    encoding = stream.encoding or "utf-8"

    def cell(content: str, style: str = "") -> Text:
        # As text, so that brackets in a layer's name are no markup.
        return Text(harmless(content, encoding), style, no_wrap=True, overflow="crop")

    heading = Text(harmless(f"{report.model} against {report.oracle}: ", encoding))
    heading.append(report.verdict, COLOURS[report.verdict])
    console = Console(file=stream, highlight=False)
    console.print(heading, soft_wrap=True)
    rows = list(map(_row, report.groups))
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title, cells in zip(TITLES, zip(*rows, strict=True), strict=False):
        # Only the name of the worst may be cut: the rest cannot do without its width.
        worst = title == "worst"
        needed = None if worst else max(map(len, (title, *cells)))
        table.add_column(title, no_wrap=not worst, min_width=needed)
    for group, (place, dtype, agree, *rest) in zip(report.groups, rows, strict=True):
        count = cell(agree, "green" if group.agreed == len(group.members) else "red")
        table.add_row(cell(place), cell(dtype), count, *map(cell, rest))
    console.print(table)
    show(UNITS, stream)
    for remark in report.remarks:
        show(remark, stream)


def _row(group: Group) -> tuple[str, ...]:
    worst = group.worst
    count = f"{group.agreed} of {len(group.members)}"
    error = "no number" if worst.difference is None else error_text(worst)
    return group.place, group.dtype, count, worst.name, error, bound_text(worst)

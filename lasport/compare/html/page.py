"""The page of a report: its sections, in the order in which somebody asks."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from lasport.compare.html.errors import errors_of_gradients, errors_of_layers, worst_layer
from lasport.compare.html.findings import differences, header, not_compared
from lasport.compare.html.markup import Element, document, element
from lasport.compare.html.origin import provenance
from lasport.compare.html.pieces import VERDICTS
from lasport.compare.html.tables import all_comparisons, comparisons_by_kind
from lasport.compare.html.training import further_training, running_statistics

if TYPE_CHECKING:
    from lasport.compare.report import Report

__all__ = ["article", "page", "style_sheet"]


def page(report: Report) -> str:
    """Return a report as an HTML document.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
    """
    title = f"{report.model} against {report.oracle}: {VERDICTS[report.verdict].word}"
    footer = element("footer", "Written by lasport.")
    return document(title, style_sheet(), element("main", article(report)), footer)


def style_sheet() -> str:
    """Return the styles of all pages."""
    data = files("lasport") / "data"
    return "\n".join((data / f"{name}.css").read_text("utf-8") for name in ("drawings", "report"))


def article(report: Report) -> Element:
    """Return all that a report says, as one element of a page."""
    return element(
        "article",
        header(report),
        differences(report),
        not_compared(report),
        errors_of_layers(report),
        errors_of_gradients(report),
        running_statistics(report.running_statistics),
        worst_layer(report),
        further_training(report),
        comparisons_by_kind(report.groups),
        provenance(report),
        all_comparisons(report.groups),
    )

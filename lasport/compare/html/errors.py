"""Drawings of errors: of every layer, of gradients, and of the layer that is furthest off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lasport.compare.evidence import Histogram
from lasport.compare.html.error_chart import Mark, Series, error_chart
from lasport.compare.html.markup import Element, element
from lasport.compare.html.pieces import code
from lasport.compare.html.small_charts import histogram_chart
from lasport.compare.wording import bound_size, bound_text, error_size, error_text

if TYPE_CHECKING:
    from lasport.compare.report import Comparison, Report

__all__ = ["errors_of_gradients", "errors_of_layers", "marks_of", "worst_layer"]


class Way(NamedTuple):
    """How arrays were compared: what the legend calls it, and whether its marks are hollow."""

    name: str
    hollow: bool


# By what stands behind the mode in a subject.
LAYERS = {"layers": Way("one pass", hollow=False), "single": Way("layer by layer", hollow=True)}
BY_ARRAY = Way("array by array", hollow=False)
GRADIENTS = {
    "grads": BY_ARRAY,
    "input-grads": BY_ARRAY,
    "slopes": Way("by slopes of the outputs", hollow=True),
}
LAYERS_TEXT = (
    "In the order of the net, input first. In float64 an error shows a wrong axis, filter "
    "or constant; in narrower types it is rounding, and measured by that of the original. "
    "In one pass errors add up; layer by layer, each is fed what the original gives, so "
    "that only a wrong layer differs."
)
GRADIENTS_TEXT = (
    "In the order in which they arise, from the outputs to the inputs: the first that differs is "
    "where something goes wrong. Slopes of the outputs, where the original has no gradients, are "
    "those along random directions in which all arrays take part; the error is then counted in "
    "times that of the slopes."
)


def errors_of_layers(report: Report) -> Element | None:
    """Return the drawings of all layers' outputs; None if only the net's were compared."""
    return _section("Errors, layer by layer", LAYERS_TEXT, report, LAYERS)


def errors_of_gradients(report: Report) -> Element | None:
    """Return the drawings of gradients; None if none were compared."""
    return _section("Errors of gradients", GRADIENTS_TEXT, report, GRADIENTS)


def worst_layer(report: Report) -> Element | None:
    """Return histograms of the layer with the largest error; None if none was found."""
    worst = report.worst_layer
    if worst is None:
        return None
    drawings = [_histogram(f"{worst.layer}, output", worst.outputs)]
    drawings += [_histogram(f"{worst.layer}.{name}", one) for name, one in worst.weights.items()]
    return element(
        "section",
        element("h2", "The layer that is furthest off"),
        element(
            "p",
            code(worst.layer),
            ", in ",
            code(worst.subject),
            f" [{worst.dtype}]. Bars are what the original has, outlines what the port has.",
        ),
        element("div", *drawings, class_="charts"),
    )


def _histogram(title: str, histogram: Histogram) -> Element:
    return histogram_chart(title, histogram.edges, histogram.expected, histogram.actual)


def _section(title: str, text: str, report: Report, ways: Mapping[str, Way]) -> Element | None:
    figures = list(_figures(title.partition(",")[0], report, ways))
    if not figures:
        return None
    return element("section", element("h2", title), element("p", text), *figures)


def _figures(title: str, report: Report, ways: Mapping[str, Way]) -> Iterator[Element]:
    """Yield a figure for each float type in which something was compared in these ways."""
    for dtype in dict.fromkeys(comparison.dtype for comparison in report.comparisons):
        drawing = _drawing(title, report, dtype, ways)
        if drawing is not None:
            caption = element("figcaption", dtype)
            yield element("figure", caption, element("div", drawing, class_="scroll"))


def _drawing(title: str, report: Report, dtype: str, ways: Mapping[str, Way]) -> Element | None:
    """Return the drawing of one float type: a column for each array, a series for mode and way."""
    found: dict[tuple[str, Way], list[Comparison]] = {}
    for row in report.comparisons:
        mode, _, kind = row.place.partition("/")
        if row.dtype == dtype and kind in ways:
            found.setdefault((mode, ways[kind]), []).append(row)
    rows = [row for each in found.values() for row in each]
    if not rows:
        return None
    columns = list(dict.fromkeys(row.name for row in rows))
    judged = any(row.ratio is not None for row in rows)
    unit = "error / the original's own" if judged else "units in the last place"
    series = [
        Series(f"{mode}, {way.name}", mode, way.hollow, marks_of(each, columns))
        for (mode, way), each in found.items()
    ]
    return error_chart(f"{title} in {dtype}", unit, columns, series)


def marks_of(rows: Sequence[Comparison], columns: Sequence[str]) -> list[Mark]:
    """Return the marks of comparisons, each in the column of its name."""
    at = {name: k for k, name in enumerate(columns)}
    return [
        Mark(
            at[row.name],
            error_size(row),
            row.ok,
            bound_size(row),
            f"{row.name}: {error_text(row)}, {bound_text(row)} allowed",
        )
        for row in rows
    ]

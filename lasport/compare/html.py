"""A report as one HTML page: no script, no other file, every text escaped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from lasport.compare.charts import Mark, Series, error_chart, histogram_chart, statistic_chart
from lasport.compare.evidence import Histogram, RunningStatistic
from lasport.compare.markup import Child, Element, document, element
from lasport.compare.wording import (
    bound_size,
    bound_text,
    error_size,
    error_text,
    gaps,
    meaning,
    walk_remarks,
)

if TYPE_CHECKING:
    from lasport.compare.report import Comparison, Group, Report

__all__ = ["article", "badge", "page", "style_sheet"]

VERDICTS = {
    "equal": ("Equal", "equal", "✓"),
    "DIFFERENT": ("Different", "different", "✗"),
    "NOT ALL COMPARED": ("Not all compared", "incomplete", "!"),
}
DRAWN = {"layers": "one pass", "single": "layer by layer"}
JUDGED = (
    "Both are computed in float64, where the largest difference, relative to the largest entry, "
    "shows whether the structure is the same; and in narrower types, where the port's error "
    "against the float64 result is counted in times the original's own."
)
NUMBERS = ("Error", "Largest difference", "99 %", "Median", "Remark")
# As many as are of use on a page, and can be told apart in a drawing.
FAILURES, STATISTICS, ENTRIES = 20, 9, 8


def page(report: Report) -> str:
    """Return a report as an HTML document.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
    """
    title = f"{report.model} against {report.oracle}: {VERDICTS[report.verdict][0]}"
    footer = element("footer", "Written by lasport.")
    return document(title, style_sheet(), element("main", article(report)), footer)


def style_sheet() -> str:
    """Return the styles of all pages."""
    return (files("lasport") / "data" / "report.css").read_text(encoding="utf-8")


def badge(verdict: str) -> Element:
    """Return a verdict as a mark, a word and a colour."""
    word, style, mark = VERDICTS[verdict]
    return element("span", element("span", mark, aria_hidden="true"), f" {word}", class_=style)


def article(report: Report) -> Element:
    """Return all that a report says, as one element of a page."""
    return element(
        "article",
        _header(report),
        _differences(report),
        _not_compared(report),
        _comparisons_by_kind(report.groups),
        _errors(report),
        _running_statistics(report.running_statistics),
        _worst_layer(report),
        _further_training(report),
        _provenance(report),
        _all_comparisons(report.groups),
    )


# --- the sections, in order


def _header(report: Report) -> Element:
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


def _differences(report: Report) -> Element | None:
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
            _code(failures[0].subject),
            f" in {failures[0].dtype}.",
        ),
        *(element("p", f"{said[:1].upper()}{said[1:]}.") for said in walk_remarks(report)),
        _table(
            ("", "Subject", "In", *NUMBERS), [_row(row, whole=True) for row in failures[:FAILURES]]
        ),
        element("p", f"{more} more are listed below.") if more > 0 else None,
    )


def _not_compared(report: Report) -> Element:
    parts: list[Child] = [element("h2", "What was not compared")]
    if report.problems:
        parts.append(element("p", "Could not be compared, which counts as a failure:"))
        parts.append(_list(report.problems, class_="finding"))
    parts.append(_list([*gaps(report), *report.notes]))
    return element("section", *parts)


def _comparisons_by_kind(groups: Sequence[Group]) -> Element:
    rows = [
        element(
            "tr",
            _cell(_mark_of(group.agreed == len(group.members))),
            element("th", _code(group.place), element("br"), meaning(group.place), scope="row"),
            _cell(group.dtype),
            _cell(f"{group.agreed} of {len(group.members)}", number=True),
            _cell(_code(group.worst.name)),
            _cell(error_text(group.worst), number=True),
            _cell(bound_text(group.worst), number=True),
        )
        for group in groups
    ]
    head = ("", "What", "Float type", "Agree", "Worst", "Its error", "Bound")
    return element(
        "section", element("h2", "What was compared"), element("p", JUDGED), _table(head, rows)
    )


def _errors(report: Report) -> Element | None:
    dtypes = dict.fromkeys(comparison.dtype for comparison in report.comparisons)
    drawings = [drawing for dtype in dtypes for drawing in _error_of_layers(report, dtype)]
    if not drawings:
        return None
    return element(
        "section",
        element("h2", "Errors, layer by layer"),
        element(
            "p",
            "In the order of the net, input first. In float64 an error shows a wrong axis, filter "
            "or constant; in narrower types it is rounding, and measured by that of the original. "
            "In one pass errors add up; layer by layer, each is fed what the original gives, so "
            "that only a wrong layer differs.",
        ),
        *drawings,
    )


def _running_statistics(statistics: Sequence[RunningStatistic]) -> Element | None:
    if not statistics:
        return None
    shown = sorted(statistics, key=_apart, reverse=True)[:STATISTICS]
    count = f"of {len(statistics)}, the {len(shown)} that part most; " * (
        len(statistics) > len(shown)
    )
    return element(
        "section",
        element("h2", "Running statistics in training"),
        element(
            "p",
            f"By training passes: {count}lines are what the original has, rings what the port "
            f"has; up to {ENTRIES} entries of each.",
        ),
        element("div", *(_drawn(one) for one in shown), class_="charts"),
    )


def _worst_layer(report: Report) -> Element | None:
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
            _code(worst.layer),
            ", in ",
            _code(worst.subject),
            f" [{worst.dtype}]. Bars are what the original has, outlines what the port has.",
        ),
        element("div", *drawings, class_="charts"),
    )


def _further_training(report: Report) -> Element | None:
    if not report.drifts:
        return None
    most = max(drift.passes for drift in report.drifts)
    rows = [
        element("tr", *(_cell(text, number=k > 0) for k, text in enumerate(texts)))
        for drift in report.drifts
        if drift.passes == most
        for texts in [(drift.layer, f"{drift.median:.2g}", f"{drift.largest:.2g}")]
    ]
    return element(
        "section",
        element("h2", "Further training"),
        element(
            "p",
            "No failure, but a property of Keras' own batch normalization, which averages the "
            f"variance: how far inv_std is from Lasagne's after {most} training passes, relative. "
            "Profile 'exact' keeps it equal.",
        ),
        _table(("Layer", "Median", "Largest"), rows),
    )


def _provenance(report: Report) -> Element:
    facts: dict[str, object] = {"Model": report.model, "Compared with": report.oracle}
    facts |= {name.replace("_", " ").capitalize(): value for name, value in report.settings.items()}
    made, command = report.provenance, None
    if made is not None:
        facts |= {
            "Made on": made.date,
            "Versions": _pairs(made.versions),
            "Versions of the original": _pairs(made.oracle_versions),
            "SHA-256 of the inputs": made.inputs_sha256,
            "SHA-256 of the parameters": made.params_sha256,
            "SHA-256 of the model's weights": made.weights_sha256,
        }
        command = element("pre", made.command)
    terms = [
        part
        for name, value in facts.items()
        if value
        for part in (element("dt", name), element("dd", _plain(value)))
    ]
    again = [element("p", "To make it again:"), command] if command is not None else []
    return element("section", element("h2", "Where it comes from"), element("dl", *terms), *again)


def _all_comparisons(groups: Sequence[Group]) -> Element:
    folds = [
        element(
            "details",
            element(
                "summary",
                _mark_of(group.agreed == len(group.members)),
                f" {group}: {group.agreed} of {len(group.members)} agree",
            ),
            _comparisons(group),
        )
        for group in groups
    ]
    return element("section", element("h2", "All comparisons"), *folds)


# --- drawings


def _error_of_layers(report: Report, dtype: str) -> Iterator[Element]:
    """Yield the drawing of one float type, if layers were compared in it."""
    kinds = {group.place: group.members for group in report.groups if group.dtype == dtype}
    kinds = {place: rows for place, rows in kinds.items() if place.partition("/")[2] in DRAWN}
    columns = list(dict.fromkeys(row.layer for rows in kinds.values() for row in rows))
    if columns:
        rows = [row for rows in kinds.values() for row in rows]
        judged = any(row.ratio is not None for row in rows)
        unit = "error / the original's own" if judged else "units in the last place"
        series = [_series(place, rows, columns) for place, rows in kinds.items()]
        drawing = error_chart(f"Errors in {dtype}", unit, columns, series)
        caption = element("figcaption", dtype)
        yield element("figure", caption, element("div", drawing, class_="scroll"))


def _series(place: str, rows: Sequence[Comparison], columns: Sequence[str]) -> Series:
    mode, _, way = place.partition("/")
    at = {layer: k for k, layer in enumerate(columns)}
    marks = [
        Mark(
            at[row.layer],
            error_size(row),
            row.ok,
            bound_size(row),
            f"{row.layer}: {error_text(row)}, {bound_text(row)} allowed",
        )
        for row in rows
    ]
    return Series(f"{mode}, {DRAWN[way]}", mode, way == "single", marks)


def _drawn(statistic: RunningStatistic) -> Element:
    step = math.ceil(len(statistic.places) / ENTRIES) or 1
    expected = [row[::step] for row in statistic.expected]
    actual = [row[::step] for row in statistic.actual]
    title = f"{statistic.layer}.{statistic.name}"
    return statistic_chart(title, statistic.passes, expected, actual)


def _apart(statistic: RunningStatistic) -> float:
    """Return how far the port's last values are away, relative to the largest one."""
    pairs = list(zip(statistic.expected[-1], statistic.actual[-1], strict=True))
    scale = max((abs(expected) for expected, _ in pairs), default=0) or 1
    apart = max((abs(expected - actual) for expected, actual in pairs), default=0) / scale
    return math.inf if math.isnan(apart) else apart


def _histogram(title: str, histogram: Histogram) -> Element:
    return histogram_chart(title, histogram.edges, histogram.expected, histogram.actual)


# --- tables, lists and words


def _comparisons(group: Group) -> Element:
    return _table(("", "Subject", *NUMBERS), [_row(member) for member in group.members])


def _row(comparison: Comparison, *, whole: bool = False) -> Element:
    """Return a line of a table; a whole one also says what its group would have said."""
    numbers = [""] * 4
    difference = comparison.difference
    if difference is not None:
        plain = (difference.largest, difference.q99, difference.median)
        numbers = [error_text(comparison), *(f"{number:.2g}" for number in plain)]
    name = comparison.subject if whole else comparison.name
    return element(
        "tr",
        _cell(_mark_of(comparison.ok)),
        element("th", _code(name), scope="row"),
        _cell(comparison.dtype) if whole else None,
        *(_cell(text, number=True) for text in numbers),
        _cell(_remark(comparison)),
        class_=None if comparison.ok else "failed",
    )


def _remark(comparison: Comparison) -> str:
    agreement = comparison.agreement
    if agreement is None:
        return comparison.problem or ""
    return f"same class in {agreement.same} of {agreement.rows} rows, {agreement.ties} ties"


def _table(head: Sequence[str], rows: Sequence[Element]) -> Element:
    titles = element("tr", *(element("th", title, scope="col") for title in head))
    table = element("table", element("thead", titles), element("tbody", *rows))
    return element("div", table, class_="scroll")


def _cell(content: Child, *, number: bool = False) -> Element:
    return element("td", content, class_="number" if number else None)


def _mark_of(ok: bool) -> Element:
    verdict = "equal" if ok else "different"
    return element("span", "✓" if ok else "✗", class_=verdict, title="agrees" if ok else "differs")


def _code(text: str) -> Element:
    return element("code", text)


def _list(texts: Sequence[str], class_: str | None = None) -> Element:
    return element("ul", *(element("li", text) for text in texts), class_=class_)


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value)


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

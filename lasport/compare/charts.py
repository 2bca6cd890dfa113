"""Drawings of a report as SVG: plain data in, an element out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lasport.compare.markup import Element, element

__all__ = ["Mark", "Series", "error_chart", "histogram_chart", "statistic_chart"]

WIDTH = 960
LEFT, RIGHT, TOP = 76, 14, 34
DECADE = 30  # height of a power of ten, as long as there are not too many
HIGHEST = 330
LANE = 24  # of what has no logarithm
NAMES = 48  # layers whose names have room on the axis
LONGEST_NAME = 22
SMALL_WIDTH, SMALL_HEIGHT = 300, 190

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Mark:
    """One number of a series.

    Attributes
    ----------
    column : int
        Where along the axis.
    value : float
        At least 0; infinity for what is no number.
    ok : bool
        Whether it agrees.
    bound : float
        What the value may be.
    text : str
        What it stands for.
    """

    column: int
    value: float
    ok: bool
    bound: float
    text: str


@dataclass(frozen=True)
class Series:
    """Marks of one look: ``style`` is its class in the style sheet, ``hollow`` its filling."""

    name: str
    style: str
    hollow: bool
    marks: Sequence[Mark]


@dataclass(frozen=True)
class _LogAxis:
    """Heights of positive numbers, with a lane for 0 below and one for infinity above."""

    low: int
    high: int
    step: int  # powers of ten from line to line
    top: float
    bottom: float

    @classmethod
    def around(cls, values: Iterable[float]) -> _LogAxis:
        powers = [math.log10(value) for value in values if 0 < value < math.inf] or [0.0]
        low, high = math.floor(min(powers)), math.ceil(max(powers))
        low -= high - low < 2
        step = math.ceil((high - low) * DECADE / HIGHEST)
        high += -(high - low) % step
        height = min((high - low) * DECADE, HIGHEST)
        return cls(low, high, step, TOP + LANE, TOP + LANE + height)

    def place(self, value: float) -> float:
        if value == 0:
            return self.bottom + LANE
        if not math.isfinite(value):
            return self.top - LANE
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.bottom - share * (self.bottom - self.top)


def error_chart(
    title: str,
    axis: str,
    columns: Sequence[str],
    series: Sequence[Series],
) -> Element:
    """Draw errors on a logarithmic scale, in one column per layer.

    Parameters
    ----------
    title : str
        Read out where the drawing cannot be seen.
    axis : str
        What the heights are.
    columns : sequence of str
        What stands where along the axis.
    series : sequence of Series
        What is drawn: as a cross where it does not agree. A line shows the
        largest bound in each column.

    Returns
    -------
    Element
        An ``svg``.
    """
    values = [mark.value for one in series for mark in one.marks]
    bounds = _bounds(series)
    heights = _LogAxis.around([*values, *bounds.values()])
    spacing = (WIDTH - LEFT - RIGHT) / max(len(columns), 1)
    radius = min(4.0, max(1.6, spacing * 0.3))
    floor = heights.bottom + LANE * 1.6

    drawing = [*_decades(heights, values), _axis_title(axis, heights)]
    drawing += _bound_line({k: heights.place(bound) for k, bound in bounds.items()}, spacing)
    aside = min(spacing / (len(series) + 1), 2 * radius)
    for k, one in enumerate(series):
        # Side by side, so that none of equal size hides another.
        middle = LEFT + spacing / 2 + (k - (len(series) - 1) / 2) * aside
        for mark in one.marks:
            x = middle + mark.column * spacing
            drawing.append(_mark(one, mark, x, heights.place(mark.value), radius))
    drawing += _legend(series)
    drawing += _column_names(columns, spacing, floor)
    return _svg(title, WIDTH, floor + _name_height(columns), drawing)


def statistic_chart(
    title: str,
    passes: Sequence[int],
    expected: Sequence[Sequence[float]],
    actual: Sequence[Sequence[float]],
) -> Element:
    """Draw what some numbers became, pass by pass: expected as lines, the port's as rings.

    Parameters
    ----------
    title : str
        What they are; stands above them.
    passes : sequence of int
        Along the axis.
    expected, actual : sequence of sequence of float
        One row per pass, one column per number.

    Returns
    -------
    Element
        An ``svg``.
    """
    values = [value for rows in (expected, actual) for row in rows for value in row]
    x_of = _Linear(passes, 58, SMALL_WIDTH - 12)
    y_of = _Linear(values, SMALL_HEIGHT - 30, 28)
    drawing = _frame(title, values, y_of)
    for number in passes:
        drawing.append(_text(str(number), x_of(number), SMALL_HEIGHT - 14, "middle"))
    for column in zip(*expected, strict=True):
        points = [
            (x_of(x), y_of(y)) for x, y in zip(passes, column, strict=True) if math.isfinite(y)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawing.append(element("polyline", points=path, class_="expected"))
    for column in zip(*actual, strict=True):
        drawing += [
            element("circle", cx=f"{x_of(x):.1f}", cy=f"{y_of(y):.1f}", r=3.2, class_="port")
            for x, y in zip(passes, column, strict=True)
            if math.isfinite(y)
        ]
    return _svg(title, SMALL_WIDTH, SMALL_HEIGHT, drawing)


def histogram_chart(
    title: str, edges: Sequence[float], expected: Sequence[int], actual: Sequence[int]
) -> Element:
    """Draw two histograms over the same bins: expected as bars, the port's as an outline.

    Parameters
    ----------
    title : str
        What is counted; stands above it.
    edges : sequence of float
        Bounds of the bins.
    expected, actual : sequence of int
        How many numbers lie in each.

    Returns
    -------
    Element
        An ``svg``.
    """
    counts = [0, *expected, *actual]
    x_of = _Linear(edges, 58, SMALL_WIDTH - 12)
    y_of = _Linear(counts, SMALL_HEIGHT - 30, 28)
    drawing = _frame(title, counts, y_of)
    for at, anchor in ((edges[0], "start"), (edges[-1], "end")):
        drawing.append(_text(f"{at:.3g}", x_of(at), SMALL_HEIGHT - 14, anchor))
    for low, high, count in zip(edges, edges[1:], expected, strict=False):
        top = y_of(count)
        drawing.append(
            element(
                "rect",
                x=f"{x_of(low):.1f}",
                y=f"{top:.1f}",
                width=f"{max(x_of(high) - x_of(low), 0.5):.1f}",
                height=f"{y_of(0) - top:.1f}",
                class_="expected",
            )
        )
    steps = [f"M{x_of(edges[0]):.1f} {y_of(0):.1f}"]
    steps += [
        f"V{y_of(count):.1f}H{x_of(high):.1f}"
        for high, count in zip(edges[1:], actual, strict=True)
    ]
    drawing.append(element("path", d="".join([*steps, f"V{y_of(0):.1f}"]), class_="port"))
    return _svg(title, SMALL_WIDTH, SMALL_HEIGHT, drawing)


# --- parts of the error chart


def _decades(axis: _LogAxis, values: Sequence[float]) -> Iterator[Element]:
    for power in range(axis.low, axis.high + 1, axis.step):
        y = axis.place(10.0**power)
        yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid")
        yield _text(_power(power), LEFT - 8, y + 4, "end")
    lanes = {"exact": 0.0, "no number": math.inf}
    for name, value in lanes.items():
        if any(not math.isfinite(v) if value else v == 0 for v in values):
            yield _text(name, LEFT - 8, axis.place(value) + 4, "end")


def _power(power: int) -> str:
    plain = -3 <= power <= 3
    return f"{10.0**power:g}" if plain else f"10{str(power).translate(SUPERSCRIPT)}"


def _axis_title(title: str, axis: _LogAxis) -> Element:
    middle = (axis.top + axis.bottom) / 2
    return _text(title, 14, middle, "middle", transform=f"rotate(-90 14 {middle:.6g})")


def _bounds(series: Sequence[Series]) -> dict[int, float]:
    """Return the largest bound in each column."""
    bounds: dict[int, float] = {}
    for one in series:
        for mark in one.marks:
            bounds[mark.column] = max(mark.bound, bounds.get(mark.column, 0))
    return dict(sorted(bounds.items()))


def _bound_line(heights: Mapping[int, float], spacing: float) -> Iterator[Element]:
    steps = [f"M{LEFT + k * spacing:.1f} {y:.1f}h{spacing:.1f}" for k, y in heights.items()]
    yield element("path", d="".join(steps), class_="bound")
    above = min(heights.values()) - 5
    yield _text("allowed", WIDTH - RIGHT - 4, above, "end", class_="bound")


def _mark(series: Series, mark: Mark, x: float, y: float, radius: float) -> Element:
    style = f"{series.style}{' hollow' * series.hollow}{' failed' * (not mark.ok)}"
    title = element("title", mark.text)
    if not mark.ok:
        shape = _upright(x, y, radius + 1.5) if series.hollow else _slanted(x, y, radius + 1)
        return element("path", title, d=shape, class_=style)
    if series.hollow:
        r = radius * 1.3
        diamond = f"M{x - r:.1f} {y:.1f}l{r:.1f} {-r:.1f}l{r:.1f} {r:.1f}l{-r:.1f} {r:.1f}z"
        return element("path", title, d=diamond, class_=style)
    return element("circle", title, cx=f"{x:.1f}", cy=f"{y:.1f}", r=radius, class_=style)


def _slanted(x: float, y: float, r: float) -> str:
    stroke = f"l{2 * r:.1f} {2 * r:.1f}m0 {-2 * r:.1f}l{-2 * r:.1f} {2 * r:.1f}"
    return f"M{x - r:.1f} {y - r:.1f}{stroke}"


def _upright(x: float, y: float, r: float) -> str:
    return f"M{x - r:.1f} {y:.1f}h{2 * r:.1f}M{x:.1f} {y - r:.1f}v{2 * r:.1f}"


def _legend(series: Sequence[Series]) -> Iterator[Element]:
    x = float(LEFT)
    for one in series:
        yield _mark(one, Mark(0, 1, ok=True, bound=1, text=one.name), x + 5, 12, 4)
        yield _text(one.name, x + 15, 16, "start")
        x += 34 + 6.8 * len(one.name)
    failed = [one.hollow for one in series if any(not mark.ok for mark in one.marks)]
    for hollow in sorted(set(failed)):
        example = Series("", "", hollow, ())
        yield _mark(example, Mark(0, 1, ok=False, bound=0, text="differs"), x + 5, 12, 4)
        x += 16
    if failed:
        yield _text("differs", x, 16, "start")


def _column_names(columns: Sequence[str], spacing: float, y: float) -> Iterator[Element]:
    for k in range(0, len(columns), math.ceil(len(columns) / NAMES) or 1):
        x = LEFT + (k + 0.5) * spacing + 4
        yield _text(_shortened(columns[k]), x, y, "end", transform=f"rotate(-60 {x:.6g} {y:.6g})")


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _name_height(columns: Sequence[str]) -> float:
    return 16 + 6.0 * max((len(_shortened(name)) for name in columns), default=0)


# --- parts of the small charts


class _Linear:
    """Where numbers lie between two places."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        finite = [value for value in values if math.isfinite(value)] or [0.0]
        self.low, self.high = min(finite), max(finite)
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        if self.high == self.low:
            return (self.start + self.end) / 2
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def _frame(title: str, values: Sequence[float], y_of: _Linear) -> list[Element]:
    left, right = 52, SMALL_WIDTH - 6
    lines = [_text(title, left, 14, "start", class_="name")]
    for value in sorted({y_of.low, y_of.high}):
        y = y_of(value)
        lines.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
        lines.append(_text(f"{value:.3g}", left - 4, y + 4, "end"))
    return lines


# --- what all have in common


def _text(
    text: str,
    x: float,
    y: float,
    anchor: str,
    transform: str | None = None,
    class_: str | None = None,
) -> Element:
    return element("text", text, x=x, y=y, text_anchor=anchor, transform=transform, class_=class_)


def _svg(title: str, width: float, height: float, drawing: Iterable[Element]) -> Element:
    view = f"0 0 {width:.6g} {math.ceil(height)}"
    size = "wide" if width == WIDTH else "small"
    return element("svg", *drawing, viewBox=view, role="img", aria_label=title, class_=size)

"""Errors on a logarithmic scale as SVG: plain data in, an element out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lasport.compare.html.drawing import drawing_of, label
from lasport.compare.html.markup import Element, element

__all__ = ["Mark", "Series", "error_chart"]

WIDTH = 960
LEFT, RIGHT, TOP = 76, 14, 34
DECADE = 30  # height of a power of ten, as long as there are not too many
HIGHEST = 330
LANE = 24  # of what has no logarithm
NAMES = 48  # layers whose names have room on the axis
LONGEST_NAME = 22

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
    return drawing_of(title, WIDTH, floor + _name_height(columns), drawing, "wide")


def _decades(axis: _LogAxis, values: Sequence[float]) -> Iterator[Element]:
    for power in range(axis.low, axis.high + 1, axis.step):
        y = axis.place(10.0**power)
        yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid")
        yield label(_power(power), LEFT - 8, y + 4, "end")
    lanes = {"exact": 0.0, "no number": math.inf}
    for name, value in lanes.items():
        if any(not math.isfinite(v) if value else v == 0 for v in values):
            yield label(name, LEFT - 8, axis.place(value) + 4, "end")


def _power(power: int) -> str:
    plain = -3 <= power <= 3
    return f"{10.0**power:g}" if plain else f"10{str(power).translate(SUPERSCRIPT)}"


def _axis_title(title: str, axis: _LogAxis) -> Element:
    middle = (axis.top + axis.bottom) / 2
    return label(title, 14, middle, "middle", transform=f"rotate(-90 14 {middle:.6g})")


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
    yield label("allowed", WIDTH - RIGHT - 4, above, "end", class_="bound")


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
        yield label(one.name, x + 15, 16, "start")
        x += 34 + 6.8 * len(one.name)
    failed = [one.hollow for one in series if any(not mark.ok for mark in one.marks)]
    for hollow in sorted(set(failed)):
        example = Series("", "", hollow, ())
        yield _mark(example, Mark(0, 1, ok=False, bound=0, text="differs"), x + 5, 12, 4)
        x += 16
    if failed:
        yield label("differs", x, 16, "start")


def _column_names(columns: Sequence[str], spacing: float, y: float) -> Iterator[Element]:
    for k in range(0, len(columns), math.ceil(len(columns) / NAMES) or 1):
        x = LEFT + (k + 0.5) * spacing + 4
        yield label(_shortened(columns[k]), x, y, "end", transform=f"rotate(-60 {x:.6g} {y:.6g})")


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _name_height(columns: Sequence[str]) -> float:
    return 16 + 6.0 * max((len(_shortened(name)) for name in columns), default=0)

"""Small drawings: numbers over training passes, and histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lasport.compare.html.drawing import drawing_of, label
from lasport.compare.html.markup import Element, element

__all__ = ["histogram_chart", "statistic_chart"]

WIDTH, HEIGHT = 300, 190
LABELS = 10  # numbers that have room along the axis


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
    x_of = _Linear(passes, 58, WIDTH - 12)
    y_of = _Linear(values, HEIGHT - 30, 28)
    drawing = _frame(title, values, y_of)
    for number in passes[:: math.ceil(len(passes) / LABELS) or 1]:
        drawing.append(label(str(number), x_of(number), HEIGHT - 14, "middle"))
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
    return drawing_of(title, WIDTH, HEIGHT, drawing, "small")


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
    x_of = _Linear(edges, 58, WIDTH - 12)
    y_of = _Linear(counts, HEIGHT - 30, 28)
    drawing = _frame(title, counts, y_of)
    for at, anchor in ((edges[0], "start"), (edges[-1], "end")):
        drawing.append(label(f"{at:.3g}", x_of(at), HEIGHT - 14, anchor))
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
    return drawing_of(title, WIDTH, HEIGHT, drawing, "small")


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
    left, right = 52, WIDTH - 6
    lines = [label(title, left, 14, "start", class_="name")]
    for value in sorted({y_of.low, y_of.high}):
        y = y_of(value)
        lines.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
        lines.append(label(f"{value:.3g}", left - 4, y + 4, "end"))
    return lines

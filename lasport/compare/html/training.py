"""What training makes of batch normalization's running statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lasport.compare.evidence import RunningStatistic
from lasport.compare.html.markup import Element, element
from lasport.compare.html.pieces import cell, table
from lasport.compare.html.small_charts import statistic_chart

if TYPE_CHECKING:
    from lasport.compare.report import Report

__all__ = ["further_training", "running_statistics"]

# As many as are of use on a page, and can be told apart in a drawing.
STATISTICS, ENTRIES = 9, 8


def running_statistics(statistics: Sequence[RunningStatistic]) -> Element | None:
    """Return drawings of running averages, pass by pass; None without any."""
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


def further_training(report: Report) -> Element | None:
    """Return how far stock batch normalization will part; None where it is not used."""
    if not report.drifts:
        return None
    most = max(drift.passes for drift in report.drifts)
    rows = [
        element("tr", *(cell(text, number=k > 0) for k, text in enumerate(texts)))
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
        table(("Layer", "Median", "Largest"), rows),
    )

"""Times as ratios within one run: machines differ, and one machine from minute to minute."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

__all__ = ["ratio_of_times"]


def ratio_of_times(
    first: Callable[[], object], second: Callable[[], object], rounds: int = 15
) -> float:
    """Return how many times as long ``first`` takes as ``second``: the median over rounds.

    Both run once in each round, in turns, after a round that does not count.
    """
    ratios = []
    for number in range(rounds + 1):
        pair = (first, second) if number % 2 else (second, first)
        times = {}
        for action in pair:
            start = time.perf_counter()
            action()
            times[action] = time.perf_counter() - start
        if number:
            ratios.append(times[first] / times[second])
    return statistics.median(ratios)

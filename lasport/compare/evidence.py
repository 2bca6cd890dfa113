"""What a report shows beside its verdict: running statistics step by step, histograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lasport.compare.averages import Averages
from lasport.compare.port import Session
from lasport.layers.normalization import BatchNormAttributes
from lasport.spec import Array

__all__ = ["Evidence", "Histogram", "RunningStatistic", "WorstLayer", "histogram"]

ENTRIES = 64
BINS = 64


@dataclass(frozen=True)
class RunningStatistic:
    """A running average of batch normalization, training pass by training pass.

    Attributes
    ----------
    layer : str
        The Lasagne layer it belongs to.
    name : str
        "mean", "inv_std", or "variance" of a port that averages that in place of inv_std.
    passes : tuple of int
        After how many training passes; the first is 0, before any.
    size : int
        How many entries the statistic has.
    places : tuple of int
        Which of them (counted through in C order) are given below: all, or 64 at even distances.
    expected, actual : tuple of tuple of float
        One row per pass, one column per place; float64.
    """

    layer: str
    name: str
    passes: tuple[int, ...]
    size: int
    places: tuple[int, ...]
    expected: tuple[tuple[float, ...], ...]
    actual: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Histogram:
    """How the entries of two arrays are distributed, over the same bins.

    Attributes
    ----------
    edges : tuple of float
        Bounds of the bins, ascending, one more than bins; the last bin includes its upper bound.
    expected, actual : tuple of int
        How many finite entries lie in each bin.
    not_finite : tuple of int
        How many entries of the expected and of the actual array are NaN or infinite.
    """

    edges: tuple[float, ...]
    expected: tuple[int, ...]
    actual: tuple[int, ...]
    not_finite: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class WorstLayer:
    """The layer whose output is the furthest from what it should be, relative to its bound.

    Attributes
    ----------
    layer : str
        Its Lasagne name.
    subject, dtype : str
        Which comparison of its output was the worst.
    outputs : Histogram
        Of its output in that comparison.
    weights : mapping of str to Histogram
        Of its parameters before any training, by Lasagne's names, the original's and the port's;
        empty where it has none or nobody knows which weights of the port they are.
    """

    layer: str
    subject: str
    dtype: str
    outputs: Histogram
    weights: Mapping[str, Histogram]


@dataclass
class Evidence:
    """What is kept of the arrays while they are compared; little, whatever their size.

    Attributes
    ----------
    statistics : dict
        By layer and name.
    worst : WorstLayer or None
        Histograms of the worst output so far.
    """

    statistics: dict[tuple[str, str], RunningStatistic] = field(default_factory=dict)
    worst: WorstLayer | None = None
    _badness: tuple[bool, float] = (False, -1.0)

    def copy(self) -> Evidence:
        """Return what was kept so far, to go on from."""
        return replace(self, statistics=dict(self.statistics))

    def add_statistics(self, session: Session, averages: Averages) -> None:
        """Keep what the running averages are after the passes made so far."""
        actual, variances, passes = session.params(), session.variances(), averages.passes
        if actual is None:
            return
        truth = averages.expected()[0] if passes else averages.computed["float64"]
        for n, (layer, param) in enumerate(averages.network.owned_params()):
            if not isinstance(layer.attributes, BatchNormAttributes):
                continue
            if param.name == "inv_std" and layer.name in variances:
                expected = averages.variances["float64"][layer.name]
                self._add(layer.name, "variance", passes, variances[layer.name], expected)
            elif param.name in ("mean", "inv_std"):
                self._add(layer.name, param.name, passes, actual[n], truth[n])

    def _add(self, layer: str, name: str, passes: int, actual: Array, expected: Array) -> None:
        places = np.unique(np.linspace(0, actual.size - 1, min(ENTRIES, actual.size)).astype(int))
        start = RunningStatistic(layer, name, (), actual.size, tuple(places.tolist()), (), ())
        found = self.statistics.get((layer, name), start)
        self.statistics[layer, name] = replace(
            found,
            passes=(*found.passes, passes),
            expected=(*found.expected, _entries(expected, places)),
            actual=(*found.actual, _entries(actual, places)),
        )

    def add_output(
        self,
        layer: str,
        subject: str,
        dtype: str,
        badness: tuple[bool, float],
        actual: Array,
        expected: Array,
    ) -> None:
        """Keep the histogram of a layer's output if it is the worst so far.

        ``badness`` is whether it differs, and by how much. Of outputs that differ the first one
        is the worst: those behind it differ because of it.
        """
        if self._badness[0] or badness <= self._badness:
            return
        self._badness = badness
        self.worst = WorstLayer(layer, subject, dtype, histogram(actual, expected), {})

    def add_param(self, layer: str, name: str, actual: Array, expected: Array) -> None:
        """Keep the histogram of a parameter if it is the worst layer's."""
        if self.worst is not None and self.worst.layer == layer:
            weights = {**self.worst.weights, name: histogram(actual, expected)}
            self.worst = replace(self.worst, weights=weights)


def histogram(actual: Array, expected: Array) -> Histogram:
    """Count the entries of two arrays in the same 64 bins between their extremes.

    Examples
    --------
    >>> histogram(np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 2.0])).expected[-1]
    2
    """
    arrays = [np.asarray(array, np.float64).ravel() for array in (expected, actual)]
    finite = [array[np.isfinite(array)] for array in arrays]
    # A quarter, so that the distance between the bounds is finite too.
    most = float(np.finfo(np.float64).max) / 4
    joined = [np.clip(array, -most, most) for array in finite if array.size]
    low = min((float(array.min()) for array in joined), default=0.0)
    high = max((float(array.max()) for array in joined), default=1.0)
    edges = np.histogram_bin_edges(np.zeros(0), BINS, (low, high))
    counts = [np.histogram(np.clip(array, -most, most), edges)[0] for array in finite]
    lost = [array.size - kept.size for array, kept in zip(arrays, finite, strict=True)]
    return Histogram(
        tuple(edges.tolist()),
        tuple(counts[0].tolist()),
        tuple(counts[1].tolist()),
        (lost[0], lost[1]),
    )


def _entries(array: Array, places: Array) -> tuple[float, ...]:
    return tuple(np.asarray(array, np.float64).ravel()[places].tolist())

"""What a report shows beside its verdict: running statistics step by step, histograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Histogram", "RunningStatistic", "WorstLayer"]

ENTRIES = 64


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

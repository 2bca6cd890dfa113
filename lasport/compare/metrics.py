"""How far two arrays are apart, and when that is only rounding.

Two questions are asked of every array. In float64: is the structure right? A
wrong axis, flip or constant shows as a difference far above a few roundings,
so :data:`STRUCTURE_BOUND` separates the two on any net of moderate depth. In
float32: is the port as accurate as the original? Both are held against the
float64 result, and the port's error may be :data:`ROUNDING_FACTOR` times the
original's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lasport.spec import Array

__all__ = [
    "ROUNDING_FACTOR",
    "STRUCTURE_BOUND",
    "Agreement",
    "Difference",
    "Rounding",
    "error_ratio",
    "measure",
]

STRUCTURE_BOUND = 1e-10
ROUNDING_FACTOR = 8.0


@dataclass(frozen=True)
class Difference:
    """How far an array is from what it should be.

    Attributes
    ----------
    largest, mean, median : float
        Of the absolute differences.
    relative : float
        The largest difference divided by the largest expected magnitude.
    q90, q99 : float
        What 90 % and 99 % of the absolute differences do not exceed.
    ulp : float
        The largest difference in units in the last place of the largest expected magnitude.
    entry_ulp : float
        The largest difference of an entry in units in the last place of the expected entry; a
        small one that is left by cancellation may be far off without any mistake.
    """

    largest: float
    mean: float
    median: float
    relative: float
    q90: float = 0.0
    q99: float = 0.0
    ulp: float = 0.0
    entry_ulp: float = 0.0


@dataclass(frozen=True)
class Rounding:
    """The errors of rounding behind a ratio, relative to the largest magnitude of the truth.

    Attributes
    ----------
    port, oracle : float
        Root mean squares of the errors against the float64 truth.
    expected : float
        What the oracle's error counts as at least, from the number of roundings.
    roundings : int
        How many of them lie on the longest way to the array.
    """

    port: float
    oracle: float
    expected: float
    roundings: int


@dataclass(frozen=True)
class Agreement:
    """Whether a classifier's rows have the same largest entry.

    Attributes
    ----------
    rows : int
        How many there are.
    same : int
        In how many the largest entry is at the same place.
    ties : int
        How many of the others are no disagreement: the truth's two entries are closer together
        than rounding can tell apart.
    """

    rows: int
    same: int
    ties: int

    @property
    def fraction(self) -> float:
        """The fraction of rows with the same class, ties left aside."""
        return self.same / self.rows if self.rows else 1.0


def measure(actual: Array, expected: Array) -> Difference:
    """Measure the difference between two arrays of one shape.

    Parameters
    ----------
    actual, expected : ndarray
        NaN in one and a number in the other counts as infinitely far apart;
        equal infinities and NaN in both count as equal.

    Returns
    -------
    Difference

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> measure(np.array([1.0, 2.5]), np.array([1.0, 2.0])).relative
    0.25
    """
    distance = _distance(actual, expected)
    if distance.size == 0:
        return Difference(0.0, 0.0, 0.0, 0.0)
    largest = float(distance.max())
    scale = _magnitude(expected)
    return Difference(
        largest,
        float(distance.mean()),
        float(np.median(distance)),
        0.0 if largest == 0 else largest / scale if scale > 0 else np.inf,
    )


def error_ratio(port: Array, oracle: Array, truth: Array, terms: int = 1) -> float:
    """Return the port's rounding error in units of the oracle's.

    Root mean squares over all entries. The oracle's error counts as at least
    ``sqrt(terms)`` half units in the last place of the largest entry: that is
    what a sum of so many terms may be expected to cost in float32, in whatever
    order, and an oracle that is more exact than that, by luck or because numpy
    sums pairwise, does not make every rounding of the port a failure.

    Parameters
    ----------
    port, oracle : ndarray
        Results in float32.
    truth : ndarray
        The result in float64.
    terms : int
        How many terms the longest sum on the way to the result has.

    Returns
    -------
    float
        0 where there is nothing to compare or the port is exact. Where float32
        cannot hold the truth, the port is measured against the oracle's own
        infinity or NaN.

    Notes
    -----
    For the square root see Higham and Mary, "A new approach to probabilistic
    rounding error analysis" (2019).
    """
    if truth.size == 0:
        return 0.0
    port_distance, oracle_distance = _distance(port, truth), _distance(oracle, truth)
    lost = np.isinf(oracle_distance)
    port_distance[lost & (_distance(port, oracle) == 0)] = 0
    oracle_distance[lost] = 0
    port_error = float(np.sqrt(np.mean(port_distance**2)))
    oracle_error = float(np.sqrt(np.mean(oracle_distance**2)))
    half_unit = _magnitude(truth) * float(np.finfo(np.float32).eps) / 2
    if port_error == 0:
        return 0.0
    floor = max(half_unit * math.sqrt(terms), float(np.finfo(np.float64).tiny))
    return port_error / max(oracle_error, floor)


def _distance(actual: Array, expected: Array) -> Array:
    if actual.shape != expected.shape:
        raise ValueError(f"shape {actual.shape} where {expected.shape} is expected")
    a, b = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    with np.errstate(invalid="ignore"):
        distance = np.abs(a - b)
    distance = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, distance)
    return np.asarray(np.where(np.isnan(distance), np.inf, distance))


def _magnitude(array: Array) -> float:
    finite = np.abs(np.asarray(array, np.float64))
    finite = finite[np.isfinite(finite)]
    return float(finite.max()) if finite.size else 0.0

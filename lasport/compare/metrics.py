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
    "class_agreement",
    "error_ratio",
    "measure",
    "rounding_error",
    "unit_in_last_place",
]

STRUCTURE_BOUND = 1e-10
ROUNDING_FACTOR = 8.0

EXPONENT = 0x7FF << 52  # of a float64
# Of each float type the binary digits of its significand and its smallest normal exponent.
FLOAT_TYPES = {
    "float64": (53, -1022),
    "float32": (24, -126),
    "float16": (11, -14),
    "bfloat16": (8, -126),
}


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
        What the oracle's error counts as at least, from the number of terms.
    terms : int
        How many terms the longest sum on the way to the array has.
    """

    port: float
    oracle: float
    expected: float
    terms: int

    @property
    def ratio(self) -> float:
        """The port's error in units of the oracle's; 0 where the port is exact."""
        return self.port / max(self.oracle, self.expected) if self.port else 0.0


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
        In how many of the others the truth's two entries are closer together than rounding can
        tell apart, which is no disagreement.
    """

    rows: int
    same: int
    ties: int

    @property
    def others(self) -> int:
        """In how many rows the class is another one, and no tie."""
        return self.rows - self.same - self.ties


def measure(actual: Array, expected: Array, dtype: str = "float64") -> Difference:
    """Measure the difference between two arrays of one shape.

    Parameters
    ----------
    actual, expected : ndarray
        NaN in one and a number in the other counts as infinitely far apart;
        equal infinities and NaN in both count as equal.
    dtype : str
        Whose units in the last place are counted.

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
    largest = float(distance.max(initial=0))
    if largest == 0:
        return Difference(0.0, 0.0, 0.0, 0.0)
    scale = _magnitude(expected)
    with np.errstate(over="ignore"):
        units = distance / unit_in_last_place(np.asarray(expected, np.float64), dtype)
        ulp = largest / unit_in_last_place(scale, dtype)
    worst_units, mean = float(units.max()), float(distance.mean())
    median, q90, q99 = _quantiles(distance)
    return Difference(
        largest,
        mean,
        median,
        largest / scale if scale > 0 else np.inf,
        q90,
        q99,
        float(ulp),
        worst_units,
    )


def _quantiles(values: Array) -> tuple[float, float, float]:
    """Return the median, and what 90 % and 99 % do not exceed, of an array nobody needs any more.

    It is put in another order, but once.
    """
    size = values.size
    lower, upper = (size - 1) // 2, size // 2
    places = [math.ceil(share * size / 100) - 1 for share in (90, 99)]
    parted = values.reshape(-1)
    parted.partition(sorted({lower, upper, *places}))
    q90, q99 = (float(parted[each]) for each in places)
    return float(parted[lower] / 2 + parted[upper] / 2), q90, q99


def unit_in_last_place(values: Array | float, dtype: str) -> Array:
    """Return the distance from each value to the next larger one that a float type has.

    Parameters
    ----------
    values : ndarray or float
        Signs do not count. Where a value is not finite it is the unit of 1.
    dtype : str
        A key of :data:`FLOAT_TYPES`.

    Returns
    -------
    ndarray
        float64; at 0 and below the type's smallest normal number that of its subnormals.

    Examples
    --------
    >>> float(unit_in_last_place(1.5, "float32") * 2**23)
    1.0
    """
    digits, least = FLOAT_TYPES[dtype]
    # The bits of the exponent alone are the largest power of two that is not above the value.
    bits = np.array(values, np.float64, ndmin=1).view(np.int64) & EXPONENT
    powers = bits.view(np.float64)
    powers[np.isinf(powers)] = 1.0
    np.maximum(powers, 2.0**least, out=powers)
    return (powers * 2.0 ** (1 - digits)).reshape(np.shape(values))


def rounding_error(
    port: Array,
    oracle: Array,
    truth: Array,
    terms: int = 1,
    dtype: str = "float32",
) -> Rounding:
    """Return the rounding errors of a port and of the oracle against the truth.

    Root mean squares over all entries, relative to the largest magnitude. The oracle's error
    counts as at least ``sqrt(terms)`` half units in the last place of the largest entry: that is
    what a sum of so many terms may be expected to cost, in whatever order, and an oracle that is
    more exact than that, by luck or because numpy sums pairwise, does not make every rounding of
    the port a failure.

    Parameters
    ----------
    port, oracle : ndarray
        Results of the float type.
    truth : ndarray
        The result in float64.
    terms : int
        How many terms the longest sum on the way to the result has.
    dtype : str
        The float type whose rounding is judged.

    Returns
    -------
    Rounding
        Where the float type cannot hold the truth, the port is measured against the oracle's own
        infinity or NaN.

    Notes
    -----
    For the square root see Higham and Mary, "A new approach to probabilistic
    rounding error analysis" (2019).
    """
    port_distance, oracle_distance = _distance(port, truth), _distance(oracle, truth)
    lost = np.isinf(oracle_distance)
    if lost.any():
        port_distance[lost & (_distance(port, oracle) == 0)] = 0
        oracle_distance[lost] = 0
    # Of data that are all zero the smallest normal number stands for the largest entry.
    scale = max(_magnitude(truth), float(np.finfo(np.float64).tiny))
    half_unit = 2.0 ** -FLOAT_TYPES[dtype][0]
    return Rounding(
        _root_mean_square(port_distance) / scale,
        _root_mean_square(oracle_distance) / scale,
        half_unit * math.sqrt(terms),
        terms,
    )


def error_ratio(port: Array, oracle: Array, truth: Array, terms: int = 1) -> float:
    """Return a port's rounding error in float32 in units of the oracle's; see `rounding_error`."""
    return rounding_error(port, oracle, truth, terms).ratio


def class_agreement(actual: Array, truth: Array, allowed: float) -> Agreement:
    """Compare the places of the largest entries in the rows of a classifier's output.

    Parameters
    ----------
    actual, truth : ndarray
        (batch, classes).
    allowed : float
        How far an entry may be off, relative to the largest magnitude; twice that is a tie.

    Examples
    --------
    >>> class_agreement(np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([[1.0, 2.0], [2.0, 1.0]]), 0.1)
    Agreement(rows=2, same=1, ties=0)
    """
    found, right, rows = actual.argmax(axis=1), truth.argmax(axis=1), np.arange(len(truth))
    with np.errstate(invalid="ignore"):
        gaps = truth[rows, right] - truth[rows, found]
        close = gaps <= 2 * allowed * _magnitude(truth)
    other = found != right
    return Agreement(len(truth), int((~other).sum()), int((other & close).sum()))


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def _distance(actual: Array, expected: Array) -> Array:
    if actual.shape != expected.shape:
        raise ValueError(f"shape {actual.shape} where {expected.shape} is expected")
    with np.errstate(invalid="ignore"):
        distance = np.asarray(np.subtract(actual, expected, dtype=np.float64))
    np.abs(distance, out=distance)  # large arrays take long to make anew
    if not np.isnan(distance.max(initial=0)):
        return distance
    a, b = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    distance = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, distance)
    return np.asarray(np.where(np.isnan(distance), np.inf, distance))


def _magnitude(array: Array) -> float:
    magnitudes = np.abs(np.asarray(array, np.float64))
    largest = float(magnitudes.max(initial=0))
    if math.isfinite(largest):
        return largest
    return float(magnitudes[np.isfinite(magnitudes)].max(initial=0))

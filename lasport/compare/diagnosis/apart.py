"""How far two arrays are apart, and whether that is rounding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lasport.compare.metrics import ROUNDING_FACTOR, STRUCTURE_BOUND, error_ratio, measure
from lasport.spec import Array

__all__ = ["INCOMPARABLE", "Apart", "agrees", "apart", "largest"]


class Apart(float):
    """A relative difference.

    Attributes
    ----------
    ok : bool
        Whether it is rounding and nothing else.
    """

    ok: bool

    def __new__(cls, relative: float, *, ok: bool = False) -> Apart:
        """Return a difference."""
        made = super().__new__(cls, relative)
        made.ok = ok
        return made


INCOMPARABLE = Apart(np.inf)


def apart(actual: Array, truth: Array, oracle: Array | None, terms: int = 1) -> Apart:
    """Measure the difference of a port's array from what some steps give.

    Parameters
    ----------
    actual, truth : ndarray
        The port's, and the result in float64.
    oracle : ndarray or None
        The same in float32, where the port computes in that.
    terms : int
        How many terms the longest sum on the way has.
    """
    same_rank = actual.ndim == truth.ndim
    if actual.size != truth.size or (same_rank and actual.shape != truth.shape):
        return INCOMPARABLE
    relative = measure(actual.reshape(truth.shape), truth).relative
    if oracle is None:
        return Apart(relative, ok=relative <= STRUCTURE_BOUND)
    ratio = error_ratio(actual.reshape(truth.shape), oracle, truth, terms)
    return Apart(relative, ok=ratio <= ROUNDING_FACTOR)


def agrees(differences: Mapping[str, Apart]) -> bool:
    """Whether only rounding is left, in every run."""
    return bool(differences) and all(each.ok for each in differences.values())


def largest(differences: Mapping[str, Apart]) -> Apart:
    """Return the largest of some differences."""
    return max(differences.values(), default=INCOMPARABLE)

"""Slopes of a function along a line, by differences, with an estimate of their error.

The numpy reference has no gradients. What it has is values, in float64, and
differences of these give slopes to eight digits or so where the function is
smooth. Where it is not, at a kink between the places that are compared, the
differences at two distances disagree, or those to the left and to the right,
and the error says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

__all__ = ["STEPS", "Function", "Slope", "rough_slope_at_0", "slope_at_0"]

# Returns a value, and the sum of the magnitudes of the terms it is made of.
Function: TypeAlias = Callable[[float], tuple[float, float]]

# Shorter ones step over fewer kinks and leave more rounding.
STEPS = (1e-5, 1e-6, 1e-7, 1e-8)
# So often the last of them is halved where kinks are dense.
HALVINGS = 3
# Such a relative error is good enough not to try a shorter step.
GOOD = 1e-7


@dataclass(frozen=True)
class Slope:
    """A slope, and how far it may be off.

    Attributes
    ----------
    value : float
        By central differences.
    error : float
        Next to nothing for a smooth function, and large at a kink.
    """

    value: float
    error: float


def slope_at_0(function: Function) -> Slope:
    """Return the slope of a function at 0 as well as values tell.

    Central differences at two distances, extrapolated (Richardson). The error is how far
    those two are apart, and slopes to the left from slopes to the right.

    Parameters
    ----------
    function : callable
        Returns a value, and the sum of the magnitudes of the terms it is made
        of, which says how far rounding goes. Its argument should count as
        small below 1e-3. At 0 it is called once.

    Returns
    -------
    Slope
        Of several steps the one with the smallest error; called five times if
        the first step is good enough, four times more for each other one.

    Examples
    --------
    >>> slope_at_0(lambda t: (float(np.exp(t)), 1.0)).error < 1e-8
    True
    >>> slope_at_0(lambda t: (abs(t), abs(t))).error
    2.0
    """
    middle = function(0.0)
    best = Slope(np.nan, np.inf)
    for step in STEPS:
        found = _extrapolated(function, middle, step)
        # Where values are none, so is the error, and nothing is better.
        if found.error < best.error:
            best = found
        if best.error <= GOOD * abs(best.value):
            break
    return best


def rough_slope_at_0(function: Function, enough: float) -> Slope:
    """Return the slope of a function at 0 from as few values as are enough: three, or some more.

    At the shortest step a function that is smooth is straight but for rounding. So the
    error is how far the slopes on the left and on the right are apart, curvature counting
    like a kink. Where that is too much, half the step tells one from the other, and has
    fewer kinks.

    Parameters
    ----------
    function : callable
        As for :func:`slope_at_0`; it should know what it was asked before.
    enough : float
        The error that does for the caller.

    Returns
    -------
    Slope

    Examples
    --------
    >>> rough_slope_at_0(lambda t: (float(np.exp(t)), 1.0), 1e-6).error < 1e-6
    True
    """
    middle, step = function(0.0), STEPS[-1]
    best = _straight(function, middle, step)
    for _ in range(HALVINGS):
        if best.error <= enough:
            break
        closer = _extrapolated(function, middle, step), _straight(function, middle, step / 2)
        best = min(best, *closer, key=lambda slope: slope.error)
        step /= 2
    return best


def _straight(function: Function, middle: tuple[float, float], step: float) -> Slope:
    left, right = function(-step)[0], function(step)[0]
    value, terms = middle
    bend = abs(right + left - 2 * value) / step
    return Slope((right - left) / (2 * step), bend + _rounding(terms, step))


def _extrapolated(function: Function, middle: tuple[float, float], step: float) -> Slope:
    near = function(step / 2)[0], function(-step / 2)[0]
    far = function(step)[0], function(-step)[0]
    value, terms = middle
    half, whole = (near[0] - near[1]) / step, (far[0] - far[1]) / (2 * step)
    # How much steeper it is on the right; of a smooth function in proportion to the step.
    bend_near = 2 * (near[0] + near[1] - 2 * value) / step
    bend_far = (far[0] + far[1] - 2 * value) / step
    error = abs(half - whole) + abs(2 * bend_near - bend_far) + _rounding(terms, step)
    return Slope((4 * half - whole) / 3, error)


def _rounding(terms: float, step: float) -> float:
    """Return what rounding may do to a difference quotient."""
    return 4 * float(np.finfo(np.float64).eps) * terms / step

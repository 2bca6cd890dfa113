"""Slopes by differences: the error says how good they are, and says it at kinks."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from lasport.compare.slopes import STEPS, rough_slope_at_0, slope_at_0

SMOOTH: dict[str, tuple[Callable[[float], float], float]] = {
    "straight": (lambda t: 3 * t - 7, 3.0),
    "curved": (lambda t: math.exp(2 * t), 2.0),
    "steep and curved": (lambda t: math.sin(300 * t + 1), 300 * math.cos(1)),
    "flat": (math.cos, 0.0),
    "much that cancels out": (lambda t: (1e6 + math.sin(t)) - 1e6, 1.0),
}


@pytest.mark.parametrize(("function", "slope"), SMOOTH.values(), ids=SMOOTH)
def test_smooth_functions_have_slopes(function, slope):
    magnitude = 1e6 if function(0.0) == 0 else abs(function(0.0))
    found = slope_at_0(lambda t: (function(t), magnitude))
    assert abs(found.value - slope) <= 8 * found.error
    assert found.error <= 1e-7 * max(1.0, abs(slope)) * max(1.0, magnitude)


@pytest.mark.parametrize(("function", "slope"), SMOOTH.values(), ids=SMOOTH)
def test_three_values_give_them_roughly(function, slope):
    magnitude = 1e6 if function(0.0) == 0 else abs(function(0.0))
    asked = []
    enough = 1e-5 * max(1.0, abs(slope)) * max(1.0, magnitude)
    found = rough_slope_at_0(lambda t: (asked.append(t) or function(t), magnitude), enough)
    assert len(asked) == 3
    assert abs(found.value - slope) <= 2 * found.error
    assert found.error <= enough


KINKS: dict[str, Callable[[float], float]] = {
    "at 0": abs,
    "at 0, flat on one side": lambda t: max(t, 0.0),
    "a jump at 0": lambda t: float(t > 0),
}


@pytest.mark.parametrize("function", KINKS.values(), ids=KINKS)
def test_a_kink_at_0_is_an_error_of_its_size(function):
    assert slope_at_0(lambda t: (function(t), 1.0)).error > 0.5
    assert rough_slope_at_0(lambda t: (function(t), 1.0), 1e-6).error > 0.5


@pytest.mark.parametrize("share", (0.1, 0.4, 0.6, 0.9))
@pytest.mark.parametrize("side", (-1, 1))
def test_a_kink_beside_0_is_stepped_over(share, side):
    # Between two steps: the longer one meets the kink, the next one does not.
    kink = side * max(share * STEPS[0], 2 * STEPS[1])
    found = slope_at_0(lambda t: (2 * t + abs(t - kink), 1.0))
    assert found.error < 1e-7
    assert abs(found.value - (2 - side)) <= 8 * found.error


def test_a_kink_within_the_shortest_step_is_an_error():
    kink = STEPS[-1] / 3
    assert slope_at_0(lambda t: (abs(t - kink), 1.0)).error > 0.1


def test_half_the_step_has_fewer_kinks_and_tells_them_from_bends():
    kink, bend = 0.7 * STEPS[-1], 1e4
    beside = rough_slope_at_0(lambda t: (2 * t + abs(t - kink), 1.0), 1e-6)
    assert abs(beside.value - 1) <= beside.error <= 1e-6
    bent = rough_slope_at_0(lambda t: (t + bend * t * t, 1.0), 1e-5)
    assert abs(bent.value - 1) <= bent.error <= 1e-5
    near = rough_slope_at_0(lambda t: (abs(t - STEPS[-1] / 50), 1.0), 1e-6)
    assert near.error > 0.1


def test_what_is_no_number_has_no_slope():
    found = slope_at_0(lambda t: (math.nan, math.nan))
    assert found.error == math.inf
    assert math.isnan(found.value)

"""Differences and error ratios: NaN, infinities, empty and constant arrays, sums of many terms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lasport.compare.metrics import Difference, error_ratio, measure

NAN, INF = math.nan, math.inf
HALF_UNIT = 2.0**-24

# Actual, expected, relative difference.
CASES = {
    "equal": ([1.0, 2.0], [1.0, 2.0], 0.0),
    "relative to the largest": ([1.0, 2.5], [1.0, 2.0], 0.25),
    "relative to the largest magnitude": ([1.5, -2.0], [1.0, -2.0], 0.25),
    "zeros on both sides": ([0.0, -0.0], [0.0, 0.0], 0.0),
    "a number where all are zero": ([0.0, 1e-300], [0.0, 0.0], INF),
    "NaN on both sides": ([NAN, 1.0], [NAN, 1.0], 0.0),
    "NaN against a number": ([NAN, 1.0], [1.0, 1.0], INF),
    "a number against NaN": ([1.0, 1.0], [NAN, 1.0], INF),
    "NaN against infinity": ([NAN, 1.0], [INF, 1.0], INF),
    "equal infinities": ([INF, -INF, 1.0], [INF, -INF, 1.0], 0.0),
    "infinities of other signs": ([INF, 1.0], [-INF, 1.0], INF),
    "infinity against a number": ([INF, 1.0], [3.4e38, 1.0], INF),
    "infinities do not set the scale": ([-INF, 1.5], [-INF, 2.0], 0.25),
    "empty": ([], [], 0.0),
    "no axes": (2.5, 2.0, 0.25),
    "integers": ([3, 4], [3, 5], 0.2),
    "booleans": ([True, False], [True, True], 1.0),
    "float32 against float64": (np.float32([0.1]), [np.float64(np.float32(0.1))], 0.0),
}


@pytest.mark.parametrize(("actual", "expected", "relative"), CASES.values(), ids=CASES)
def test_relative_difference(actual, expected, relative):
    assert measure(np.asarray(actual), np.asarray(expected)).relative == relative


def test_all_figures():
    found = measure(np.array([1.0, 2.0, 3.0, 8.0]), np.array([1.0, 2.5, 3.0, 4.0]))
    assert found == Difference(largest=4.0, mean=1.125, median=0.25, relative=1.0)


@pytest.mark.parametrize(
    ("actual", "expected"),
    (((2, 3), (3, 2)), ((2, 3), (6,)), ((1,), ()), ((2, 1), (2, 3)), ((0,), (1,))),
)
def test_other_shapes_are_no_difference_but_an_error(actual, expected):
    # Broadcasting would compare them.
    with pytest.raises(ValueError, match=r"where .* is expected"):
        measure(np.zeros(actual), np.zeros(expected))
    with pytest.raises(ValueError, match=r"where .* is expected"):
        error_ratio(np.zeros(actual), np.zeros(expected), np.zeros(expected))


def ratio(port, oracle, truth, terms=1):
    return error_ratio(np.asarray(port), np.asarray(oracle), np.asarray(truth), terms)


def test_the_ratio_is_that_of_root_mean_squares():
    assert ratio([13, 4, 0, 0], [10, 0, 0, 2.5], [10, 0, 0, 0]) == pytest.approx(2)


def test_an_exact_port_has_no_error_whatever_the_oracle():
    assert ratio([1.0, 2.0], [1.0, 2.0], [1.0, 2.0]) == 0
    assert ratio([1.0, 2.0], [5.0, 2.0], [1.0, 2.0]) == 0
    assert ratio([0.0, 0.0], [0.0, 0.0], [0.0, 0.0]) == 0
    assert ratio([], [], []) == 0


def test_an_exact_oracle_is_taken_to_be_half_a_unit_off():
    # Of the largest entry, 4; a root mean square over two entries.
    assert ratio([4 + 4 * HALF_UNIT, 1], [4, 1], [4, 1]) == pytest.approx(math.sqrt(1 / 2))
    assert ratio([4 + 4 * HALF_UNIT] * 2, [4, 4], [4, 4]) == pytest.approx(1)


def test_a_sum_of_many_terms_is_taken_to_cost_the_root_of_their_number():
    assert ratio([1 + 40 * HALF_UNIT], [1.0], [1.0], terms=1) == pytest.approx(40)
    assert ratio([1 + 40 * HALF_UNIT], [1.0], [1.0], terms=400) == pytest.approx(2)
    # Where the oracle is off by more, it is the measure.
    assert ratio([1 + 40 * HALF_UNIT], [1 - 80 * HALF_UNIT], [1.0], terms=400) == pytest.approx(0.5)


def test_a_number_where_the_truth_is_all_zeros_is_far_off():
    assert ratio([1e-30], [0.0], [0.0]) > 1e200


@pytest.mark.parametrize(
    ("port", "oracle", "truth", "agrees"),
    (
        ([NAN, 1.0], [1.0, 1.0], [1.0, 1.0], False),
        ([1.0, 1.0], [NAN, 1.0], [NAN, 1.0], False),
        ([NAN, 1.0], [NAN, 1.0], [NAN, 1.0], True),
        ([INF, 1.0], [1.0, 1.0], [1.0, 1.0], False),
        # float32 cannot hold the truth, on both sides or on one.
        ([INF, 1.0], [INF, 1.0], [1e39, 1.0], True),
        ([-INF, 1.0], [INF, 1.0], [1e39, 1.0], False),
        ([NAN, 1.0], [INF, 1.0], [1e39, 1.0], False),
        ([NAN, 1.0], [NAN, 1.0], [5.0, 1.0], True),
        # An oracle that overflowed vouches for nothing else.
        ([5.0, 1.5], [INF, 1.0], [5.0, 1.0], False),
        ([5.5, 1.0], [INF, 1.0], [5.0, 1.0], False),
        ([5.0, 1.0], [INF, 1.0], [5.0, 1.0], True),
    ),
)
def test_what_is_not_finite(port, oracle, truth, agrees):
    found = ratio(port, oracle, truth)
    assert not math.isnan(found)
    assert (found <= 1) == agrees


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=7),
    st.floats(1e-3, 1e3),
    st.integers(0, 2**32 - 1),
)
def test_neither_figure_depends_on_the_scale(values, factor, seed):
    rng = np.random.default_rng(seed)
    truth = np.array(values) + 1e-3
    port = truth + rng.standard_normal(truth.shape)
    oracle = truth + rng.standard_normal(truth.shape)
    scaled = ratio(port * factor, oracle * factor, truth * factor)
    assert scaled == pytest.approx(ratio(port, oracle, truth))
    assert measure(port * factor, truth * factor).relative == pytest.approx(
        measure(port, truth).relative
    )

"""Differences and error ratios: NaN, infinities, empty and constant arrays, sums of many terms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lasport.compare.metrics import (
    Agreement,
    Difference,
    class_agreement,
    error_ratio,
    measure,
    rounding_error,
    unit_in_last_place,
)

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
    assert found == Difference(
        largest=4.0,
        mean=1.125,
        median=0.25,
        relative=1.0,
        q90=4.0,
        q99=4.0,
        ulp=2.0**52,
        entry_ulp=2.0**52,
    )


def test_quantiles_are_distances_that_occur():
    distances = np.arange(1.0, 201.0)
    found = measure(distances, np.zeros(200))
    assert (found.q90, found.q99, found.largest) == (180.0, 198.0, 200.0)
    distances[-1] = INF
    found = measure(distances, np.zeros(200))
    assert (found.q90, found.q99, found.largest) == (180.0, 198.0, INF)


# What is expected, a float type, the next number above it in that type.
NEXT = {
    "float64": (1.0, "float64", 1.0 + 2.0**-52),
    "float32": (1.0, "float32", 1.0 + 2.0**-23),
    "float16": (1.0, "float16", 1.0 + 2.0**-10),
    "bfloat16": (1.0, "bfloat16", 1.0 + 2.0**-7),
    "below a power of two": (1.75, "float32", 1.75 + 2.0**-23),
    "negative": (-3.0, "float32", -3.0 - 2.0**-22),
    "subnormal": (0.0, "float16", 2.0**-24),
    "smallest normal": (2.0**-14, "float16", 2.0**-14 + 2.0**-24),
    "largest": (65504.0, "float16", 65504.0 + 32.0),
}


@pytest.mark.parametrize(("expected", "dtype", "following"), NEXT.values(), ids=NEXT)
def test_the_next_number_is_one_unit_in_the_last_place_away(expected, dtype, following):
    found = measure(np.array([following]), np.array([expected]), dtype)
    assert (found.ulp, found.entry_ulp) == (1.0, 1.0)


@pytest.mark.parametrize("dtype", ("float64", "float32", "float16"))
def test_units_in_the_last_place_are_numpys(dtype):
    values = np.random.default_rng(5).standard_normal(101).astype(dtype)
    assert (unit_in_last_place(values, dtype) == np.spacing(np.abs(values))).all()


def test_units_are_of_the_largest_entry_and_of_each():
    # The small entry is off by one unit of the large one: 2**10 of its own.
    found = measure(np.array([1.0 + 2.0**-13, 1024.0]), np.array([1.0, 1024.0]), "float32")
    assert (found.ulp, found.entry_ulp) == (1.0, 2.0**10)


# Actual, truth, rows with the same class, ties.
CLASSES = {
    "the same": ([[1, 5, 2], [7, 3, 1]], [[1, 4, 2], [9, 3, 1]], 2, 0),
    "another": ([[1, 5, 2], [3, 7, 1]], [[1, 4, 2], [9, 3, 1]], 1, 0),
    "a tie in the truth": ([[1, 5, 2], [8.9, 9, 1]], [[1, 4, 2], [9, 9, 1]], 1, 1),
    "closer than rounding": ([[8.9, 9.1, 1]], [[9.05, 9, 1]], 0, 1),
    "a tie in the port only": ([[9, 9, 1]], [[3, 9, 1]], 0, 0),
    "NaN in the port": ([[NAN, 9, 1]], [[3, 9, 1]], 0, 0),
    "no rows": (np.zeros((0, 3)), np.zeros((0, 3)), 0, 0),
}


@pytest.mark.parametrize(("actual", "truth", "same", "ties"), CLASSES.values(), ids=CLASSES)
def test_classes(actual, truth, same, ties):
    found = class_agreement(np.asarray(actual), np.asarray(truth), allowed=0.01)
    assert found == Agreement(len(truth), same, ties)
    assert found.others == len(truth) - same - ties


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


def test_the_errors_behind_a_ratio():
    truth = np.array([4.0, 1.0])
    found = rounding_error(truth + 0.5, truth + 0.25, truth, terms=9)
    assert (found.port, found.oracle) == (0.125, 0.0625)
    assert (found.expected, found.terms) == (3 * HALF_UNIT, 9)
    assert found.ratio == 2
    half = rounding_error(np.array([4.0 + 2.0**-9, 1.0]), truth, truth, dtype="float16")
    assert half.expected == 2.0**-11
    assert half.ratio == pytest.approx(math.sqrt(1 / 2))


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

"""Bounds that follow from counted roundings and from the oracle's float32 error."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lasport.compare.bounds import count_roundings, tightened
from lasport.compare.metrics import Difference, Rounding
from lasport.compare.report import Comparison
from lasport.translate import translate
from tests.golden_records import load_case

# Of a golden net of one layer, the roundings in inference and in training mode: that of the input,
# then two each of a product with a rounded factor. None where sums may cancel.
COUNTS = {
    "flatten_default": (1, 1),
    "maxpool2d_ceil": (1, 1),
    "dropout_p_0_2": (1, 3),
    "scale_auto_4d": (3, 3),
    "embedding_matrix": (2, 2),
    "bias_auto_2d": (None, None),
    "dense_default": (None, None),
    "batchnorm_4d": (None, None),
}


@pytest.mark.parametrize(("name", "counts"), COUNTS.items(), ids=COUNTS)
def test_roundings_are_counted_where_nothing_cancels(name, counts):
    net = load_case(name).network
    plan = translate(net)
    last = net.outputs[0]
    found = (
        count_roundings(plan, "inference").get(last),
        count_roundings(plan, "training").get(last),
    )
    assert found == counts


def comparison(dtype, figure, **fields):
    difference = Difference(figure, figure, figure, figure)
    ratio = None if dtype == "float64" else figure
    name = load_case("dropout_p_0_2").network.outputs[0]
    subject, bound = f"inference/layers/{name}", 1e-10 if dtype == "float64" else 8.0
    found = Comparison(subject, name, dtype, ok=True, difference=difference, ratio=ratio)
    return replace(found, bound=bound, **fields)


def bounds(*comparisons):
    net = load_case("dropout_p_0_2").network
    return [(one.bound, one.ok) for one in tightened(net, comparisons)]


def test_an_array_that_is_only_moved_is_off_by_its_roundings():
    # One rounding of the input, and one more that another grouping may cost.
    assert bounds(comparison("float32", 1.9), comparison("float32", 2.1)) == [(2, True), (2, False)]
    unit = 2.0**-53
    assert bounds(comparison("float64", 3 * unit), comparison("float64", 5 * unit)) == [
        (4 * unit, True),
        (4 * unit, False),
    ]


def test_in_training_mode_dropout_multiplies():
    name = load_case("dropout_p_0_2").network.outputs[0]
    training = comparison("float32", 1.0, subject=f"training/layers/{name}")
    assert bounds(training) == [(4, True)]


def test_the_oracles_float32_error_bounds_the_difference_in_float64():
    subject = "training/params/1/bn.mean"
    rounded = comparison("float32", 0.5, subject=subject, rounding=Rounding(1e-6, 2e-6, 6e-8, 1))
    bound = 1000 * 2e-6 * 2.0**-29
    near = comparison("float64", 0.9 * bound, subject=subject)
    far = comparison("float64", 1.1 * bound, subject=subject)
    assert bounds(rounded, near, far) == [(8, True), (bound, True), (bound, False)]
    # An exact oracle counts as rounded once.
    exact = replace(rounded, rounding=Rounding(0.0, 0.0, 6e-8, 1))
    assert bounds(exact, near)[1] == (1000 * 6e-8 * 2.0**-29, False)


def test_bounds_are_never_wider_than_the_common_ones():
    subject = "training/params/1/bn.mean"
    rounded = comparison("float32", 7.9, subject=subject, rounding=Rounding(1.0, 1.0, 6e-8, 1))
    alone = comparison("float64", 1e-11, subject="inference/params/bn.mean")
    exact = comparison("float64", 1e-11, subject=subject)
    assert bounds(rounded, exact, alone) == [(8, True), (1e-10, True), (1e-10, True)]


def test_what_failed_stays_failed():
    missing = comparison("float64", 0.0, ok=False, difference=None, problem="missing")
    wrong = comparison("float64", 0.0, ok=False)
    assert [ok for _, ok in bounds(missing, wrong)] == [False, False]


def test_gradients_are_not_bounded_by_other_gradients():
    # In float32 they are held against recorded ones, in float64 against slopes.
    subject = "inference/grads/bn.gamma"
    rounded = comparison("float32", 0.5, subject=subject, rounding=Rounding(1e-7, 1e-7, 6e-8, 1))
    slope = comparison("float64", 1e-11, subject=subject)
    assert bounds(rounded, slope) == [(8, True), (1e-10, True)]

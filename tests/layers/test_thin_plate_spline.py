"""TPSTransformerLayer: images bent by control points."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.inert import Instance
from lasport.layers.thin_plate_spline import bent, source_points, spline_inverse
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from lasport.translate import refusals, translate
from tests.golden_records import load_case
from tests.inert_nets import merge, named, read, source

RECORDS = [
    *(f"tps_{name}" for name in ("default", "points_4", "points_9", "wrap", "one_row_left")),
    *(f"tps_{name}" for name in ("downsample_per_axis", "open_size", "localized")),
    *(f"tps_not_precomputed{name}" for name in ("", "_mirror")),
    *(f"tps_float32{name}" for name in ("", "_not_precomputed", "_localized")),
]


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    steering = "Flatten Dense " if name.endswith("localized") else ""
    expected = f"{steering}ThinPlateSplineTransformer"
    assert keras_layers(load_case(name)) == (expected, expected)


SPLINE = "special.TPSTransformerLayer"


def constant(array):
    """Return a constant of Theano's."""
    return Instance(named("theano.tensor.var.TensorConstant"), state={"data": np.asarray(array)})


def spline(*space, numbers=(None, 8), without=(), **state):
    """Return a layer of four control points on images of three channels."""
    given = {
        "downsample_factor": (1, 1),
        "border_mode": "nearest",
        "control_points": 4,
        "precompute_grid": True,
        **state,
    }
    for name in without:
        del given[name]
    return merge(SPLINE, [source((None, 3, *space)), source(numbers)], **given)


def run(net, *inputs):
    return run_reference(build_network(net), inputs, training=False).layers[-1]


RNG = np.random.default_rng(32)
IMAGES, OFFSETS = RNG.normal(size=(2, 3, 5, 4)), RNG.normal(size=(2, 8))


def test_output_shape():
    assert read(spline(7, 6, downsample_factor=(2, 0.5))).output_shape == (None, 3, 3, 12)
    assert read(spline(None, 6, precompute_grid=False)).output_shape == (None, 3, None, 6)


def test_the_plate_goes_through_the_points_that_are_moved():
    for count in (4, 9, 16, 25):
        points = source_points(count)
        moved = points + RNG.normal(size=points.shape)
        found = moved @ spline_inverse(count) @ bent(points, *points)
        np.testing.assert_allclose(found, moved, atol=1e-12)


def test_the_inverse_is_the_one_that_was_stored():
    case = load_case("tps_float32")
    stored = case.network["layer"].attributes
    assert stored.L_inv.dtype == np.float32
    [step] = [step for step in translate(case.network).steps if step.name == "layer"]
    np.testing.assert_array_equal(step.operation.inverse, stored.L_inv[:, 3:].T)
    # In double precision it would be another one.
    difference = np.abs(step.operation.inverse - spline_inverse(16)).max()
    assert 1e-8 < difference < 1e-5


def test_an_inverse_that_was_not_stored_is_computed():
    case = load_case("tps_points_4")
    stored = case.network["layer"].attributes.inverse
    np.testing.assert_allclose(spline_inverse(4), stored, atol=1e-14)
    given = constant(np.linalg.inv(equations(4)))
    expected = run(spline(5, 4, L_inv=given), IMAGES, OFFSETS)
    np.testing.assert_allclose(run(spline(5, 4), IMAGES, OFFSETS), expected, rtol=1e-12)


def equations(count):
    """Return the plate's equations, symmetric, entry by entry."""
    x, y = source_points(count)
    matrix = np.zeros((count + 3, count + 3))
    matrix[0, 3:], matrix[1, 3:], matrix[2, 3:] = 1, x, y
    matrix[3:, :3] = matrix[:3, 3:].T
    for i in range(count):
        for j in range(count):
            square = (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2
            matrix[3 + i, 3 + j] = square * np.log(square) if i != j else 0
    return matrix


def test_before_2016_nothing_was_computed_beforehand():
    old = spline(5, 4, without=("border_mode", "precompute_grid"))
    plain = spline(5, 4, precompute_grid=False)
    np.testing.assert_array_equal(run(old, IMAGES, OFFSETS), run(plain, IMAGES, OFFSETS))
    assert np.abs(run(spline(5, 4), IMAGES, OFFSETS) - run(plain, IMAGES, OFFSETS)).max() > 0.1


PROBLEMS = (
    (spline(5, 4, numbers=(None, 9)), "8 numbers per image were expected"),
    (spline(5, 4, numbers=(None, 2, 4)), "8 numbers per image were expected"),
    (spline(5), "(batch, channels, rows, columns) was expected, not (None, 3, 5)"),
    (spline(5, 4, border_mode="reflect"), "nearest, mirror, wrap was expected, not 'reflect'"),
    (spline(5, 4, control_points=8), "the square of an integer from 2 on was expected, not 8"),
    (spline(5, 4, control_points=1), "the square of an integer from 2 on was expected, not 1"),
    (spline(None, 4), "precompute_grid=True needs images of known size"),
    (spline(5, 4, downsample_factor=(5, 1), precompute_grid=False), "a single row or column"),
    (spline(1, 4, border_mode="mirror"), "has no mirror image"),
    (spline(10, 4, downsample_factor=(0.1, 1)), "10 // 0.1 is 99 or 100"),
    (spline(5, 4, L_inv=constant([1.0, 2.0])), "a matrix of floats was expected"),
    (spline(5, 4, L_inv=constant([[1, 2]])), "a matrix of floats was expected"),
)


@pytest.mark.parametrize(("net", "message"), PROBLEMS)
def test_problems(net, message):
    assert message in read(net).problem


CHANGED = {
    "source_points": source_points(4) * 0.9,
    "L_inv": np.linalg.inv(equations(4)).T + 0.1,
    "right_mat": np.zeros((7, 20)),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_layer_that_somebody_changed_is_refused(name):
    net = build_network(spline(5, 4, **{name: constant(CHANGED[name])}))
    assert refusals(net) == []
    with pytest.raises(Exception, match=f"{name} is not what Lasagne makes for 4 control points"):
        translate(net)
    other = build_network(spline(5, 4, **{name: constant(CHANGED[name][:2, :3])}))
    with pytest.raises(Exception, match=f"{name} is not what Lasagne makes"):
        translate(other)

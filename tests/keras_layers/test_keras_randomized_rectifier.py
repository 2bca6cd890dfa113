"""RandomizedRectifier: which slopes are drawn, what is shared, the gradient at 0."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport.keras_layers import LayerArgumentError, RandomizedRectifier

SHAPE = (7, 5, 4, 3)


def slopes_of(layer, shape=SHAPE):
    drawn = -layer(-np.ones(shape), training=True)
    return np.asarray(keras.ops.cast(drawn, "float64"))


def test_inference_takes_the_mean_slope(in_keras):
    x = np.array([[-2.0, 0.0, 3.0]])
    output, [gradient] = in_keras(RandomizedRectifier(0.25, 1.25, dtype="float64"), x)
    np.testing.assert_array_equal(output, [[-1.5, 0, 3]])
    np.testing.assert_array_equal(gradient, [[0.75, 0.875, 1]])


def test_training_draws_a_slope_and_0_takes_half_of_it(in_keras):
    x = np.array([[-2.0, 0.0, 3.0]])
    layer = RandomizedRectifier(0.25, 1.25, [1], seed=1, dtype="float64")
    output, [gradient] = in_keras(layer, x, training=True)
    slope = output[0, 0] / -2
    assert 0.25 < slope < 1.25
    assert slope != 0.75
    np.testing.assert_array_equal(output, [[-2 * slope, 0, 3]])
    np.testing.assert_allclose(gradient, [[slope, (1 + slope) / 2, 1]], rtol=1e-15)


@pytest.mark.parametrize(
    ("shared", "draws"),
    (([], 420), ([0], 60), ([1, 2], 21), ([-1], 140), ([0, 1, 2, 3], 1)),
)
def test_shared_axes_share_a_draw(shared, draws):
    slopes = slopes_of(RandomizedRectifier(0.25, 1.25, shared, seed=2, dtype="float64"))
    assert len(np.unique(slopes)) == draws
    for axis in shared:
        first = np.take(slopes, [0], axis=axis)
        np.testing.assert_array_equal(slopes, np.broadcast_to(first, SHAPE))


@pytest.mark.parametrize(("lower", "upper"), ((0.25, 0.5), (-1.0, 3.0)))
@pytest.mark.parametrize("dtype", ("float16", "bfloat16", "float32", "float64"))
def test_slopes_fill_the_space_between_the_bounds(lower, upper, dtype):
    layer = RandomizedRectifier(lower, upper, seed=3, dtype=dtype)
    place = (slopes_of(layer, (200, 200)) - lower) / (upper - lower)
    assert -1e-12 <= place.min() < 0.001
    assert 0.999 < place.max() <= 1 + 1e-12
    assert abs(place.mean() - 0.5) < 5 / np.sqrt(12 * place.size)


def test_equal_bounds_draw_nothing():
    layer = RandomizedRectifier(0.25, 0.25, seed=4)
    before = layer.seed_generator.state.numpy()
    np.testing.assert_array_equal(slopes_of(layer), np.full(SHAPE, 0.25))
    np.testing.assert_array_equal(layer.seed_generator.state, before)


def test_a_seed_determines_the_draws_and_calls_differ():
    first, again = (RandomizedRectifier(0.25, 0.5, seed=5) for _ in range(2))
    one, two = slopes_of(first), slopes_of(first)
    np.testing.assert_array_equal(slopes_of(again), one)
    assert (one != two).any()


@pytest.mark.parametrize(("lower", "upper"), ((0.5, 0.25), (0.5, float("nan"))))
def test_bounds_out_of_order_are_refused(lower, upper):
    with pytest.raises(LayerArgumentError, match=f"above upper; got {lower} and {upper}"):
        RandomizedRectifier(lower, upper)


def test_shared_axes_that_do_not_exist_are_refused():
    with pytest.raises(LayerArgumentError, match=r"Axes \[4\] do not exist"):
        RandomizedRectifier(0.25, 0.5, shared_axes=[4])(np.ones(SHAPE), training=True)

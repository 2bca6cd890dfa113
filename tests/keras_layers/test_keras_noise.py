"""WideGaussianNoise: how strong it is, and when it rests."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport.keras_layers import LayerArgumentError, WideGaussianNoise

SHAPE = (7, 5, 4, 3)


@pytest.fixture
def x():
    return np.random.default_rng(6).normal(size=SHAPE)


def test_inference_returns_the_inputs(x):
    np.testing.assert_array_equal(WideGaussianNoise(3.0, dtype="float64")(x), x)


def test_no_strength_is_no_noise(x):
    layer = WideGaussianNoise(0.0, dtype="float64")
    np.testing.assert_array_equal(layer(x, training=True), x)


def test_training_adds_something_to_every_entry_and_passes_gradients(x, in_keras):
    layer = WideGaussianNoise(3.0, seed=1, dtype="float64")
    output, [gradient] = in_keras(layer, x, training=True)
    assert len(np.unique(output - x)) == x.size
    np.testing.assert_array_equal(gradient, np.ones(SHAPE))


@pytest.mark.parametrize("stddev", (0.01, 1.0, 40.0))
@pytest.mark.parametrize("dtype", ("float16", "bfloat16", "float32", "float64"))
def test_noise_is_as_strong_as_asked_for(stddev, dtype):
    layer = WideGaussianNoise(stddev, seed=3, dtype=dtype)
    noise = np.asarray(keras.ops.cast(layer(np.zeros((200, 200)), training=True), "float64"))
    assert abs(noise.mean()) < 5 * stddev / 200
    assert abs(noise.std() / stddev - 1) < 5 / np.sqrt(2 * noise.size)


def test_at_most_1_it_adds_what_keras_own_layer_adds(x):
    own, stock = WideGaussianNoise(0.5, seed=4), keras.layers.GaussianNoise(0.5, seed=4)
    x = x.astype("float32")
    np.testing.assert_array_equal(own(x, training=True), stock(x, training=True))


def test_a_seed_determines_the_draws_and_calls_differ(x):
    first, again = (WideGaussianNoise(0.5, seed=5) for _ in range(2))
    one, two = (np.asarray(first(x, training=True)) for _ in range(2))
    np.testing.assert_array_equal(again(x, training=True), one)
    assert (one != two).any()


@pytest.mark.parametrize("stddev", (-0.1, float("inf"), float("nan")))
def test_deviations_that_are_none_are_refused(stddev):
    with pytest.raises(LayerArgumentError, match=f"at least 0; got {stddev}"):
        WideGaussianNoise(stddev)

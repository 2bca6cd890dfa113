"""LocalResponseNormalization: Lasagne's sum over channels, whatever the axis, and TensorFlow's."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.keras_layers import LayerArgumentError, LocalResponseNormalization

SHAPE = (2, 4, 3, 6)
OPTIONS = {"size": 5, "alpha": 0.3, "k": 0.7, "beta": 0.6}


def test_is_tensorflows_where_that_has_the_kernel(in_keras):
    import tensorflow as tf

    x = np.random.default_rng(8).normal(size=SHAPE).astype("float32")
    expected = tf.nn.local_response_normalization(
        x, depth_radius=2, bias=OPTIONS["k"], alpha=OPTIONS["alpha"], beta=OPTIONS["beta"]
    )
    value, _ = in_keras(LocalResponseNormalization(**OPTIONS), x)
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@pytest.mark.parametrize("axis", (0, 1, 2, -2))
def test_channels_may_lie_along_any_axis(axis, in_keras):
    x = np.random.default_rng(9).normal(size=SHAPE)
    last = LocalResponseNormalization(**OPTIONS, dtype="float64")
    layer = LocalResponseNormalization(**OPTIONS, axis=axis, dtype="float64")
    expected = np.moveaxis(in_keras(last, np.moveaxis(x, axis, -1))[0], -1, axis)
    np.testing.assert_allclose(in_keras(layer, x)[0], expected, rtol=1e-15)


def test_squares_are_single_as_lasagnes_are(in_keras):
    layer = LocalResponseNormalization(1, alpha=1.0, k=0.0, beta=1.0, dtype="float64")
    x = np.array([[1 + 2.0**-20]])
    np.testing.assert_array_equal(in_keras(layer, x)[0], x / np.float32(x**2))


def test_half_precision_does_not_overflow(in_keras):
    layer = LocalResponseNormalization(1, alpha=1.0, k=0.0, beta=0.5, dtype="float16")
    np.testing.assert_allclose(in_keras(layer, np.array([[1000.0]], "float16"))[0], 1)


@pytest.mark.parametrize("size", (0, 4, -1))
def test_sizes_without_a_middle_are_refused(size):
    with pytest.raises(LayerArgumentError, match=f"size must be odd and positive; got {size}"):
        LocalResponseNormalization(size, 1, 1, 1)

"""LocallyConnected2D: a filter for every place."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport.keras_layers import LayerArgumentError, LocallyConnected2D

X = np.random.default_rng(5).normal(size=(2, 5, 4, 3))


def made(filters, kernel_size, *, channelwise=False):
    """Return a layer of random weights on X."""
    layer = LocallyConnected2D(filters, kernel_size, channelwise=channelwise, dtype="float64")
    layer.build(X.shape)
    shape = layer.kernel.shape
    layer.kernel.assign(np.random.default_rng(6).normal(size=shape))
    return layer, np.asarray(layer.kernel)


SIZES = ((3, 3), (1, 3), (5, 1), (1, 1), (3, 9))


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize("size", SIZES)
def test_sums_over_each_window(size, jit, in_keras):
    layer, kernel = made(2, size)
    found, _ = in_keras(layer, X, jit=jit)
    expected = np.zeros((2, 5, 4, 2))
    for row, column, i, j in np.ndindex(5, 4, *size):
        y, x = row + i - size[0] // 2, column + j - size[1] // 2
        if 0 <= y < 5 and 0 <= x < 4:
            expected[:, row, column] += X[:, y, x] @ kernel[row, column, i, j]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", SIZES)
def test_channelwise_filters_see_their_own_channel(size):
    layer, kernel = made(3, size, channelwise=True)
    shared = LocallyConnected2D(3, size, dtype="float64")
    shared.build(X.shape)
    shared.kernel.assign(kernel[..., None] * np.eye(3))
    np.testing.assert_allclose(layer(X), shared(X), rtol=0, atol=1e-13)


def test_the_same_filters_everywhere_are_a_convolution(in_keras):
    conv = keras.layers.Conv2D(2, (3, 1), padding="same", use_bias=False, dtype="float64")
    expected, expected_gradients = in_keras(conv, X, cotangent=X[..., :2])
    layer = LocallyConnected2D(2, (3, 1), dtype="float64")
    layer.build(X.shape)
    layer.kernel.assign(np.broadcast_to(conv.kernel, layer.kernel.shape))
    found, gradients = in_keras(layer, X, cotangent=X[..., :2])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(gradients[0], expected_gradients[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("kernel_size", ((2, 3), (3,), (3, 3, 3), (0, 1)))
def test_filters_have_a_middle_in_two_axes(kernel_size):
    with pytest.raises(LayerArgumentError, match="kernel_size must be two odd numbers"):
        LocallyConnected2D(2, kernel_size)


@pytest.mark.parametrize("shape", ((None, 5, None, 3), (None, 5, 4), (None, 5, 4, None)))
def test_every_place_has_to_be_known(shape):
    with pytest.raises(LayerArgumentError, match="with fixed sizes; got an input of shape"):
        LocallyConnected2D(2, (3, 3))(keras.Input(batch_shape=shape))


def test_there_are_as_many_channelwise_filters_as_channels():
    with pytest.raises(LayerArgumentError, match="2 channelwise filters do not fit an input"):
        LocallyConnected2D(2, (3, 3), channelwise=True)(keras.Input((5, 4, 3)))

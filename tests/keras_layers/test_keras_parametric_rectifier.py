"""ParametricRectifier: Theano's values and gradients, at 0 too."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.keras_layers import ParametricRectifier

SHAPE = (2, 5, 4, 3)


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
def test_agrees_with_theano(jit, in_keras, in_theano, theano):
    rng = np.random.default_rng(6)
    # A third of the entries is 0.
    x, alpha = rng.integers(-1, 2, SHAPE).astype("float64"), rng.normal(size=(5, 3))
    cotangent = rng.normal(size=SHAPE)
    layer = ParametricRectifier([0, 2], dtype="float64")
    layer.build(SHAPE)
    layer.set_weights([alpha])
    value, (gradient,) = in_keras(layer, x, cotangent=cotangent, jit=jit)

    def theirs(x, alpha):
        return theano.tensor.nnet.relu(x, alpha.dimshuffle("x", 0, "x", 1))

    expected, (of_x, _) = in_theano(theirs, x, alpha, cotangent=cotangent)
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(gradient, of_x, rtol=0, atol=1e-15)


def test_slopes_start_as_their_initializer_says_at_build_time():
    layer = ParametricRectifier([0, 1])
    layer.alpha_initializer = lambda shape, dtype=None: np.full(shape, 6, dtype)
    layer.build((None, None, 3))
    np.testing.assert_array_equal(layer.alpha, [6, 6, 6])

"""Reduce: Theano's reductions of any axes, with Theano's gradients."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.keras_layers import LayerArgumentError, Reduce
from lasport.keras_layers.global_reduce import REDUCTIONS

AXES = ([1], [-1, 0], [0, 1, 2])


@pytest.mark.parametrize("keepdims", (False, True))
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("function", REDUCTIONS)
def test_agrees_with_theano(function, axes, keepdims, in_keras, in_theano, theano):
    rng = np.random.default_rng(12)
    # Coarse, so that several entries attain the extremes.
    x = rng.integers(1, 5, (3, 4, 2)).astype("float64")
    cotangent = rng.normal(size=x.mean(axis=tuple(axes), keepdims=keepdims).shape)
    layer = Reduce(function, axes, keepdims, dtype="float64")
    value, [gradient] = in_keras(layer, x, cotangent=cotangent)
    reduce = getattr(theano.tensor, function)
    expected, [slope] = in_theano(
        lambda x: reduce(x, axis=axes, keepdims=keepdims), x, cotangent=cotangent
    )
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(gradient, slope, rtol=1e-13, atol=1e-13 * np.abs(slope).max())


def test_an_unknown_function_is_refused():
    with pytest.raises(LayerArgumentError, match="function must be one of"):
        Reduce("median", [0])


@pytest.mark.parametrize("axes", ([3], [1, -2]))
def test_axes_that_do_not_exist_or_repeat_are_refused(axes):
    with pytest.raises(LayerArgumentError, match="Axes"):
        Reduce("max", axes)(np.zeros((2, 3, 4)))

"""GlobalReduce against numpy, and against Theano's gradients, ties included."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.keras_layers import GlobalReduce, LayerArgumentError

FUNCTIONS = ["mean", "max", "min", "sum", "prod", "var", "std"]
SHAPES = {"1d": (2, 5, 3), "2d": (2, 5, 4, 3), "3d": (2, 5, 4, 6, 3)}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_reduces_all_spatial_axes(function, shape, in_keras):
    x = np.random.default_rng(2).normal(size=shape)
    output, _ = in_keras(GlobalReduce(function, dtype="float64"), x)
    expected = getattr(np, function)(x, axis=tuple(range(1, len(shape) - 1)))
    np.testing.assert_allclose(output, expected, rtol=1e-14)


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_has_theanos_gradient_at_ties_and_zeros(function, jit, in_keras, in_theano, theano):
    # Small whole numbers: every extreme is attained more than once, and there are zeros.
    rng = np.random.default_rng(3)
    x = rng.integers(-1, 3, size=(2, 5, 4, 3)).astype("float64")
    cotangent = rng.normal(size=(2, 3))
    output, [gradient] = in_keras(
        GlobalReduce(function, dtype="float64"), x, cotangent=cotangent, jit=jit
    )
    expected, [slope] = in_theano(
        lambda x: getattr(theano.tensor, function)(x.transpose(0, 3, 1, 2).flatten(3), axis=2),
        x,
        cotangent=cotangent,
    )
    np.testing.assert_allclose(output, expected, rtol=1e-14)
    np.testing.assert_allclose(gradient, slope, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("function", "tied"), (("max", 7.0), ("min", -4.0)))
def test_every_tie_gets_the_whole_gradient(function, tied, in_keras):
    x = np.zeros((1, 3, 2))
    x[0, [0, 2], 1] = tied
    _, [gradient] = in_keras(
        GlobalReduce(function, dtype="float64"), x, cotangent=np.array([[5.0, 3.0]])
    )
    np.testing.assert_array_equal(gradient, [[[5, 3], [5, 0], [5, 3]]])


def test_infinite_extremes_stay_infinite(in_keras):
    x = np.full((1, 3, 1), -np.inf)
    output, [gradient] = in_keras(GlobalReduce("max", dtype="float64"), x)
    np.testing.assert_array_equal(output, [[-np.inf]])
    np.testing.assert_array_equal(gradient, np.ones((1, 3, 1)))


def test_a_matrix_is_refused():
    with pytest.raises(LayerArgumentError, match=r"at least one spatial axis; got .*\(2, 3\)"):
        GlobalReduce("mean")(np.zeros((2, 3)))


def test_unknown_functions_are_refused_with_the_known_ones():
    with pytest.raises(LayerArgumentError, match=r"'mean', 'max'.*got 'median'"):
        GlobalReduce("median")

"""FeaturePooling and WinnerTakesAll against numpy, and at ties."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.keras_layers import FeaturePooling, LayerArgumentError, WinnerTakesAll

FUNCTIONS = ("max", "mean", "min", "sum", "prod", "var", "std")


@pytest.mark.parametrize("axis", (1, -1, 0))
@pytest.mark.parametrize("function", FUNCTIONS)
def test_reduces_neighbours(function, axis, in_keras):
    x = np.random.default_rng(7).normal(size=(4, 6, 8))
    output, _ = in_keras(FeaturePooling(2, function, axis, dtype="float64"), x)
    pairs = np.stack([x.take(range(k, x.shape[axis], 2), axis) for k in (0, 1)])
    np.testing.assert_allclose(output, getattr(np, function)(pairs, axis=0), rtol=1e-14)


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize("function", ("max", "min"))
def test_every_tie_gets_the_whole_gradient(function, jit, in_keras):
    x = np.array([[4.0, 4.0, 4.0, 2.0, 2.0, 2.0]])
    _, [gradient] = in_keras(
        FeaturePooling(3, function, dtype="float64"), x, cotangent=np.array([[5.0, 3.0]]), jit=jit
    )
    np.testing.assert_array_equal(gradient, [[5, 5, 5, 3, 3, 3]])


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
def test_the_first_of_several_winners_takes_all(jit, in_keras):
    # Keras' own argmax takes -0 for smaller than 0.
    x = np.array([[1.0, 4.0, 4.0, -0.0, 0.0, -1.0]])
    cotangent = np.arange(1.0, 7.0).reshape(1, 6)
    output, [gradient] = in_keras(
        WinnerTakesAll(3, dtype="float64"), x, cotangent=cotangent, jit=jit
    )
    np.testing.assert_array_equal(output, [[0, 4, 0, 0, 0, 0]])
    np.testing.assert_array_equal(gradient, [[0, 2, 0, 4, 0, 0]])


@pytest.mark.parametrize("axis", (1, -1, 0))
def test_each_pool_has_its_winner(axis, in_keras):
    x = np.random.default_rng(8).normal(size=(4, 6, 8))
    output, _ = in_keras(WinnerTakesAll(2, axis, dtype="float64"), x)
    first, second = (x.take(range(k, x.shape[axis], 2), axis) for k in (0, 1))
    found = [output.take(range(k, x.shape[axis], 2), axis) for k in (0, 1)]
    np.testing.assert_array_equal(found[0], np.where(first >= second, first, 0))
    np.testing.assert_array_equal(found[1], np.where(first >= second, 0, second))


@pytest.mark.parametrize("cls", (FeaturePooling, WinnerTakesAll))
@pytest.mark.parametrize("shape", ((2, 7), (2, 6, 5), (3,)))
def test_pools_must_divide_the_axis(cls, shape):
    with pytest.raises(LayerArgumentError, match=r"Pools of 3 do not divide axis 2|axis -1"):
        cls(3, axis=2 if len(shape) == 1 else -1)(np.zeros(shape))


def test_bad_arguments_are_refused():
    with pytest.raises(LayerArgumentError, match="must be positive; got 0"):
        WinnerTakesAll(0)
    with pytest.raises(LayerArgumentError, match="got 'median'"):
        FeaturePooling(2, "median")

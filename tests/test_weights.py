"""Conversions of weights: each one undone, and untouched weights given back bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.spec import Param
from lasport.weights import (
    Flip,
    InvStdToVariance,
    Reshape,
    Rows,
    Transpose,
    Weight,
    inv_std_to_variance,
)

# Of an array counted up from 0: what becomes of it.
CONVERSIONS = (
    (Flip((1,)), (2, 3), [[2, 1, 0], [5, 4, 3]]),
    (Flip((0, 1)), (2, 3), [[5, 4, 3], [2, 1, 0]]),
    (Transpose((1, 0)), (2, 3), [[0, 3], [1, 4], [2, 5]]),
    (Transpose((2, 0, 1)), (2, 1, 3), [[[0], [3]], [[1], [4]], [[2], [5]]]),
    (Reshape((2, 3), (3, 2)), (2, 3), [[0, 1], [2, 3], [4, 5]]),
    # 2 channels of 3 places each, to 3 places of 2 channels each.
    (Rows((2, 3), (1, 0)), (6,), [0, 3, 1, 4, 2, 5]),
    (Rows((2, 3), (1, 0), axis=-1), (1, 6), [[0, 3, 1, 4, 2, 5]]),
)


@pytest.mark.parametrize(("conversion", "shape", "expected"), CONVERSIONS)
def test_conversions(conversion, shape, expected):
    array = np.arange(np.prod(shape)).reshape(shape)
    converted = conversion.apply(array)
    assert converted.tolist() == expected
    np.testing.assert_array_equal(conversion.undo(converted), array)


def test_rows_are_those_of_a_flattened_image():
    image = np.random.default_rng(1).normal(size=(2, 3, 5))  # channels, rows, columns
    lasagne, channels_last = image.ravel(), image.transpose(1, 2, 0).ravel()
    np.testing.assert_array_equal(Rows((2, 3, 5), (1, 2, 0)).apply(lasagne), channels_last)


def test_the_variance_that_an_inv_std_stands_for():
    assert inv_std_to_variance(np.array([0.5]), 1.0).tolist() == [3.0]
    assert InvStdToVariance(1.0).undo(np.array([3.0])).tolist() == [0.5]


@pytest.mark.parametrize("dtype", ("float32", "float16"))
def test_the_variance_is_computed_in_float64(dtype):
    epsilon = 1e-4
    inv_std = np.array([0.3, 7.0, 99.5], dtype)
    variance = inv_std_to_variance(inv_std, epsilon)
    assert variance.dtype == np.float64
    exact = 1 / inv_std.astype(np.float64) ** 2 - epsilon
    np.testing.assert_allclose(variance, exact, rtol=1e-12)


def weight(value, *conversions):
    return Weight(Param("W", value, frozenset({"trainable"})), conversions)


CHAINS = {
    "convolution": ((4, 2, 3, 5), (Flip((2, 3)), Transpose((2, 3, 1, 0)))),
    "dense behind an image": ((30, 4), (Rows((2, 3, 5), (1, 2, 0)),)),
    "batch norm behind an image": ((30,), (Rows((2, 3, 5), (1, 2, 0)), InvStdToVariance(1e-4))),
    "nothing": ((3,), ()),
}


@pytest.mark.parametrize("stored", ("float64", "float32", "float16"))
@pytest.mark.parametrize("dtype", ("float64", "float32"))
@pytest.mark.parametrize(("shape", "conversions"), CHAINS.values(), ids=CHAINS)
def test_untouched_weights_come_back_bit_for_bit(shape, conversions, dtype, stored):
    value = np.random.default_rng(2).uniform(0.5, 2, size=shape).astype(dtype)
    of = weight(value).then(*conversions)
    back = of.restore(of.value.astype(stored))
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, value)


@pytest.mark.parametrize(("shape", "conversions"), CHAINS.values(), ids=CHAINS)
def test_trained_weights_are_converted_back(shape, conversions):
    rng = np.random.default_rng(3)
    before, after = rng.uniform(0.5, 2, size=(2, *shape))
    back = weight(before, *conversions).restore(weight(after, *conversions).value)
    np.testing.assert_allclose(back, after, rtol=1e-12)
    assert back.flags.c_contiguous


def test_one_changed_entry_is_noticed():
    value = np.arange(6.0).reshape(2, 3)
    of = weight(value, Transpose((1, 0)))
    trained = of.value.copy()
    trained[2, 1] += 1
    assert of.restore(trained).tolist() == [[0, 1, 2], [3, 4, 6]]


def test_conversions_are_added_behind():
    first = weight(np.arange(6.0), Reshape((6,), (2, 3)))
    assert first.then(Transpose((1, 0))).value.shape == (3, 2)
    assert first.value.shape == (2, 3)

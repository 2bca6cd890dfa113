"""Pooling: sizes, borders, averages and ties, against brute force and against Theano."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from lasport.keras_layers import LayerArgumentError, Pooling

MODES = ["max", "average_inc_pad", "average_exc_pad", "sum"]
# Spatial sizes, pool size, strides, padding.
WHOLE = {
    "1d": ((7,), (2,), (2,), (0,)),
    "1d_overlapping": ((8,), (3,), (1,), (0,)),
    "1d_padded": ((8,), (3,), (2,), (1,)),
    "2d": ((7, 6), (2, 3), (2, 3), (0, 0)),
    "2d_overlapping": ((9, 8), (3, 5), (2, 2), (0, 0)),
    "2d_gaps": ((9, 8), (2, 1), (3, 2), (0, 0)),
    "2d_padded": ((7, 9), (3, 4), (2, 3), (1, 2)),
    "2d_window_is_all": ((4, 5), (4, 5), (1, 1), (0, 0)),
    "3d": ((5, 6, 7), (2, 3, 2), (2, 1, 3), (1, 0, 1)),
}
# The same without padding, for windows beyond the border.
CEIL = {
    "1d": ((7,), (2,), (2,)),
    "1d_overlapping": ((8,), (3,), (2,)),
    "1d_window_exceeds_input": ((3,), (5,), (2,)),
    "2d": ((7, 5), (2, 3), (2, 3)),
    "2d_overlapping": ((9, 8), (4, 5), (3, 2)),
    "2d_gaps": ((9, 8), (2, 1), (4, 3)),
    "2d_complete": ((6, 8), (2, 4), (2, 4)),
    "3d": ((5, 6, 7), (2, 3, 4), (2, 2, 3)),
}
ALL = {
    **{f"whole_{name}": (*case, True) for name, case in WHOLE.items()},
    **{f"ceil_{n}": (*case, (0,) * len(case[0]), False) for n, case in CEIL.items()},
}
EACH_CASE = pytest.mark.parametrize(
    ("sizes", "pool_size", "strides", "padding", "ignore_border"), ALL.values(), ids=ALL
)
EACH_MODE = pytest.mark.parametrize("mode", MODES)


def windows_along(length, size, stride, pad, ignore_border):
    """Return (first, end) of every window in the padded axis, found by trying."""
    if ignore_border:
        starts = range(0, length + 2 * pad - size + 1, stride)
        return [(start, start + size) for start in starts]
    windows = []
    # One more partial window as long as an entry is not covered, or begins where nothing did.
    for start in range(0, length, stride):
        windows.append((start, min(start + size, length)))
        if start + size >= length and stride < size:
            break
    return windows


def by_brute_force(x, pool_size, strides, padding, mode, ignore_border):
    """Return the pooled input, and the gradient of its sum."""
    sizes = x.shape[1:-1]
    along = [
        windows_along(*case, ignore_border)
        for case in zip(sizes, pool_size, strides, padding, strict=True)
    ]
    output = np.empty((x.shape[0], *map(len, along), x.shape[-1]))
    gradient = np.zeros_like(x)
    for place in itertools.product(*(range(len(windows)) for windows in along)):
        boxes = [windows[i] for windows, i in zip(along, place, strict=True)]
        inside = tuple(
            slice(max(first - pad, 0), min(end - pad, size))
            for (first, end), pad, size in zip(boxes, padding, sizes, strict=True)
        )
        entries = x[(slice(None), *inside)]
        axes = tuple(range(1, x.ndim - 1))
        real = np.prod(entries.shape[1:-1])
        full = np.prod([end - first for first, end in boxes])
        share = {"average_inc_pad": 1 / full, "average_exc_pad": 1 / real}.get(mode, 1.0)
        if mode == "max":
            pooled = entries.max(axes)
            share = entries == entries.max(axes, keepdims=True)
        else:
            pooled = entries.sum(axes) * share
        output[(slice(None), *place)] = pooled
        gradient[(slice(None), *inside)] += share
    return output, gradient


def whole_numbers(sizes, seed=11):
    """Return inputs in which most maxima are attained more than once."""
    rng = np.random.default_rng(seed)
    return rng.integers(-2, 3, size=(2, *sizes, 3)).astype("float64")


@EACH_MODE
@EACH_CASE
def test_agrees_with_brute_force(sizes, pool_size, strides, padding, ignore_border, mode, in_keras):
    x = whole_numbers(sizes)
    layer = Pooling(pool_size, strides, padding, mode, ignore_border, dtype="float64")
    output, [gradient] = in_keras(layer, x)
    expected, slope = by_brute_force(x, pool_size, strides, padding, mode, ignore_border)
    assert layer.compute_output_shape(x.shape) == expected.shape
    np.testing.assert_allclose(output, expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(gradient, slope, rtol=1e-14, atol=1e-15)


@EACH_MODE
@EACH_CASE
def test_agrees_with_theano(
    sizes, pool_size, strides, padding, ignore_border, mode, in_keras, in_theano
):
    from theano.tensor.signal import pool

    padded = any(padding)
    # Interpreted, Theano's gradient looks for the maximum of a padded window beyond its end, too,
    # where a tie would get a gradient that its compiled code does not give.
    x = whole_numbers(sizes)
    if padded:
        x = x + np.random.default_rng(12).uniform(size=x.shape) / 2
    layer = Pooling(pool_size, strides, padding, mode, ignore_border, dtype="float64")
    shape = layer.compute_output_shape(x.shape)
    cotangent = np.random.default_rng(13).normal(size=shape)

    def pooled(x):
        ndim = len(sizes)
        order = (0, ndim + 1, *range(1, ndim + 1))
        op = pool.Pool(ignore_border, mode, ndim)
        back = (0, *range(2, ndim + 2), 1)
        return op(x.transpose(order), pool_size, strides, padding).transpose(back)

    output, [gradient] = in_keras(layer, x, cotangent=cotangent)
    # The one gradient that Theano lacks on the CPU.
    differentiable = not (padded and mode == "average_exc_pad")
    expected, slopes = in_theano(pooled, x, cotangent=cotangent, gradients=differentiable)
    np.testing.assert_allclose(output, expected, rtol=1e-14, atol=1e-15)
    for slope in slopes:
        np.testing.assert_allclose(gradient, slope, rtol=1e-13, atol=1e-14)


def test_every_tie_gets_the_whole_gradient(in_keras):
    x = np.array([[[1.0], [3.0], [3.0], [3.0], [0.0]]])
    layer = Pooling([3], [2], [0], "max", dtype="float64")
    _, [gradient] = in_keras(layer, x, cotangent=np.array([[[10.0], [1.0]]]))
    np.testing.assert_array_equal(gradient.ravel(), [0, 10, 11, 1, 0])


@pytest.mark.parametrize("dtype", ("float16", "bfloat16", "float32"))
@pytest.mark.parametrize(("pool_size", "strides"), ((2, 2), (3, 2), (3, 1)))
def test_unpadded_maxima_are_those_of_stock_keras(pool_size, strides, dtype):
    x = keras.ops.cast(np.random.default_rng(14).normal(size=(2, 9, 8, 3)), dtype)
    layer = Pooling([pool_size] * 2, [strides] * 2, [0, 0], "max", dtype=dtype)
    stock = keras.ops.max_pool(x, pool_size, strides, padding="valid")
    np.testing.assert_array_equal(layer(x), stock)


def test_padding_is_below_every_maximum(in_keras):
    x = np.array([[[-np.inf], [-7.0], [-5.0]]])
    layer = Pooling([2], [2], [1], "max", dtype="float64")
    np.testing.assert_array_equal(in_keras(layer, x)[0].ravel(), [-np.inf, -5])


@pytest.mark.parametrize("jit", (False, True), ids=["graph", "jit"])
@EACH_MODE
@pytest.mark.parametrize("ignore_border", (False, True), ids=["ceil", "whole"])
def test_sizes_may_be_open(ignore_border, mode, jit):
    padding = (1, 2) if ignore_border else (0, 0)
    layer = Pooling((3, 4), (2, 3), padding, mode, ignore_border, dtype="float64")
    inputs = keras.Input((None, None, 3), dtype="float64")
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, None, 3)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), "float64")], jit_compile=jit)
    def differentiate(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = model(x)
        return output, tape.gradient(output, x)

    for sizes in ((7, 9), (3, 4)):
        x = whole_numbers(sizes)
        output, gradient = differentiate(x)
        expected, slope = by_brute_force(x, (3, 4), (2, 3), padding, mode, ignore_border)
        np.testing.assert_allclose(output, expected, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(gradient, slope, rtol=1e-14, atol=1e-15)


def test_windows_larger_than_the_input_leave_nothing(in_keras):
    layer = Pooling([5], [1], [0], "max", dtype="float64")
    assert layer.compute_output_shape((2, 3, 4)) == (2, 0, 4)
    assert in_keras(layer, np.zeros((2, 3, 4)))[0].shape == (2, 0, 4)


def test_second_derivatives_follow_the_ties():
    layer = Pooling([2], [2], [0], "max", dtype="float64")
    x = tf.constant([[[2.0], [2.0], [1.0], [3.0]]], "float64")
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = layer(x) ** 3
        first = inner.gradient(y, x)
    np.testing.assert_array_equal(np.ravel(first), [12, 12, 0, 27])
    # d/dx of 3 max(x)**2, added up over the entries that receive it, handed to every tie.
    np.testing.assert_array_equal(np.ravel(outer.gradient(first, x)), [24, 24, 0, 18])


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        (((2,), (2, 2), (0,), "max"), "one entry per spatial axis each"),
        (((2, 0), (2, 2), (0, 0), "max"), "must be positive"),
        (((2,), (-1,), (0,), "max"), "must be positive"),
        (((2,), (2,), (-1,), "max"), "not negative"),
        (((2,), (2,), (1,), "max", False), "needs ignore_border=True"),
        (((2,), (2,), (0,), "mean"), "'max', .* got 'mean'"),
    ),
)
def test_arguments_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(LayerArgumentError, match=message):
        Pooling(*arguments)


def test_inputs_of_another_rank_are_refused():
    with pytest.raises(LayerArgumentError, match=r"2 spatial axes.*got .*\(2, 5, 3\)"):
        Pooling((2, 2), (2, 2), (0, 0), "max")(np.zeros((2, 5, 3)))

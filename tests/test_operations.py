"""Operations: what becomes of axes and weights in another layout, and of frozen weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lasport import operations
from lasport.layout import Layout, channels_last
from lasport.operations import (
    Activation,
    Autocrop,
    BatchNorm,
    Concat,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Input,
    Operation,
    Pad,
    Reshape,
    Scale,
    Shift,
    product,
)
from lasport.spec import Param
from lasport.weights import Rows, Weight

KINDS = tuple(
    kind
    for name in operations.__all__
    if isinstance(kind := getattr(operations, name), type)
    and issubclass(kind, Operation)
    and kind is not Operation
)
LAST = channels_last(4)
FLATTENED = Layout((0, 1), Rows((2, 3), (1, 0)))


def weight(value, *tags):
    return Weight(Param("weight", np.asarray(value), frozenset(tags or ("trainable",))))


def counted(*shape):
    return weight(np.arange(np.prod(shape)).reshape(shape))


@pytest.mark.parametrize("kind", KINDS)
def test_operations_are_frozen(kind):
    assert issubclass(kind, Operation)
    assert kind.__dataclass_params__.frozen
    assert all(item.kw_only for item in dataclasses.fields(kind) if item.init)
    assert kind.__doc__


@pytest.mark.parametrize(
    ("shape", "entries"), (((2, 3, 5), 30), ((), 1), ((2, None), None), ((0, 3), 0))
)
def test_product(shape, entries):
    assert product(shape) == entries


# --- axes in another order

AXES = (
    (Input(shape=(None, 2, 3, 5)), "shape", (None, 3, 5, 2)),
    (Concat(axis=1), "axis", 3),
    (Concat(axis=-1), "axis", 2),
    (Dropout(rate=0.5, rescale=True, shared_axes=(1, -1)), "shared_axes", (2, 3)),
    (
        Pad(widths=((0, 0), (1, 2), (3, 4), (5, 6)), value=0.0),
        "widths",
        ((0, 0), (3, 4), (5, 6), (1, 2)),
    ),
    (
        Autocrop(modes=(None, "lower", "center", "upper"), index=0),
        "modes",
        (None, "center", "upper", "lower"),
    ),
    (Shift(weight=counted(3), shared_axes=(0, 1, 3)), "shared_axes", (0, 2, 3)),
)


@pytest.mark.parametrize(("operation", "name", "physical"), AXES)
def test_axes_become_physical(operation, name, physical):
    assert getattr(operation.arranged(LAST), name) == physical


def test_what_has_no_axes_stays():
    operation = Activation(function="tanh")
    assert operation.arranged(LAST) is operation


@pytest.mark.parametrize("kind", (Shift, Scale))
def test_a_spread_weight_is_transposed_along(kind):
    moved = kind(weight=counted(2, 3), shared_axes=(0, 3)).arranged(LAST)  # per channel and row
    assert moved.shared_axes == (0, 2)
    np.testing.assert_array_equal(moved.weight.value, [[0, 3], [1, 4], [2, 5]])


def test_a_weight_per_feature_follows_a_flattened_image():
    moved = Shift(weight=counted(6), shared_axes=(0,)).arranged(FLATTENED)
    assert moved.weight.value.tolist() == [0, 3, 1, 4, 2, 5]
    assert moved.shared_axes == (0,)


def test_a_weight_per_example_does_not():
    moved = Shift(weight=counted(7), shared_axes=(1,)).arranged(FLATTENED)
    assert moved.weight.conversions == ()


def test_rows_of_a_kernel_follow_a_flattened_image():
    dense = Dense(kernel=counted(6, 2), bias=counted(2), units=2).arranged(FLATTENED)
    assert dense.kernel.value[:, 0].tolist() == [0, 6, 2, 8, 4, 10]
    assert dense.bias.conversions == ()


def batch_norm(**changes):
    given = {
        "axes": (0, 3),
        "epsilon": 1e-4,
        "alpha": 0.1,
        "gamma": counted(2, 3),
        "beta": counted(2, 3),
        "mean": counted(2, 3),
        "inv_std": counted(2, 3),
        **changes,
    }
    return BatchNorm(**given)


def test_all_weights_of_batch_norm_are_transposed_along():
    moved = batch_norm(beta=None).arranged(LAST)
    assert moved.axes == (0, 2)
    assert moved.weights().keys() == {"gamma", "mean", "inv_std"}
    for converted in moved.weights().values():
        np.testing.assert_array_equal(converted.value, [[0, 3], [1, 4], [2, 5]])


# --- weights that are not trained


def frozen(*shape):
    return weight(np.ones(shape), "regularizable")


def conv(kernel, bias):
    return Conv(
        kernel=kernel,
        bias=bias,
        filters=2,
        kernel_size=(1, 1),
        strides=(1, 1),
        padding=((0, 0),) * 2,
    )


SEPARATED = {
    "trained dense": (Dense(kernel=counted(3, 2), bias=counted(2), units=2), 2, [(Dense, False)]),
    "frozen dense": (Dense(kernel=frozen(3, 2), bias=frozen(2), units=2), 2, [(Dense, True)]),
    "dense with a frozen bias": (
        Dense(kernel=counted(3, 2), bias=frozen(2), units=2),
        2,
        [(Dense, False), (Shift, True)],
    ),
    "dense with a frozen kernel": (
        Dense(kernel=frozen(3, 2), bias=counted(2), units=2),
        3,
        [(Dense, True), (Shift, False)],
    ),
    "trained convolution": (conv(counted(1, 1, 3, 2), counted(2)), 4, [(Conv, False)]),
    "convolution with a frozen bias": (
        conv(counted(1, 1, 3, 2), frozen(2)),
        4,
        [(Conv, False), (Shift, True)],
    ),
    "trained batch norm": (batch_norm(), 4, [(BatchNorm, False)]),
    "batch norm without gamma and beta": (
        batch_norm(gamma=None, beta=None),
        4,
        [(BatchNorm, False)],
    ),
    # A frozen batch norm of Keras' would keep its averages where they are.
    "batch norm with a frozen gamma": (
        batch_norm(gamma=frozen(2, 3)),
        4,
        [(BatchNorm, False), (Scale, True), (Shift, False)],
    ),
    "batch norm with a frozen beta alone": (
        batch_norm(gamma=None, beta=frozen(2, 3)),
        4,
        [(BatchNorm, False), (Shift, True)],
    ),
}


@pytest.mark.parametrize(("operation", "rank", "parts"), SEPARATED.values(), ids=SEPARATED)
def test_each_part_is_trained_as_a_whole_or_not_at_all(operation, rank, parts):
    separated = operation.separated(rank)
    assert [(type(part), part.frozen) for part in separated] == parts
    before = [id(weight.param) for weight in operation.weights().values()]
    after = [id(weight.param) for part in separated for weight in part.weights().values()]
    assert sorted(after) == sorted(before)


BIAS_AXES = (
    (Dense(kernel=counted(3, 2), bias=frozen(2), units=2), 3, (0, 1)),
    (Dense(kernel=counted(3, 2), bias=frozen(2), units=2, axis=1), 4, (0, 2, 3)),
    (conv(counted(1, 1, 3, 2), frozen(2)), 4, (0, 2, 3)),
)


@pytest.mark.parametrize(("operation", "rank", "shared"), BIAS_AXES)
def test_a_separated_bias_has_an_entry_for_each_unit(operation, rank, shared):
    assert operation.separated(rank)[1].shared_axes == shared


# --- batch sizes

NEEDS = (
    (batch_norm(), False),
    (batch_norm(axes=(1, 2)), True),
    (Shift(weight=counted(2), shared_axes=(0, 2, 3)), False),
    (Scale(weight=counted(2), shared_axes=(1,)), True),
    (Flatten(ndim=1, shape=(4, 3)), True),
    (Flatten(ndim=2, shape=(4, 3, 5)), False),
    (Reshape(target=(-1, 3), keeps_batch=False), True),
    (Reshape(target=((0,), 3), keeps_batch=True), False),
    (Pad(widths=((1, 0), (0, 0)), value=0.0), True),
    (Pad(widths=((0, 0), (1, 0)), value=0.0), False),
    (Concat(axis=1), False),
)


@pytest.mark.parametrize(("operation", "needs"), NEEDS)
def test_what_is_tied_to_the_batch_size(operation, needs):
    assert operation.needs_batch_size is needs

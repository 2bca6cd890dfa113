"""Flatten, Reshape and Pad: shapes with open sizes, and every way to give a width."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.inert import Instance
from tests.golden_records import load_case
from tests.inert_nets import layer, named, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "flatten_default": ("Permute Flatten", "Permute Flatten"),
    "flatten_to_1": ("FullReshape", "FullReshape"),
    "flatten_to_3": ("Permute Reshape", "Permute Reshape"),
    "flatten_of_2d": ("", ""),
    "reshape_split": ("Reshape", "Reshape"),
    "reshape_minus_1": ("Permute Reshape", "Permute Reshape"),
    "reshape_batch_minus_1": ("Reshape", "Reshape"),
    "reshape_references": ("Reshape", "Reshape"),
    "reshape_ints": ("Reshape", "Reshape"),
    "reshape_into_batch": ("FullReshape", "FullReshape"),
    "reshape_more_axes": ("Reshape Permute", "Reshape Permute"),
    "pad_int": ("ZeroPadding2D", "ZeroPadding2D"),
    "pad_per_axis": ("ZeroPadding2D", "ZeroPadding2D"),
    "pad_asymmetric": ("ZeroPadding2D", "ZeroPadding2D"),
    "pad_mixed": ("ZeroPadding2D", "ZeroPadding2D"),
    "pad_value": ("ConstantPad", "ConstantPad"),
    "pad_batch_ndim_1": ("ConstantPad", "ConstantPad"),
    "pad_batch_ndim_1_asymmetric": ("ConstantPad", "ConstantPad"),
    "pad_first_axis_only": ("ZeroPadding2D", "ZeroPadding2D"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


# --- FlattenLayer


def flatten(shape, **state):
    return layer("shape.FlattenLayer", source(shape), {}, **state)


FLATTENED = (
    ((None, 3, 5), 2, (None, 15)),
    ((None, 3, 5), 3, (None, 3, 5)),
    ((None, 3, 5, 7), 3, (None, 3, 35)),
    ((None, 3, 5), 1, (None,)),
    ((2, 3, 5), 1, (30,)),
    ((None, 3, None), 2, (None, None)),
)


@pytest.mark.parametrize(("shape", "outdim", "output"), FLATTENED)
def test_output_shape_of_flatten(shape, outdim, output):
    assert read(flatten(shape, outdim=outdim)).output_shape == output


def test_without_outdim_the_batch_axis_stays():
    assert read(flatten((None, 3, 5, 7))).output_shape == (None, 105)  # introduced in June 2015


@pytest.mark.parametrize("outdim", (0, 4))
def test_outdim_must_fit(outdim):
    problem = f"outdim={outdim} does not fit an input of (None, 3, 5)"
    assert read(flatten((None, 3, 5), outdim=outdim)).problem == problem


# --- ReshapeLayer


def reshape(shape, target):
    return layer("shape.ReshapeLayer", source(shape), {}, shape=target)


RESHAPED = (
    ((None, 6), ([0], 2, 3), (None, 2, 3)),
    ((None, 2, 3), ([0], -1), (None, 6)),
    ((None, 2, 3), (-1, 6), (None, 6)),
    ((None, 2, 3), (-1, 3), (None, 3)),
    ((4, 2, 3), (-1, 3), (8, 3)),
    ((None, 2, 3), ([0], [2], [1]), (None, 3, 2)),
    ((None, None, 6), ([0], [1], 2, -1), (None, None, 2, 3)),
    ((None, None, 6), ([0], -1), (None, None)),
    ((None, None, 6), (-1, [2]), (None, 6)),
    ((None, 3, 3), ([0], [1], -1), (None, 3, 3)),
    ((4, 6), (8, 3), (8, 3)),
    ((None, 6), [[0], np.int64(2), 3], (None, 2, 3)),
)


@pytest.mark.parametrize(("shape", "target", "output"), RESHAPED)
def test_output_shape_of_reshape(shape, target, output):
    assert read(reshape(shape, target)).output_shape == output


RESHAPE_PROBLEMS = (
    ((None, 6), 12, "attribute 'shape': a tuple was expected, not 12"),
    ((None, 6), ([0, 1], 3), "attribute 'shape': [axis] was expected, not [0, 1]"),
    ((None, 6), ([-1], 3), "attribute 'shape': [axis] was expected, not [-1]"),
    (
        (None, 6),
        ([0], Instance(named("theano.tensor.var.TensorVariable"))),
        "attribute 'shape': an integer was expected, not <Instance of theano.tensor.var.Tensor",
    ),
    ((None, 6), ([2], 3), "names an axis that an input of (None, 6) does not have"),
    ((4, 6), (5, 5), "(4, 6) cannot be reshaped to (5, 5)"),
    ((4, 6), (5, -1), "(4, 6) cannot be reshaped to (5, -1)"),
    ((None, 6), ([0], 4, -1), "(None, 6) cannot be reshaped"),
    ((4, 6), (-1, -1), "(4, 6) cannot be reshaped to (-1, -1)"),
    ((None, 6), ([0], 0, -1), "leave an output of (None, 0, None)"),
)


@pytest.mark.parametrize(("shape", "target", "message"), RESHAPE_PROBLEMS)
def test_problems_of_reshape(shape, target, message):
    assert message in read(reshape(shape, target)).problem


# --- PadLayer


def pad(shape, width, **state):
    return layer("shape.PadLayer", source(shape), {}, width=width, **state)


PADDED = (
    ((None, 3, 5, 7), 2, 2, (None, 3, 9, 11)),
    ((None, 3, 5, 7), (1, 2), 2, (None, 3, 7, 11)),
    ((None, 3, 5, 7), ((1, 0), (0, 3)), 2, (None, 3, 6, 10)),
    ((None, 3, 5, 7), [[1, 0], 2], 2, (None, 3, 6, 11)),
    ((None, 3, 5, 7), [2], 2, (None, 3, 9, 7)),
    ((None, 3, 5, 7), 1, 1, (None, 5, 7, 9)),
    ((4, 3), 1, 0, (6, 5)),
    ((None, 3, None, 7), 2, 2, (None, 3, None, 11)),
)


@pytest.mark.parametrize(("shape", "width", "batch_ndim", "output"), PADDED)
def test_output_shape_of_pad(shape, width, batch_ndim, output):
    assert read(pad(shape, width, val=0, batch_ndim=batch_ndim)).output_shape == output


def test_without_them_images_are_padded_with_zeros():
    attributes = read(pad((None, 3, 5, 7), 2)).attributes
    assert (attributes.val, attributes.batch_ndim) == (0.0, 2)


PAD_PROBLEMS = (
    ("1", {}, "attribute 'width': an integer was expected, not '1'"),
    ((1, (2, 3, 4)), {}, "attribute 'width': (before, behind) was expected, not (2, 3, 4)"),
    ((1, 2, 3), {}, "width has 3 entries for 2 axes"),
    (-1, {}, "attribute 'width': an integer of at least 0 was expected, not -1"),
    (1, {"batch_ndim": 5}, "width has 0 entries for -1 axes"),
    (1, {"val": None}, "attribute 'val': a number was expected, not None"),
)


@pytest.mark.parametrize(("width", "state", "message"), PAD_PROBLEMS)
def test_problems_of_pad(width, state, message):
    assert message in read(pad((None, 3, 5, 7), width, **state)).problem

"""Concat, elementwise merge and sum: what is cropped, and how inputs are folded."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import elemwise, merge, named, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "concat": ("Concatenate", "Concatenate"),
    "concat_4d": ("Concatenate", "Concatenate"),
    "concat_axis_2": ("Concatenate", "Concatenate"),
    "concat_axis_minus_1": ("Concatenate", "Concatenate"),
    "concat_axis_0": ("Concatenate", "Concatenate"),
    "concat_cropped": ("Cropping2D Cropping2D Concatenate", "Cropping2D Cropping2D Concatenate"),
    "concat_cropped_upper": (
        "Cropping2D Cropping2D Concatenate",
        "Cropping2D Cropping2D Concatenate",
    ),
    "concat_never_crops_its_axis": ("Autocrop Concatenate", "Autocrop Concatenate"),
    "sum": ("Add", "Add"),
    "sum_coeff": ("Rescaling Rescaling Rescaling Add", "Rescaling Rescaling Rescaling Add"),
    "sum_coeffs": ("Rescaling Rescaling Add", "Rescaling Rescaling Add"),
    "sum_cropped": (
        "Rescaling Rescaling Cropping2D Cropping2D Add",
        "Rescaling Rescaling Cropping2D Cropping2D Add",
    ),
    "merge_mul": ("Multiply", "Multiply"),
    "merge_maximum": ("Maximum", "Maximum"),
    "merge_minimum": ("Minimum", "Minimum"),
    "merge_add": ("Add", "Add"),
    "merge_sub": ("Combine", "Combine"),
    "merge_mul_cropped": ("Autocrop Multiply", "Autocrop Multiply"),
    "ties_maximum": ("Maximum", "Maximum"),
    "ties_minimum": ("Minimum", "Minimum"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


ADD = elemwise("theano.scalar.basic.Add")


def concat(*shapes, axis=1, **state):
    return merge("merge.ConcatLayer", [source(shape) for shape in shapes], axis=axis, **state)


def elemwise_merge(*shapes, function=ADD, **state):
    sources = [source(shape) for shape in shapes]
    return merge("merge.ElemwiseMergeLayer", sources, merge_function=function, **state)


def elemwise_sum(*shapes, **state):
    return merge("merge.ElemwiseSumLayer", [source(shape) for shape in shapes], **state)


WIDE, NARROW = (None, 3, 8, 5), (None, 3, 6, 7)

CONCATS = (
    ([(None, 3), (None, 4), (None, 5)], 1, None, (None, 12)),
    ([(2, 3), (5, 3)], 0, None, (7, 3)),
    ([(None, 3, 4), (None, 3, 9)], -1, None, (None, 3, 13)),
    ([(None, 3, None), (None, 4, 9)], 1, None, (None, 7, 9)),
    ([(None, 3, 9), (None, None, 9)], 1, None, (None, None, 9)),
    ([WIDE, NARROW], 1, [None, None, "lower", "center"], (None, 6, 6, 5)),
    ([WIDE, (None, 3, None, 7)], 1, [None, None, "lower", "upper"], (None, 6, None, 5)),
)


@pytest.mark.parametrize(("shapes", "axis", "cropping", "output"), CONCATS)
def test_output_shape_of_concatenation(shapes, axis, cropping, output):
    assert read(concat(*shapes, axis=axis, cropping=cropping)).output_shape == output


def test_output_shape_of_elementwise_merges():
    assert read(elemwise_merge((None, 3), (None, 3))).output_shape == (None, 3)
    assert read(elemwise_sum((None, 3, None), (7, 3, 5))).output_shape == (7, 3, 5)
    cropped = elemwise_sum(WIDE, NARROW, cropping=[None, None, "upper", "upper"])
    assert read(cropped).output_shape == (None, 3, 6, 5)


# What is left of 0 ... 7 when only 5 are wanted: the center leaves one more behind than before.
KEPT = (("lower", [0, 1, 2, 3, 4]), ("center", [1, 2, 3, 4, 5]), ("upper", [3, 4, 5, 6, 7]))


@pytest.mark.parametrize(("mode", "kept"), KEPT)
def test_which_part_is_kept(mode, kept):
    net = build_network(elemwise_sum((None, 8), (None, 5), cropping=[None, mode]))
    y = run_reference(net, [np.arange(8.0)[None], np.zeros((1, 5))], training=False).layers[-1]
    np.testing.assert_array_equal(y, [kept])


FOLDS = (
    ("Add", 7.0),
    ("Sub", 1.0),
    ("Mul", 8.0),
    ("TrueDiv", 2.0),
    ("Maximum", 4.0),
    ("Minimum", 1.0),
    ("ScalarMaximum", 4.0),
    ("ScalarMinimum", 1.0),
)


@pytest.mark.parametrize(("scalar_op", "value"), FOLDS)
def test_functions_fold_from_the_left(scalar_op, value):
    function = elemwise(f"theano.scalar.basic.{scalar_op}")
    net = build_network(elemwise_merge(*[(None, 1)] * 3, function=function))
    fed = [np.array([[size]]) for size in (4.0, 2.0, 1.0)]
    assert run_reference(net, fed, training=False).layers[-1] == value


def test_coefficients_scale_before_the_sum():
    net = build_network(elemwise_sum((None, 1), (None, 1), coeffs=[0.5, -3]))
    fed = [np.array([[4.0]]), np.array([[2.0]])]
    assert run_reference(net, fed, training=False).layers[-1] == -4.0


def test_what_older_instances_leave_out():
    plain = read(elemwise_sum((None, 3), (None, 3)))  # before June 2015
    assert plain.attributes.merge_function == "add"
    assert plain.attributes.cropping == ()  # before August 2015
    later = read(elemwise_sum((None, 3), (None, 3), merge_function=ADD, cropping=None))
    assert plain.attributes == later.attributes


@pytest.mark.parametrize("kind", ("base.ConcatLayer", "merge.ConcatLayer"))
def test_nets_of_2014_had_all_layers_in_one_module(kind):
    sources = [source((None, 3)), source((None, 4))]
    for root in ("nntools", "lasagne"):
        found = read(merge(f"{root}.layers.{kind}", sources, axis=1))
        assert found.output_shape == (None, 7)


PROBLEMS = (
    (concat((None, 3), (None, 3, 4)), "have different numbers of axes"),
    (concat((None, 3, 4), (None, 3, 5)), "(None, 3, 4), (None, 3, 5) do not fit together"),
    (concat((None, 3), (None, 3), axis=2), "axis=2 does not fit inputs of 2 axes"),
    (concat((None, 3), (None, 3), axis=None), "attribute 'axis': an integer was expected"),
    (concat((None, 3), cropping="lower"), "attribute 'cropping': a list of cropping modes was"),
    (concat((None, 3), cropping=["left"]), "None, lower, center, upper were expected, not 'left'"),
    (elemwise_sum((None, 3), (None, 4)), "do not fit together"),
    (elemwise_sum((None, 3), coeffs=[1, 2]), "2 coefficients for 1 inputs"),
    (elemwise_sum((None, 3), coeffs=0.5), "attribute 'coeffs': a list of numbers was expected"),
    (elemwise_sum((None, 3), coeffs=["1"]), "attribute 'coeffs': a number was expected, not '1'"),
    (
        elemwise_merge((None, 3), function=elemwise("theano.scalar.basic.Pow")),
        "attribute 'merge_function': <Instance of theano.tensor.elemwise.Elemwise>",
    ),
    (elemwise_merge((None, 3), function=named("__main__.mix")), "is none of theano.tensor's add"),
    (merge("merge.ElemwiseMergeLayer", [source((None, 3))]), "'merge_function' is missing"),
)


@pytest.mark.parametrize(("net", "message"), PROBLEMS)
def test_problems(net, message):
    assert message in read(net).problem

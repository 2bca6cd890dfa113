"""DenseLayer: what is flattened, and in which order."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import InvalidNetworkError, UnsupportedLayersError
from lasport.readers.network import build_network
from lasport.translate import translate
from tests.golden_records import load_case
from tests.inert_nets import function, layer, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "dense_linear": ("Dense", "Dense"),
    "dense_identity": ("Dense", "Dense"),
    "dense_rectify": ("Dense", "Dense Nonlinearity"),
    "dense_leaky_rectify": ("Dense LeakyReLU", "Dense Nonlinearity"),
    "dense_very_leaky_rectify": ("Dense LeakyReLU", "Dense Nonlinearity"),
    "dense_leaky_rectify_0_2": ("Dense LeakyReLU", "Dense Nonlinearity"),
    "dense_leaky_rectify_0": ("Dense LeakyReLU", "Dense Nonlinearity"),
    "dense_elu": ("Dense", "Dense Nonlinearity"),
    "dense_selu": ("Dense", "Dense Nonlinearity"),
    "dense_selu_1_3_0_7": ("Dense Nonlinearity", "Dense Nonlinearity"),
    "dense_softplus": ("Dense", "Dense Nonlinearity"),
    "dense_softmax": ("Dense", "Dense"),
    "dense_sigmoid": ("Dense", "Dense"),
    "dense_tanh": ("Dense", "Dense"),
    "dense_scaled_tanh": ("Dense Nonlinearity", "Dense Nonlinearity"),
    "dense_scaled_tanh_alias": ("Dense Nonlinearity", "Dense Nonlinearity"),
    "dense_default": ("Dense", "Dense Nonlinearity"),
    "dense_nonlinearity_none": ("Dense", "Dense"),
    "dense_no_bias": ("Dense", "Dense"),
    "dense_on_images": ("Flatten Dense", "Flatten Dense Nonlinearity"),
    "dense_leading_2": ("Dense", "Dense"),
    "dense_leading_2_of_4": ("Permute Reshape Dense", "Permute Reshape Dense"),
    "dense_leading_minus_1": ("Permute Dense Permute", "Permute Dense Permute"),
    "dense_leading_minus_2": ("Permute Reshape Dense", "Permute Reshape Dense"),
    "dense_leading_minus_1_2d": ("Dense", "Dense"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


def dense(shape, inputs, **state):
    """Return a layer of 4 units on an input of a shape, with W of (inputs, 4)."""
    params = {"W": np.ones((inputs, 4)), "b": np.ones(4)}
    given = {"num_units": 4, "nonlinearity": function("tanh"), "num_leading_axes": 1, **state}
    return layer("dense.DenseLayer", source(shape), params, **given)


SHAPES = (
    ((None, 7), 1, 7, (None, 4)),
    ((9, 7), -1, 7, (9, 4)),
    ((None, 2, 3, 6), 1, 36, (None, 4)),
    ((None, 3, 7), 2, 7, (None, 3, 4)),
    ((None, 2, 3, 6), -1, 6, (None, 2, 3, 4)),
    ((None, 2, 3, 6), -2, 18, (None, 2, 4)),
    ((None, 5, None, 7), 3, 7, (None, 5, None, 4)),
)


@pytest.mark.parametrize(("shape", "leading", "inputs", "output"), SHAPES)
def test_output_shape(shape, leading, inputs, output):
    assert read(dense(shape, inputs, num_leading_axes=leading)).output_shape == output


def test_without_num_leading_axes_all_but_the_batch_is_flattened():
    net = dense((None, 2, 3, 6), 36)
    del net.state["num_leading_axes"]  # introduced in October 2016
    assert read(net).attributes.num_leading_axes == 1


def test_before_may_2015_parameters_are_found_by_name():
    net = layer("dense.DenseLayer", source((None, 7)), num_units=4, nonlinearity=None)
    trained = dense((None, 7), 7)
    net.state |= {"W": trained.state["W"], "b": trained.state["b"]}
    read_back = read(net)
    assert list(read_back.params) == ["W", "b"]
    assert read_back.params["W"].tags == {"trainable", "regularizable"}
    assert read_back.params["b"].tags == {"trainable"}


def test_before_may_2015_a_missing_bias_is_none():
    net = layer("dense.DenseLayer", source((None, 7)), num_units=4, nonlinearity=None, b=None)
    net.state["W"] = dense((None, 7), 7).state["W"]
    assert list(read(net).params) == ["W"]


def test_weights_must_fit_the_input():
    with pytest.raises(InvalidNetworkError, match=r"W has shape \(6, 4\).*ask for \(36, 4\)"):
        build_network(dense((None, 2, 3, 6), 6))


PROBLEMS = (
    ({"num_leading_axes": 2}, "num_leading_axes=2 does not fit an input of 2 axes"),
    ({"num_leading_axes": -3}, "num_leading_axes=-3 does not fit an input of 2 axes"),
    ({"num_units": 4.5}, "attribute 'num_units': an integer was expected, not 4.5"),
    ({"num_units": True}, "attribute 'num_units': an integer was expected, not True"),
    ({"nonlinearity": len}, "is not one of lasagne.nonlinearities"),
)


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(dense((None, 7), 7, **state)).problem


def test_mixing_the_examples_of_a_batch_is_refused():
    net = build_network(dense((5, 7), 35, num_leading_axes=0))
    with pytest.raises(UnsupportedLayersError, match="mixes the examples of a batch"):
        translate(net)

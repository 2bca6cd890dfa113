"""NINLayer: a dense layer over channels, on any number of axes."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import InvalidNetworkError
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import function, layer, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "nin_2d": ("Dense", "Dense Nonlinearity"),
    "nin_3d": ("Dense", "Dense"),
    "nin_4d": ("Dense", "Dense Nonlinearity"),
    "nin_5d": ("Dense", "Dense"),
    "nin_no_bias": ("Dense", "Dense Nonlinearity"),
    "nin_untied": ("Dense Shift Activation", "Dense Shift Nonlinearity"),
    "nin_untied_3d": ("Dense Shift Activation", "Dense Shift Nonlinearity"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


def nin(shape, channels, bias=(4,), **state):
    """Return a layer of 4 units on an input of a shape, with W of (channels, 4)."""
    params = {"W": np.ones((channels, 4)), "b": np.ones(bias)}
    given = {"num_units": 4, "untie_biases": False, "nonlinearity": function("tanh"), **state}
    return layer("dense.NINLayer", source(shape), params, **given)


SHAPES = (
    ((None, 7), (None, 4)),
    ((None, 7, 3), (None, 4, 3)),
    ((9, 7, None, 5), (9, 4, None, 5)),
    ((None, 7, 3, 2, 5), (None, 4, 3, 2, 5)),
)


@pytest.mark.parametrize(("shape", "output"), SHAPES)
def test_output_shape(shape, output):
    assert read(nin(shape, 7)).output_shape == output


def test_untied_biases_have_one_value_for_each_place():
    net = nin((None, 7, 3, 5), 7, bias=(4, 3, 5), untie_biases=True)
    assert read(net).problem is None
    with pytest.raises(InvalidNetworkError, match=r"b has shape \(4,\).*ask for \(4, 3, 5\)"):
        build_network(nin((None, 7, 3, 5), 7, untie_biases=True))


def test_weights_must_fit_the_channels():
    with pytest.raises(InvalidNetworkError, match=r"W has shape \(3, 4\).*ask for \(7, 4\)"):
        build_network(nin((None, 7, 3), 3))


def test_the_nets_of_2014_have_it_too():
    old = nin((None, 7, 3), 7)
    renamed = layer("nntools.layers.base.NINLayer", old.state["input_layer"], **old.state)
    del renamed.state["params"]
    assert read(renamed).attributes == read(old).attributes
    assert list(read(renamed).params) == ["W", "b"]

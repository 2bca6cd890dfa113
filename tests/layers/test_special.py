"""BiasLayer and ScaleLayer: which axes share a parameter."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import to_keras
from lasport.errors import InvalidNetworkError
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import layer, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "bias_auto_2d": ("Shift", "Shift"),
    "bias_auto_4d": ("Shift", "Shift"),
    "bias_shared_0": ("Shift", "Shift"),
    "bias_shared_0_1": ("Shift", "Shift"),
    "bias_shared_0_2": ("Shift", "Shift"),
    "bias_shared_all": ("Shift", "Shift"),
    "bias_none": ("", ""),
    "scale_auto_2d": ("Scale", "Scale"),
    "scale_auto_4d": ("Scale", "Scale"),
    "scale_shared_0_1": ("Scale", "Scale"),
    "scale_shared_0_3": ("Scale", "Scale"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


KINDS = {"special.BiasLayer": "b", "special.ScaleLayer": "scales"}
SHAPE = (2, 3, 5, 7)


def spread(kind, axes, value):
    return layer(kind, source(SHAPE), {KINDS[kind]: value}, shared_axes=axes)


AXES = (
    ((0, 2, 3), (3,)),
    ([0, 1], (5, 7)),
    ((0, 1, 2, 3), ()),
    # Lasagne counts no axis from the end, and takes one that is not there for none.
    ((0, -1), (3, 5, 7)),
    ((0, 2, 3, 4), (3,)),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("axes", "kept"), AXES)
def test_parameters_have_the_axes_that_are_not_shared(kind, axes, kept):
    found = read(spread(kind, axes, np.ones(kept)))
    assert found.problem is None
    assert found.output_shape == SHAPE
    with pytest.raises(InvalidNetworkError, match=f"parameter {KINDS[kind]} has shape"):
        build_network(spread(kind, axes, np.ones((*kept, 9))))


@pytest.mark.parametrize("kind", KINDS)
def test_negative_axes_share_nothing(kind):
    value = np.arange(105.0).reshape(3, 5, 7)
    net = build_network(spread(kind, (0, -1), value))
    x = np.full(SHAPE, 4.0)
    expected = x + value if "Bias" in kind else x * value
    np.testing.assert_array_equal(run_reference(net, [x], training=False).layers[-1], expected)
    np.testing.assert_array_equal(to_keras(net)(x), expected)


def test_an_axis_as_an_int_is_none_that_lasagne_stores():
    problem = read(spread("special.BiasLayer", 0, np.ones((3, 5, 7)))).problem
    assert problem == "attribute 'shared_axes': a tuple of integers was expected, not 0 (int)"


def test_a_scale_must_be_there():
    net = layer("special.ScaleLayer", source(SHAPE), {}, shared_axes=(0,))
    assert read(net).problem == "parameter scales is missing"

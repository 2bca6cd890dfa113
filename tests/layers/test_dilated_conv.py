"""DilatedConv2DLayer: where a dilated filter looks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.golden_records import load_case
from tests.inert_nets import function, image, layer, read

# Golden cases: Keras layers, the same in both profiles.
RECORDS = {
    "dilated2d_default": "Conv2D",
    "dilated2d_dilation_2": "Conv2D",
    "dilated2d_per_axis": "Conv2D",
    "dilated2d_even": "Conv2D",
    "dilated2d_untied": "Conv2D Shift Activation",
    "dilated2d_no_bias": "Conv2D",
    "dilated2d_groups_ignored": "Conv2D",
    "dilated2d_open_sizes": "Conv2D",
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == (RECORDS[name], RECORDS[name])


def dilated(*shape, **state):
    """Return a layer of 3 filters of 2 x 4 on 2 channels."""
    given = {
        "num_filters": 3,
        "filter_size": (2, 4),
        "dilation": (1, 1),
        "pad": (0, 0),
        "untie_biases": False,
        "flip_filters": False,
        "nonlinearity": function("rectify"),
        **state,
    }
    params = {"W": np.ones((2, 3, 2, 4)), "b": np.ones(3)}
    return layer("conv.DilatedConv2DLayer", image(*(shape or (None, 2, 9, 11))), params, **given)


SHAPES = (
    ({}, (8, 8)),
    ({"dilation": (5, 2)}, (4, 5)),
    ({"dilation": 3}, (6, 2)),
)


@pytest.mark.parametrize(("state", "space"), SHAPES)
def test_output_shape(state, space):
    assert read(dilated(**state)).output_shape == (None, 3, *space)


def test_open_sizes_stay_open():
    assert read(dilated(None, 2, None, 11, dilation=2)).output_shape == (None, 3, None, 5)


PROBLEMS = (
    ({"flip_filters": True}, "attribute 'flip_filters': Lasagne flips no dilated filters"),
    ({"dilation": 0}, "attribute 'dilation': an integer of at least 1 was expected, not 0"),
    ({"dilation": (1, 2, 3)}, "attribute 'dilation': 2 integers were expected"),
    ({"dilation": (1, 4)}, "leave an output of (None, 3, 8, -1)"),
)


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(dilated(**state)).problem


def test_the_dilation_must_be_there():
    net = dilated()
    del net.state["dilation"]
    assert read(net).problem == "attribute 'dilation' is missing"

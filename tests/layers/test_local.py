"""LocallyConnected2DLayer: filters of its own for every place."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import InvalidNetworkError
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import function, image, layer, read

# Golden cases: Keras layers, the same in both profiles.
RECORDS = {
    "local2d_default": "LocallyConnected2D Shift Activation",
    "local2d_unflipped": "LocallyConnected2D Shift Activation",
    "local2d_nonsquare": "LocallyConnected2D Shift Activation",
    "local2d_beyond_image": "LocallyConnected2D Shift Activation",
    "local2d_untied": "LocallyConnected2D Shift Activation",
    "local2d_no_bias": "LocallyConnected2D",
    "local2d_channelwise": "LocallyConnected2D Shift Activation",
    "local2d_channelwise_unflipped": "LocallyConnected2D Shift Activation",
    "local2d_channelwise_untied": "LocallyConnected2D Shift Activation",
    "local2d_open_batch": "LocallyConnected2D Shift Activation",
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == (RECORDS[name], RECORDS[name])


def local(*shape, weights=(3, 2, 1, 5, 7, 4), bias=(3,), **state):
    """Return a layer of filters of 1 x 5 on 2 channels of 7 x 4."""
    given = {
        "num_filters": 3,
        "filter_size": (1, 5),
        "stride": (1, 1),
        "pad": "same",
        "untie_biases": False,
        "flip_filters": True,
        "num_groups": 1,
        "channelwise": False,
        "nonlinearity": function("rectify"),
        **state,
    }
    params = {"W": np.ones(weights), "b": np.ones(bias)}
    kind = "local.LocallyConnected2DLayer"
    return layer(kind, image(*(shape or (None, 2, 7, 4))), params, **given)


def test_output_has_the_size_of_the_input():
    assert read(local()).output_shape == (None, 3, 7, 4)
    channelwise = local(weights=(2, 1, 5, 7, 4), bias=(2,), num_filters=2, channelwise=True)
    assert read(channelwise).output_shape == (None, 2, 7, 4)


SHAPES = (
    ({"weights": (3, 2, 1, 5, 4, 7)}, r"W has shape .* ask for \(3, 2, 1, 5, 7, 4\)"),
    (
        {"weights": (2, 2, 1, 5, 7, 4), "bias": (2,), "num_filters": 2, "channelwise": True},
        r"W has shape .* ask for \(2, 1, 5, 7, 4\)",
    ),
    ({"untie_biases": True}, r"b has shape \(3,\).* ask for \(3, 7, 4\)"),
)


@pytest.mark.parametrize(("state", "message"), SHAPES)
def test_parameters_must_fit(state, message):
    with pytest.raises(InvalidNetworkError, match=message):
        build_network(local(**state))


PROBLEMS = (
    ((None, 2, 7, 4), {"filter_size": (2, 5)}, "a filter of (2, 5) has no middle"),
    ((None, 2, None, 4), {}, "each place of (None, 2, None, 4) has its own filters"),
    (
        (None, 2, 7, 4),
        {"channelwise": True},
        "3 channelwise filters meet an input of (None, 2, 7, 4)",
    ),
    ((None, 2, 7), {}, "a filter of 2 axes meets an input of (None, 2, 7)"),
)


@pytest.mark.parametrize(("shape", "state", "message"), PROBLEMS)
def test_problems(shape, state, message):
    assert message in read(local(*shape, **state)).problem

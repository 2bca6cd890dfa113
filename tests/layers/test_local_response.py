"""LocalResponseNormalization2DLayer: how many channels, and what alpha is not divided by."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import image, layer, read, source

# Golden cases; Keras has no such layer.
RECORDS = (
    "lrn_default",
    "lrn_alpha",
    "lrn_k",
    "lrn_beta",
    "lrn_n_1",
    "lrn_n_3",
    "lrn_n_beyond",
    "lrn_open_sizes",
    "lrn_single_default",
    "lrn_single_halves",
)


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == ("LocalResponseNormalization",) * 2


KIND = "normalization.LocalResponseNormalization2DLayer"
STATE = {"alpha": 1e-4, "k": 2, "beta": 0.75, "n": 5}


def test_alpha_is_not_divided_by_n():
    net = build_network(layer(KIND, image(1, 3, 1, 1), {}, **{**STATE, "alpha": 1.0, "n": 3}))
    x = np.array([1.0, 1.0, 2.0]).reshape(1, 3, 1, 1)
    found = run_reference(net, [x], training=False).layers[-1]
    np.testing.assert_allclose(found.ravel(), x.ravel() / np.array([4.0, 8.0, 7.0]) ** 0.75)


PROBLEMS = (
    ({"n": 4}, "attribute 'n': an odd number of channels was expected, not 4"),
    ({"n": -1}, "attribute 'n': an integer of at least 1 was expected, not -1"),
    ({"k": "2"}, "attribute 'k': a number was expected"),
)


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(layer(KIND, image(), {}, **{**STATE, **state})).problem


def test_only_images_have_channels_and_two_axes_of_space():
    found = read(layer(KIND, source((None, 2, 7)), {}, **STATE))
    assert "(batch, channels, rows, columns) was expected, not (None, 2, 7)" in found.problem

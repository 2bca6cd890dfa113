"""ParametricRectifierLayer: a slope below 0 that is learned, and who shares it."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import to_keras
from lasport.errors import InvalidNetworkError
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import layer, read, source

STOCK = ("PReLU", "ParametricRectifier")
# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "prelu_auto_2d": STOCK,
    "prelu_auto_3d": STOCK,
    "prelu_auto_4d": STOCK,
    "prelu_all": STOCK,
    "prelu_shared_0": STOCK,
    "prelu_shared_0_1": STOCK,
    "prelu_shared_0_3": STOCK,
    # Keras' layer takes the batch for shared.
    "prelu_shared_1_2": ("ParametricRectifier", "ParametricRectifier"),
    "prelu_of_dense": ("Dense PReLU", "Dense ParametricRectifier"),
    "prelu_of_conv": ("Conv2D PReLU", "Conv2D ParametricRectifier"),
    "prelu_of_flattened": (
        "MaxPooling2D Flatten PReLU Dense",
        "Pooling Flatten ParametricRectifier Dense",
    ),
    "ties_prelu": STOCK,
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


KIND = "special.ParametricRectifierLayer"
SHAPE = (2, 3, 5, 7)
AXES = (
    ((0, 2, 3), (3,)),
    ([0, 1], (5, 7)),
    ((0, 1, 2, 3), ()),
    # Lasagne counts no axis from the end, and takes one that is not there for none.
    ((0, -1), (3, 5, 7)),
    ((0, 2, 3, 4), (3,)),
)


@pytest.mark.parametrize(("axes", "kept"), AXES)
def test_slopes_have_the_axes_that_are_not_shared(axes, kept):
    found = read(layer(KIND, source(SHAPE), {"alpha": np.ones(kept)}, shared_axes=axes))
    assert (found.problem, found.output_shape) == (None, SHAPE)
    with pytest.raises(InvalidNetworkError, match="parameter alpha has shape"):
        build_network(layer(KIND, source(SHAPE), {"alpha": np.ones((*kept, 9))}, shared_axes=axes))


@pytest.mark.parametrize("profile", ("stock", "exact"))
def test_negative_axes_share_nothing(profile):
    slopes = np.linspace(-1, 2, 105).reshape(3, 5, 7)
    net = build_network(layer(KIND, source(SHAPE), {"alpha": slopes}, shared_axes=(0, -1)))
    x = np.full(SHAPE, -4.0)
    expected = x * slopes
    np.testing.assert_allclose(run_reference(net, [x], training=False).layers[-1], expected)
    np.testing.assert_allclose(to_keras(net, profile=profile)(x), expected)


def test_slopes_must_be_there():
    net = layer(KIND, source(SHAPE), {}, shared_axes=(0,))
    assert read(net).problem == "parameter alpha is missing"

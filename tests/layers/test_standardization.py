"""StandardizationLayer, and the functions that stack it with others."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import to_keras
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import layer, read, source

KIND = "normalization.StandardizationLayer"
ALONE = ("LayerNormalization", "LayerNormalization")
# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "standardization_auto_2d": ALONE,
    "standardization_auto_4d": ALONE,
    "standardization_auto_5d": ALONE,
    "standardization_spatial": ALONE,
    "standardization_features": ALONE,
    "standardization_features_open": ALONE,
    "standardization_axis_1": ALONE,
    "standardization_axes_0_3": ALONE,
    "standardization_axis_minus_2": ALONE,
    "standardization_all": ALONE,
    "standardization_epsilon": ALONE,
    "instance_norm_conv": (
        "Conv2D LayerNormalization Scale Shift Activation",
        "Conv2D LayerNormalization Scale Shift Nonlinearity",
    ),
    "instance_norm_bare": ("Conv2D LayerNormalization Activation",) * 2,
    "instance_norm_scale": ("Conv2D LayerNormalization Scale",) * 2,
    "layer_norm_dense": (
        "Dense LayerNormalization Scale Shift Activation",
        "Dense LayerNormalization Scale Shift Nonlinearity",
    ),
    "layer_norm_conv": (
        "Conv2D LayerNormalization Scale Shift Activation",
        "Conv2D LayerNormalization Scale Shift Nonlinearity",
    ),
    "standardize_2d": ("Shift Scale Dense", "Shift Scale Dense Nonlinearity"),
    "standardize_4d": ("Shift Scale Flatten Dense", "Shift Scale Flatten Dense Nonlinearity"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


@pytest.mark.parametrize("profile", ("stock", "exact"))
def test_nothing_is_left_of_what_is_standardized_by_itself(profile):
    # What instance_norm() makes of a dense layer; Theano gives zeros, too.
    net = build_network(layer(KIND, source((None, 5)), {}, axes=(), epsilon=1e-4))
    x = np.random.default_rng(1).normal(size=(3, 5))
    assert not np.any(run_reference(net, [x], training=False).layers[-1])
    assert not np.any(to_keras(net, profile=profile, dtype="float64")(x))


def test_fixed_numbers_are_not_trained():
    net = load_case("standardize_2d").network
    trained = [(param.name, param.trainable) for _, param in net.owned_params()]
    assert trained == [("b", False), ("scales", False), ("W", True), ("b", True)]


SHAPE = (None, 3, 5)
AXES = (
    ((2,), (2,)),
    ([2, 1], (1, 2)),
    (np.int64(1), (1,)),
    ((-1,), (2,)),
    ((), ()),
    (None, (0, 1, 2)),
)


@pytest.mark.parametrize(("stored", "counted"), AXES)
def test_axes(stored, counted):
    found = read(layer(KIND, source(SHAPE), {}, axes=stored, epsilon=1e-4))
    assert (found.problem, found.output_shape) == (None, SHAPE)
    assert found.attributes.counted(3) == counted


PROBLEMS = (
    ((3,), "axes=(3,) do not fit an input of 3 axes"),
    ((-4,), "axes=(-4,) do not fit an input of 3 axes"),
    # Theano averages twice then.
    ((1, 1), "axes=(1, 1) name one of 3 axes twice"),
    ((1, -2), "axes=(1, -2) name one of 3 axes twice"),
    ("auto", "attribute 'axes': an integer was expected, not 'auto' (str)"),
)


@pytest.mark.parametrize(("axes", "message"), PROBLEMS)
def test_problems(axes, message):
    assert read(layer(KIND, source(SHAPE), {}, axes=axes, epsilon=1e-4)).problem == message

"""Every function of lasagne.nonlinearities: its values, and all the names it had."""

from __future__ import annotations

from math import exp, expm1, inf, log, tanh

import numpy as np
import pytest

from lasport.errors import UnsupportedLayersError
from lasport.inert import Instance
from lasport.layers.nonlinearities import FORMULAS, Nonlinearity, compute
from lasport.layers.nonlinearities import read as read_function
from lasport.readers.network import build_network
from lasport.translate import translate
from tests.golden_records import load_case
from tests.inert_nets import elemwise, function, layer, named, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "nonlinearity_linear": ("", ""),
    "nonlinearity_identity": ("", ""),
    "nonlinearity_rectify": ("Activation", "Nonlinearity"),
    "nonlinearity_leaky_rectify": ("LeakyReLU", "Nonlinearity"),
    "nonlinearity_very_leaky_rectify": ("LeakyReLU", "Nonlinearity"),
    "nonlinearity_leaky_rectify_0_2": ("LeakyReLU", "Nonlinearity"),
    "nonlinearity_leaky_rectify_0": ("LeakyReLU", "Nonlinearity"),
    "nonlinearity_elu": ("Activation", "Nonlinearity"),
    "nonlinearity_selu": ("Activation", "Nonlinearity"),
    "nonlinearity_selu_1_3_0_7": ("Nonlinearity", "Nonlinearity"),
    "nonlinearity_softplus": ("Activation", "Nonlinearity"),
    "nonlinearity_softmax": ("Activation", "Activation"),
    "nonlinearity_sigmoid": ("Activation", "Activation"),
    "nonlinearity_tanh": ("Activation", "Activation"),
    "nonlinearity_scaled_tanh": ("Nonlinearity", "Nonlinearity"),
    "nonlinearity_scaled_tanh_alias": ("Nonlinearity", "Nonlinearity"),
    "nonlinearity_default_4d": ("Activation", "Nonlinearity"),
    "nonlinearity_none": ("", ""),
    "nonlinearity_selu_4d": ("Activation", "Nonlinearity"),
    "nonlinearity_theano_elu": ("Activation", "Nonlinearity"),
    "nonlinearity_theano_hard_sigmoid": ("Nonlinearity", "Nonlinearity"),
    "nonlinearity_theano_logsoftmax": ("Activation", "Activation"),
    "nonlinearity_theano_relu": ("Activation", "Nonlinearity"),
    "nonlinearity_theano_selu": ("Activation", "Nonlinearity"),
    "nonlinearity_theano_sigmoid": ("Activation", "Activation"),
    "nonlinearity_theano_softmax": ("Activation", "Activation"),
    "nonlinearity_theano_softplus": ("Activation", "Nonlinearity"),
    "nonlinearity_theano_softsign": ("Activation", "Activation"),
    "nonlinearity_theano_tanh": ("Activation", "Activation"),
    "nonlinearity_theano_ultra_fast_sigmoid": ("Nonlinearity", "Nonlinearity"),
    "dense_theano_exp": ("Dense", "Dense"),
    "dense_theano_tanh": ("Dense", "Dense"),
    "ties_rectify": ("Activation", "Nonlinearity"),
    "ties_leaky_rectify": ("LeakyReLU", "Nonlinearity"),
    "ties_elu": ("Activation", "Nonlinearity"),
    "ties_selu": ("Activation", "Nonlinearity"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


# --- values

VALUES = (
    ("linear", {}, -3.0, -3.0),
    ("rectify", {}, -3.0, 0.0),
    ("rectify", {}, 2.0, 2.0),
    ("leaky_rectify", {"leakiness": 0.01}, -3.0, -0.03),
    ("leaky_rectify", {"leakiness": 1 / 3}, -3.0, -1.0),
    ("leaky_rectify", {"leakiness": 0.2}, 2.0, 2.0),
    ("elu", {}, -1.0, exp(-1) - 1),
    ("elu", {}, -1e-12, expm1(-1e-12)),  # exp(x) - 1 would lose four digits
    ("elu", {}, 1000.0, 1000.0),
    ("selu", {"scale": 1.5, "scale_neg": 0.5}, 2.0, 3.0),
    ("selu", {"scale": 1.5, "scale_neg": 0.5}, -1.0, 0.75 * (exp(-1) - 1)),
    ("hard_sigmoid", {}, 1.0, 0.7),
    ("hard_sigmoid", {}, -2.5, 0.0),
    ("hard_sigmoid", {}, 1000.0, 1.0),
    ("ultra_fast_sigmoid", {}, 0.0, 0.5),
    ("ultra_fast_sigmoid", {}, 2.0, 0.875),
    ("ultra_fast_sigmoid", {}, -4.0, 0.5 * (0.064590929396901 - 0.0458812946797165 * 0.3)),
    ("ultra_fast_sigmoid", {}, 1000.0, 0.997527376843365),
    ("softsign", {}, -3.0, -0.75),
    ("exp", {}, 1000.0, inf),
    ("log", {}, 0.0, -inf),
    ("inv", {}, -4.0, -0.25),
    ("sgn", {}, -3.0, -1.0),
    ("softplus", {}, 0.0, log(2)),
    ("softplus", {}, 1000.0, 1000.0),
    ("softplus", {}, -1000.0, 0.0),
    ("sigmoid", {}, 0.0, 0.5),
    ("sigmoid", {}, 1000.0, 1.0),
    ("sigmoid", {}, -1000.0, 0.0),
    ("tanh", {}, 0.5, tanh(0.5)),
    ("scaled_tanh", {"scale_in": 0.5, "scale_out": 2.0}, 3.0, 2 * tanh(1.5)),
)


@pytest.mark.parametrize(("name", "constants", "x", "y"), VALUES)
def test_values(name, constants, x, y):
    found = compute(Nonlinearity(name, constants), np.array([x]))
    np.testing.assert_allclose(found, [y], rtol=1e-14, atol=0)


def test_softmax_of_large_numbers():
    found = compute(Nonlinearity("softmax"), np.array([[1000.0, 1000 + log(3)], [-inf, 5.0]]))
    np.testing.assert_allclose(found, [[0.25, 0.75], [0.0, 1.0]], rtol=1e-12)


CONSTANTS = {
    "leaky_rectify": {"leakiness": 0.3},
    "scaled_tanh": {"scale_in": 0.3, "scale_out": 1.7},
    "selu": {"scale": 1.3, "scale_neg": 0.7},
}


@pytest.mark.parametrize("dtype", ("float32", "float64"))
@pytest.mark.parametrize("name", FORMULAS)
def test_dtypes_are_kept(name, dtype):
    x = np.linspace(-2, 2, 6, dtype=dtype).reshape(2, 3)
    assert compute(Nonlinearity(name, CONSTANTS.get(name, {})), x).dtype == dtype


# --- what files call them

NAMES = (
    (None, "linear"),
    (function("linear"), "linear"),
    (function("identity"), "linear"),
    (function("rectify"), "rectify"),
    (named("nntools.nonlinearities.rectify"), "rectify"),  # until December 2014
    (named("nntools.nonlinearities.linear"), "linear"),
    (function("sigmoid"), "sigmoid"),
    (function("softplus"), "softplus"),
    # Until April 2015 Lasagne's were Theano's own.
    (elemwise("theano.tensor.nnet.sigm.ScalarSigmoid"), "sigmoid"),
    (elemwise("theano.scalar.basic.Tanh"), "tanh"),
    (named("theano.tensor.nnet.nnet.softmax"), "softmax"),
    (Instance(named("theano.tensor.nnet.nnet.Softmax"), state={}), "softmax"),
    # What users took from Theano.
    (named("theano.tensor.nnet.nnet.relu"), "rectify"),
    (named("theano.tensor.nnet.nnet.elu"), "elu"),
    (named("theano.tensor.nnet.nnet.logsoftmax"), "log_softmax"),
    (Instance(named("theano.tensor.nnet.nnet.LogSoftmax"), state={}), "log_softmax"),
    (named("theano.tensor.nnet.sigm.hard_sigmoid"), "hard_sigmoid"),
    (elemwise("theano.tensor.nnet.sigm.UltraFastScalarSigmoid"), "ultra_fast_sigmoid"),
    (elemwise("theano.scalar.basic.Exp"), "exp"),
    (elemwise("theano.scalar.basic.Identity"), "linear"),
    (elemwise("theano.tensor.nnet.sigm.ScalarSoftplus"), "softplus"),
)


@pytest.mark.parametrize(("stored", "name"), NAMES)
def test_names(stored, name):
    assert read_function(stored) == Nonlinearity(name)


CLASSES = (
    (function("LeakyRectify", leakiness=0.2), "leaky_rectify", {"leakiness": 0.2}),
    (
        function("ScaledTanH", scale_in=0.5, scale_out=2.4),
        "scaled_tanh",
        {"scale_in": 0.5, "scale_out": 2.4},
    ),
    (function("SELU", scale=2, scale_neg=3), "selu", {"scale": 2.0, "scale_neg": 3.0}),
    (
        function("LeakyRectify", leakiness=np.float32(0.25), __doc__="..."),
        "leaky_rectify",
        {"leakiness": 0.25},
    ),
)


@pytest.mark.parametrize(("stored", "name", "constants"), CLASSES)
def test_constants(stored, name, constants):
    assert read_function(stored) == Nonlinearity(name, constants)


FOREIGN = (
    (named("__main__.swish"), "__main__.swish"),
    (named("theano.tensor.basic.mean"), "theano.tensor.basic.mean"),
    (elemwise("theano.scalar.basic.Tan"), "theano.scalar.basic.Tan"),
    # A reduction by a scalar operation.
    (
        Instance(
            named("theano.tensor.elemwise.CAReduce"),
            state={"scalar_op": Instance(named("theano.scalar.basic.Exp"), state={})},
        ),
        "theano.tensor.elemwise.CAReduce",
    ),
    (Instance(named("__main__.LeakyRectify"), state={"leakiness": 0.2}), "__main__.LeakyRectify"),
    ("rectify", "'rectify' (str)"),
)


@pytest.mark.parametrize(("stored", "name"), FOREIGN)
def test_other_functions_are_refused_by_name(stored, name):
    problem = read(layer("special.NonlinearityLayer", source((None, 7)), {}, nonlinearity=stored))
    assert problem.problem.startswith(
        f"attribute 'nonlinearity': the function {name} is not one of lasagne.nonlinearities"
    )


def test_words():
    assert str(Nonlinearity("selu", {"scale": 2.0, "scale_neg": 3.0})) == (
        "selu(scale=2, scale_neg=3)"
    )
    assert str(Nonlinearity("tanh")) == "tanh"


# --- the layer


def test_lasagne_0_1_had_the_layer_elsewhere():
    for kind in ("special.NonlinearityLayer", "dense.NonlinearityLayer"):
        found = read(layer(kind, source((None, 3, 5)), {}, nonlinearity=function("elu")))
        assert found.attributes.nonlinearity == Nonlinearity("elu")
        assert found.output_shape == (None, 3, 5)


def test_softmax_is_for_matrices_as_in_theano():
    net = layer(
        "special.NonlinearityLayer", source((None, 3, 5)), {}, nonlinearity=function("softmax")
    )
    with pytest.raises(UnsupportedLayersError, match="softmax is defined for matrices only"):
        translate(build_network(net))

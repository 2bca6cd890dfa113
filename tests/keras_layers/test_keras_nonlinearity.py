"""Nonlinearity against closed forms, and against Theano's values and gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lasport.keras_layers import LayerArgumentError, Nonlinearity

SELU = {"scale": 1.0507009873554804934193349852946, "scale_neg": 1.6732632423543772848170429916717}
POINTS = np.array([-40.0, -29.0, -7.5, -1.0, -1e-9, -0.0, 0.0, 1e-9, 1.0, 7.5, 29.0, 700.0])

# Function, constants, value at -1, value at 2, derivative at 0.
CASES = [
    ("rectify", {}, 0.0, 2.0, 0.5),
    ("leaky_rectify", {"leakiness": 0.25}, -0.25, 2.0, 0.625),
    ("elu", {}, math.expm1(-1), 2.0, 1.0),
    ("selu", {"scale": 2.0, "scale_neg": 3.0}, 6 * math.expm1(-1), 4.0, 6.0),
    ("softplus", {}, math.log(1 + math.exp(-1)), math.log(1 + math.exp(2)), 0.5),
    ("tanh", {}, math.tanh(-1), math.tanh(2), 1.0),
    (
        "scaled_tanh",
        {"scale_in": 0.5, "scale_out": 3.0},
        3 * math.tanh(-0.5),
        3 * math.tanh(1),
        1.5,
    ),
    ("sigmoid", {}, 1 / (1 + math.e), 1 / (1 + math.exp(-2)), 0.25),
    ("linear", {}, -1.0, 2.0, 1.0),
    ("softsign", {}, -0.5, 2 / 3, 1.0),
    ("hard_sigmoid", {}, 0.3, 0.9, 0.2),
    ("ultra_fast_sigmoid", {}, 0.25, 0.875, 0.375),
]


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize(("function", "constants", "at_minus_1", "at_2", "slope"), CASES)
def test_has_the_values_and_the_slope_at_0_of_the_closed_form(
    function, constants, at_minus_1, at_2, slope, jit, in_keras
):
    layer = Nonlinearity(function, constants, dtype="float64")
    output, [gradient] = in_keras(layer, np.array([-1.0, 0.0, 2.0]), jit=jit)
    np.testing.assert_allclose(output[[0, 2]], [at_minus_1, at_2], rtol=1e-15)
    assert gradient[1] == slope


THEANO = {
    "rectify": ({}, lambda T, x: T.nnet.relu(x)),
    "leaky_rectify": ({"leakiness": 0.01}, lambda T, x: T.nnet.relu(x, 0.01)),
    "elu": ({}, lambda T, x: T.nnet.elu(x)),
    "selu": (SELU, lambda T, x: T.nnet.selu(x)),
    "softplus": ({}, lambda T, x: T.nnet.softplus(x)),
    "tanh": ({}, lambda T, x: T.tanh(x)),
    "scaled_tanh": (
        {"scale_in": 2 / 3, "scale_out": 1.7159},
        lambda T, x: T.tanh(x * (2 / 3)) * 1.7159,
    ),
    "sigmoid": ({}, lambda T, x: T.nnet.sigmoid(x)),
    "softsign": ({}, lambda T, x: T.nnet.softsign(x)),
    "hard_sigmoid": ({}, lambda T, x: T.nnet.hard_sigmoid(x)),
    "abs": ({}, lambda T, x: abs(x)),
    "cos": ({}, lambda T, x: T.cos(x)),
    "neg": ({}, lambda T, x: T.neg(x)),
    "sgn": ({}, lambda T, x: T.sgn(x)),
    "sin": ({}, lambda T, x: T.sin(x)),
    "sqr": ({}, lambda T, x: T.sqr(x)),
}


@pytest.mark.parametrize("function", THEANO)
def test_agrees_with_theano_in_value_and_gradient(function, in_keras, in_theano, theano):
    constants, expression = THEANO[function]
    cotangent = np.linspace(0.5, 2.0, POINTS.size)
    output, [gradient] = in_keras(
        Nonlinearity(function, constants, dtype="float64"), POINTS, cotangent=cotangent
    )
    expected, [slope] = in_theano(
        lambda x: expression(theano.tensor, x), POINTS, cotangent=cotangent
    )
    # Absolute: Theano's interpreted softplus and sigmoid are 0 below -30, where 1e-13 is right.
    np.testing.assert_allclose(output, expected, rtol=1e-15, atol=1e-13)
    np.testing.assert_allclose(gradient, slope, rtol=3e-15, atol=1e-13)


LASAGNE = {
    "rectify": ("rectify", {}),
    "leaky_rectify": ("leaky_rectify", {"leakiness": 0.01}),
    "very_leaky_rectify": ("leaky_rectify", {"leakiness": 1 / 3}),
    "elu": ("elu", {}),
    "selu": ("selu", SELU),
    "softplus": ("softplus", {}),
    "tanh": ("tanh", {}),
    "sigmoid": ("sigmoid", {}),
    "linear": ("linear", {}),
}


@pytest.mark.parametrize("name", LASAGNE)
def test_agrees_with_the_lasagne_function_of_that_name(name, in_keras, in_theano):
    import lasagne

    if not hasattr(lasagne.nonlinearities, name):
        pytest.skip(f"{name} came with Lasagne 0.2")
    function, constants = LASAGNE[name]
    output, [gradient] = in_keras(Nonlinearity(function, constants, dtype="float64"), POINTS)
    expected, [slope] = in_theano(getattr(lasagne.nonlinearities, name), POINTS)
    np.testing.assert_allclose(output, expected, rtol=1e-15, atol=1e-13)
    np.testing.assert_allclose(gradient, slope, rtol=3e-15, atol=1e-13)


def test_softmax_normalizes_rows_as_theano_does(in_keras, in_theano, theano):
    rng = np.random.default_rng(1)
    x, cotangent = rng.normal(size=(2, 5, 3)) * 9
    output, [gradient] = in_keras(Nonlinearity("softmax", dtype="float64"), x, cotangent=cotangent)
    expected, [slope] = in_theano(theano.tensor.nnet.softmax, x, cotangent=cotangent)
    np.testing.assert_allclose(output, expected, rtol=1e-14)
    np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(output, np.exp(x) / np.exp(x).sum(1, keepdims=True), rtol=1e-14)


@pytest.mark.parametrize("function", ("elu", "selu"))
def test_gradients_stay_finite_where_the_exponential_overflows(function, in_keras):
    constants = SELU if function == "selu" else {}
    layer = Nonlinearity(function, constants, dtype="float64")
    _, [gradient] = in_keras(layer, np.array([800.0]))
    assert gradient == SELU["scale"] if function == "selu" else gradient == 1


def test_elu_keeps_the_digits_of_tiny_inputs_in_float32(in_keras):
    output, _ = in_keras(Nonlinearity("elu"), np.array([-1e-8], "float32"))
    np.testing.assert_allclose(output, [-1e-8], rtol=1e-6)


def test_unknown_functions_are_refused_with_the_known_ones():
    with pytest.raises(LayerArgumentError, match=r"'elu', .*'tanh', .*; got 'swish'"):
        Nonlinearity("swish")


@pytest.mark.parametrize(
    ("function", "constants"),
    (
        ("rectify", {"leakiness": 0.1}),
        ("leaky_rectify", None),
        ("scaled_tanh", {"scale_in": 1.0}),
    ),
)
def test_constants_that_are_not_the_functions_are_refused(function, constants):
    with pytest.raises(ValueError, match=f"{function} has the constants"):
        Nonlinearity(function, constants)


@pytest.mark.parametrize("shape", ((5,), (2, 5, 3)))
def test_softmax_is_for_matrices(shape):
    with pytest.raises(LayerArgumentError, match="softmax takes a matrix"):
        Nonlinearity("softmax")(np.zeros(shape))

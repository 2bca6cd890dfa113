"""Expressions in files: what is understood, what is refused, and how long anything may take."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import Instance, function, layer, named, shared, source

W = np.arange(28.0).reshape(7, 4)


def applied(op, *inputs):
    """Return the variable that an operation on variables gives."""
    owner = Instance(named("theano.gof.graph.Apply"), state={"op": op, "inputs": list(inputs)})
    return Instance(named("theano.tensor.var.TensorVariable"), state={"owner": owner})


def op(path, **state):
    return Instance(named(f"theano.{path}"), state=state)


def elemwise(name, *inputs):
    scalar = Instance(named(f"theano.scalar.basic.{name}"), state={})
    return applied(op("tensor.elemwise.Elemwise", scalar_op=scalar), *inputs)


def shuffled(order, value):
    return applied(op("tensor.elemwise.DimShuffle", new_order=order), value)


def constant(value):
    return Instance(named("theano.tensor.var.TensorConstant"), state={"data": np.asarray(value)})


def read(weights, units=4):
    """Return the dense layer that has an expression for W."""
    return build_network(
        layer(
            "dense.DenseLayer",
            source((None, 7)),
            {},
            W=weights,
            b=None,
            num_units=units,
            nonlinearity=function("linear"),
            params={weights: {"trainable"}},
        )
    ).layers[-1]


def test_numbers_meet_arrays_of_any_shape():
    scaled = elemwise("Mul", shuffled(["x", "x"], constant(np.int8(2))), shared(W))
    param = read(scaled).params["W"]
    np.testing.assert_array_equal(param.value, 2 * W)
    assert not param.value.flags.writeable


def test_axes_of_size_1_come_and_go():
    weights = shared(W[:, None])
    param = read(shuffled([0, 2], weights)).params["W"]
    np.testing.assert_array_equal(param.value, W)


def doubled(depth):
    """Return an expression that would be written out in 2**depth variables."""
    value = shared(W)
    for _ in range(depth):
        value = elemwise("Add", value, value)
    return value


def circular():
    value = elemwise("Neg", shared(W))
    value.get("owner").get("inputs")[0] = value
    return value


REFUSED = {
    "a function that is unknown": (elemwise("Erf", shared(W)), "its operation Erf is not ported"),
    "an operation that is unknown": (
        applied(op("tensor.basic.Dot"), shared(W), shared(W)),
        "its operation Dot is not ported",
    ),
    "an array of constants": (
        elemwise("Mul", shared(W), constant(W)),
        r"a constant of shape \(7, 4\) that is not a number",
    ),
    "arrays that spread": (
        elemwise("Add", shared(W[:, :1]), shared(W[:1])),
        "its operation Add spreads arrays over each other",
    ),
    "no variable": (elemwise("Neg", constant(3.0)), "it holds no shared variable"),
    "a power": (elemwise("Pow", shared(W), constant(3)), "Pow is not ported but for squares"),
    "a single column": (
        applied(op("tensor.subtensor.Subtensor", idx_list=[0]), shared(W)),
        "takes single entries",
    ),
    "shapes that do not fit": (elemwise("Add", shared(W), shared(W.T)), "could not be broadcast"),
    "an order of axes that does not fit": (shuffled([0, 0], shared(W)), "does not fit"),
    "nothing applied": (applied(None, shared(W)), "without an operation"),
    "an expression of itself": (circular(), "more than 64 operations"),
    "an expression that doubles": (doubled(60), "more than 64 operations"),
    "a variable without a value": (
        elemwise("Neg", Instance(named("theano.tensor.var.TensorVariable"), state={})),
        "must be a shared variable on the CPU",
    ),
}


@pytest.mark.parametrize(("weights", "reason"), REFUSED.values(), ids=REFUSED)
def test_an_expression_that_is_not_understood_is_a_problem_of_the_layer(weights, reason):
    assert match(reason, read(weights).problem)


def match(pattern, text):
    return text is not None and re.search(pattern, text) and text.startswith("parameter W is an")


def test_a_summary_says_what_shared_parameters_are():
    tied, siamese = (load_case(name).network for name in ("tied_dense", "net_shared_weights"))
    assert " W = encoder.W.T (5, 24), b (24,) " in tied.summary()
    assert " W = first.W (7, 4), b = first.b (4,) " in siamese.summary()

"""Live layers are read without Theano: whatever has a layer's attributes is one.

The objects below have the classes and attributes of Lasagne's and Theano's; that real ones are
read like their pickles is tested in test_live_parity.py.
"""

from __future__ import annotations

import functools
import math
from collections import OrderedDict
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
import pytest

import lasport
from lasport import from_lasagne
from lasport.errors import InvalidNetworkError, UnsupportedLayersError, UsageError
from lasport.layers.expression import Reduction
from lasport.layers.nonlinearities import Nonlinearity
from lasport.spec import Network


def live(path: str, **attributes: object) -> Any:
    """Return an object of a class that pickle would call `path`."""
    module, _, name = path.rpartition(".")
    instance = type(name, (), {"__module__": module})()
    vars(instance).update(attributes)
    return instance


def named(path: str) -> FunctionType:
    """Return a function that pickle would call `path`."""

    def function() -> None:
        raise AssertionError("nothing is called")

    function.__module__, _, function.__qualname__ = path.rpartition(".")
    return function


class Graph:
    """What hangs on Theano's variables: as large as all that was ever computed with them."""

    @property
    def __dict__(self) -> dict[str, object]:  # type: ignore[override]
        raise AssertionError("the graph is not looked at")


def variable(cls: str, dtype: str = "float32", **attributes: object) -> Any:
    kind = live("theano.tensor.type.TensorType", dtype=dtype, broadcastable=(False, False))
    attributes = {"owner": Graph(), "tag": Graph(), **attributes}
    return live(f"theano.tensor.{cls}", type=kind, **attributes)


def shared(array: object) -> Any:
    container = live("theano.gof.link.Container", storage=[array], provided=Graph())
    return variable("sharedvar.TensorSharedVariable", container=container)


def source(size: int = 7, dtype: str = "float32", **attributes: object) -> Any:
    inputs = variable("var.TensorVariable", dtype)
    shape = (None, size)
    return live("lasagne.layers.input.InputLayer", shape=shape, input_var=inputs, **attributes)


def dense(incoming: Any, weights: Any, **attributes: object) -> Any:
    """Return a DenseLayer without bias."""
    attributes = {"name": None, "nonlinearity": None, **attributes}
    tags = {"trainable", "regularizable"}
    return live(
        "lasagne.layers.dense.DenseLayer",
        input_layer=incoming,
        params=OrderedDict([(weights, tags)]),
        W=weights,
        b=None,
        num_units=attributes.pop("num_units", 4),
        num_leading_axes=1,
        **attributes,
    )


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(shape, dtype=np.float32)


def nonlinearity(function: object) -> object:
    layer = live(
        "lasagne.layers.special.NonlinearityLayer",
        input_layer=source(),
        nonlinearity=function,
        params={},
    )
    return from_lasagne(layer).layers[-1]


def test_a_layer_keeps_class_attributes_and_parameters() -> None:
    values = numbers(7, 4)
    output = dense(source(name="x"), shared(values), name="y", nonlinearity=math.tanh)
    output.nonlinearity = named("lasagne.nonlinearities.tanh")
    net = from_lasagne(output)
    assert [(layer.name, layer.kind) for layer in net.layers] == [
        ("x", "lasagne.layers.input.InputLayer"),
        ("y", "lasagne.layers.dense.DenseLayer"),
    ]
    assert net["y"].incoming == ("x",)
    assert net["y"].output_shape == (None, 4)
    assert net["y"].attributes.nonlinearity == Nonlinearity("tanh")
    assert net["y"].params["W"].tags == {"trainable", "regularizable"}
    np.testing.assert_array_equal(net["y"].params["W"].value, values, strict=True)


def test_the_network_does_not_follow_later_training() -> None:
    values = numbers(7, 4)
    net = from_lasagne(dense(source(), shared(values)))
    before = values.copy()
    values *= 2
    np.testing.assert_array_equal(net.param_values()[0], before)


def test_layers_that_share_a_variable_share_a_parameter() -> None:
    weights = shared(numbers(4, 4))
    net = from_lasagne(dense(dense(source(4), weights), weights))
    first, second = (layer.params["W"].value for layer in net.layers[1:])
    assert first is second
    assert len(net.param_values()) == 1


def test_the_dtype_of_an_input_is_that_of_its_variable() -> None:
    assert from_lasagne(source(dtype="int64")).layers[0].attributes.input_var == "int64"


def test_depth_does_not_matter() -> None:
    layer = source(4)
    for _ in range(3000):
        layer = dense(layer, shared(numbers(4, 4)))
    assert len(from_lasagne(layer).layers) == 3001


def test_references_in_circles_are_followed_once() -> None:
    output = dense(source(), shared(numbers(7, 4)))
    output.itself, output.list, output.dict = output, [output], {"layer": output}
    output.list.append(output.list)
    assert len(from_lasagne(output).layers) == 2


def test_a_class_that_nobody_knows_is_read_and_refused_by_name() -> None:
    net = from_lasagne(live("my.layers.OddLayer", input_layer=source(), name="odd", params={}))
    assert net["odd"].kind == "my.layers.OddLayer"
    with pytest.raises(UnsupportedLayersError, match=r"odd \(my\.layers\.OddLayer\)"):
        lasport.to_keras(net)


def applied(op: Any, *inputs: Any) -> Any:
    """Return the variable that an operation on variables gives."""
    owner = live("theano.gof.graph.Apply", op=op, inputs=list(inputs), outputs=Graph(), tag=Graph())
    return variable("var.TensorVariable", owner=owner)


def test_the_graph_of_an_expression_is_followed() -> None:
    weights, number = shared(numbers(7, 4)), live("theano.scalar.basic.Scalar", dtype="int64")
    step = live("theano.scalar.basic.ScalarConstant", data=-1, owner=None, tag=Graph())
    transpose = live("theano.tensor.elemwise.DimShuffle", new_order=[1, 0], code=Graph())
    flip = live("theano.tensor.subtensor.Subtensor", idx_list=[slice(None, None, number)])
    turned = applied(flip, applied(transpose, weights), step)
    net = from_lasagne(dense(dense(source(), weights), turned, num_units=7))
    param = net.layers[-1].params["W"]
    assert param.formula is not None
    assert param.formula.spell(["W"]) == "W.T[::-1]"
    np.testing.assert_array_equal(param.value, numbers(7, 4).T[::-1])
    assert param.sources[0] is net.layers[1].params["W"].value


BAD_PARAMETERS = {
    "a variable without a value": variable("var.TensorVariable", owner=None),
    "an array on a GPU": shared(live("pygpu.gpuarray.GpuArray", shape=(7, 4))),
    "a shared variable of something else": shared("text"),
}


@pytest.mark.parametrize("weights", BAD_PARAMETERS.values(), ids=BAD_PARAMETERS)
def test_a_parameter_without_an_array_is_refused(weights: object) -> None:
    problem = from_lasagne(dense(source(), weights)).layers[-1].problem
    assert problem is not None
    assert "must be a shared variable on the CPU, not an expression" in problem


class Functions:
    def method(self) -> None:
        """Serve as a bound method."""


NONLINEARITIES = {
    "a function": (named("lasagne.nonlinearities.elu"), Nonlinearity("elu")),
    "an instance": (
        live("lasagne.nonlinearities.ScaledTanH", scale_in=0.5, scale_out=2.4),
        Nonlinearity("scaled_tanh", {"scale_in": 0.5, "scale_out": 2.4}),
    ),
    "an elementwise function": (
        live(
            "theano.tensor.elemwise.Elemwise",
            scalar_op=live("theano.scalar.basic.Tanh", name="tanh"),
            nfunc=np.tanh,
        ),
        Nonlinearity("tanh"),
    ),
}


@pytest.mark.parametrize(("function", "expected"), NONLINEARITIES.values(), ids=NONLINEARITIES)
def test_nonlinearities_are_recognized(function: object, expected: Nonlinearity) -> None:
    assert nonlinearity(function).attributes.nonlinearity == expected


STRANGE_FUNCTIONS = {
    "a function of the user's": (named("__main__.mish"), r"__main__\.mish"),
    "a lambda": (lambda x: x, r"test_live.*<lambda>"),
    "a built-in": (math.tanh, r"math\.tanh"),
    "a method": (Functions().method, r"Functions\.method"),
    "a partial": (functools.partial(math.pow, 2), r"functools\.partial"),
    "a class": (BuiltinFunctionType, r"builtins\.builtin_function_or_method"),
}


@pytest.mark.parametrize(("function", "name"), STRANGE_FUNCTIONS.values(), ids=STRANGE_FUNCTIONS)
def test_other_functions_are_refused_by_name(function: object, name: str) -> None:
    with pytest.raises(AssertionError, match=name):
        raise AssertionError(nonlinearity(function).problem)


def test_a_partial_is_read_with_what_it_fixes() -> None:
    mean = named("theano.tensor.basic.mean")
    layer = live(
        "lasagne.layers.special.ExpressionLayer",
        input_layer=source(3, 5),
        function=functools.partial(mean, axis=-1),
        _output_shape="auto",
        name=None,
        params={},
    )
    found = from_lasagne(layer).layers[-1]
    assert found.problem is None
    assert found.attributes.function == Reduction("mean", (-1,))  # type: ignore[attr-defined]


def two_branches() -> dict[str, Any]:
    """Return the layers of a net whose outputs, named in another order, are walked otherwise."""
    left, right = source(7, name="left"), source(5, name="right")
    late = dense(right, shared(numbers(5, 4)), name="late")
    early = dense(left, shared(numbers(7, 4)), name="early")
    both = live(
        "lasagne.layers.merge.ConcatLayer",
        input_layers=[early, late],
        axis=1,
        name="both",
        params={},
    )
    return {layer.name: layer for layer in (left, right, early, late, both)}


def described(net: Network, layers: dict[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    """Return the order of the layers, and the outputs, which must be the live ones."""
    assert net.origin == tuple(layers[name] for name in net.outputs)
    return [layer.name for layer in net.layers], net.outputs


WHOLE = ["left", "early", "right", "late", "both"]
ROOTS = {
    "a layer": (lambda n: n["both"], None, WHOLE, ("both",)),
    "a list of outputs": (
        lambda n: [n["late"], n["early"]],
        None,
        ["right", "late", "left", "early"],
        ("late", "early"),
    ),
    "a tuple": (lambda n: (n["early"],), None, ["left", "early"], ("early",)),
    "all layers of a net": (lambda n: list(n.values()), None, WHOLE, ("both",)),
    "a dict of all layers": (lambda n: n, None, WHOLE, ("both",)),
    "outputs by name": (
        lambda n: n,
        ["late", "early"],
        ["right", "late", "left", "early"],
        ("late", "early"),
    ),
}


@pytest.mark.parametrize(("choose", "outputs", "order", "expected"), ROOTS.values(), ids=ROOTS)
def test_outputs_and_order_are_lasagnes(
    choose: Any, outputs: list[str] | None, order: list[str], expected: tuple[str, ...]
) -> None:
    layers = two_branches()
    net = from_lasagne(choose(layers), outputs=outputs)
    assert described(net, layers) == (order, expected)


def test_an_unknown_output_is_refused() -> None:
    with pytest.raises(UsageError, match="no layer is called 'prob'; there are: left, early,"):
        from_lasagne(two_branches(), outputs=["prob"])


NO_LAYERS = {
    "a number": (3, "builtins.int"),
    "text": ("net.pkl", "builtins.str"),
    "nothing": (None, "builtins.NoneType"),
    "an array": (numbers(3), "numpy.ndarray"),
    "an empty list": ([], "an empty list"),
    "an empty dict": ({}, "an empty dict"),
    "a layer and a number": ([source(), 3], "not builtins.int"),
    "an object around a net": (
        live("nolearn.lasagne.base.NeuralNet", layers_={"output": source()}),
        "nolearn.lasagne.base.NeuralNet",
    ),
}


@pytest.mark.parametrize(("root", "found"), NO_LAYERS.values(), ids=NO_LAYERS)
def test_what_is_no_layer_is_refused(root: object, found: str) -> None:
    with pytest.raises(UsageError, match=f"a layer, or a list, .*{found}"):
        from_lasagne(root)


def test_a_layer_built_on_a_shape_is_refused() -> None:
    with pytest.raises(InvalidNetworkError, match="is built on a shape"):
        from_lasagne(dense(None, shared(numbers(7, 4))))

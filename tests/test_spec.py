"""What a network is: unique names, inputs first, each parameter once."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import UsageError
from lasport.spec import Layer, Network, Param, format_shape
from tests.golden_records import load_case


def layer(name, *incoming, params=(), shape=(None, 3)):
    return Layer(
        name=name,
        kind=f"lasagne.layers.test.{name.title()}Layer",
        incoming=incoming,
        attributes=None,
        params={param.name: param for param in params},
        input_shapes=(),
        output_shape=shape,
    )


def param(name, value, *tags):
    return Param(name, np.asarray(value), frozenset(tags))


def test_layers_are_found_by_name():
    net = Network((layer("a"), layer("b", "a")), outputs=("b",))
    assert net["b"].incoming == ("a",)
    with pytest.raises(KeyError, match="c"):
        net["c"]


BROKEN = (
    ((layer("a"), layer("a")), ("a",), "two layers are called 'a'"),
    ((layer("b", "a"), layer("a")), ("b",), "layer 'b' is listed before its input 'a'"),
    ((layer("a"),), ("a", "b"), "no layer is called 'b'; there are: a"),
)


@pytest.mark.parametrize(("layers", "outputs", "message"), BROKEN)
def test_contradictions_are_refused(layers, outputs, message):
    with pytest.raises(UsageError, match=message):
        Network(layers, outputs)


def test_inputs_are_the_layers_that_nothing_feeds():
    net = Network((layer("b"), layer("a"), layer("c", "a", "b")), outputs=("c",))
    assert net.inputs == ("b", "a")


def test_a_shared_parameter_belongs_to_the_first_layer_that_has_it():
    shared, own = np.ones((3, 5)), np.ones(5)
    net = Network(
        (
            layer("a"),
            layer("b", "a", params=[Param("W", shared, frozenset()), param("b", own)]),
            layer("c", "b", params=[Param("kernel", shared, frozenset()), param("b", own + 1)]),
        ),
        outputs=("c",),
    )
    assert [(owner.name, param.name) for owner, param in net.owned_params()] == [
        ("b", "W"),
        ("b", "b"),
        ("c", "b"),
    ]
    assert [value.tolist() for value in net.param_values()[1:]] == [[1.0] * 5, [2.0] * 5]


def test_equal_parameters_are_not_one():
    params = [param("W", np.ones(3)), param("b", np.ones(3))]
    assert len(Network((layer("a", params=params),), ("a",)).param_values()) == 2


DTYPES = (
    ((), "float32"),
    (("float32", "float64"), "float64"),
    (("float16",), "float16"),
    (("int64", "float32"), "float32"),
    (("int64",), "float32"),
)


@pytest.mark.parametrize(("dtypes", "widest"), DTYPES)
def test_dtype_is_the_widest_float(dtypes, widest):
    params = [param(f"p{n}", np.ones(2, dtype)) for n, dtype in enumerate(dtypes)]
    assert Network((layer("a", params=params),), ("a",)).dtype == widest


def test_a_parameter_is_trainable_by_its_tag():
    assert param("W", 1.0, "regularizable", "trainable").trainable
    assert not param("mean", 1.0, "batch_norm_stat").trainable


@pytest.mark.parametrize(
    ("shape", "text"),
    (((None, 3), "(None, 3)"), ((7,), "(7,)"), ((), "()")),
)
def test_shapes_are_written_as_in_python(shape, text):
    assert format_shape(shape) == text


def test_summary():
    lines = load_case("net_vgg_block").network.summary().splitlines()
    cells = [line.split() for line in lines]
    assert cells[0] == ["layer", "class", "output", "shape", "parameters", "fed", "by"]
    assert cells[2] == [
        *("conv1_1", "Conv2DLayer", "(None,", "6,", "8,", "4)"),
        *("W", "(6,", "2,", "3,", "3)", "input"),
    ]
    # 6 and 7 filters of 3x3 on 2 and 6 channels, four vectors each, and 4 * 2 * 7 pixels to 9.
    total = 6 * 2 * 9 + 4 * 6 + 7 * 6 * 9 + 4 * 7 + 4 * 2 * 7 * 9 + 9
    assert lines[-1] == (
        f"9 layers, 12 parameter arrays with {total} values, float64; outputs: prob"
    )
    assert all(line == line.rstrip() for line in lines)


def test_summary_of_what_cannot_be_known():
    net = Network((layer("a"), layer("b", "a", shape=None)), outputs=("b",))
    assert "b      BLayer  unknown" in net.summary()

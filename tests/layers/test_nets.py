"""Whole nets: golden ones, and the same net as several Lasagnes stored it."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from lasport.translate import translate
from tests.golden_records import load_case
from tests.inert_nets import elemwise, function, layer, named, source

RECORDS = (
    "net_lenet",
    "net_vgg_block",
    "net_residual_block",
    "net_inception",
    "net_autoencoder",
    "net_batchnorm_after_rectify",
    "net_two_inputs_two_outputs",
    "net_unnamed_layers",
    "net_duplicate_names",
    "net_odd_names",
    "net_fixed_batch",
    "net_digits",
    "net_dropout_before_batchnorm",
    "net_noisy",
    "net_noisy_sequences",
    "net_fully_convolutional",
    "net_lenet_float32",
    "net_digits_float32",
    "net_shared_weights",
)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


# --- one net, as it would have been pickled at different times


def values(seed=5):
    rng = np.random.default_rng(seed)
    shapes = {"conv": (3, 2, 4, 3), "conv_b": (3,), "dense": (36, 5), "dense_b": (5,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def net_of_2018():
    v = values()
    conv = {
        "num_filters": 3,
        "filter_size": (4, 3),
        "stride": (1, 1),
        "pad": "same",
        "untie_biases": False,
        "flip_filters": True,
        "num_groups": 1,
        "n": 2,
        "convolution": named("theano.tensor.nnet.conv2d"),
        "nonlinearity": function("tanh"),
    }
    pool = {
        "pool_size": (2, 2),
        "stride": (2, 2),
        "pad": (0, 0),
        "ignore_border": False,
        "mode": "max",
    }
    net = source((None, 2, 7, 5))
    net = layer("conv.Conv2DLayer", net, {"W": v["conv"], "b": v["conv_b"]}, **conv)
    net = layer("pool.MaxPool2DLayer", net, {}, **pool)
    net = layer("noise.DropoutLayer", net, {}, p=0.5, rescale=True, shared_axes=())
    return layer(
        "dense.DenseLayer",
        net,
        {"W": v["dense"], "b": v["dense_b"]},
        num_units=5,
        num_leading_axes=1,
        nonlinearity=function("softmax"),
    )


def net_of_lasagne_0_1():
    net = net_of_2018()
    for state in states(net):
        for name in ("flip_filters", "num_groups", "n", "shared_axes", "num_leading_axes"):
            state.pop(name, None)
    return net


def net_of_2014():
    net = net_of_lasagne_0_1()
    old = {
        "nonlinearity": {"tanh": elemwise("theano.scalar.basic.Tanh")},
        "pad": {"same": ("border_mode", "same")},
    }
    for state in states(net):
        for name in ("params", "name", "mode", "convolution"):
            state.pop(name, None)
        if "stride" in state:
            state.pop("stride")
        if "filter_size" in state:
            state["strides"] = (1, 1)
            state["border_mode"] = state.pop("pad")
            state["nonlinearity"] = old["nonlinearity"]["tanh"]
        if "pool_size" in state:
            state["ds"] = state.pop("pool_size")
            state.pop("pad")
        if "num_units" in state:
            state["nonlinearity"] = named("theano.tensor.nnet.nnet.softmax")
    return moved(net)


def states(net):
    """Yield the attributes of every layer, from the output to the input."""
    while net is not None:
        yield net.state
        net = net.get("input_layer")


def moved(net):
    """Put all layers where they lived in 2014: nntools.layers.base."""
    found = net
    while found is not None:
        found.cls = named(f"nntools.layers.base.{found.cls.name}")
        found = found.get("input_layer")
    return net


AGES = {"0.1": net_of_lasagne_0_1, "2014": net_of_2014}


@pytest.mark.parametrize("old", AGES.values(), ids=AGES)
def test_a_net_reads_the_same_whenever_it_was_pickled(old):
    new, old = build_network(net_of_2018()), build_network(old())
    assert [layer.problem for layer in old.layers] == [None] * 5
    assert [layer.output_shape for layer in old.layers] == [
        (None, 2, 7, 5),
        (None, 3, 7, 5),
        (None, 3, 4, 3),
        (None, 3, 4, 3),
        (None, 5),
    ]
    for found, expected in zip(old.param_values(), new.param_values(), strict=True):
        np.testing.assert_array_equal(found, expected)
    x = np.random.default_rng(6).normal(size=(3, 2, 7, 5))
    before, after = (run_reference(net, [x], training=False).layers[-1] for net in (old, new))
    np.testing.assert_array_equal(before, after)
    operations = [[type(step.operation) for step in translate(net).steps] for net in (old, new)]
    assert operations[0] == operations[1]

"""From networks to plans: everything unsupported in one error, batch sizes left open."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from lasport.errors import LasportError, UnsupportedLayersError
from lasport.operations import Dense, Input
from lasport.passes import lower
from lasport.readers.network import build_network
from lasport.translate import refusals, translate
from tests.golden_records import REFUSED, families, load_case
from tests.inert_nets import function, image, layer, merge, named, source

TRANSLATED = tuple(name for name in families() if name not in REFUSED)


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_plan_is_complete_and_in_order(name):
    net = load_case(name).network
    plan = translate(net)
    known = set()
    for step in plan.steps:
        assert {value.id for value in step.inputs} <= known
        known.add(step.output.id)
    assert len(known) == len(plan.steps) == len({step.name for step in plan.steps})
    assert list(plan.layers) == [layer.name for layer in net.layers]
    assert [plan.layers[name] for name in net.inputs] == list(plan.inputs)
    assert [plan.layers[name] for name in net.outputs] == list(plan.outputs)
    for layer_of_net in net.layers:
        assert plan.layers[layer_of_net.name].shape == layer_of_net.output_shape


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_parameter_is_a_weight_as_often_as_layers_have_it(name):
    net = load_case(name).network
    plan = lower(translate(net))
    used = Counter(
        id(variable)
        for each in plan.with_nets()
        for step in each.steps
        for weight in step.operation.weights().values()
        for part, _ in weight.split(weight.value)
        for variable in part.param.variables
    )
    had = Counter(
        id(variable)
        for layer in net.layers
        for param in layer.params.values()
        for variable in param.variables
    )
    trained = {id(param.value) for _, param in net.owned_params() if param.trainable}
    assert trained <= set(used)
    assert used <= had


# --- what cannot be translated


def hopeless():
    """Build a net in which five layers cannot be translated, each for a reason of its own."""
    net = image(None, 2, 7, 5)
    net = layer("special.InverseLayer", net, {}, name="inverse")
    net = layer("noise.DropoutLayer", net, {}, name="fine", p=0.5, rescale=True)
    net = layer("__main__.Swish", net, {}, name="swish")
    net = layer("special.NonlinearityLayer", net, {}, name="f", nonlinearity=named("__main__.f"))
    other = image(None, 2, 7, 5)
    softmax = {"name": "softmax", "nonlinearity": function("softmax")}
    other = layer("special.NonlinearityLayer", other, {}, **softmax)
    return merge("merge.ConcatLayer", [net, other], name="joined", axis=1, cropping=["left"])


def test_all_refusals_come_in_one_error():
    with pytest.raises(UnsupportedLayersError) as caught:
        translate(build_network(hopeless()))
    error = caught.value
    assert isinstance(error, LasportError)
    assert error.exit_code == 3
    assert [(refusal.layer, refusal.kind) for refusal in error.refusals] == [
        ("inverse", "lasagne.layers.special.InverseLayer"),
        ("swish", "__main__.Swish"),
        ("f", "lasagne.layers.special.NonlinearityLayer"),
        ("softmax", "lasagne.layers.special.NonlinearityLayer"),
        ("joined", "lasagne.layers.merge.ConcatLayer"),
    ]
    first, *lines = str(error).splitlines()
    assert first == "5 layers cannot be translated:"
    expected = ("should feed it", "lasport.register", "__main__.f", "matrices", "'left'")
    for refusal, line, words in zip(error.refusals, lines, expected, strict=True):
        assert line.strip().startswith(f"{refusal.layer} ({refusal.kind}): ")
        assert words in line


def test_a_single_refusal_is_singular():
    with pytest.raises(UnsupportedLayersError, match="1 layer cannot be translated"):
        translate(build_network(layer("__main__.Swish", source((None, 3)), {})))


def test_classes_can_be_refused_before_anything_is_translated():
    # That softmax takes matrices only is found in translation.
    found = [refusal.layer for refusal in refusals(build_network(hopeless()))]
    assert found == ["inverse", "swish", "f", "joined"]


def test_a_net_without_problems_has_no_refusals():
    assert refusals(load_case("net_digits").network) == []


# --- batch sizes

BATCHES = (
    ("input_fixed_batch", None),
    ("conv2d_fixed_batch", None),
    ("dropout_fixed_batch", None),
    ("reshape_ints", None),
    ("net_fixed_batch", None),
    # One statistic per example; examples mixed.
    ("batchnorm_axes_1_2", 5),
)


@pytest.mark.parametrize(("name", "batch"), BATCHES)
def test_batch_sizes_are_open_unless_a_layer_depends_on_them(name, batch):
    plan = translate(load_case(name).network)
    assert plan.steps[0].operation.shape[0] == batch


TIED = {
    "a bias per example": ("special.BiasLayer", {"b": np.ones((4, 6))}, {"shared_axes": ()}),
    "a pad of the batch": ("shape.PadLayer", {}, {"width": 1, "val": 0, "batch_ndim": 0}),
    "a reshape into the batch": ("shape.ReshapeLayer", {}, {"shape": (8, 3)}),
    "a flattened batch": ("shape.FlattenLayer", {}, {"outdim": 1}),
}


@pytest.mark.parametrize(("kind", "params", "state"), TIED.values(), ids=TIED)
def test_layers_that_depend_on_the_batch_size(kind, params, state):
    plan = translate(build_network(layer(kind, source((4, 6)), params, **state)))
    assert plan.steps[0].operation.shape == (4, 6)


def test_open_sizes_need_no_release():
    plan = translate(build_network(layer("shape.FlattenLayer", source((None, 3, 5)), {})))
    assert plan.steps[0].operation.shape == (None, 3, 5)
    assert plan.steps[1].output.shape == (None, 15)


# --- the steps of layers that make several


def test_a_dense_layer_on_images_flattens_under_its_own_name():
    plan = translate(load_case("dense_on_images").network)
    names = [(step.name, step.layer, type(step.operation).__name__) for step in plan.steps]
    assert names == [
        ("input", "input", "Input"),
        ("layer_flatten", "layer", "Flatten"),
        ("layer", "layer", "Dense"),
        ("layer_nonlinearity", "layer", "Activation"),
    ]
    assert isinstance(plan.steps[0].operation, Input)
    assert isinstance(plan.steps[2].operation, Dense)

"""Every class that lasport ports grows, with every option that it has."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields

import pytest

from lasport import registry
from lasport.random_nets import RECIPES, random_network
from lasport.random_nets.recipes import FAMILIES
from lasport.random_nets.soil import INPUT
from lasport.spec import Layer

NETS = 40

# Attributes that are the same in all nets drawn, and why.
CONSTANT = {
    "lasagne.layers.merge.ElemwiseSumLayer": {"merge_function"},
    "lasagne.layers.merge.ElemwiseMergeLayer": {"coeffs"},
    "lasagne.layers.recurrent.LSTMLayer": {"of_2015"},
    # What follows from the others.
    "lasagne.layers.special.TPSTransformerLayer": {"L_inv", "source_points", "right_mat"},
    **{
        f"lasagne.layers.{kind}": {"mode"}
        for kind in (
            "cuda_convnet.MaxPool2DCCLayer",
            *(f"pool.MaxPool{axes}DLayer" for axes in (1, 2, 3)),
            *(f"dnn.MaxPool{axes}DDNNLayer" for axes in (2, 3)),
        )
    },
}
# By name of the attribute, of whatever class.
CONSTANT_EVERYWHERE = {
    "convolution": "the functions that a layer may convolve with compute the same",
}
# What a class does not store, or has no choice about.
FIXED_BY_CLASS = {
    "lasagne.layers.conv.DilatedConv2DLayer": {"flip_filters"},
    "lasagne.layers.cuda_convnet.Conv2DCCLayer": {"num_groups"},
    "lasagne.layers.cuda_convnet.MaxPool2DCCLayer": {"ignore_border", "pad"},
    "lasagne.layers.dnn.SpatialPyramidPoolingDNNLayer": {"implementation"},
    **{
        f"lasagne.layers.dnn.{mode}Pool{axes}DDNNLayer": {"ignore_border"}
        for mode in ("", "Max")
        for axes in (2, 3)
    },
}


def grown(kind: str) -> list[Layer]:
    """Return what grows of a class alone."""
    return [
        layer
        for seed in range(NETS)
        for layer in random_network(seed, depth=(1, 3), kinds=[kind]).layers
        if layer.kind == kind
    ]


def test_every_ported_class_has_a_recipe():
    assert registry.families().keys() - RECIPES.keys() == {INPUT}
    assert RECIPES.keys() <= registry.families().keys()
    assert len(RECIPES) == sum(len(family.RECIPES) for family in FAMILIES)


@pytest.mark.parametrize("kind", RECIPES)
def test_every_option_and_every_parameter_is_drawn(kind):
    family = registry.families()[kind]
    layers = grown(kind)
    values = defaultdict(set)
    for layer in layers:
        for item in fields(layer.attributes):
            values[item.name].add(str(getattr(layer.attributes, item.name)))
    constant = {name for name, found in values.items() if len(found) == 1}
    expected = CONSTANT.get(kind, set()) | FIXED_BY_CLASS.get(kind, set())
    assert constant - CONSTANT_EVERYWHERE.keys() == expected

    for name in family.params:
        owners = [name in layer.params for layer in layers]
        assert any(owners), name
        assert all(owners) == (name not in family.optional), name

"""Nets as they grow: the same from the same seed, in Lasagne's order, of all kinds of graphs."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from lasport.errors import UsageError
from lasport.random_nets import random_network
from lasport.spec import Network
from lasport.translate import translate

SEEDS = range(60)


@pytest.fixture(scope="module")
def nets() -> list[Network]:
    return [random_network(seed) for seed in SEEDS]


def test_the_same_seed_gives_the_same_net(nets):
    for seed in SEEDS[:10]:
        net = random_network(seed)
        assert net.summary() == nets[seed].summary()
        for layer, other in zip(net.layers, nets[seed].layers, strict=True):
            assert layer.attributes == other.attributes
        for value, other in zip(net.param_values(), nets[seed].param_values(), strict=True):
            np.testing.assert_array_equal(value, other)


def test_seeds_give_different_nets(nets):
    assert len({net.summary() for net in nets}) == len(nets)


def test_all_nets_can_be_translated(nets):
    for net in nets:
        assert set(translate(net).layers) == {layer.name for layer in net.layers}


def test_graphs_have_branches_merges_skips_and_several_ends(nets):
    found = Counter()
    for net in nets:
        fed = Counter(name for layer in net.layers for name in set(layer.incoming))
        found["several inputs"] += len(net.inputs) > 1
        found["several outputs"] += len(net.outputs) > 1
        found["an output that feeds others"] += any(fed[name] for name in net.outputs)
        found["branches"] += max(fed.values()) > 1
        found["merges"] += any(len(set(layer.incoming)) > 1 for layer in net.layers)
        found["one layer merged with itself"] += any(
            len(set(layer.incoming)) < len(layer.incoming) for layer in net.layers
        )
        found["open batch"] += any((layer.output_shape or ())[0] is None for layer in net.layers)
        found["open space"] += any(None in (layer.output_shape or ())[1:] for layer in net.layers)
        found["frozen parameters"] += any(
            param.name == "W" and not param.trainable for _, param in net.owned_params()
        )
    assert min(found.values()) >= 3, found
    assert len(found) == 9


def test_layers_come_in_the_order_of_get_all_layers(nets):
    for net in nets:
        seen: list[str] = []

        def visit(name: str, net: Network = net, seen: list[str] = seen) -> None:
            for source in net[name].incoming:
                visit(source)
            if name not in seen:
                seen.append(name)

        for name in net.outputs:
            visit(name)
        assert [layer.name for layer in net.layers] == seen


def test_zeros_give_the_simplest_net():
    net = random_network(lambda n: 0)
    assert [layer.kind.rpartition(".")[2] for layer in net.layers] == [
        "InputLayer",
        "DenseLayer",
        "DenseLayer",
        "DenseLayer",
    ]


@pytest.mark.parametrize("depth", (1, 5))
def test_depth_is_the_number_of_layers_that_grow(depth):
    kinds = ["lasagne.layers.dense.DenseLayer"]
    nets = [random_network(seed, depth=(depth, depth), kinds=kinds) for seed in SEEDS[:10]]
    assert {sum(bool(layer.incoming) for layer in net.layers) for net in nets} == {depth}


@pytest.mark.parametrize(
    ("kinds", "message"),
    (
        (["lasagne.layers.dense.DanseLayer"], "no recipe for lasagne.layers.dense.DanseLayer"),
        ([], "no recipe for no class at all"),
    ),
)
def test_a_class_without_a_recipe_is_refused(kinds, message):
    with pytest.raises(UsageError, match=message):
        random_network(0, kinds=kinds)

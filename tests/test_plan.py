"""The builder of plans: names that stay the layers' own."""

from __future__ import annotations

from lasport.layout import lasagne_order
from lasport.operations import Activation, Rescale
from lasport.plan import PlanBuilder
from lasport.readers.network import build_network
from lasport.translate import translate
from tests.inert_nets import layer, source


def builder(*names):
    net = source((None, 3), name="input")
    for name in names:
        net = layer("noise.DropoutLayer", net, {}, name=name, p=0.5, rescale=True)
    return PlanBuilder(build_network(net), translate)


def add(plan, suffix=""):
    return plan.add(Rescale(factor=2.0), (), (None, 3), suffix=suffix)


def test_a_layers_main_step_has_its_name():
    plan = builder("a")
    plan.begin("a")
    add(plan, "scale")
    add(plan)
    assert [(step.name, step.layer) for step in plan.steps] == [("a_scale", "a"), ("a", "a")]


def test_suffixed_names_make_room_for_layers_and_for_each_other():
    plan = builder("a", "a_scale", "a_scale_3")
    plan.begin("a")
    add(plan, "scale")
    add(plan, "scale")
    assert [step.name for step in plan.steps] == ["a_scale_2", "a_scale_4"]


def test_values_are_new_and_in_lasagnes_order():
    plan = builder("a")
    plan.begin("a")
    first, second = add(plan), plan.add(Activation(function="tanh"), (), (None, 2, 5, 7), "tanh")
    assert first.id != second.id
    assert second.shape == (None, 2, 5, 7)
    assert second.layout == lasagne_order(4)

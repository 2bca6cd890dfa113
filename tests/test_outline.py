"""The outline tells of every layer and every call, and what loading the model takes."""

from __future__ import annotations

import re

import pytest

from lasport.api import load
from lasport.outline import outline
from lasport.passes import lower
from lasport.targets.keras_calls import Calls, keras_calls
from lasport.translate import translate
from tests.golden_records import pickle_of

NETS = ("net_inception", "net_lenet", "net_odd_names", "net_residual_block", "concat_cropped")


def calls_of(path, profile) -> Calls:
    return keras_calls(lower(translate(load(path))), profile)


@pytest.mark.parametrize("profile", ("stock", "exact"))
@pytest.mark.parametrize("name", NETS)
def test_every_layer_and_every_call_is_told_once(name, profile, golden):
    calls = calls_of(pickle_of(name), profile)
    head, *lines, _ = outline(calls)
    assert head == f"In Keras, profile {profile}:"
    assert [line.split()[0] for line in lines] == [x.name for x in calls.plan.network.layers]
    told = re.findall(r"(\w+)\(", "\n".join(lines))
    assert told == [call.layer.rpartition(".")[2] for call in calls.calls]


def test_calls_stand_beside_the_layer_they_are_of(golden):
    lines = list(outline(calls_of(pickle_of("net_residual_block"), "stock")))
    # Its transpose and its padding belong to the layer that needs them.
    assert re.fullmatch(r"  a +Permute\(.*\), ZeroPadding2D\(.*\), Conv2D\(.*\)", lines[2])
    assert lines[3].split() == ["a_bn", "BatchNormalization(momentum=0.8,", "epsilon=0.0001)"]
    (linear,) = (line for line in lines if line.split()[0] == "b_bn_nonlin")
    assert linear.endswith("nothing: it passes on what it is given")


def test_layers_that_take_lasport_to_load_are_named(golden):
    *_, needs = outline(calls_of(pickle_of("net_inception"), "stock"))
    assert needs.endswith("takes `import lasport.keras_layers`, for pool.")
    *_, needs = outline(calls_of(pickle_of("net_residual_block"), "stock"))
    assert needs.endswith("loads without lasport.")

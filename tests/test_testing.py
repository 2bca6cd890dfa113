"""lasport.testing: what users' own suites import."""

from __future__ import annotations

import pytest

import lasport
from lasport.testing import assert_equivalent, random_network

DENSE = "lasagne.layers.dense.DenseLayer"
NORM = "lasagne.layers.normalization.BatchNormLayer"


def test_the_port_of_a_net_is_equivalent_to_it():
    report = assert_equivalent(random_network(3), passes=(1,))
    assert report.ok
    assert report.comparisons


def test_a_wrong_weight_fails_with_the_report():
    net = random_network(0, kinds=[DENSE, NORM])
    model = lasport.to_keras(net)
    assert_equivalent(net, model, passes=(1,))
    kernel = next(layer for layer in model.layers if layer.weights).weights[0]
    kernel.assign(2 * kernel.value)
    with pytest.raises(AssertionError, match="differ") as failure:
        assert_equivalent(net, model, passes=(1,))
    report = lasport.verify(net, model, passes=(1,))
    assert str(failure.value) == report.to_text()


def test_arguments_reach_the_comparison():
    report = assert_equivalent(
        random_network(1), modes=["inference"], profile="exact", seed=5, outputs_only=True
    )
    assert {row.subject.split("/")[0] for row in report.comparisons} == {"inference"}
    assert report.settings["seed"] == 5

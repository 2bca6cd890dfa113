"""lasport.testing: what users' own suites import."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import lasport
from lasport import demo
from lasport.errors import ComparisonError, UsageError
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
    with pytest.raises(AssertionError) as failure:
        assert_equivalent(net, model, passes=(1,))
    report = lasport.verify(net, model, passes=(1,))
    lines = str(failure.value).splitlines()
    assert lines[0].endswith("does not compute what the numpy reference does")
    assert lines[1] == f"first divergence: {report.first_divergence}"
    layers = {row.layer for row in report.failures}
    assert lines[2].startswith(f"wrong when run alone: {report.alone_wrong[0]}")
    assert lines[3] == f"furthest off, of {len(layers)} layers that differ:"
    first, *_ = (line.split(":")[0].strip() for line in lines[4:])
    assert first == max(report.failures, key=lambda row: row.badness).layer
    assert f"  {report.groups[0]}: " in str(failure.value)
    assert "hint: lasport.diagnose(net, model)" in str(failure.value)


def test_what_could_not_be_compared_fails_too():
    net = random_network(0, kinds=[DENSE, NORM])
    model = lasport.to_keras(net)
    named = keras.models.clone_model(
        model,
        clone_function=lambda layer: type(layer).from_config(
            {**layer.get_config(), "name": f"my_{layer.name}"}
        ),
    )
    named.set_weights(model.get_weights())
    with pytest.raises(AssertionError) as failure:
        assert_equivalent(net, named, modes=["inference"])
    text = str(failure.value)
    assert "not compared: the model has no layers for" in text
    assert "not asked for: The training mode was not compared." in text


def test_files_are_loaded(tmp_path):
    demo_net = demo.paths().net
    lasport.convert(demo_net).save(tmp_path / "digits.keras")
    assert assert_equivalent(demo_net, tmp_path / "digits.keras", modes=["inference"])


SCRIPT = """
from lasagne.layers import *
def build(units):
    return DenseLayer(InputLayer((None, 2)), units)
"""


def test_scripts_are_run_with_their_parameters(tmp_path):
    (tmp_path / "model.py").write_text(SCRIPT)
    np.savez(tmp_path / "model.npz", np.array([[1.0, -2, 0.5], [3, 1, 2]]), np.arange(3.0))
    place, params = f"{tmp_path}/model.py:build", tmp_path / "model.npz"
    report = assert_equivalent(place, params=params, kwargs={"units": 3}, modes=["inference"])
    assert any(row.subject == "inference/params/dense_1.W" for row in report.comparisons)


def test_a_net_that_is_there_takes_no_parameters():
    with pytest.raises(UsageError, match="from its path"):
        assert_equivalent(random_network(1), params="model.npz")


def test_arguments_reach_the_comparison():
    report = assert_equivalent(
        random_network(1), modes=["inference"], profile="exact", seed=5, outputs_only=True
    )
    assert {row.subject.split("/")[0] for row in report.comparisons} == {"inference"}
    assert report.settings["seed"] == 5


def test_another_interpreter_that_takes_too_long_is_stopped(fake_python):
    python = fake_python("time.sleep(60)")
    with pytest.raises(ComparisonError, match=r"took longer than 0\.25 s"):
        assert_equivalent(demo.paths().net, oracle=f"python:{python}", timeout=0.25)

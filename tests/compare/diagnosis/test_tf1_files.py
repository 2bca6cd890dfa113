"""Diagnosing what programs of TensorFlow 1 leave behind: checkpoints and SavedModels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import lasport
from lasport.cli import main
from lasport.compare.metrics import STRUCTURE_BOUND
from lasport.errors import ComparisonError, UnreadableFileError, UsageError
from lasport.spec import Network

v1 = tf.compat.v1
NETS = Path(__file__).parents[3] / "examples" / "tf1" / "lasagne_nets.py"
# What people call the variables of a layer with its normalization in one scope.
BY_HAND = {"W": "weights", "beta": "beta", "gamma": "scale", "mean": "pop_mean"}


@pytest.fixture
def session() -> Iterator[Any]:
    with tf.Graph().as_default(), v1.Session() as session:
        yield session


@pytest.fixture(scope="module")
def net(tmp_path_factory) -> Network:
    """Return a net with averages, scales and offsets as of a trained one."""
    place, params = f"{NETS}:update_ops", tmp_path_factory.mktemp("net") / "params.npz"
    rng = np.random.RandomState(3)
    values = [
        rng.uniform(0.5, 1.5, x.shape) if x.ndim == 1 else x
        for x in lasport.load(place).param_values()
    ]
    np.savez(params, *values)
    return lasport.load(place, params=params)


def build(net: Network, session: Any, profile: str = "stock", training: bool = False) -> Any:
    x = v1.placeholder(tf.float64, (None, 64), name="x")
    graph = lasport.to_tf1(net, x, training, profile=profile)
    v1.train.AdamOptimizer().minimize(tf.reduce_sum(graph.outputs))
    v1.train.get_or_create_global_step()
    session.run(v1.global_variables_initializer())
    return x, graph


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("profile", "spread", "start"),
    (
        ("stock", "moving_variance", 1.0),
        ("stock", "moving_variance", 1 - 1e-4),
        ("exact", "moving_inv_std", 1.0),
    ),
)
def test_a_checkpoint_shows_averages_that_never_moved(
    profile, spread, start, net, session, tmp_path
):
    _, graph = build(net, session, profile)
    saver = v1.train.Saver()
    right = saver.save(session, str(tmp_path / "model.ckpt"), 60)
    diagnosis = lasport.diagnose(net, right)
    assert diagnosis
    assert diagnosis.model == "model.ckpt-60"
    assert [pair.part for pair in diagnosis.alignment] == [
        "hidden1",
        "hidden1_bn",
        "hidden2",
        "hidden2_bn",
        "output",
    ]  # nothing of the optimizer's
    session.run(graph.variables["hidden1_bn/moving_mean"].assign(np.zeros(48)))
    session.run(graph.variables[f"hidden1_bn/{spread}"].assign(np.full(48, start)))
    (cause,) = lasport.diagnose(net, saver.save(session, str(tmp_path / "wrong.ckpt"))).causes
    assert cause.layers == ("hidden1_bn",)
    assert "as in a new layer (never copied, or their updates never run)" in cause.sentence


def test_names_of_ones_own_are_understood(net, session, tmp_path):
    values = {f"{layer.name}.{param.name}": param.value for layer, param in net.owned_params()}
    for layer in ("hidden1", "hidden2"):
        variance = values[f"{layer}_bn.inv_std"] ** -2.0 - 1e-4
        own = {"weights": values[f"{layer}.W"], "pop_var": variance}
        own |= {name: values[f"{layer}_bn.{key}"] for key, name in BY_HAND.items() if key != "W"}
        for name, value in own.items():
            with v1.variable_scope(f"tower/{layer}"):
                v1.get_variable(name, initializer=value)
    v1.get_variable("out/weights", initializer=values["output.W"])
    v1.get_variable("out/biases", initializer=values["output.b"] + 1)
    v1.Variable(np.ones(3))
    session.run(v1.global_variables_initializer())
    diagnosis = lasport.diagnose(net, v1.train.Saver().save(session, str(tmp_path / "own")))
    assert [(cause.layers, cause.before.keys()) for cause in diagnosis.causes] == [
        (("output",), {"kernel", "bias"})
    ]
    assert "b is copied to its bias; 10 of 10 numbers are others" in diagnosis.causes[0].sentence
    assert diagnosis.not_compared[-1] == (
        "variables to which nobody gave a name (Variable): what they are cannot be told"
    )


@pytest.mark.full
def test_a_checkpoint_of_version_2_is_read(net, tmp_path):
    model = lasport.to_keras(net)
    path = tf.train.Checkpoint(model=model).save(str(tmp_path / "keras"))
    assert lasport.diagnose(net, path)


def test_other_files_are_refused(net, session, tmp_path, capsys):
    v1.Variable(np.ones((64, 48)))
    session.run(v1.global_variables_initializer())
    path = v1.train.Saver().save(session, str(tmp_path / "nameless"))
    with pytest.raises(ComparisonError, match=r"nameless has no weights .* nobody gave a name"):
        lasport.diagnose(net, path)
    (tmp_path / "broken.index").write_bytes(b"nothing")
    with pytest.raises(UnreadableFileError, match="broken: TensorFlow cannot load it"):
        lasport.diagnose(net, tmp_path / "broken")
    assert main(["diagnose", f"{NETS}:update_ops", str(tmp_path / "broken")]) == 2
    assert "broken: TensorFlow cannot load it" in capsys.readouterr().err


@pytest.mark.thinned(2)
@pytest.mark.parametrize("training", (True, False))
def test_a_saved_model_shows_that_is_training_stays_true(training, net, tmp_path):
    with tf.Graph().as_default(), v1.Session() as session:
        x, graph = build(net, session, training=training)
        ends = {"x": x}, {"probabilities": graph.outputs}
        v1.saved_model.simple_save(session, str(tmp_path / "saved"), *ends)
        with pytest.raises(UsageError, match="a SavedModel is run outside of graphs"):
            lasport.diagnose(net, tmp_path / "saved")
    diagnosis = lasport.diagnose(net, tmp_path / "saved")
    assert bool(diagnosis) is not training
    if training:
        (cause,) = diagnosis.causes
        assert cause.sentence.startswith("layers hidden1_bn, hidden2_bn: matches to ")
        assert "where it normalizes by the batch (is_training stays True)" in cause.sentence
        assert cause.after <= STRUCTURE_BOUND

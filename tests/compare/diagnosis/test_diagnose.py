"""Diagnosing hand-written ports: every mistake is named, and nobody is blamed for none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import lasport
from lasport import demo
from lasport.compare.diagnosis.result import Diagnosis
from lasport.compare.metrics import STRUCTURE_BOUND
from lasport.errors import ComparisonError, UsageError
from tests.compare.diagnosis import ports
from tests.compare.diagnosis.mistakes import DOUBLE, SINGLE, Mistake
from tests.compare.diagnosis.ports import LRN, STYLES, HastyDense, PlainDense, build, load_net

RIGHT = [(name, style) for name, styles in STYLES.items() for style in styles]


@pytest.fixture(autouse=True)
def _small_graphs() -> Iterator[None]:
    yield
    keras.backend.clear_session()


def named(diagnosis: Diagnosis) -> set[tuple[str, str]]:
    """Return layer and hypothesis of every remedy of every alternative."""
    return {
        (remedy.layer, remedy.hypothesis)
        for cause in diagnosis.causes
        for alternative in cause.alternatives
        for remedy in alternative
    }


# --- nobody is blamed for nothing


@pytest.mark.thinned(2)
@pytest.mark.parametrize(("name", "style"), RIGHT)
def test_a_right_port_is_equal_in_every_style(name, style):
    diagnosis = lasport.diagnose(load_net(name), build(name, {}, style))
    assert diagnosis
    assert diagnosis.causes == ()
    assert diagnosis.compared >= len(load_net(name).layers) - 1


@pytest.mark.parametrize("profile", ("stock", "exact"))
def test_what_lasport_makes_is_equal(profile):
    net = lasport.load(demo.paths().net)
    model = lasport.to_keras(net, profile=profile)
    diagnosis = lasport.diagnose(net, keras.Model(model.inputs, model.outputs))
    assert diagnosis
    assert all(pair.layer in ("", pair.part) or pair.part for pair in diagnosis.alignment)


@pytest.mark.parametrize("seed", range(1, 4))
def test_other_inputs_make_no_difference(seed):
    assert lasport.diagnose(load_net("images"), build("images", {}), seed=seed)


# --- mistakes


def identify(mistake: Mistake | tuple[Mistake, Mistake]) -> str:
    both = mistake if isinstance(mistake, tuple) else (mistake,)
    return f"{both[0].net}: {', and '.join(each.says for each in both)} ({both[0].style})"


@pytest.mark.thinned(10)
@pytest.mark.parametrize("mistake", SINGLE, ids=identify)
def test_a_mistake_is_named(mistake):
    port = build(mistake.net, mistake.changes, mistake.style)
    diagnosis = lasport.diagnose(load_net(mistake.net), port)
    assert not diagnosis
    assert named(diagnosis) == {(mistake.layer, mistake.hypothesis)}
    (cause,) = diagnosis.causes
    assert cause.after is not None
    assert cause.after <= STRUCTURE_BOUND < max(cause.before.values())
    if mistake.layer:
        assert diagnosis.together is not None
        assert diagnosis.together <= STRUCTURE_BOUND


@pytest.mark.thinned(15)
@pytest.mark.parametrize("mistakes", DOUBLE, ids=identify)
def test_two_mistakes_are_both_named(mistakes):
    one, other = mistakes
    diagnosis = lasport.diagnose(
        load_net(one.net), build(one.net, {**one.changes, **other.changes})
    )
    assert diagnosis.explained
    assert named(diagnosis) == {(each.layer, each.hypothesis) for each in mistakes}


def test_there_are_enough_mistakes():
    assert len(SINGLE) >= 25
    assert len(DOUBLE) >= 20
    assert {mistake.net for mistake in SINGLE} == set(STYLES)


def test_the_sentence_says_what_to_do_and_how_much_is_left():
    port = build("digits", {"hidden1 momentum": 0.1})
    (cause,) = lasport.diagnose(load_net("digits"), port).causes
    assert cause.sentence.startswith("layer hidden1_bn: matches to ")
    assert " if momentum 0.1 becomes 0.9 (it is 1 - alpha) (differs by " in cause.sentence
    assert cause.sentence.endswith(" in averages)")
    assert cause.before["inference"] < STRUCTURE_BOUND


def test_equal_explanations_are_all_named():
    # All of these inputs are below 6, so nothing tells the two functions apart.
    fused = keras.layers.Activation(keras.activations.relu6)
    port = build("digits", {"hidden2 activation": fused})
    (cause,) = lasport.diagnose(load_net("digits"), port).causes
    assert {each[0].fix.split()[2] for each in cause.alternatives} >= {"relu6"}
    assert " or if " in cause.sentence or len(cause.alternatives) == 1


def test_what_nothing_explains_is_reported_as_that():
    port = build("digits", {"hidden2 activation": "mish"})
    diagnosis = lasport.diagnose(load_net("digits"), port)
    (cause,) = diagnosis.causes
    assert not cause.explained
    assert not diagnosis.explained
    assert cause.layers == ("hidden2",)
    assert "nothing known explains that" in cause.sentence
    assert diagnosis.together is None


def test_a_normalization_in_the_weights_before_it_is_right_in_inference_only():
    net = load_net("digits")
    p = {f"{layer.name}.{param.name}": param.value for layer, param in net.owned_params()}
    scale = p["hidden3_bn.gamma"].astype(float) * p["hidden3_bn.inv_std"]
    folded = build("digits", {})
    x, outputs = folded.input, folded.input
    for layer in folded.layers[1:]:
        if layer.name == "h3":
            dense = layers.Dense(11, name="folded")
            outputs = dense(outputs)
            shift = p["hidden3_bn.beta"] - p["hidden3_bn.mean"] * scale
            dense.set_weights([p["hidden3.W"] * scale, shift])
        elif layer.name != "bn_hidden3":
            outputs = layer(outputs)
    (cause,) = lasport.diagnose(net, keras.Model(x, outputs)).causes
    ((remedy,),) = cause.alternatives
    assert remedy.hypothesis == "normalization in the weights"
    assert cause.before["inference"] < 1e-6 < cause.before["training"]


@pytest.mark.full
def test_the_activation_of_a_layer_of_ones_own_stays_in_its_place():
    for right in (type("Mine", (layers.Dense,), {}), PlainDense):
        port = build("digits", {"hidden2 class": right, "hidden3 class": right}, "inside")
        assert lasport.diagnose(load_net("digits"), port)
    hasty = build("digits", {"hidden2 class": HastyDense}, "inside")
    (cause,) = lasport.diagnose(load_net("digits"), hasty).causes
    assert cause.layers == ("hidden2",)
    assert not cause.explained


# --- models that compute by themselves


class Own(keras.Model):
    """The net of examples/tf1/update_ops.py, as a class."""

    def __init__(self, net: Any, momentum: float = 0.9, draws: bool = False) -> None:
        super().__init__()
        p = {f"{layer.name}.{param.name}": param.value for layer, param in net.owned_params()}
        self.hidden = [layers.Dense(units, use_bias=False) for units in (48, 32)]
        self.norms = [layers.BatchNormalization(momentum=momentum, epsilon=1e-4) for _ in "12"]
        self.drop = layers.Dropout(0.5) if draws else None
        self.last = layers.Dense(10, activation="softmax")
        self(np.zeros((1, 64), np.float32))
        for number, (dense, norm) in enumerate(zip(self.hidden, self.norms, strict=True), 1):
            dense.set_weights([p[f"hidden{number}.W"]])
            names = ("gamma", "beta", "mean", "inv_std")
            *same, inv_std = (p[f"hidden{number}_bn.{name}"] for name in names)
            norm.set_weights([*same, inv_std**-2.0 - 1e-4])
        self.last.set_weights([p["output.W"], p["output.b"]])

    def call(self, x: Any, training: bool = False) -> Any:
        for dense, norm in zip(self.hidden, self.norms, strict=True):
            x = keras.ops.relu(norm(dense(x), training=training))
        if self.drop is not None:
            x = self.drop(x, training=training)
        return self.last(x)


@pytest.fixture(scope="module")
def plain_net() -> Any:
    nets = Path(__file__).parents[3] / "examples" / "tf1" / "lasagne_nets.py"
    return lasport.load(f"{nets}:update_ops")


def test_a_model_with_a_call_of_its_own_is_diagnosed_as_a_whole(plain_net):
    assert lasport.diagnose(plain_net, Own(plain_net))
    (cause,) = lasport.diagnose(plain_net, Own(plain_net, momentum=0.1)).causes
    assert cause.sentence.startswith("layers hidden1_bn, hidden2_bn: matches to ")
    assert " if momentum 0.1 becomes 0.9 (it is 1 - alpha) (differs by " in cause.sentence
    scaled = Own(plain_net)
    scaled.norms[0].gamma.assign(np.full(48, 2.0))
    (cause,) = lasport.diagnose(plain_net, scaled).causes
    assert cause.sentence.startswith("layer hidden1_bn: matches to ")
    assert "gamma becomes Lasagne's gamma" in cause.sentence


@pytest.mark.full
def test_what_of_a_model_with_a_call_of_its_own_cannot_be_compared_is_said(plain_net):
    diagnosis = lasport.diagnose(plain_net, Own(plain_net, draws=True))
    assert diagnosis
    assert "the model draws random numbers in training" in diagnosis.not_compared[0]
    with pytest.raises(UsageError, match="shows no layers that could be aligned"):
        lasport.diagnose(plain_net, Own(plain_net), align={"hidden1": "hidden1"})
    with pytest.raises(ComparisonError, match="computes with none of the net's inputs"):
        lasport.diagnose(load_net("digits"), Own(plain_net))


# --- alignment


@pytest.mark.full
def test_branches_may_be_walked_in_another_order():
    diagnosis = lasport.diagnose(load_net("branches"), build("branches", {}, "reversed"))
    pairs = {pair.layer: pair.part for pair in diagnosis.alignment}
    assert diagnosis
    assert (pairs["left"], pairs["right"]) == ("l", "r")


def test_the_alignment_is_told():
    diagnosis = lasport.diagnose(load_net("text"), build("text", {}))
    pairs = {pair.layer: pair.part for pair in diagnosis.alignment}
    assert {"words": "e", "lstm": "l", "gru": "g"}.items() <= pairs.items()
    assert "  lstm (LSTMLayer) = l (LSTM)" in diagnosis.to_text().splitlines()


def test_the_alignment_can_be_given():
    net, port = load_net("digits"), build("digits", {})
    assert lasport.diagnose(net, port, align={"hidden1": "h1", "hidden3": "h3"})
    wrong = lasport.diagnose(net, port, align={"hidden2": "h3"})
    assert not wrong
    with pytest.raises(UsageError, match="the net has no layer 'hiden'; it has input, hidden1, "):
        lasport.diagnose(net, port, align={"hiden": "h1"})
    with pytest.raises(UsageError, match="the model has no layer 'h'; it has "):
        lasport.diagnose(net, port, align={"hidden1": "h"})


# --- what cannot be diagnosed


def test_a_model_of_other_inputs_is_refused():
    x = keras.Input((16,))
    with pytest.raises(ComparisonError, match=r"takes .* for 'input', the net"):
        lasport.diagnose(load_net("digits"), keras.Model(x, layers.Dense(7)(x)))


def test_a_model_of_more_outputs_is_refused():
    x = keras.Input((17,))
    model = keras.Model(x, [layers.Dense(7)(x), layers.Dense(7)(x)])
    with pytest.raises(ComparisonError, match="the model has 2 outputs, the net 1"):
        lasport.diagnose(load_net("digits"), model)


def test_layers_that_draw_for_themselves_are_not_compared():
    port = build("digits", {"hidden2 activation": layers.AlphaDropout(0.3)})
    diagnosis = lasport.diagnose(load_net("digits"), port)
    assert not diagnosis
    assert any(
        "drew random numbers that nobody can repeat" in (cause.problem or "")
        for cause in diagnosis.causes
    )


@keras.saving.register_keras_serializable("tests")
class SingleLRN(LRN):
    """What TensorFlow's kernel does: nothing in double precision on a CPU."""

    def call(self, x: Any) -> Any:
        half = self.n // 2
        return tf.nn.local_response_normalization(x, half, self.k, self.alpha, self.beta)


@pytest.mark.parametrize(
    ("mistakes", "expected"),
    (({}, set()), ({"fc epsilon": 1e-3}, {("fc_bn", "epsilon")})),
)
def test_what_cannot_compute_in_double_precision_is_judged_in_single(
    mistakes, expected, monkeypatch
):
    monkeypatch.setattr(ports, "LRN", SingleLRN)
    diagnosis = lasport.diagnose(load_net("images"), build("images", mistakes))
    assert named(diagnosis) == expected
    assert bool(diagnosis) is not bool(expected)
    assert any("the model cannot be run in double" in note for note in diagnosis.not_compared)


def test_a_diagnosis_is_plain_data(tmp_path):
    diagnosis = lasport.diagnose(load_net("digits"), build("digits", {"softmax": "linear"}))
    diagnosis.to_json(tmp_path / "diagnosis.json")
    found = json.loads((tmp_path / "diagnosis.json").read_text("utf-8"))
    assert (found["equal"], found["explained"]) == (False, True)
    assert found["sentences"] == [cause.sentence for cause in diagnosis.causes]
    assert found["causes"][0]["alternatives"][0][0]["hypothesis"] == "activation missing"
    assert np.isfinite(found["together"])

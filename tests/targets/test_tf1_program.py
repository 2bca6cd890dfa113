"""Programs of TensorFlow 1 in their sessions, as ports to be verified and diagnosed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import lasport
from lasport.errors import ComparisonError, UsageError
from lasport.spec import Network
from tests.compare.diagnosis.ports import load_net
from tests.golden_records import load_case

v1 = tf.compat.v1
NETS = Path(__file__).parents[2] / "examples" / "tf1" / "lasagne_nets.py"


@pytest.fixture
def session() -> Iterator[Any]:
    with tf.Graph().as_default(), v1.Session() as session:
        yield session


@pytest.fixture(scope="module")
def net() -> Network:
    return lasport.load(f"{NETS}:update_ops")


def build(net: Network, session: Any, shape: tuple[int, ...] = (64,), **options: Any) -> Any:
    """Put a net into the session's graph; its step does not look at labels."""
    x = v1.placeholder(options.pop("takes", tf.float64), (None, *shape))
    y = v1.placeholder(tf.int64, (None,))
    training = v1.placeholder(tf.bool, ())
    graph = lasport.to_tf1(net, x, training, **options)
    right = tf.reduce_sum(
        graph.outputs * tf.one_hot(y, graph.outputs.shape[1], dtype=graph.outputs.dtype), 1
    )
    with tf.control_dependencies(graph.update_ops):
        loss = -tf.reduce_mean(tf.math.log(right))
        step = v1.train.AdamOptimizer(0.1).minimize(loss)
    session.run(v1.global_variables_initializer())
    labels = np.arange(5)
    return SimpleNamespace(x=x, y=y, training=training, graph=graph, step=step, labels=labels)


def as_port(session: Any, made: Any) -> Any:
    return lasport.tf1_program(
        session,
        made.x,
        made.graph.outputs,
        test={made.training: False},
        train={made.training: True, made.y: made.labels},
        step=made.step,
    )


def test_a_right_program_is_equal_and_left_as_it_is(net, session):
    made = build(net, session, takes=tf.float32, dtype="float32")
    program = as_port(session, made)
    before = program.variables
    session.graph.finalize()
    report, diagnosis = lasport.verify(net, program), lasport.diagnose(net, program)
    assert report
    assert {one.dtype for one in report.comparisons} == {"float32"}
    assert [one.subject for one in report.comparisons] == [
        "inference/outputs/output",
        "training/outputs/output",
        "training/outputs-after/1/output",
        "training/outputs-after/5/output",
    ]
    assert any("the outputs alone were compared" in note for note in report.notes)
    assert diagnosis
    assert diagnosis.not_compared == ()
    after = program.variables
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert any(name.endswith("/Adam") for name in before)


@pytest.mark.full
@pytest.mark.parametrize("name", ("net_fully_convolutional", "net_two_inputs_two_outputs"))
def test_a_record_of_lasagne_may_be_the_truth(name, session):
    case = load_case(name)
    net = case.network
    inputs = [v1.placeholder(x.dtype, (None, *x.shape[1:])) for x in case.record.inputs]
    training = v1.placeholder(tf.bool, ())
    graph = lasport.to_tf1(net, inputs, training)
    session.run(v1.global_variables_initializer())
    program = lasport.tf1_program(
        session,
        inputs,
        graph.outputs,
        test={training: False},
        train={training: True},
        step=list(graph.update_ops),
    )
    report = lasport.verify(net, program, oracle=case.record)
    assert report
    assert len(report.comparisons) >= 4 * len(net.outputs)


@pytest.mark.full
def test_images_may_be_in_tensorflows_order(session):
    net = lasport.load(f"{NETS}:towers")
    made = build(net, session, (8, 8, 1), data_format="channels_last")
    assert lasport.verify(net, as_port(session, made), passes=(1,))


@pytest.mark.full
def test_one_wrong_layer_of_several_is_named_alone(net, session):
    made = build(net, session)
    session.run(made.graph.variables["hidden2_bn/beta"].assign(np.full(32, 0.5)))
    (cause,) = lasport.diagnose(net, as_port(session, made)).causes
    assert cause.sentence.startswith("layer hidden2_bn: matches to 0 if beta becomes Lasagne's")


@pytest.mark.full
def test_without_a_step_there_is_inference_only(net, session):
    made = build(net, session)
    feeds = {made.training: False}
    program = lasport.tf1_program(session, made.x, made.graph.outputs, test=feeds)
    report, diagnosis = lasport.verify(net, program), lasport.diagnose(net, program)
    assert report.verdict == "NOT ALL COMPARED"
    assert report.problems == (
        "training mode was not compared: the program was given without train= and step=",
    )
    assert lasport.verify(net, program, modes=("inference",))
    assert diagnosis
    assert diagnosis.not_compared[0].startswith("training mode, and what only shows there")


def test_what_cannot_be_compared_is_refused(net, session):
    made = build(net, session)
    program = as_port(session, made)
    for given in ({"train": {}}, {"step": made.step}):
        with pytest.raises(UsageError, match="give both, or neither"):
            lasport.tf1_program(session, made.x, made.graph.outputs, **given)
    with pytest.raises(UsageError, match="the program shows no layers that could be aligned"):
        lasport.diagnose(net, program, align={"hidden1": "hidden2"})
    twice = lasport.tf1_program(session, [made.x, made.x], made.graph.outputs)
    with pytest.raises(ComparisonError, match="the program has 2 inputs, the net 1"):
        lasport.verify(net, twice)
    any_shape = v1.placeholder(tf.float64)
    with pytest.raises(ComparisonError, match="was made without a shape: give it one"):
        lasport.verify(net, lasport.tf1_program(session, any_shape, made.graph.outputs))
    v1.get_variable("late", (), initializer=v1.zeros_initializer())
    with pytest.raises(ComparisonError, match=r"the program cannot be run: .*late"):
        lasport.diagnose(net, program)


@pytest.mark.full
def test_random_numbers_of_a_programs_own_are_not_compared(session):
    net = load_net("digits")
    made = build(net, session, (17,), takes=tf.float32)
    program = as_port(session, made)
    report, diagnosis = lasport.verify(net, program), lasport.diagnose(net, program)
    draws = "the program draws random numbers in training (dropout, noise) that nobody can repeat"
    assert report.verdict == "NOT ALL COMPARED"
    assert report.problems == (f"training mode was not compared: {draws}",)
    assert diagnosis
    assert diagnosis.not_compared == (f"training mode, and what only shows there: {draws}",)

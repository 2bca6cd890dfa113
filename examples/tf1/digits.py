"""What the six programs have in common: the digits, the training loop, and what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import lasport
from lasport import demo

HERE = Path(__file__).resolve().parent
STEPS, BATCH = 60, 32


class Program(NamedTuple):
    """A net in a graph, ready to be trained."""

    images: Any  # a placeholder
    labels: Any  # a placeholder
    training: Any  # a placeholder
    probabilities: Any
    loss: Any
    step: Any
    values: Callable[[Any], list[np.ndarray]]  # as get_all_param_values of Lasagne returns them
    start: Any = ()  # what is run after the initializers
    towers: int = 1  # among which a batch is divided in training


def lasagne_net(name, **options):
    """Read a net of lasagne_nets.py, without Lasagne or Theano."""
    return lasport.load(f"{HERE / 'lasagne_nets.py'}:{name}", kwargs=options)


def load(shape):
    """Return images and labels in the order of the training, held-out ones last."""
    with np.load(demo.paths().digits) as digits:
        order = np.random.RandomState(0).permutation(len(digits["y"]))
        return digits["X"][order].astype(np.float64).reshape(-1, *shape), digits["y"][order]


def initialize(program: Program, session):
    session.run(tf.compat.v1.global_variables_initializer())
    session.run(program.start)


def train(program: Program, session, steps=STEPS) -> Iterator[float]:
    """Train on 1400 digits; give the loss of each step, after it."""
    X, y = load(program.images.shape[1:])
    for number in range(steps):
        batch = np.arange(number * BATCH, (number + 1) * BATCH) % 1400
        feeds = {program.images: X[batch], program.labels: y[batch], program.training: True}
        yield session.run([program.loss, program.step], feeds)[0]


def predict(program: Program, session, images, training=False):
    feeds = {program.images: images, program.training: training}
    return session.run(program.probabilities, feeds)


def trained(build: Callable[..., Program], one_by_one=False, **options):
    """Train from scratch; return the probabilities of the 397 held-out digits."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        program = build(**options)
        initialize(program, session)
        list(train(program, session))
        X = load(program.images.shape[1:])[0][1400:]
        if one_by_one:
            return np.concatenate([predict(program, session, x[None], True) for x in X])
        return predict(program, session, X)


def mistakes(alpha):
    """Return, by mistake, what a program is built with, and what it says of itself when tested."""
    return {
        "as it should be": ({}, False),
        "update ops not run": ({"update": False}, False),
        "is_training=True at test time, one by one": ({}, True),
        "decay swapped": ({"alpha": 1 - alpha}, False),
    }


def what_goes_wrong(build: Callable[..., Program], alpha=0.1):
    """Return, for each mistake, how many digits are right and how far probabilities are off."""
    _, y = load((64,))
    right = trained(build)
    rows = {
        name: trained(build, one_by_one, **options)
        for name, (options, one_by_one) in mistakes(alpha).items()
    }
    return {
        name: (int((p.argmax(1) == y[1400:]).sum()), float(np.abs(p - right).max() / right.max()))
        for name, p in rows.items()
    }


def port(program: Program, session, training=False):
    """Show lasport a program in its session; `training` is what it says of itself when tested."""
    return lasport.tf1_program(
        session,
        program.images,
        program.probabilities,
        test={program.training: training},
        train={program.training: True, program.labels: load((64,))[1][:BATCH]},
        step=program.step,
        towers=program.towers,
    )


def what_is_said(build: Callable[..., Program], name, alpha=0.1):
    """Return, for each mistake, what lasport says of the program before it is trained."""
    net, said = lasagne_net(name), {}
    for mistake, (options, training) in mistakes(alpha).items():
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            program = build(**options)
            initialize(program, session)
            running = port(program, session, training)
            said[mistake] = lasport.verify(net, running), lasport.diagnose(net, running)
    return said


def report(build: Callable[..., Program], name, alpha=0.1):
    for mistake, (right, difference) in what_goes_wrong(build, alpha).items():
        print(f"{mistake:42} {right:4} of 397 right, probabilities off by {difference:.2g}")
    for mistake, (verified, diagnosis) in what_is_said(build, name, alpha).items():
        print(f"{mistake}\n  verify: {verified.first_divergence or verified.verdict}")
        for cause in diagnosis.causes:
            print(f"  diagnose: {cause.sentence}")

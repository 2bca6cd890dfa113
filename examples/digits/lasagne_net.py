"""The digits net in Lasagne: how it is built, run, trained, saved and fine-tuned.

keras_net.py does the same in Keras, section by section. This file runs on Python 2.7 and 3 with
Theano 1.0.5 and Lasagne 0.2.dev1, and needs lasport only where that has to make Theano importable,
on Python 3.10 and 3.11::

    python lasagne_net.py --check               the trained parameters in the net built here
    python lasagne_net.py --check PARAMS.npz    the same with those that keras_net.py gave back
    python lasagne_net.py --train NET.pkl       from random parameters
    python lasagne_net.py --fine-tune OUT.npz   ten more steps, which keras_net.py compares with
"""
# Python 2.7 has no pathlib and no f-strings, everybody abbreviates theano.tensor to T, and Theano
# is repaired before it is imported:
# ruff: noqa: N812, PTH100, PTH118, PTH120, PTH123, UP010, UP031, UP036

from __future__ import print_function

import argparse
import os
import pickle
import sys

import numpy as np

if sys.version_info >= (3, 10):
    from lasport import theano_compat

    theano_compat.install(optimizer="None")

import lasagne
import theano
import theano.tensor as T
from lasagne.layers import (
    Conv2DLayer,
    DenseLayer,
    DropoutLayer,
    ElemwiseSumLayer,
    InputLayer,
    MaxPool2DLayer,
    batch_norm,
)
from lasagne.nonlinearities import elu, leaky_rectify, softmax, tanh

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, os.pardir, os.pardir, "lasport", "data")
# Sums of few powers of two: Keras' Adam rounds its betas to float32, even in float64.
LEARNING_RATE, BETA_1, BETA_2 = 2.0**-10, 1 - 2.0**-3, 1 - 2.0**-10
STEPS, BATCH = 10, 32


# --- 1. Build


def build_net():
    net = InputLayer((None, 1, 8, 8), name="input")
    net = batch_norm(Conv2DLayer(net, 16, 3, pad="same", name="conv1"))
    net = Conv2DLayer(
        net, 24, (3, 2), pad=(1, 0), flip_filters=False, nonlinearity=leaky_rectify, name="conv2"
    )
    net = batch_norm(net, alpha=0.05, epsilon=1e-3)
    pool = MaxPool2DLayer(net, 2, ignore_border=False, name="pool")
    net = batch_norm(Conv2DLayer(pool, 24, 3, pad=1, nonlinearity=elu, name="conv3"), alpha=0.2)
    net = ElemwiseSumLayer([net, pool], name="residual")
    net = DropoutLayer(net, p=0.25, name="dropout")
    net = batch_norm(DenseLayer(net, 32, nonlinearity=tanh, name="fc"), alpha=0.5)
    return DenseLayer(net, 10, nonlinearity=softmax, name="probabilities")


# --- 2. Take over trained parameters


def trained_values(path=None):
    """Return the parameters of the packaged net, or those in an npz, in get_all_params order."""
    if path:
        with np.load(path) as archive:
            return [archive["arr_%d" % i] for i in range(len(archive.files))]
    # This runs whatever the file says, so it is for files of your own.
    options = {} if sys.version_info[0] == 2 else {"encoding": "latin1"}
    with open(os.path.join(DATA, "digits_bn.pkl"), "rb") as stream:
        return lasagne.layers.get_all_param_values(pickle.load(stream, **options))


def take_over(net, values):
    lasagne.layers.set_all_param_values(net, values)


# --- 3. Run


def input_var(net):
    return lasagne.layers.get_all_layers(net)[0].input_var


def compile_predict(net):
    probabilities = lasagne.layers.get_output(net, deterministic=True)
    return theano.function([input_var(net)], probabilities)


# --- 4. Train


def compile_step(net):
    labels = T.ivector("labels")
    # Without deterministic=True, dropout drops and batch norm takes the batch's statistics. The
    # updates of its averages travel with the expression; theano.function finds them there.
    probabilities = lasagne.layers.get_output(net)
    loss = lasagne.objectives.categorical_crossentropy(probabilities, labels).mean()
    params = lasagne.layers.get_all_params(net, trainable=True)
    updates = lasagne.updates.adam(loss, params, LEARNING_RATE, BETA_1, BETA_2, epsilon=1e-8)
    return theano.function([input_var(net), labels], loss, updates=updates)


def train(net, digits, labels, epochs):
    step = compile_step(net)
    rng = np.random.RandomState(0)
    for epoch in range(epochs):
        order = rng.permutation(len(digits))
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        losses = [step(digits[batch], labels[batch]) for batch in batches]
        print("epoch %d: loss %.4f" % (epoch + 1, np.mean(losses)))


# --- 5. Save


def save(net, path):
    with open(path, "wb") as stream:
        pickle.dump(net, stream, protocol=2)


# --- 6. Fine-tune


def fine_tune(net, digits, labels):
    """Take ten steps on fixed batches, without dropout: Keras cannot draw Theano's masks."""
    (dropout,) = [x for x in lasagne.layers.get_all_layers(net) if isinstance(x, DropoutLayer)]
    dropout.p = 0
    step = compile_step(net)
    return [
        step(digits[start : start + BATCH], labels[start : start + BATCH])
        for start in range(0, STEPS * BATCH, BATCH)
    ]


# --- The numbers


def load_data():
    data = np.load(os.path.join(DATA, "digits.npz"))
    expected = np.load(os.path.join(DATA, "digits_bn_expected.npz"))
    held_out = np.zeros(len(data["y"]), dtype=bool)
    held_out[expected["test"]] = True
    return data["X"], data["y"], held_out, expected["probabilities"]


def check(params, count):
    """Say how far the net built here is from what the trained net gave; it was in float32."""
    theano.config.floatX = "float32"
    digits, _, _, expected = load_data()
    net = build_net()
    take_over(net, trained_values(params))
    found = compile_predict(net)(digits[:count])
    difference = np.abs(found - expected[:count]).max()
    print("%d digits, largest difference of a probability: %.2g" % (len(found), difference))
    return difference


def train_from_scratch(path, epochs):
    theano.config.floatX = "float32"
    digits, labels, held_out, _ = load_data()
    net = build_net()
    train(net, digits[~held_out], labels[~held_out], epochs)
    classes = compile_predict(net)(digits[held_out]).argmax(axis=1)
    print("held out: %d of %d" % ((classes == labels[held_out]).sum(), held_out.sum()))
    save(net, path)


def record_fine_tuning(path):
    """Save the losses of ten steps, and the averages and held-out probabilities behind them."""
    theano.config.floatX = "float64"
    digits, labels, held_out, _ = load_data()
    net = build_net()
    take_over(net, trained_values())
    recorded = {"losses": fine_tune(net, digits[~held_out], labels[~held_out])}
    recorded["probabilities"] = compile_predict(net)(digits[held_out])
    # What is not trainable are the averages: conv1_bn.mean, conv1_bn.inv_std and so on.
    for param in lasagne.layers.get_all_params(net, trainable=False):
        recorded[param.name] = param.get_value()
    np.savez(path, **recorded)
    print("losses: " + ", ".join("%.6f" % loss for loss in recorded["losses"]))


def main():
    parser = argparse.ArgumentParser(description="The digits net in Lasagne.")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--check", nargs="?", const="", metavar="PARAMS.npz")
    task.add_argument("--train", metavar="NET.pkl")
    task.add_argument("--fine-tune", metavar="OUT.npz")
    parser.add_argument("--digits", type=int, default=1797, help="how many to check")
    parser.add_argument("--epochs", type=int, default=25, help="how long to train")
    options = parser.parse_args()
    print("Lasagne %s, Theano %s" % (lasagne.__version__, theano.__version__))
    if options.train:
        train_from_scratch(options.train, options.epochs)
    elif options.fine_tune:
        record_fine_tuning(options.fine_tune)
    elif not check(options.check, options.digits) < 1e-5:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

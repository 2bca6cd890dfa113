"""A residual net for digits: built, trained and saved with Lasagne, as one did in 2016.

It runs on Python 2.7 and 3 with Theano 1.0.5 and Lasagne 0.2.dev1, and takes a minute or two::

    PYTHONPATH=LASAGNE THEANO_FLAGS=floatX=float32 python2.7 resnet.py

It writes resnet.npz, the parameters, and predicted.npz, the probabilities of all digits.
"""

from __future__ import print_function

import os
import sys
import time

import lasagne
import numpy as np
import theano
import theano.tensor as T
from lasagne.layers import (
    Conv2DLayer,
    DenseLayer,
    ElemwiseSumLayer,
    GlobalPoolLayer,
    InputLayer,
    NonlinearityLayer,
    batch_norm,
)
from lasagne.nonlinearities import rectify, softmax

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, os.pardir, os.pardir, "lasport", "data")


def residual_block(incoming, num_filters, stride=1):
    W = lasagne.init.HeNormal(gain="relu")
    net = Conv2DLayer(incoming, num_filters, 3, stride=stride, pad=1, W=W)
    net = batch_norm(net)
    net = Conv2DLayer(net, num_filters, 3, pad=1, W=W, nonlinearity=None)
    net = batch_norm(net)
    shortcut = incoming
    if stride > 1:
        # Another number of channels and half the resolution: project the input as well.
        shortcut = Conv2DLayer(incoming, num_filters, 1, stride=stride, W=W, nonlinearity=None)
        shortcut = batch_norm(shortcut)
    return NonlinearityLayer(ElemwiseSumLayer([net, shortcut]), rectify)


def build_model(input_var=None, num_filters=(13, 23, 31), num_blocks=2):
    net = InputLayer((None, 1, 8, 8), input_var)
    net = batch_norm(Conv2DLayer(net, num_filters[0], 3, pad="same"))
    for stage, size in enumerate(num_filters):
        for block in range(num_blocks):
            net = residual_block(net, size, stride=2 if stage > 0 and block == 0 else 1)
    net = GlobalPoolLayer(net)
    return DenseLayer(net, 10, nonlinearity=softmax)


def load_dataset():
    data = np.load(os.path.join(DATA, "digits.npz"))
    test = np.load(os.path.join(DATA, "digits_bn_expected.npz"))["test"]
    train = np.setdiff1d(np.arange(len(data["y"])), test)
    return data["X"], data["y"], train, test


def shift(images, rng):
    """Move each image by up to one pixel in both directions."""
    padded = np.pad(images, [(0, 0), (0, 0), (1, 1), (1, 1)], "constant")
    rows, columns = rng.randint(0, 3, (2, len(images)))
    return np.stack([x[:, r : r + 8, c : c + 8] for x, r, c in zip(padded, rows, columns)])


def main(num_epochs=24, batch_size=50):
    X, y, train, test = load_dataset()
    rng = np.random.RandomState(2016)
    lasagne.random.set_rng(rng)

    input_var = T.tensor4("inputs")
    target_var = T.ivector("targets")
    network = build_model(input_var)

    prediction = lasagne.layers.get_output(network)
    loss = lasagne.objectives.categorical_crossentropy(prediction, target_var).mean()
    penalty = lasagne.regularization.regularize_network_params(network, lasagne.regularization.l2)
    learning_rate = theano.shared(np.array(0.1, theano.config.floatX))
    params = lasagne.layers.get_all_params(network, trainable=True)
    updates = lasagne.updates.momentum(loss + 1e-4 * penalty, params, learning_rate, 0.9)
    train_fn = theano.function([input_var, target_var], loss, updates=updates)

    test_prediction = lasagne.layers.get_output(network, deterministic=True)
    predict_fn = theano.function([input_var], test_prediction)

    for epoch in range(num_epochs):
        start_time = time.time()
        if epoch in (num_epochs // 2, num_epochs * 3 // 4):
            learning_rate.set_value(learning_rate.get_value() * np.float32(0.1))
        order = rng.permutation(train)
        losses = []
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            losses.append(train_fn(shift(X[batch], rng), y[batch]))
        correct = (predict_fn(X[test]).argmax(axis=1) == y[test]).sum()
        print(
            "Epoch %d of %d took %.1fs: training loss %.4f, %d of %d test digits right"
            % (epoch + 1, num_epochs, time.time() - start_time, np.mean(losses), correct, len(test))
        )

    np.savez(os.path.join(HERE, "resnet.npz"), *lasagne.layers.get_all_param_values(network))
    np.savez_compressed(os.path.join(HERE, "predicted.npz"), probabilities=predict_fn(X))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

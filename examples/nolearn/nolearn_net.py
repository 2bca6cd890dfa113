"""A nolearn net for digits: defined, fitted and pickled, as one did in 2016.

It runs on Python 2.7 with nolearn 0.6.1, scikit-learn 0.19, Theano 1.0.5 and Lasagne 0.2.dev1::

    PYTHONPATH=LASAGNE THEANO_FLAGS=floatX=float32,traceback.limit=0 python2.7 nolearn_net.py

It writes net.pkl, the NeuralNet, and predicted.npz: its probabilities for all digits, then the
losses of ten more steps, and its probabilities for the held-out digits behind them.
"""

from __future__ import print_function

import os
import pickle

import lasagne
import numpy as np
from lasagne.layers import Conv2DLayer, DenseLayer, InputLayer, MaxPool2DLayer
from lasagne.nonlinearities import LeakyRectify, softmax
from lasagne.updates import nesterov_momentum
from nolearn.lasagne import BatchIterator, NeuralNet, TrainSplit

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, os.pardir, os.pardir, "lasport", "data")


def make_net():
    return NeuralNet(
        layers=[
            ("input", InputLayer),
            ("conv1", Conv2DLayer),
            ("pool1", MaxPool2DLayer),
            ("conv2", Conv2DLayer),
            ("hidden", DenseLayer),
            ("output", DenseLayer),
        ],
        input_shape=(None, 1, 8, 8),
        conv1_num_filters=11,
        conv1_filter_size=(3, 3),
        conv1_pad="same",
        pool1_pool_size=(2, 2),
        conv2_num_filters=17,
        conv2_filter_size=(2, 2),
        conv2_nonlinearity=LeakyRectify(0.1),
        hidden_num_units=29,
        output_num_units=10,
        output_nonlinearity=softmax,
        update=nesterov_momentum,
        update_learning_rate=0.05,
        update_momentum=0.9,
        batch_iterator_train=BatchIterator(batch_size=50, shuffle=True),
        train_split=TrainSplit(eval_size=0.2),
        max_epochs=25,
        verbose=1,
    )


def load_dataset():
    data = np.load(os.path.join(DATA, "digits.npz"))
    test = np.load(os.path.join(DATA, "digits_bn_expected.npz"))["test"]
    train = np.setdiff1d(np.arange(len(data["y"])), test)
    return data["X"], data["y"], train, test


def main():
    X, y, train, test = load_dataset()
    lasagne.random.set_rng(np.random.RandomState(2016))
    net = make_net()
    net.fit(X[train], y[train])
    print("%d of %d test digits right" % ((net.predict(X[test]) == y[test]).sum(), len(test)))

    probabilities = net.predict_proba(X)

    # The compiled functions are larger than the net by far; nolearn makes them again.
    del net.train_iter_, net.eval_iter_, net.predict_iter_
    net._initialized = False
    with open(os.path.join(HERE, "net.pkl"), "wb") as stream:
        pickle.dump(net, stream, -1)

    # Ten more steps, from the pickled state: new functions begin with velocities of zero.
    net.initialize()
    batches = train[:500].reshape(10, 50)
    losses = [net.apply_batch_func(net.train_iter_, X[b], y[b])[0] for b in batches]
    np.savez_compressed(
        os.path.join(HERE, "predicted.npz"),
        probabilities=probabilities,
        losses=losses,
        probabilities_after=net.predict_proba(X[test]),
    )


if __name__ == "__main__":
    main()

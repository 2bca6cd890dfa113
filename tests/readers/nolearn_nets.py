"""Nets as people wrote them for nolearn, in each of its styles; a build script.

It runs under the real nolearn too, which is where the facts in ``test_nolearn.py`` are from.
"""

import lasagne
import numpy as np
import theano
from lasagne.layers import (
    BatchNormLayer,
    ConcatLayer,
    Conv2DLayer,
    DenseLayer,
    DropoutLayer,
    InputLayer,
    LSTMLayer,
    MaxPool2DLayer,
    batch_norm,
)
from lasagne.nonlinearities import softmax, tanh
from lasagne.updates import nesterov_momentum
from nolearn.lasagne import BatchIterator, NeuralNet, TrainSplit
from nolearn.lasagne.handlers import SaveWeights


class Flipping(BatchIterator):
    def transform(self, Xb, yb):
        Xb, yb = super(Flipping, self).transform(Xb, yb)  # noqa: UP008 - Python 2
        return Xb[:, ::-1], yb


class Decay(object):  # noqa: UP004 - Python 2
    def __init__(self, name, start):
        self.name, self.start = name, start

    def __call__(self, net, train_history):
        getattr(net, self.name).set_value(self.start)


def names_and_classes():
    return NeuralNet(
        layers=[
            ("input", InputLayer),
            ("conv1", Conv2DLayer),
            ("pool1", MaxPool2DLayer),
            ("dropout1", DropoutLayer),
            ("hidden2", DenseLayer),
            ("output", DenseLayer),
        ],
        input_shape=(None, 2, 9, 8),
        conv1_num_filters=5,
        conv1_filter_size=(3, 2),
        conv1_nonlinearity=tanh,
        pool1_pool_size=(2, 2),
        dropout1_p=0.1,
        hidden2_num_units=6,
        output_num_units=3,
        output_nonlinearity=softmax,
        update=nesterov_momentum,
        update_learning_rate=theano.shared(np.float32(0.03)),
        update_momentum=0.9,
        use_label_encoder=True,
        batch_iterator_train=Flipping(batch_size=128),
        train_split=TrainSplit(eval_size=0.25),
        on_epoch_finished=[Decay("update_learning_rate", start=0.03), SaveWeights("x.pkl")],
        objective_l2=0.01,
        max_epochs=30,
    )


def classes_and_options():
    return NeuralNet(
        [
            (InputLayer, {"shape": (None, 7)}),
            (DenseLayer, {"num_units": 5, "nonlinearity": tanh}),
            (DropoutLayer, {}),
            (DenseLayer, {"name": "last", "num_units": 4}),
        ],
        last_nonlinearity=softmax,
        dense1_b=None,
        update_learning_rate=0.1,
    )


def branches():
    return NeuralNet(
        layers=[
            ("in1", InputLayer),
            ("a", DenseLayer),
            ("in2", InputLayer),
            ("b", DenseLayer),
            (ConcatLayer, {"incomings": ["b", "a"], "name": "both"}),
            ("c", DenseLayer),
            ("d", DenseLayer),
            (ConcatLayer, {"name": "again", "incomings": ["in1", "d", "c"]}),
            ("output", DenseLayer),
        ],
        in1_shape=(None, 3),
        a_num_units=4,
        in2_shape=(None, 5),
        b_num_units=6,
        c_num_units=7,
        d_num_units=8,
        d_incoming="both",
        output_num_units=2,
        output_nonlinearity=None,
        more_params={"c_nonlinearity": tanh},
        objective_loss_function=lasagne.objectives.squared_error,
        update_learning_rate=0.1,
        regression=True,
    )


def tied():
    return NeuralNet(
        [
            (InputLayer, {"shape": (None, 4)}),
            (DenseLayer, {"num_units": 4, "name": "one", "nonlinearity": tanh}),
            (DenseLayer, {"num_units": 4, "W": "one", "b": "one"}),
            (DenseLayer, {"num_units": 3, "nonlinearity": None}),
        ],
        update_learning_rate=0.1,
    )


def masked():
    return NeuralNet(
        [
            (InputLayer, {"shape": (None, 6, 3), "name": "x"}),
            (InputLayer, {"shape": (None, 6), "name": "mask"}),
            (LSTMLayer, {"incoming": "x", "num_units": 4, "mask_input": "mask"}),
            (DenseLayer, {"num_units": 2}),
        ],
        lstm2_only_return_final=True,
        update_learning_rate=0.1,
    )


def instances():
    net = batch_norm(DenseLayer(InputLayer((None, 3)), 5))
    net = DropoutLayer(net, name="noise")
    return NeuralNet(DenseLayer(net, 2, nonlinearity=softmax), update_learning_rate=0.1)


def wrapped():
    return NeuralNet(
        [
            (InputLayer, {"shape": (None, 3)}),
            (DenseLayer, {"num_units": 5, "layer_wrapper": BatchNormLayer}),
            (DenseLayer, {"num_units": 2, "name": "out"}),
        ],
        update_learning_rate=0.1,
    )


def by_path():
    return NeuralNet(
        [
            ("lasagne.layers.InputLayer", {"shape": (None, 3)}),
            ("lasagne.layers.DenseLayer", {"num_units": 5}),
        ],
        update_learning_rate=0.1,
    )

"""Two hidden layers that predict the products of pyrolysis (Hough et al. 2017), for nolearn."""

import theano
from lasagne.layers import DenseLayer, InputLayer
from lasagne.nonlinearities import ScaledTanH, linear, sigmoid
from lasagne.updates import adagrad
from nolearn.lasagne import NeuralNet, TrainSplit

theano.config.floatX = "float64"


def build(units=(30, 8, 1), function="scaled"):
    hidden = {"scaled": ScaledTanH(2 / 3, 1.7159), "sigmoid": sigmoid}[function]
    return NeuralNet(
        layers=[
            ("input", InputLayer),
            ("hidden0", DenseLayer),
            ("hidden1", DenseLayer),
            ("output", DenseLayer),
        ],
        input_shape=(None, 4),
        hidden0_num_units=units[0],
        hidden0_nonlinearity=hidden,
        hidden1_num_units=units[1],
        hidden1_nonlinearity=hidden,
        output_num_units=units[2],
        output_nonlinearity=linear,
        update=adagrad,
        train_split=TrainSplit(eval_size=0.3),
        regression=True,
        max_epochs=6000,
        verbose=1,
    )

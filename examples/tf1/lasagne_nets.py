"""The six nets as their owners built them with Lasagne 0.2.dev1, untrained.

Weights are drawn by numpy, so that this file says all of a net: Lasagne and Theano build it from
here, and so does lasport, without either.
"""

from lasagne.layers import (
    BatchNormLayer,
    Conv2DLayer,
    DenseLayer,
    GlobalPoolLayer,
    InputLayer,
    MaxPool2DLayer,
    NonlinearityLayer,
    batch_norm,
)
from lasagne.nonlinearities import elu, rectify, sigmoid, softmax
from numpy.random import RandomState
from theano import config

# What Lasagne draws itself: averages, offsets and scales.
config.floatX = "float64"


def draw(*shape):
    """Return a layer's first weights, scaled to the number of its inputs."""
    inputs = shape[0] if len(shape) == 2 else shape[1] * shape[2] * shape[3]
    return RandomState(sum(shape)).normal(0, (2.0 / inputs) ** 0.5, shape)


def update_ops(alpha=0.1):
    net = InputLayer((None, 64), name="input")
    net = batch_norm(DenseLayer(net, 48, W=draw(64, 48), name="hidden1"), alpha=alpha)
    net = batch_norm(DenseLayer(net, 32, W=draw(48, 32), name="hidden2"), alpha=alpha)
    return DenseLayer(net, 10, W=draw(32, 10), nonlinearity=softmax, name="output")


def population_statistics(alpha=0.1):
    norm = {"alpha": alpha, "epsilon": 1e-3}
    net = InputLayer((None, 64), name="input")
    net = batch_norm(DenseLayer(net, 100, W=draw(64, 100), nonlinearity=sigmoid), **norm)
    net = batch_norm(DenseLayer(net, 60, W=draw(100, 60), nonlinearity=sigmoid), **norm)
    return DenseLayer(net, 10, W=draw(60, 10), nonlinearity=softmax, name="output")


def moving_average(alpha=0.25):
    net = InputLayer((None, 1, 8, 8), name="input")
    net = Conv2DLayer(net, 24, 3, W=draw(24, 1, 3, 3), nonlinearity=elu, name="conv")
    net = batch_norm(net, alpha=alpha, epsilon=1e-3)
    net = Conv2DLayer(net, 32, 3, W=draw(32, 24, 3, 3), nonlinearity=elu, name="conv2")
    net = GlobalPoolLayer(batch_norm(net, alpha=alpha, epsilon=1e-3))
    return DenseLayer(net, 10, W=draw(32, 10), nonlinearity=softmax, name="output")


def normalized_logits(alpha=0.1):
    net = InputLayer((None, 64), name="input")
    net = batch_norm(DenseLayer(net, 300, W=draw(64, 300), nonlinearity=elu), alpha=alpha)
    net = batch_norm(DenseLayer(net, 100, W=draw(300, 100), nonlinearity=elu), alpha=alpha)
    net = batch_norm(DenseLayer(net, 10, W=draw(100, 10), nonlinearity=None), alpha=alpha)
    return NonlinearityLayer(net, softmax, name="output")


def penalized(alpha=0.1):
    net = BatchNormLayer(InputLayer((None, 64), name="input"), alpha=alpha, name="input_bn")
    net = DenseLayer(net, 1024, W=draw(64, 1024), nonlinearity=None, name="hidden")
    net = BatchNormLayer(net, alpha=alpha, name="hidden_bn")
    net = NonlinearityLayer(net, rectify, name="rectifier")
    return DenseLayer(net, 10, W=draw(1024, 10), nonlinearity=softmax, name="output")


def towers(alpha=0.1):
    net = InputLayer((None, 1, 8, 8), name="input")
    net = Conv2DLayer(net, 16, 3, pad="same", W=draw(16, 1, 3, 3), name="conv1")
    net = MaxPool2DLayer(batch_norm(net, alpha=alpha), 2, name="pool1")
    net = Conv2DLayer(net, 24, 3, pad="same", W=draw(24, 16, 3, 3), name="conv2")
    net = MaxPool2DLayer(batch_norm(net, alpha=alpha), 2, name="pool2")
    net = batch_norm(DenseLayer(net, 32, W=draw(96, 32), name="local3"), alpha=alpha)
    return DenseLayer(net, 10, W=draw(32, 10), nonlinearity=softmax, name="output")

"""Three nets as users of Lasagne write them: of digits, of images, of text."""

import theano.tensor as T
from lasagne.layers import (
    Conv2DLayer,
    DenseLayer,
    DropoutLayer,
    EmbeddingLayer,
    GRULayer,
    InputLayer,
    LocalResponseNormalization2DLayer,
    LSTMLayer,
    MaxPool2DLayer,
    batch_norm,
)
from lasagne.nonlinearities import LeakyRectify, elu, rectify, softmax, tanh


def digits():
    net = InputLayer((None, 17), name="input")
    net = batch_norm(DenseLayer(net, 13, nonlinearity=rectify, name="hidden1"))
    net = DropoutLayer(net, p=0.2, name="drop1")
    net = DenseLayer(net, 11, nonlinearity=LeakyRectify(0.01), name="hidden2")
    net = DropoutLayer(net, p=0.4, name="drop2")
    net = batch_norm(DenseLayer(net, 11, nonlinearity=tanh, name="hidden3"))
    return DenseLayer(net, 7, nonlinearity=softmax, name="probabilities")


def images():
    net = InputLayer((None, 3, 12, 10), name="input")
    net = batch_norm(Conv2DLayer(net, 6, 3, pad="same", nonlinearity=rectify, name="conv1"))
    net = MaxPool2DLayer(net, 2, name="pool1")
    net = LocalResponseNormalization2DLayer(net, alpha=0.05, name="norm1")
    net = Conv2DLayer(net, 6, 3, stride=2, pad=1, nonlinearity=rectify, name="conv2")
    net = DropoutLayer(net, p=0.25, name="drop")
    net = batch_norm(DenseLayer(net, 14, nonlinearity=elu, name="fc"))
    return DenseLayer(net, 5, nonlinearity=softmax, name="probabilities")


def text():
    net = InputLayer((None, 7), input_var=T.imatrix(), name="input")
    net = EmbeddingLayer(net, 19, 6, name="words")
    net = LSTMLayer(net, 8, peepholes=False, name="lstm")
    net = GRULayer(net, 9, only_return_final=True, name="gru")
    net = DropoutLayer(net, p=0.3, name="drop")
    return DenseLayer(net, 4, nonlinearity=softmax, name="probabilities")

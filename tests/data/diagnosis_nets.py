"""Four nets as users of Lasagne write them: of digits, of images, of text, and with branches."""

import theano.tensor as T
from lasagne.layers import (
    ConcatLayer,
    Conv2DLayer,
    DenseLayer,
    DilatedConv2DLayer,
    DropoutLayer,
    ElemwiseMergeLayer,
    ElemwiseSumLayer,
    EmbeddingLayer,
    GlobalPoolLayer,
    GRULayer,
    InputLayer,
    LocalResponseNormalization2DLayer,
    LSTMLayer,
    MaxPool2DLayer,
    PadLayer,
    ParametricRectifierLayer,
    TransformerLayer,
    batch_norm,
)
from lasagne.nonlinearities import LeakyRectify, elu, rectify, sigmoid, softmax, tanh


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


def branches():
    net = InputLayer((None, 3, 12, 10), name="input")
    theta = DenseLayer(net, 6, nonlinearity=None, name="theta")
    net = TransformerLayer(net, theta, downsample_factor=1, name="transformer")
    net = PadLayer(net, ((1, 2), 1), val=0.5, name="pad")
    net = DilatedConv2DLayer(net, 6, 3, dilation=(2, 2), nonlinearity=None, name="dilated")
    net = ParametricRectifierLayer(net, name="prelu")
    left = Conv2DLayer(net, 6, 3, pad="same", nonlinearity=rectify, name="left")
    right = Conv2DLayer(net, 6, 3, pad="same", nonlinearity=tanh, name="right")
    total = ElemwiseSumLayer([left, right], coeffs=[1, 0.5], name="sum")
    gate = Conv2DLayer(total, 6, 1, nonlinearity=sigmoid, name="gate")
    product = ElemwiseMergeLayer([total, gate], T.mul, name="product")
    net = ConcatLayer([product, right], name="joined")
    net = GlobalPoolLayer(net, name="means")
    return DenseLayer(net, 5, nonlinearity=softmax, name="probabilities")

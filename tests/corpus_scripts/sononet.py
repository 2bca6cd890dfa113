"""SonoNet-16 (Baumgartner et al. 2017, figure 2): VGG-like, with an adaptation part and a mean."""

from lasagne.layers import (
    Conv2DLayer,
    GlobalPoolLayer,
    InputLayer,
    MaxPool2DLayer,
    NonlinearityLayer,
    batch_norm,
)
from lasagne.nonlinearities import linear, softmax
from theano import tensor


def build(size=(224, 288), classes=14):
    net = InputLayer((None, 1, *size))
    for block, (filters, count) in enumerate(((16, 2), (32, 2), (64, 3), (128, 3), (128, 3))):
        if block:
            net = MaxPool2DLayer(net, 2)
        for _ in range(count):
            net = batch_norm(Conv2DLayer(net, filters, 3, pad=1, flip_filters=False))
    net = batch_norm(Conv2DLayer(net, 64, 1))
    net = batch_norm(Conv2DLayer(net, classes, 1, nonlinearity=linear))
    return NonlinearityLayer(GlobalPoolLayer(net, pool_function=tensor.mean), softmax)

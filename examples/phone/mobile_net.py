"""A net of a phone's size: depthwise and pointwise convolutions, a million numbers.

It runs on Python 2.7 and 3 with Theano 1.0.5 and Lasagne 0.2.dev1, and records in
mobile_net.npz what Lasagne computes::

    PYTHONPATH=LASAGNE THEANO_FLAGS=floatX=float32 python2.7 mobile_net.py

Its parameters are drawn at random, as drawn.py does it: a file of trained ones would be 4 MB.
"""

import os

import numpy as np
from drawn import draw_images, draw_values
from lasagne.layers import (
    Conv2DLayer,
    DenseLayer,
    GlobalPoolLayer,
    InputLayer,
    batch_norm,
    get_all_layers,
    get_all_params,
    get_output,
    set_all_param_values,
)
from lasagne.nonlinearities import softmax

HERE = os.path.dirname(os.path.abspath(__file__))


def separable(incoming, num_filters, stride=1):
    channels = incoming.output_shape[1]
    net = Conv2DLayer(incoming, channels, 3, stride=stride, pad=1, num_groups=channels)
    return batch_norm(Conv2DLayer(batch_norm(net), num_filters, 1))


def build_model():
    net = InputLayer((None, 3, 64, 64))
    net = batch_norm(Conv2DLayer(net, 29, 3, stride=2, pad=1))
    net = separable(net, 61)
    net = separable(net, 127, stride=2)
    net = separable(net, 127)
    net = separable(net, 251, stride=2)
    net = separable(net, 251)
    net = separable(net, 509, stride=2)
    for _ in range(3):
        net = separable(net, 509)
    return DenseLayer(GlobalPoolLayer(net), 101, nonlinearity=softmax)


def main():
    import theano

    net = build_model()
    params = get_all_params(net)
    shapes = [(param.name.split(".")[-1], param.get_value().shape) for param in params]
    set_all_param_values(net, draw_values(shapes))
    inputs = get_all_layers(net)[0].input_var
    predict = theano.function([inputs], get_output(net, deterministic=True))
    probabilities = predict(draw_images(7, seed=1))
    np.savez_compressed(os.path.join(HERE, "mobile_net.npz"), probabilities=probabilities)


if __name__ == "__main__":
    main()

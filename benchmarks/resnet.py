"""ResNet-50, -101 and -152 (He et al. 2015), as a build script for Lasagne."""

import numpy as np
from lasagne.layers import (
    BatchNormLayer,
    Conv2DLayer,
    DenseLayer,
    ElemwiseSumLayer,
    GlobalPoolLayer,
    InputLayer,
    MaxPool2DLayer,
    NonlinearityLayer,
)
from lasagne.nonlinearities import linear, rectify, softmax

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
STEM = 64
CLASSES = 1000


def build(depth=50, batch=2, image=224):
    """Build the net with random parameters.

    The last normalization of each block scales by about 0.2, so that the sums do not grow from
    block to block as long as nobody trained the averages.
    """
    rng = np.random.RandomState(depth)
    net = InputLayer((batch, 3, image, image), name="input")
    net = rectified(convolved(rng, net, STEM, 7, 2, "conv1"))
    net = MaxPool2DLayer(net, 3, stride=2, pad=1, name="pool1")
    for stage, blocks in enumerate(BLOCKS[depth]):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            net = bottleneck(rng, net, STEM << stage, stride, not block, f"res{stage + 2}_{block}")
    net = GlobalPoolLayer(net, name="pool5")
    inputs = net.output_shape[1]
    weights = normal(rng, (inputs, CLASSES), inputs)
    return DenseLayer(net, CLASSES, W=weights, nonlinearity=softmax, name="prob")


def bottleneck(rng, net, filters, stride, projects, name):
    """Append one block: 1x1, 3x3 and 1x1 filters beside a shortcut."""
    shortcut = net
    if projects:
        shortcut = convolved(rng, net, 4 * filters, 1, stride, f"{name}_shortcut")
    net = rectified(convolved(rng, net, filters, 1, stride, f"{name}_a"))
    net = rectified(convolved(rng, net, filters, 3, 1, f"{name}_b"))
    net = convolved(rng, net, 4 * filters, 1, 1, f"{name}_c", scale=0.2)
    return rectified(ElemwiseSumLayer([net, shortcut], name=f"{name}_sum"))


def convolved(rng, net, filters, size, stride, name, scale=1.0):
    """Append a convolution and its normalization."""
    channels = net.output_shape[1]
    weights = normal(rng, (filters, channels, size, size), channels * size**2)
    net = Conv2DLayer(
        net,
        filters,
        size,
        stride,
        pad=size // 2,
        W=weights,
        b=None,
        nonlinearity=linear,
        flip_filters=False,
        name=name,
    )
    return BatchNormLayer(
        net,
        beta=uniform(rng, filters, -0.1, 0.1),
        gamma=uniform(rng, filters, 0.5 * scale, 1.5 * scale),
        mean=uniform(rng, filters, -0.1, 0.1),
        inv_std=uniform(rng, filters, 0.5, 1.5),
        name=f"{name}_bn",
    )


def rectified(net):
    """Append a rectifier."""
    return NonlinearityLayer(net, rectify, name=f"{net.name}_relu")


def normal(rng, shape, inputs):
    """Return weights as He et al. (2015) draw them."""
    return rng.normal(scale=np.sqrt(2.0 / inputs), size=shape).astype(np.float32)


def uniform(rng, size, low, high):
    """Return parameters of a normalization."""
    return rng.uniform(low, high, size).astype(np.float32)

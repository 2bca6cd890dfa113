"""A residual net of 6n + 2 layers for 32 x 32 images (He et al. 2015, section 4.2), n = 5.

Shortcuts are the identity; where sizes change they drop every other row and column and pad the
channels with zeros (option A).
"""

from lasagne.layers import (
    Conv2DLayer,
    DenseLayer,
    ElemwiseSumLayer,
    GlobalPoolLayer,
    InputLayer,
    NonlinearityLayer,
    PadLayer,
    SliceLayer,
    batch_norm,
)
from lasagne.nonlinearities import rectify, softmax


def conv(net, filters, stride=1, nonlinearity=rectify):
    options = {"stride": stride, "pad": "same", "flip_filters": False}
    return batch_norm(Conv2DLayer(net, filters, 3, nonlinearity=nonlinearity, **options))


def residual(net, filters, stride):
    inner = conv(conv(net, filters, stride), filters, nonlinearity=None)
    if stride > 1:
        added = filters - net.output_shape[1]
        for axis in (2, 3):
            net = SliceLayer(net, slice(None, None, stride), axis=axis)
        net = PadLayer(net, [added // 2, 0, 0], batch_ndim=1)
    return NonlinearityLayer(ElemwiseSumLayer([inner, net]), rectify)


def build(n=5):
    net = conv(InputLayer((None, 3, 32, 32)), 16)
    for filters in (16, 32, 64):
        for block in range(n):
            net = residual(net, filters, stride=2 if filters > 16 and block == 0 else 1)
    return DenseLayer(GlobalPoolLayer(net), 10, nonlinearity=softmax)

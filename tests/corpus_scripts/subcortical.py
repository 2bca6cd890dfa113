"""Three planes through a voxel, and its atlas probabilities (Kushibar et al. 2018)."""

from lasagne.layers import (
    ConcatLayer,
    Conv2DLayer,
    DenseLayer,
    DropoutLayer,
    InputLayer,
    MaxPool2DLayer,
    batch_norm,
    prelu,
)
from lasagne.nonlinearities import softmax
from nolearn.lasagne import NeuralNet


def plane(source, name, size):
    net = InputLayer((None, 1, size, size), name=source)
    for number, filters in enumerate((20, 20, 40, 40, 60), 1):
        conv = Conv2DLayer(net, filters, 3, name=f"{name}_ch_conv{number}")
        net = prelu(batch_norm(conv), name=f"{name}_ch_prelu{number}")
        if number in (2, 4):
            net = MaxPool2DLayer(net, 2, name=f"{name}_max_pool_{number // 2}")
    net = DropoutLayer(net, name=name + "_l1drop")
    return prelu(DenseLayer(net, 180, name=name + "_d1"), name=name + "_prelu_d1")


def build(size=32, classes=15):
    names = ("axial", "coronal", "saggital")
    planes = [plane(f"in{n}", name, size) for n, name in enumerate(names, 1)]
    net = DropoutLayer(ConcatLayer(planes, name="elem_channels"), name="f1_drop")
    net = prelu(DenseLayer(net, 540, name="FC1"), name="prelu_f1")
    net = DropoutLayer(net, name="f2_drop")
    net = ConcatLayer([net, InputLayer((None, 15), name="in4")], name="elem_channels2")
    net = prelu(DenseLayer(net, 270, name="fc_2"), name="prelu_f2")
    net = DenseLayer(net, classes, nonlinearity=softmax, name="out_layer")
    return NeuralNet(layers=net, max_epochs=200, update_learning_rate=0.01)

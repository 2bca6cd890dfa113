"""What Lasagne's layers are called with: base classes, parameters and their defaults.

Facts about 0.2.dev1, which added parameters to those of 0.1 at the end; a test holds them against
Lasagne's own signatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature

from lasport.readers.standins.parts import Constant, Initializer, nonlinearity
from lasport.readers.standins.symbols import Function

__all__ = ["DECLARATIONS", "Gate"]

DRAWN = Initializer()
ZERO = Constant(0.0)
ONE = Constant(1.0)
RECTIFY, SIGMOID, TANH = map(nonlinearity, ("rectify", "sigmoid", "tanh"))


class Gate:
    """The weights and the function of one gate of a recurrent layer."""

    __module__ = "lasagne.layers.recurrent"

    def __init__(
        self,
        W_in: object = DRAWN,
        W_hid: object = DRAWN,
        W_cell: object = DRAWN,
        b: object = ZERO,
        nonlinearity: object = SIGMOID,
    ) -> None:
        self.W_in, self.W_hid, self.b = W_in, W_hid, b
        # A gate that knows of no cell has no such weights either.
        if W_cell is not None:
            self.W_cell = W_cell
        self.nonlinearity = nonlinearity


def _of(base: str, required: str, **optional: object) -> tuple[str, Signature]:
    """Return a base class and the signature of required and optional parameters."""
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in required.split()]
    parameters += [
        Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default)
        for name, default in optional.items()
    ]
    return base, Signature([*parameters, Parameter("kwargs", Parameter.VAR_KEYWORD)])


LINEAR: Mapping[str, object] = {"W": DRAWN, "b": ZERO, "nonlinearity": RECTIFY}
BATCH_NORM: Mapping[str, object] = {
    "axes": "auto",
    "epsilon": 0.0001,
    "alpha": 0.1,
    "beta": ZERO,
    "gamma": ONE,
    "mean": ZERO,
    "inv_std": ONE,
}
LOOP_END: Mapping[str, object] = {
    "gradient_steps": -1,
    "grad_clipping": 0,
    "unroll_scan": False,
    "precompute_input": True,
    "mask_input": None,
    "only_return_final": False,
}
LOOP: Mapping[str, object] = {"backwards": False, "learn_init": False, **LOOP_END}

# Base class and signature, by path.
DECLARATIONS: Mapping[str, tuple[str, Signature]] = {
    # input
    "lasagne.layers.input.InputLayer": _of("Layer", "shape", input_var=None, name=None),
    # dense
    "lasagne.layers.dense.DenseLayer": _of(
        "Layer", "incoming num_units", **LINEAR, num_leading_axes=1
    ),
    "lasagne.layers.dense.NINLayer": _of(
        "Layer", "incoming num_units", untie_biases=False, **LINEAR
    ),
    # conv
    "lasagne.layers.conv.BaseConvLayer": _of(
        "Layer",
        "incoming num_filters filter_size",
        stride=1,
        pad=0,
        untie_biases=False,
        **LINEAR,
        flip_filters=True,
        num_groups=1,
        n=None,
    ),
    "lasagne.layers.conv.Conv1DLayer": _of(
        "BaseConvLayer",
        "incoming num_filters filter_size",
        stride=1,
        pad=0,
        untie_biases=False,
        **LINEAR,
        flip_filters=True,
        convolution=Function("lasagne.theano_extensions.conv.conv1d_mc0"),
    ),
    "lasagne.layers.conv.Conv2DLayer": _of(
        "BaseConvLayer",
        "incoming num_filters filter_size",
        stride=(1, 1),
        pad=0,
        untie_biases=False,
        **LINEAR,
        flip_filters=True,
        convolution=Function("theano.tensor.nnet.conv2d"),
    ),
    "lasagne.layers.conv.Conv3DLayer": _of(
        "BaseConvLayer",
        "incoming num_filters filter_size",
        stride=(1, 1, 1),
        pad=0,
        untie_biases=False,
        **LINEAR,
        flip_filters=True,
        convolution=None,
    ),
    "lasagne.layers.conv.DilatedConv2DLayer": _of(
        "BaseConvLayer",
        "incoming num_filters filter_size",
        dilation=(1, 1),
        pad=0,
        untie_biases=False,
        **LINEAR,
        flip_filters=False,
    ),
    "lasagne.layers.conv.TransposedConv2DLayer": _of(
        "BaseConvLayer",
        "incoming num_filters filter_size",
        stride=(1, 1),
        crop=0,
        untie_biases=False,
        **LINEAR,
        flip_filters=False,
        output_size=None,
    ),
    "lasagne.layers.conv.TransposedConv3DLayer": _of(
        "BaseConvLayer",
        "incoming num_filters filter_size",
        stride=(1, 1, 1),
        crop=0,
        untie_biases=False,
        **LINEAR,
        flip_filters=False,
        output_size=None,
    ),
    # corrmm
    "lasagne.layers.corrmm.Conv2DMMLayer": _of(
        "BaseConvLayer",
        "incoming num_filters filter_size",
        stride=(1, 1),
        pad=0,
        untie_biases=False,
        **LINEAR,
        flip_filters=False,
        num_groups=1,
    ),
    # cuda_convnet
    "lasagne.layers.cuda_convnet.Conv2DCCLayer": _of(
        "BaseConvLayer",
        "incoming num_filters filter_size",
        stride=(1, 1),
        pad=0,
        untie_biases=False,
        W=None,
        b=ZERO,
        nonlinearity=RECTIFY,
        dimshuffle=True,
        flip_filters=False,
        partial_sum=1,
    ),
    "lasagne.layers.cuda_convnet.MaxPool2DCCLayer": _of(
        "Layer", "incoming pool_size", stride=None, ignore_border=False, dimshuffle=True
    ),
    "lasagne.layers.cuda_convnet.NINLayer_c01b": _of(
        "Layer", "incoming num_units", untie_biases=False, **LINEAR
    ),
    "lasagne.layers.cuda_convnet.ShuffleBC01ToC01BLayer": _of("Layer", "incoming"),
    "lasagne.layers.cuda_convnet.ShuffleC01BToBC01Layer": _of("Layer", "incoming"),
    # local
    "lasagne.layers.local.LocallyConnected2DLayer": _of(
        "Conv2DLayer",
        "incoming num_filters filter_size",
        stride=(1, 1),
        pad="same",
        untie_biases=False,
        **LINEAR,
        flip_filters=True,
        channelwise=False,
    ),
    # pool
    "lasagne.layers.pool.FeaturePoolLayer": _of(
        "Layer", "incoming pool_size", axis=1, pool_function=Function("theano.tensor.basic.max")
    ),
    "lasagne.layers.pool.FeatureWTALayer": _of("Layer", "incoming pool_size", axis=1),
    "lasagne.layers.pool.GlobalPoolLayer": _of(
        "Layer", "incoming", pool_function=Function("theano.tensor.basic.mean")
    ),
    "lasagne.layers.pool.MaxPool1DLayer": _of(
        "Pool1DLayer", "incoming pool_size", stride=None, pad=0, ignore_border=True
    ),
    "lasagne.layers.pool.MaxPool2DLayer": _of(
        "Pool2DLayer", "incoming pool_size", stride=None, pad=(0, 0), ignore_border=True
    ),
    "lasagne.layers.pool.MaxPool3DLayer": _of(
        "Pool3DLayer", "incoming pool_size", stride=None, pad=(0, 0, 0), ignore_border=True
    ),
    "lasagne.layers.pool.Pool1DLayer": _of(
        "Layer", "incoming pool_size", stride=None, pad=0, ignore_border=True, mode="max"
    ),
    "lasagne.layers.pool.Pool2DLayer": _of(
        "Layer", "incoming pool_size", stride=None, pad=(0, 0), ignore_border=True, mode="max"
    ),
    "lasagne.layers.pool.Pool3DLayer": _of(
        "Layer", "incoming pool_size", stride=None, pad=(0, 0, 0), ignore_border=True, mode="max"
    ),
    "lasagne.layers.pool.SpatialPyramidPoolingLayer": _of(
        "Layer", "incoming", pool_dims=(4, 2, 1), mode="max", implementation="fast"
    ),
    "lasagne.layers.pool.Upscale1DLayer": _of("Layer", "incoming scale_factor", mode="repeat"),
    "lasagne.layers.pool.Upscale2DLayer": _of("Layer", "incoming scale_factor", mode="repeat"),
    "lasagne.layers.pool.Upscale3DLayer": _of("Layer", "incoming scale_factor", mode="repeat"),
    # shape
    "lasagne.layers.shape.DimshuffleLayer": _of("Layer", "incoming pattern"),
    "lasagne.layers.shape.FlattenLayer": _of("Layer", "incoming", outdim=2),
    "lasagne.layers.shape.PadLayer": _of("Layer", "incoming width", val=0, batch_ndim=2),
    "lasagne.layers.shape.ReshapeLayer": _of("Layer", "incoming shape"),
    "lasagne.layers.shape.SliceLayer": _of("Layer", "incoming indices", axis=-1),
    # merge
    "lasagne.layers.merge.ConcatLayer": _of("MergeLayer", "incomings", axis=1, cropping=None),
    "lasagne.layers.merge.ElemwiseMergeLayer": _of(
        "MergeLayer", "incomings merge_function", cropping=None
    ),
    "lasagne.layers.merge.ElemwiseSumLayer": _of(
        "ElemwiseMergeLayer", "incomings", coeffs=1, cropping=None
    ),
    # noise
    "lasagne.layers.noise.DropoutLayer": _of(
        "Layer", "incoming", p=0.5, rescale=True, shared_axes=()
    ),
    "lasagne.layers.noise.GaussianNoiseLayer": _of("Layer", "incoming", sigma=0.1),
    # normalization
    "lasagne.layers.normalization.BatchNormLayer": _of("Layer", "incoming", **BATCH_NORM),
    "lasagne.layers.normalization.LocalResponseNormalization2DLayer": _of(
        "Layer", "incoming", alpha=0.0001, k=2, beta=0.75, n=5
    ),
    "lasagne.layers.normalization.StandardizationLayer": _of(
        "Layer", "incoming", axes="auto", epsilon=0.0001
    ),
    # dnn
    "lasagne.layers.dnn.BatchNormDNNLayer": _of("BatchNormLayer", "incoming", **BATCH_NORM),
    "lasagne.layers.dnn.Conv2DDNNLayer": _of(
        "BaseConvLayer",
        "incoming num_filters filter_size",
        stride=(1, 1),
        pad=0,
        untie_biases=False,
        **LINEAR,
        flip_filters=False,
        num_groups=1,
    ),
    "lasagne.layers.dnn.Conv3DDNNLayer": _of(
        "BaseConvLayer",
        "incoming num_filters filter_size",
        stride=(1, 1, 1),
        pad=0,
        untie_biases=False,
        **LINEAR,
        flip_filters=False,
        num_groups=1,
    ),
    "lasagne.layers.dnn.MaxPool2DDNNLayer": _of(
        "Pool2DDNNLayer", "incoming pool_size", stride=None, pad=(0, 0), ignore_border=True
    ),
    "lasagne.layers.dnn.MaxPool3DDNNLayer": _of(
        "Pool3DDNNLayer", "incoming pool_size", stride=None, pad=(0, 0, 0), ignore_border=True
    ),
    "lasagne.layers.dnn.Pool2DDNNLayer": _of(
        "Layer", "incoming pool_size", stride=None, pad=(0, 0), ignore_border=True, mode="max"
    ),
    "lasagne.layers.dnn.Pool3DDNNLayer": _of(
        "Layer", "incoming pool_size", stride=None, pad=(0, 0, 0), ignore_border=True, mode="max"
    ),
    "lasagne.layers.dnn.SpatialPyramidPoolingDNNLayer": _of(
        "Layer", "incoming", pool_dims=(4, 2, 1), mode="max"
    ),
    # embedding
    "lasagne.layers.embedding.EmbeddingLayer": _of(
        "Layer", "incoming input_size output_size", W=DRAWN
    ),
    # recurrent
    "lasagne.layers.recurrent.CustomRecurrentLayer": _of(
        "MergeLayer",
        "incoming input_to_hidden hidden_to_hidden",
        nonlinearity=RECTIFY,
        hid_init=ZERO,
        **LOOP,
    ),
    "lasagne.layers.recurrent.GRULayer": _of(
        "MergeLayer",
        "incoming num_units",
        resetgate=Gate(W_cell=None),
        updategate=Gate(W_cell=None),
        hidden_update=Gate(W_cell=None, nonlinearity=TANH),
        hid_init=ZERO,
        **LOOP,
    ),
    "lasagne.layers.recurrent.LSTMLayer": _of(
        "MergeLayer",
        "incoming num_units",
        ingate=Gate(),
        forgetgate=Gate(),
        cell=Gate(W_cell=None, nonlinearity=TANH),
        outgate=Gate(),
        nonlinearity=TANH,
        cell_init=ZERO,
        hid_init=ZERO,
        backwards=False,
        learn_init=False,
        peepholes=True,
        **LOOP_END,
    ),
    "lasagne.layers.recurrent.RecurrentLayer": _of(
        "CustomRecurrentLayer",
        "incoming num_units",
        W_in_to_hid=DRAWN,
        W_hid_to_hid=DRAWN,
        b=ZERO,
        nonlinearity=RECTIFY,
        hid_init=ZERO,
        **LOOP,
    ),
    # special
    "lasagne.layers.special.BiasLayer": _of("Layer", "incoming", b=ZERO, shared_axes="auto"),
    "lasagne.layers.special.ExpressionLayer": _of("Layer", "incoming function", output_shape=None),
    "lasagne.layers.special.InverseLayer": _of("MergeLayer", "incoming layer"),
    "lasagne.layers.special.NonlinearityLayer": _of("Layer", "incoming", nonlinearity=RECTIFY),
    "lasagne.layers.special.ParametricRectifierLayer": _of(
        "Layer", "incoming", alpha=Constant(0.25), shared_axes="auto"
    ),
    "lasagne.layers.special.RandomizedRectifierLayer": _of(
        "Layer", "incoming", lower=0.3, upper=0.8, shared_axes="auto"
    ),
    "lasagne.layers.special.ScaleLayer": _of("Layer", "incoming", scales=ONE, shared_axes="auto"),
    "lasagne.layers.special.TPSTransformerLayer": _of(
        "MergeLayer",
        "incoming localization_network",
        downsample_factor=1,
        control_points=16,
        precompute_grid="auto",
        border_mode="nearest",
    ),
    "lasagne.layers.special.TransformerLayer": _of(
        "MergeLayer", "incoming localization_network", downsample_factor=1, border_mode="nearest"
    ),
}

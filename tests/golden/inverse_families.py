"""The golden cases of InverseLayer of one layer.

Rows are those of ``families.py``. What is inverted is smooth, unless a row says otherwise, so that
the gradient of the inverse with respect to the layer's input is not just 0.
"""

from families import COARSE, inputs_only, prefixed, resolve_all


def inverse(kind, source=(3, 2), **options):
    """Build input -> one layer of class `kind` -> tanh -> the layer's inverse."""
    from lasagne import layers, nonlinearities

    layer = getattr(layers, kind)(inputs_only(source), name="layer", **resolve_all(options))
    code = layers.NonlinearityLayer(layer, nonlinearities.tanh, name="code")
    return layers.InverseLayer(code, layer, name="inverse")


def inverse_of_input(kind, source, **options):
    """Build input -> one layer of class `kind`; its inverse of another input."""
    from lasagne import layers

    layer = getattr(layers, kind)(inputs_only(source), name="layer", **resolve_all(options))
    cotangent = layers.InputLayer(layer.output_shape, name="cotangent")
    return layers.InverseLayer(cotangent, layer, name="inverse")


NONLINEARITIES = prefixed(
    "inverse_",
    "NonlinearityLayer",
    [
        (name, {"nonlinearity": name}, "the derivative at the layer's input, and its own")
        for name in ("sigmoid", "tanh", "rectify", "leaky_rectify", "elu", "softplus", "softmax")
    ]
    + [
        ("scaled_tanh", {"nonlinearity": ("ScaledTanH", {"scale_in": 0.5, "scale_out": 2.4})}, ""),
        ("selu", {"nonlinearity": ("SELU", {"scale": 1.3, "scale_neg": 0.7})}, "two constants"),
        ("linear", {"nonlinearity": None}, "a layer that does nothing"),
    ],
    source=(None, 7),
)

DENSE = prefixed(
    "inverse_dense",
    "DenseLayer",
    [
        ("", {}, "with the nonlinearity's derivative"),
        ("_linear", {"nonlinearity": None, "b": None}, "the transposed product alone"),
        ("_softmax", {"nonlinearity": "softmax"}, "a nonlinearity across units"),
        ("_image", {"source": (1, 2, 3, 4)}, "what was flattened takes its shape again"),
        ("_leading", {"source": (3, 2, 4), "num_leading_axes": 2}, "axes that stay"),
    ],
    source=(None, 4),
    num_units=5,
    nonlinearity="tanh",
)

NIN = prefixed(
    "inverse_nin",
    "NINLayer",
    [("", {"untie_biases": True}, "a product over channels, a bias per place")],
    source=(3, 2, 4, 1),
    num_units=5,
    nonlinearity="tanh",
)

CONV1D = prefixed(
    "inverse_conv1d",
    "Conv1DLayer",
    [
        ("", {"source": (3, 2, 7), "filter_size": 3}, "flipped filters"),
        ("_same_strided", {"filter_size": 3, "pad": "same", "stride": 2}, "padded, strided"),
    ],
    source=(1, 2, 8),
    num_filters=3,
    nonlinearity="tanh",
)

CONV2D = prefixed(
    "inverse_conv2d",
    "Conv2DLayer",
    [
        ("", {"source": (3, 2, 5, 4), "filter_size": (5, 2)}, "flipped filters"),
        ("_unflipped", {"filter_size": (2, 3), "flip_filters": False}, "flip_filters=False"),
        ("_same", {"filter_size": (3, 1), "pad": "same"}, "pad='same'"),
        ("_full_strided", {"filter_size": (2, 3), "pad": "full", "stride": (2, 1)}, "pad='full'"),
        ("_rest", {"filter_size": 2, "stride": (3, 2)}, "places that no window reaches"),
        ("_gaps", {"filter_size": 1, "stride": 2, "pad": (1, 0)}, "places between windows"),
        ("_groups", {"filter_size": (2, 3), "num_groups": 2, "num_filters": 4}, "two groups"),
    ],
    source=(1, 2, 5, 4),
    num_filters=3,
    nonlinearity="tanh",
)

CONV3D = prefixed(
    "inverse_conv3d",
    "Conv3DLayer",
    [
        ("_strided", {"filter_size": 2, "pad": (0, 1, 1), "stride": (2, 1, 3)}, "padded, strided"),
    ],
    source=(1, 2, 3, 4, 5),
    num_filters=3,
    nonlinearity="tanh",
)

TRANSPOSED2D = prefixed(
    "inverse_transposed2d",
    "TransposedConv2DLayer",
    [
        ("", {"source": (3, 2, 1, 4), "filter_size": (2, 1)}, "a correlation"),
        ("_crop", {"filter_size": 3, "stride": (2, 3), "crop": (1, 2)}, "strided, cut"),
        ("_zeros", {"filter_size": 2, "stride": 2, "output_size": (7, 8)}, "places behind"),
        ("_flipped", {"filter_size": 2, "stride": 3, "flip_filters": True}, "stride > filter"),
    ],
    source=(1, 2, 3, 4),
    num_filters=3,
    nonlinearity="tanh",
)

TRANSPOSED3D = prefixed(
    "inverse_transposed3d",
    "TransposedConv3DLayer",
    [("", {"filter_size": (2, 1, 2), "stride": (2, 1, 1), "crop": (2, 0, 1)}, "three axes")],
    source=(1, 2, 3, 5, 4),
    num_filters=1,
    nonlinearity="tanh",
)

DILATED2D = prefixed(
    "inverse_dilated2d",
    "DilatedConv2DLayer",
    [("", {"filter_size": (2, 3), "dilation": (3, 1)}, "filters with gaps")],
    source=(1, 2, 5, 4),
    num_filters=3,
    nonlinearity="tanh",
)

POOL1D = prefixed(
    "inverse_pool1d_",
    "Pool1DLayer",
    [
        ("max", {}, "to the largest of each window"),
        ("average_inc_pad", {"pad": 1, "mode": "average_inc_pad"}, "the padding has its share"),
    ],
    source=(3, 2, 7),
    pool_size=3,
    stride=2,
)

POOL2D = prefixed(
    "inverse_pool2d_",
    "Pool2DLayer",
    [
        ("max", {"source": (None, 1, 6, 4), "pool_size": 2, "stride": None}, "unpooling"),
        ("max_overlapping", {}, "entries that are the largest of several windows"),
        ("max_pad", {"pad": (1, 0)}, "a padding that never wins"),
        ("max_ceil", {"ignore_border": False, "stride": 2}, "windows beyond the border"),
        ("max_rest", {"pool_size": 2, "stride": 3}, "places that no window reaches"),
        ("sum", {"mode": "sum"}, "everywhere in full"),
        ("average_inc_pad", {"mode": "average_inc_pad", "pad": (1, 0)}, "shares of the padding"),
        ("average_exc_pad", {"mode": "average_exc_pad"}, "equal shares"),
        (
            "average_ceil",
            {"mode": "average_inc_pad", "ignore_border": False, "stride": 2},
            "larger shares where windows are cut off",
        ),
    ],
    source=(1, 2, 5, 4),
    pool_size=(3, 2),
    stride=(2, 1),
)

POOL3D = prefixed(
    "inverse_pool3d_",
    "Pool3DLayer",
    [
        ("max", {"pad": (1, 0, 0)}, "three axes"),
        ("average_inc_pad", {"mode": "average_inc_pad"}, "three axes"),
    ],
    source=(1, 2, 4, 3, 5),
    pool_size=(3, 2, 1),
    stride=(2, 1, 1),
)

GLOBAL_POOL = prefixed(
    "inverse_globalpool_",
    "GlobalPoolLayer",
    [
        (name, {"pool_function": "T." + name}, "T." + name)
        for name in ("mean", "max", "min", "sum", "var", "std")
    ],
    source=(1, 3, 2, 5),
)

FEATURE_POOL = prefixed(
    "inverse_featurepool_",
    "FeaturePoolLayer",
    [
        (name, {"pool_function": "T." + name}, "T." + name)
        for name in ("mean", "max", "min", "sum", "var", "std")
    ]
    + [
        (
            "axis",
            {"pool_function": "T.max", "axis": 2, "pool_size": 3, "source": (5, 2, 3)},
            "along another axis",
        )
    ],
    source=(3, 4, 2),
    pool_size=2,
)

WINNER = prefixed(
    "inverse_featurewta",
    "FeatureWTALayer",
    [("", {"pool_size": 3}, "the mask of the winners")],
    source=(1, 6, 4),
)

ELEMENTWISE = [
    ("inverse_bias", {"kind": "BiasLayer"}, "nothing of a bias is left"),
    ("inverse_scale", {"kind": "ScaleLayer", "source": (3, 2, 4, 1)}, "the same factors"),
    ("inverse_scale_rows", {"kind": "ScaleLayer", "source": (3, 2, 4), "shared_axes": (1,)}, ""),
]

SHAPES = [
    ("inverse_flatten", {"kind": "FlattenLayer", "source": (3, 2, 1, 4)}, "the shape again"),
    (
        "inverse_reshape",
        {"kind": "ReshapeLayer", "source": (None, 2, 6), "shape": ([0], 3, -1)},
        "the shape again",
    ),
    (
        "inverse_reshape_into_batch",
        {"kind": "ReshapeLayer", "source": (5, 2, 3), "shape": (-1, 3)},
        "the batch again",
    ),
    (
        "inverse_dimshuffle",
        {"kind": "DimshuffleLayer", "source": (None, 3, 4, 1), "pattern": (0, 2, "x", 1)},
        "axes come, go and move",
    ),
    (
        "inverse_pad",
        {"kind": "PadLayer", "source": (3, 2, 4, 1), "width": ((1, 2), 3), "val": 2.0},
        "the padding is cut off",
    ),
    (
        "inverse_slice",
        {"kind": "SliceLayer", "source": (None, 3, 8), "indices": slice(1, 7, 2), "axis": 2},
        "zeros in the places left out",
    ),
    (
        "inverse_slice_backwards",
        {"kind": "SliceLayer", "source": (None, 7), "indices": slice(None, 1, -2), "axis": 1},
        "a negative step",
    ),
    (
        "inverse_slice_place",
        {"kind": "SliceLayer", "source": (None, 3, 4), "indices": -2, "axis": 1},
        "the dropped axis again",
    ),
]

UPSCALE = [
    (
        "inverse_upscale1d",
        {"kind": "Upscale1DLayer", "source": (None, 2, 5), "scale_factor": 3},
        "",
    ),
    (
        "inverse_upscale2d",
        {"kind": "Upscale2DLayer", "source": (3, 2, 1, 4), "scale_factor": (3, 2)},
        "sums of the copies",
    ),
    (
        "inverse_upscale2d_dilate",
        {
            "kind": "Upscale2DLayer",
            "source": (3, 2, 1, 4),
            "scale_factor": (2, 3),
            "mode": "dilate",
        },
        "the entries between the zeros",
    ),
]

NORMALIZATION = prefixed(
    "inverse_batchnorm",
    "BatchNormLayer",
    [
        ("", {"source": (None, 5)}, "mean and deviation depend on the batch in training"),
        ("_image", {"source": (3, 2, 4, 1)}, "over batch and space"),
        ("_axes", {"source": (3, 2, 4), "axes": (0, 1), "gamma": None}, "other axes, no gamma"),
        ("_each", {"source": (3, 4), "axes": (1,), "beta": None}, "statistics per example"),
    ],
)

DROPOUT = prefixed(
    "inverse_dropout",
    "DropoutLayer",
    [
        ("", {"source": (None, 7), "p": 0.3}, "the mask that was drawn"),
        ("_unscaled", {"source": (3, 4), "p": 0.4, "rescale": False}, "rescale=False"),
        ("_shared", {"source": (3, 4, 2, 1), "p": 0.5, "shared_axes": (2, 3)}, "whole maps"),
        ("_none", {"source": (3, 4), "p": 0.0}, "nothing is dropped"),
    ],
)

OF_INPUTS = [
    (
        "inverse_of_input_dense",
        {"kind": "DenseLayer", "source": (None, 4), "num_units": 5, "nonlinearity": "tanh"},
        "nothing else needs the layer's output",
    ),
    (
        "inverse_of_input_conv",
        {
            "kind": "Conv2DLayer",
            "source": (1, 2, 5, 4),
            "num_filters": 3,
            "filter_size": (2, 1),
            "stride": (1, 2),
            "untie_biases": True,
            "nonlinearity": None,
        },
        "nothing needs the bias",
    ),
    (
        "inverse_of_input_maxpool",
        {"kind": "MaxPool2DLayer", "source": (1, 2, 8, 9), "pool_size": (2, 3)},
        "unpooling of anything",
    ),
    (
        "inverse_of_input_dropout",
        {"kind": "DropoutLayer", "source": (3, 4), "p": 0.4},
        "a mask of something else",
    ),
    (
        "inverse_of_input_linear",
        {"kind": "NonlinearityLayer", "source": (3, 4), "nonlinearity": None},
        "neither the layer nor its input is needed",
    ),
]

OPEN = (1, 2, None, None)
OPEN_SIZES = [
    (
        "inverse_open_conv2d",
        {"kind": "Conv2DLayer", "source": OPEN, "num_filters": 3, "filter_size": 2, "stride": 2},
        "a transposed convolution to the size that the input has",
    ),
    (
        "inverse_open_transposed2d",
        {
            "kind": "TransposedConv2DLayer",
            "source": OPEN,
            "num_filters": 3,
            "filter_size": 3,
            "crop": 1,
        },
        "a correlation",
    ),
    (
        "inverse_open_maxpool",
        {"kind": "MaxPool2DLayer", "source": OPEN, "pool_size": 2},
        "unpooling",
    ),
    (
        "inverse_open_average",
        {"kind": "Pool2DLayer", "source": OPEN, "pool_size": 2, "mode": "average_inc_pad"},
        "to the size that the input has",
    ),
    (
        "inverse_open_flatten",
        {"kind": "FlattenLayer", "source": OPEN, "outdim": 3},
        "two open sizes apart again",
    ),
    (
        "inverse_open_globalpool",
        {"kind": "GlobalPoolLayer", "source": OPEN},
        "everywhere in the input",
    ),
    (
        "inverse_open_upscale",
        {"kind": "Upscale2DLayer", "source": OPEN, "scale_factor": (2, 1)},
        "sums",
    ),
    (
        "inverse_open_slice",
        {"kind": "SliceLayer", "source": OPEN, "indices": slice(-4, -1, 2), "axis": 2},
        "zeros all around",
    ),
]

# Inputs on a coarse grid: rectifiers meet 0, windows have several maxima.
TIES = [
    ("rectify", {"kind": "NonlinearityLayer", "source": (5, 7), "nonlinearity": "rectify"}),
    ("elu", {"kind": "NonlinearityLayer", "source": (5, 7), "nonlinearity": "elu"}),
    ("maxpool", {"kind": "MaxPool2DLayer", "source": (1, 3, 7, 8), "pool_size": 3, "stride": 2}),
    ("maxpool1d", {"kind": "MaxPool1DLayer", "source": (3, 2, 9), "pool_size": 4, "stride": 2}),
    ("globalpool_max", {"kind": "GlobalPoolLayer", "source": (3, 2, 9), "pool_function": "T.max"}),
    (
        "featurepool_max",
        {"kind": "FeaturePoolLayer", "source": (3, 8), "pool_function": "T.max", "pool_size": 4},
    ),
    ("featurewta", {"kind": "FeatureWTALayer", "source": (3, 8), "pool_size": 4}),
]
TIES = [("ties_inverse_" + name, options, "Theano's rule at ties") for name, options in TIES]

# family, how it is built, its table, settings that its cases share
INVERSE_FAMILIES = [
    ("inverse", inverse, table, {})
    for table in (
        NONLINEARITIES,
        DENSE,
        NIN,
        CONV1D,
        CONV2D,
        CONV3D,
        TRANSPOSED2D,
        TRANSPOSED3D,
        DILATED2D,
        POOL1D,
        POOL2D,
        POOL3D,
        GLOBAL_POOL,
        FEATURE_POOL,
        WINNER,
        ELEMENTWISE,
        SHAPES,
        UPSCALE,
        DROPOUT,
    )
] + [
    ("inverse", inverse, NORMALIZATION, {"passes": 2}),
    ("inverse", inverse, OPEN_SIZES, {}),
    ("inverse", inverse_of_input, OF_INPUTS, {}),
    ("ties", inverse, TIES, {"grid": COARSE}),
]

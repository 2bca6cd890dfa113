"""The golden cases of single layers: a table for every family, a row for every option.

A row is (name, options, what it pins). Options are data: ``"tanh"`` stands for
``lasagne.nonlinearities.tanh``, ``("SELU", {...})`` for an instance with these arguments,
``"T.mul"`` for ``theano.tensor.mul``. Open sizes are left to the probe, which takes odd ones that
no layer of the net has.
"""

# Inputs on this grid meet each other, and zero, all the time.
COARSE = 0.5


def resolve(name, value):
    """Return the object of Lasagne or Theano that an option's value stands for."""
    import lasagne
    import theano.tensor as T

    if isinstance(value, str) and value.startswith("T."):
        for part in value[2:].split("."):
            T = getattr(T, part)
        return T
    if name == "nonlinearity" and isinstance(value, tuple):
        kind, options = value
        return getattr(lasagne.nonlinearities, kind)(**options)
    if name == "nonlinearity" and isinstance(value, str):
        return getattr(lasagne.nonlinearities, value)
    return value


def resolve_all(options):
    """Return options with every value resolved."""
    return dict((name, resolve(name, value)) for name, value in options.items())


def inputs_only(shape):
    """Build nothing but an input layer."""
    from lasagne import layers

    return layers.InputLayer(shape, name="input")


def one_layer(kind, source=(None, 7), **options):
    """Build input of shape `source` -> one layer of class, or by function, `kind`."""
    from lasagne import layers

    return getattr(layers, kind)(inputs_only(source), name="layer", **resolve_all(options))


def merge(kind, sources=((None, 7), (None, 7)), **options):
    """Build inputs of the shapes `sources` -> one merge layer of class `kind`."""
    from lasagne import layers

    inputs = [layers.InputLayer(s, name="input%d" % i) for i, s in enumerate(sources)]
    return getattr(layers, kind)(inputs, name="layer", **resolve_all(options))


def normalized(kind, source, inner, **options):
    """Build input -> one layer of class `kind` with options `inner` -> ``batch_norm()`` of it."""
    from lasagne import layers

    return layers.batch_norm(one_layer(kind, source, **inner), **options)


def prefixed(prefix, kind, rows, **common):
    """Return rows of layers of one kind: names with a prefix, and options that all have."""
    return [
        (prefix + name, dict(dict(common, kind=kind), **options), pins)
        for name, options, pins in rows
    ]


INPUT = [
    ("input_alone", {"shape": (None, 3, 4)}, "an input layer can be the output too"),
    ("input_fixed_batch", {"shape": (7, 3)}, "a batch size fixed at 7"),
]

NONLINEARITIES = [
    ("linear", "linear"),
    ("identity", "identity"),
    ("rectify", "rectify"),
    ("leaky_rectify", "leaky_rectify"),
    ("very_leaky_rectify", "very_leaky_rectify"),
    ("leaky_rectify_0_2", ("LeakyRectify", {"leakiness": 0.2})),
    ("leaky_rectify_0", ("LeakyRectify", {"leakiness": 0})),
    ("elu", "elu"),
    ("selu", "selu"),
    ("selu_1_3_0_7", ("SELU", {"scale": 1.3, "scale_neg": 0.7})),
    ("softplus", "softplus"),
    ("softmax", "softmax"),
    ("sigmoid", "sigmoid"),
    ("tanh", "tanh"),
    ("scaled_tanh", ("ScaledTanH", {"scale_in": 0.5, "scale_out": 2.4})),
    ("scaled_tanh_alias", ("ScaledTanh", {"scale_in": 2.0 / 3, "scale_out": 1.7159})),
]

NONLINEARITY = prefixed(
    "nonlinearity_",
    "NonlinearityLayer",
    [(name, {"nonlinearity": value}, name) for name, value in NONLINEARITIES]
    + [
        ("default_4d", {"source": (None, 2, 3, 4)}, "the default is rectify; 4-D"),
        ("none", {"nonlinearity": None}, "None means linear"),
        ("selu_4d", {"nonlinearity": "selu", "source": (None, 2, 3, 4)}, "selu on 4-D"),
    ],
)

DENSE = prefixed(
    "dense_",
    "DenseLayer",
    [(name, {"nonlinearity": value}, name) for name, value in NONLINEARITIES]
    + [
        ("default", {}, "the default nonlinearity is rectify"),
        ("nonlinearity_none", {"nonlinearity": None}, "None means linear"),
        ("no_bias", {"b": None, "nonlinearity": "tanh"}, "b=None"),
        ("on_images", {"source": (None, 2, 3, 6)}, "rows of W are in channels-first order"),
    ],
    num_units=4,
) + prefixed(
    "dense_",
    "DenseLayer",
    [
        ("leading_2", {"source": (None, 3, 7), "num_leading_axes": 2}, "two leading axes"),
        ("leading_2_of_4", {"source": (None, 3, 2, 6), "num_leading_axes": 2}, "flattens the rest"),
        ("leading_minus_1", {"source": (None, 2, 3, 6), "num_leading_axes": -1}, "all but one"),
        ("leading_minus_2", {"source": (None, 2, 3, 6), "num_leading_axes": -2}, "all but two"),
        (
            "leading_minus_1_2d",
            {"source": (None, 7), "num_leading_axes": -1, "b": None},
            "-1 on 2-D is the default by another name",
        ),
    ],
    num_units=4,
    nonlinearity="tanh",
)

NIN = prefixed(
    "nin_",
    "NINLayer",
    [
        ("2d", {"source": (None, 7)}, "2-D input"),
        ("3d", {"source": (None, 3, 7), "nonlinearity": "tanh"}, "3-D input"),
        ("4d", {"source": (None, 3, 7, 2)}, "4-D input"),
        ("5d", {"source": (None, 3, 2, 6, 1), "nonlinearity": "tanh"}, "5-D input"),
        ("no_bias", {"source": (None, 3, 7, 2), "b": None, "nonlinearity": "elu"}, "b=None"),
        ("untied", {"source": (None, 3, 7, 2), "untie_biases": True}, "a bias per location"),
        ("untied_3d", {"source": (None, 3, 7), "untie_biases": True}, "a bias per location, 3-D"),
    ],
    num_units=4,
)

CONV2D = prefixed(
    "conv2d_",
    "Conv2DLayer",
    [
        ("valid", {"filter_size": 3, "pad": "valid"}, "filters are flipped by default"),
        ("unflipped", {"filter_size": 3, "flip_filters": False}, "flip_filters=False"),
        ("same", {"filter_size": 3, "pad": "same"}, "pad='same'"),
        ("same_nonsquare", {"filter_size": (3, 1), "pad": "same"}, "'same' per axis"),
        (
            "same_stride_2",
            {"filter_size": 3, "pad": "same", "stride": 2},
            "'same' pads k // 2 on both sides at any stride, unlike TensorFlow",
        ),
        ("full", {"filter_size": (3, 2), "pad": "full"}, "pad='full' is k - 1"),
        (
            "full_strided",
            {"filter_size": 3, "pad": "full", "stride": (2, 3)},
            "'full' with strides",
        ),
        ("pad_1", {"filter_size": 3, "pad": 1}, "an integer pad"),
        ("pad_2_1", {"filter_size": 3, "pad": (2, 1)}, "a pad per axis"),
        ("pad_beyond_filter", {"filter_size": 2, "pad": 2}, "a pad larger than the filter"),
        (
            "pad_strided",
            {"filter_size": (4, 3), "pad": (1, 2), "stride": (3, 2)},
            "strides that leave a remainder of the padded image",
        ),
        ("stride_2", {"filter_size": 3, "stride": 2}, "an integer stride"),
        ("stride_3_1", {"filter_size": 3, "stride": (3, 1)}, "a stride per axis"),
        (
            "stride_unflipped",
            {"filter_size": (2, 3), "stride": 2, "flip_filters": False},
            "strided correlation",
        ),
        ("even_filter", {"filter_size": 2}, "an even filter"),
        ("even_nonsquare", {"filter_size": (2, 4)}, "even and not square"),
        ("nonsquare", {"filter_size": (1, 3)}, "not square"),
        ("1x1", {"filter_size": (1, 1)}, "a filter of one element"),
        ("whole_image", {"filter_size": (7, 4)}, "the filter covers the image"),
        ("untied", {"filter_size": 3, "untie_biases": True}, "a bias per location"),
        ("no_bias", {"filter_size": 3, "b": None}, "b=None"),
        ("rectify", {"filter_size": 3, "nonlinearity": "rectify"}, "rectify"),
        ("linear", {"filter_size": 3, "nonlinearity": None}, "nonlinearity None"),
        ("groups_2", {"filter_size": 3, "num_groups": 2}, "two groups"),
        (
            "depthwise",
            {"source": (None, 4, 7, 2), "filter_size": (3, 2), "num_groups": 4, "num_filters": 8},
            "a group per channel",
        ),
        (
            "groups_unflipped",
            {"source": (None, 4, 8, 3), "filter_size": 2, "num_groups": 2, "flip_filters": False},
            "two groups, unflipped",
        ),
        ("fixed_batch", {"source": (7, 2, 5, 4), "filter_size": 3}, "a batch size fixed at 7"),
    ],
    source=(None, 2, 7, 4),
    num_filters=6,
    nonlinearity="tanh",
)

INC, EXC = "average_inc_pad", "average_exc_pad"

POOL2D = prefixed(
    "pool2d_",
    "Pool2DLayer",
    [
        ("max", {"pool_size": 2}, "the default mode is max; borders are ignored"),
        ("sum", {"pool_size": 2, "mode": "sum"}, "sum"),
        ("inc", {"pool_size": 2, "mode": INC}, "average_inc_pad without pad"),
        ("exc", {"pool_size": 2, "mode": EXC}, "average_exc_pad without pad"),
        ("max_ceil", {"pool_size": 2, "ignore_border": False}, "max of partial windows"),
        ("sum_ceil", {"pool_size": 2, "ignore_border": False, "mode": "sum"}, "partial sums"),
        ("inc_ceil", {"pool_size": 2, "ignore_border": False, "mode": INC}, "what it divides by"),
        ("exc_ceil", {"pool_size": 2, "ignore_border": False, "mode": EXC}, "what it divides by"),
        ("max_pad", {"pool_size": 3, "pad": 1, "stride": 2}, "the pad never wins"),
        ("sum_pad", {"pool_size": 3, "pad": 1, "stride": 2, "mode": "sum"}, "the pad adds nothing"),
        ("inc_pad", {"pool_size": 3, "pad": (1, 2), "stride": 2, "mode": INC}, "the pad counts"),
        (
            "exc_pad",
            {"pool_size": 3, "pad": (1, 2), "stride": 2, "mode": EXC},
            "the pad does not count; Theano has no gradient of this on a CPU",
        ),
        ("overlapping", {"pool_size": 3, "stride": 2}, "stride < window"),
        ("gapped", {"pool_size": 2, "stride": 3}, "stride > window"),
        ("gapped_sum", {"pool_size": (1, 2), "stride": (2, 3), "mode": "sum"}, "per axis, sum"),
        (
            "gapped_ceil",
            {"pool_size": 2, "stride": 3, "ignore_border": False},
            "stride > window, partial windows",
        ),
        (
            "overlapping_ceil",
            {"pool_size": 3, "stride": 2, "ignore_border": False, "source": (None, 2, 8, 4)},
            "stride < window, partial windows",
        ),
        (
            "overlapping_ceil_inc",
            {"pool_size": (4, 3), "stride": (3, 2), "ignore_border": False, "mode": INC},
            "average of overlapping partial windows",
        ),
        (
            "overlapping_ceil_exc",
            {"pool_size": (4, 3), "stride": (3, 2), "ignore_border": False, "mode": EXC},
            "the same in the other mode",
        ),
        ("nonsquare", {"pool_size": (3, 2)}, "a window that is not square"),
        (
            "nonsquare_strided_padded",
            {"pool_size": (2, 3), "stride": (1, 2), "pad": (0, 1), "mode": "sum"},
            "window, stride and pad per axis",
        ),
        ("keeps_size", {"pool_size": 3, "stride": 1, "pad": 1}, "stride 1, padded: same size"),
        (
            "ceil_without_rest",
            {"pool_size": (3, 2), "ignore_border": False},
            "no window is partial",
        ),
    ],
    source=(None, 2, 9, 4),
) + prefixed(
    "maxpool2d_",
    "MaxPool2DLayer",
    [
        ("default", {"pool_size": 2}, "borders are ignored by default"),
        ("ceil", {"pool_size": (2, 3), "stride": (2, 2), "ignore_border": False}, "ceil mode"),
        ("pad", {"pool_size": (3, 2), "stride": (2, 2), "pad": (1, 1)}, "padded"),
    ],
    source=(None, 2, 9, 4),
)

GLOBALPOOL = [
    (
        "globalpool_%s_%dd" % (function or "default", len(source)),
        dict({"kind": "GlobalPoolLayer", "source": source}, **options),
        "theano.tensor.%s over all trailing axes" % (function or "mean"),
    )
    for function, source in [
        (None, (None, 2, 4, 6)),
        ("mean", (None, 3, 7)),
        ("max", (None, 2, 4, 6)),
        ("max", (None, 2, 4, 6, 1)),
        ("sum", (None, 2, 4, 6)),
        ("min", (None, 3, 7)),
        ("var", (None, 2, 4, 6)),
        ("std", (None, 2, 4, 6, 1)),
    ]
    for options in [{"pool_function": "T." + function} if function else {}]
]

BATCHNORM = prefixed(
    "batchnorm_",
    "BatchNormLayer",
    [
        ("2d", {"source": (None, 7)}, "axes 'auto' on 2-D"),
        ("3d", {"source": (None, 3, 4)}, "axes 'auto' on 3-D"),
        ("4d", {}, "axes 'auto' on 4-D"),
        ("5d", {"source": (None, 3, 2, 4, 1)}, "axes 'auto' on 5-D"),
        ("axes_0", {"axes": 0}, "an integer: only the batch is normalized over"),
        ("axes_0_1", {"axes": (0, 1)}, "a statistic per location"),
        ("axes_0_2", {"axes": (0, 2)}, "a statistic per channel and column"),
        ("axes_0_3", {"axes": (0, 3)}, "a statistic per channel and row"),
        ("axes_0_1_2", {"axes": (0, 1, 2)}, "a statistic per column"),
        ("axes_all", {"axes": (0, 1, 2, 3)}, "one statistic"),
        (
            "axes_1_2",
            {"axes": (1, 2), "source": (5, 3, 4, 2)},
            "the batch axis is not normalized over",
        ),
        ("axes_0_1_of_3", {"axes": (0, 1), "source": (None, 3, 4)}, "axes (0, 1) on 3-D"),
        ("no_beta", {"beta": None}, "beta=None"),
        ("no_gamma", {"gamma": None}, "gamma=None"),
        ("no_beta_no_gamma", {"beta": None, "gamma": None}, "neither"),
        ("no_beta_2d", {"beta": None, "source": (None, 7)}, "beta=None on 2-D"),
    ]
    + [
        ("alpha_" + text.replace(".", "_"), {"alpha": float(text), "source": (None, 6)}, "alpha")
        for text in ("0.01", "0.05", "0.5", "0.9", "1.0")
    ]
    + [
        ("epsilon_1e_%d" % n, {"epsilon": 10.0**-n, "source": (None, 6)}, "epsilon")
        for n in (5, 3, 2, 1)
    ],
    source=(None, 3, 4, 2),
)

BATCH_NORM = [
    (
        "batch_norm_dense",
        {"kind": "DenseLayer", "source": (None, 7), "inner": {"num_units": 4}},
        "the bias is removed, the nonlinearity moves behind the normalization",
    ),
    (
        "batch_norm_dense_no_bias",
        {
            "kind": "DenseLayer",
            "source": (None, 7),
            "inner": {"num_units": 4, "b": None, "nonlinearity": "tanh"},
            "alpha": 0.3,
        },
        "a layer that never had a bias",
    ),
    (
        "batch_norm_dense_linear",
        {
            "kind": "DenseLayer",
            "source": (None, 7),
            "inner": {"num_units": 4, "nonlinearity": None},
            "name": "bn",
        },
        "a linear layer gets a linear NonlinearityLayer; a name of its own",
    ),
    (
        "batch_norm_conv",
        {
            "kind": "Conv2DLayer",
            "source": (None, 2, 6, 4),
            "inner": {"num_filters": 3, "filter_size": 3},
            "epsilon": 1e-3,
        },
        "a convolution",
    ),
    (
        "batch_norm_conv_no_bias",
        {
            "kind": "Conv2DLayer",
            "source": (None, 2, 6, 4),
            "inner": {"num_filters": 3, "filter_size": (2, 3), "b": None, "nonlinearity": "elu"},
            "gamma": None,
            "alpha": 0.5,
        },
        "a convolution without bias, no gamma",
    ),
    (
        "batch_norm_nin",
        {"kind": "NINLayer", "source": (None, 3, 4, 2), "inner": {"num_units": 6}},
        "a network-in-network layer",
    ),
]

DROPOUT = prefixed(
    "dropout_",
    "DropoutLayer",
    [
        ("default", {}, "p=0.5, rescaled"),
        ("p_0", {"p": 0}, "p=0 draws nothing"),
        ("p_0_2", {"p": 0.2}, "p=0.2"),
        ("no_rescale", {"p": 0.2, "rescale": False}, "rescale=False"),
        ("4d", {"p": 0.2, "source": (None, 2, 3, 4)}, "every element on its own"),
        ("shared_2_3", {"source": (None, 7, 2, 3), "shared_axes": (2, 3)}, "a mask per channel"),
        ("shared_1", {"source": (None, 3, 4), "shared_axes": (1,)}, "shared over axis 1"),
        ("shared_minus_1", {"source": (None, 3, 4), "shared_axes": (-1,), "p": 0.2}, "axis -1"),
        ("shared_0", {"shared_axes": (0,), "rescale": False}, "one mask for the batch"),
        ("fixed_batch", {"source": (9, 7), "p": 0.3}, "a mask of fixed shape"),
    ],
    source=(None, 7),
) + [
    (name, dict(options, kind=name), "the function %s()" % name)
    for name, options in [
        ("dropout_channels", {"source": (None, 7, 2, 3)}),
        ("spatial_dropout", {"source": (None, 7, 3), "p": 0.2}),
        ("dropout_locations", {"source": (None, 2, 3, 4)}),
    ]
]

FLATTEN = prefixed(
    "flatten_",
    "FlattenLayer",
    [
        ("default", {"source": (None, 2, 3, 4)}, "outdim is 2"),
        ("to_1", {"source": (None, 2, 3), "outdim": 1}, "outdim 1 flattens the batch too"),
        ("to_3", {"source": (None, 2, 3, 4), "outdim": 3}, "outdim 3"),
        ("of_2d", {"source": (None, 7)}, "nothing to flatten"),
    ],
)

RESHAPE = prefixed(
    "reshape_",
    "ReshapeLayer",
    [
        ("split", {"source": (None, 2, 6), "shape": ([0], 3, 4)}, "[0] keeps the batch size"),
        ("minus_1", {"source": (None, 2, 3, 4), "shape": ([0], -1)}, "-1 is worked out"),
        ("batch_minus_1", {"source": (None, 2, 6), "shape": (-1, 3, 4)}, "-1 for the batch size"),
        ("references", {"source": (None, 2, 6), "shape": ([0], [2], [1])}, "no transposition"),
        ("ints", {"source": (9, 2, 4), "shape": (9, 8)}, "integers only"),
        ("into_batch", {"source": (None, 3, 4), "shape": (-1, 4)}, "an axis goes into the batch"),
        ("more_axes", {"source": (None, 12), "shape": ([0], 2, 3, 2)}, "four axes out of two"),
    ],
)

MERGE = [
    ("concat", {"sources": ((None, 3), (None, 4))}, "axis 1 by default"),
    (
        "concat_4d",
        {"sources": ((None, 2, 3, 4), (None, 1, 3, 4), (None, 6, 3, 4))},
        "three inputs",
    ),
    ("concat_axis_2", {"axis": 2, "sources": ((None, 2, 3, 4), (None, 2, 1, 4))}, "axis 2"),
    ("concat_axis_minus_1", {"axis": -1, "sources": ((None, 2, 3), (None, 2, 4))}, "axis -1"),
    ("concat_axis_0", {"axis": 0, "sources": ((None, 3), (None, 3))}, "two batches in one"),
    (
        "concat_cropped",
        {
            "cropping": [None, None, "lower", "center"],
            "sources": ((None, 2, 8, 3), (None, 1, 6, 4)),
        },
        "cropped: lower, and center with an odd remainder",
    ),
    (
        "concat_cropped_upper",
        {
            "cropping": [None, None, "upper", "upper"],
            "sources": ((None, 2, 8, 3), (None, 1, 6, 4)),
        },
        "cropped: upper",
    ),
    (
        "concat_never_crops_its_axis",
        {
            "axis": 2,
            "cropping": [None, "center", "center"],
            "sources": ((None, 7, 3), (None, 4, 2)),
        },
        "the cropping of the concatenated axis is dropped",
    ),
    ("sum", {}, "coefficients of 1"),
    ("sum_coeff", {"coeffs": 0.75, "sources": ((None, 7),) * 3}, "one coefficient for all"),
    (
        "sum_coeffs",
        {"coeffs": [1, -0.5, 2.25], "sources": ((None, 2, 3, 4),) * 3},
        "a coefficient for each",
    ),
    (
        "sum_cropped",
        {
            "coeffs": [1.5, -2],
            "cropping": [None, None, "center", "lower"],
            "sources": ((None, 2, 6, 4), (None, 2, 9, 3)),
        },
        "cropped: center, lower",
    ),
    ("merge_mul", {"merge_function": "T.mul", "sources": ((None, 7),) * 3}, "product of three"),
    ("merge_maximum", {"merge_function": "T.maximum"}, "maximum"),
    ("merge_minimum", {"merge_function": "T.minimum"}, "minimum"),
    ("merge_add", {"merge_function": "T.add"}, "sum"),
    (
        "merge_sub",
        {"merge_function": "T.sub", "sources": ((None, 7),) * 3},
        "difference of three, from left to right",
    ),
    (
        "merge_mul_cropped",
        {"merge_function": "T.mul", "cropping": [None, "upper"], "sources": ((None, 7), (None, 4))},
        "cropped: upper; cropping shorter than the rank is filled up",
    ),
]
MERGE_KINDS = {"concat": "ConcatLayer", "sum": "ElemwiseSumLayer", "merge": "ElemwiseMergeLayer"}
MERGE = [
    (name, dict(options, kind=MERGE_KINDS[name.partition("_")[0]]), pins)
    for name, options, pins in MERGE
]

BIAS = prefixed(
    "bias_",
    "BiasLayer",
    [
        ("auto_2d", {"source": (None, 7)}, "a bias per feature"),
        ("auto_4d", {}, "a bias per channel"),
        ("shared_0", {"shared_axes": 0}, "an integer; a bias per element"),
        ("shared_0_1", {"shared_axes": (0, 1)}, "a bias per location"),
        ("shared_0_2", {"shared_axes": (0, 2)}, "a bias per channel and column"),
        ("shared_all", {"shared_axes": (0, 1, 2, 3)}, "a single bias"),
        ("none", {"b": None}, "b=None passes everything through"),
    ],
    source=(None, 2, 3, 4),
)

SCALE = prefixed(
    "scale_",
    "ScaleLayer",
    [
        ("auto_2d", {"source": (None, 7)}, "a scale per feature"),
        ("auto_4d", {}, "a scale per channel"),
        ("shared_0_1", {"shared_axes": (0, 1)}, "a scale per location"),
        ("shared_0_3", {"shared_axes": (0, 3)}, "a scale per channel and row"),
    ],
    source=(None, 2, 3, 4),
)

PAD = prefixed(
    "pad_",
    "PadLayer",
    [
        ("int", {"width": 2}, "the same on all sides of all spatial axes"),
        ("per_axis", {"width": (1, 2)}, "a width per axis"),
        ("asymmetric", {"width": ((1, 2), (0, 3))}, "before and after"),
        ("mixed", {"width": [(2, 0), 1]}, "a pair, and an integer"),
        ("value", {"width": 1, "val": -1.75}, "padded with another value than 0"),
        ("batch_ndim_1", {"width": 1, "batch_ndim": 1}, "channels are padded too"),
        (
            "batch_ndim_1_asymmetric",
            {"width": [(0, 1), (2, 0)], "batch_ndim": 1, "val": 0.5, "source": (None, 3, 4)},
            "3-D, every option at once",
        ),
        ("first_axis_only", {"width": [2]}, "fewer widths than axes"),
    ],
    source=(None, 2, 3, 4),
)

TIES = (
    prefixed(
        "ties_",
        "NonlinearityLayer",
        [
            (name, {"nonlinearity": value}, "gradient at exactly 0")
            for name, value in NONLINEARITIES
            if name in ("rectify", "leaky_rectify", "elu", "selu")
        ],
    )
    + prefixed(
        "ties_",
        "MaxPool2DLayer",
        [
            ("maxpool", {"pool_size": 3, "stride": 2}, "every tie of a window gets the gradient"),
            ("maxpool_ceil", {"pool_size": 2, "ignore_border": False}, "ties in partial windows"),
        ],
        source=(None, 2, 9, 4),
    )
    + prefixed(
        "ties_",
        "GlobalPoolLayer",
        [
            ("globalpool_max", {"pool_function": "T.max"}, "every tie gets the whole gradient"),
            ("globalpool_min", {"pool_function": "T.min"}, "every tie gets the whole gradient"),
        ],
        source=(None, 2, 4, 6),
    )
)

TIES_MERGE = prefixed(
    "ties_",
    "ElemwiseMergeLayer",
    [
        ("maximum", {"merge_function": "T.maximum"}, "who gets the gradient of a tie"),
        (
            "minimum",
            {"merge_function": "T.minimum", "sources": ((None, 7),) * 3},
            "who gets the gradient of a tie among three",
        ),
    ],
)

# family, how it is built, its table, settings that its cases share
FAMILIES = [
    ("input", inputs_only, INPUT, {}),
    ("dense", one_layer, DENSE, {}),
    ("nin", one_layer, NIN, {}),
    ("conv2d", one_layer, CONV2D, {}),
    ("pool2d", one_layer, POOL2D, {}),
    ("globalpool", one_layer, GLOBALPOOL, {}),
    ("batchnorm", one_layer, BATCHNORM, {"passes": 5}),
    ("batchnorm", normalized, BATCH_NORM, {"passes": 5}),
    ("nonlinearity", one_layer, NONLINEARITY, {}),
    ("dropout", one_layer, DROPOUT, {}),
    ("flatten", one_layer, FLATTEN, {}),
    ("reshape", one_layer, RESHAPE, {}),
    ("merge", merge, MERGE, {}),
    ("bias", one_layer, BIAS, {}),
    ("scale", one_layer, SCALE, {}),
    ("pad", one_layer, PAD, {}),
    ("ties", one_layer, TIES, {"grid": COARSE}),
    ("ties", merge, TIES_MERGE, {"grid": COARSE}),
]

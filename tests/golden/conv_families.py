"""The golden cases of the convolutions over other than two axes, transposed, dilated or unshared.

Rows are those of ``families.py``. Most batches hold one small example: a record keeps every output
five times.
"""

from families import one_layer, prefixed


def convolved(kind, source, convolution, **options):
    """Build input -> a Conv1DLayer that convolves by another of Lasagne's functions."""
    from lasagne.theano_extensions import conv

    return one_layer(kind, source, convolution=getattr(conv, convolution), **options)


CONV1D = prefixed(
    "conv1d_",
    "Conv1DLayer",
    [
        ("default", {"filter_size": 3, "source": (None, 2, 7)}, "filters are flipped by default"),
        ("unflipped", {"filter_size": (3,), "flip_filters": False}, "flip_filters=False"),
        ("same", {"filter_size": 5, "pad": "same"}, "pad='same'"),
        ("same_stride_2", {"filter_size": 3, "pad": "same", "stride": 2}, "'same', strided"),
        ("full", {"filter_size": 4, "pad": "full"}, "pad='full', an even filter"),
        ("full_strided", {"filter_size": 3, "pad": "full", "stride": (3,)}, "'full', strided"),
        ("pad_2", {"filter_size": 3, "pad": 2, "stride": 2}, "an integer pad, a remainder"),
        ("pad_tuple", {"filter_size": 2, "pad": (1,), "flip_filters": False}, "a pad as tuple"),
        ("untied", {"filter_size": 3, "untie_biases": True}, "a bias per place"),
        ("no_bias", {"filter_size": 2, "b": None, "nonlinearity": None}, "b=None, linear"),
        (
            "groups_2",
            {"filter_size": 3, "num_groups": 2, "num_filters": 4, "pad": "same"},
            "two groups",
        ),
        ("open_size", {"source": (None, 2, None), "filter_size": 2}, "an open size"),
    ],
    source=(1, 2, 7),
    num_filters=3,
    nonlinearity="tanh",
)

CONV1D_FUNCTIONS = prefixed(
    "conv1d_",
    "Conv1DLayer",
    [
        ("mc1", {"convolution": "conv1d_mc1", "pad": 1}, "conv1d_mc1"),
        ("sc", {"convolution": "conv1d_sc"}, "conv1d_sc"),
        (
            "sc_unflipped",
            {"convolution": "conv1d_sc", "flip_filters": False},
            "the channels of unflipped filters are reversed",
        ),
        ("unstrided", {"convolution": "conv1d_unstrided", "stride": 2}, "conv1d_unstrided"),
        (
            "unstrided_unflipped",
            {"convolution": "conv1d_unstrided", "stride": 2, "flip_filters": False},
            "the channels of unflipped filters are reversed",
        ),
        ("sd", {"convolution": "conv1d_sd", "stride": 2}, "conv1d_sd"),
        (
            "sd_unflipped",
            {"convolution": "conv1d_sd", "stride": 2, "flip_filters": False},
            "conv1d_sd, unflipped",
        ),
        (
            "md_unflipped",
            {"convolution": "conv1d_md", "stride": 2, "flip_filters": False},
            "conv1d_md, unflipped",
        ),
    ],
    source=(3, 2, 11),
    num_filters=1,
    filter_size=4,
    nonlinearity="tanh",
)

CONV3D = prefixed(
    "conv3d_",
    "Conv3DLayer",
    [
        ("default", {"filter_size": 2, "source": (None, 2, 4, 3, 1), "pad": (0, 0, 1)}, "flipped"),
        ("unflipped", {"filter_size": (2, 3, 1), "flip_filters": False}, "flip_filters=False"),
        ("same", {"filter_size": (3, 1, 3), "pad": "same"}, "'same' per axis"),
        ("full_strided", {"filter_size": 2, "pad": "full", "stride": (2, 1, 3)}, "'full'"),
        ("pad", {"filter_size": (2, 3, 2), "pad": (0, 2, 1), "stride": 2}, "a pad per axis"),
        ("untied", {"filter_size": 2, "untie_biases": True}, "a bias per place"),
        ("no_bias", {"filter_size": (1, 2, 2), "b": None}, "b=None"),
        ("groups_2", {"filter_size": 2, "num_groups": 2, "num_filters": 4}, "two groups"),
    ],
    source=(1, 2, 4, 3, 5),
    num_filters=3,
    nonlinearity="tanh",
)

TRANSPOSED2D = prefixed(
    "transposed2d_",
    "TransposedConv2DLayer",
    [
        (
            "default",
            {"filter_size": 3, "source": (None, 2, 4, 1)},
            "filters are not flipped by default",
        ),
        ("flipped", {"filter_size": (3, 2), "flip_filters": True}, "flip_filters=True"),
        ("strided", {"filter_size": 3, "stride": (2, 3)}, "strides per axis"),
        ("stride_beyond_filter", {"filter_size": (2, 1), "stride": 3}, "stride > filter"),
        ("crop_1", {"filter_size": 3, "stride": 2, "crop": 1}, "an integer crop"),
        ("crop_per_axis", {"filter_size": (4, 3), "stride": 2, "crop": (2, 0)}, "crop per axis"),
        ("crop_same", {"filter_size": (3, 5), "stride": 2, "crop": "same"}, "crop='same'"),
        ("crop_full", {"filter_size": 2, "stride": 3, "crop": "full"}, "crop='full'"),
        ("crop_valid", {"filter_size": 2, "crop": "valid"}, "crop='valid'"),
        (
            "output_size",
            {"filter_size": 3, "stride": 2, "crop": 1, "output_size": (8, 6)},
            "less is cut off behind",
        ),
        (
            "output_size_zeros",
            {"filter_size": 3, "stride": 3, "output_size": (14, 10)},
            "rows and columns behind that hold the bias alone",
        ),
        (
            "output_size_mixed",
            {"filter_size": (2, 4), "stride": 4, "crop": (0, 2), "output_size": (17, 9)},
            "zeros behind one axis, a cut behind the other; stride > filter",
        ),
        (
            "output_size_untied",
            {
                "filter_size": (2, 5),
                "stride": 2,
                "output_size": 9,
                "untie_biases": True,
            },
            "an integer size, and a bias per place",
        ),
        ("untied", {"filter_size": 2, "stride": 2, "untie_biases": True}, "a bias per place"),
        ("no_bias", {"filter_size": 2, "stride": 2, "b": None}, "b=None"),
        ("linear", {"filter_size": (1, 3), "nonlinearity": None}, "nonlinearity None"),
        (
            "groups_ignored",
            {"filter_size": 2, "num_groups": 2, "num_filters": 4},
            "num_groups changes nothing",
        ),
        ("open_sizes", {"filter_size": 3, "stride": 2, "source": (1, 2, None, 4)}, "open size"),
    ],
    source=(1, 2, 4, 3),
    num_filters=3,
    nonlinearity="tanh",
)

TRANSPOSED3D = prefixed(
    "transposed3d_",
    "TransposedConv3DLayer",
    [
        ("default", {"filter_size": 2}, "filters are not flipped by default"),
        ("flipped", {"filter_size": (2, 1, 3), "flip_filters": True}, "flip_filters=True"),
        ("crop", {"filter_size": 3, "stride": (2, 1, 2), "crop": (1, 0, 2)}, "crop per axis"),
        (
            "output_size",
            {"filter_size": (1, 2, 3), "stride": (2, 1, 1), "output_size": (4, 4, 6)},
            "zeros behind",
        ),
        ("untied", {"filter_size": 2, "untie_biases": True}, "a bias per place"),
        (
            "no_bias",
            {"filter_size": 2, "stride": (1, 2, 1), "crop": (1, 0, 1), "b": None},
            "b=None",
        ),
    ],
    source=(1, 5, 2, 3, 4),
    num_filters=2,
    nonlinearity="tanh",
)

DILATED2D = prefixed(
    "dilated2d_",
    "DilatedConv2DLayer",
    [
        ("default", {"filter_size": 3}, "a dilation of 1 is a correlation"),
        ("dilation_2", {"filter_size": 3, "dilation": 2}, "an integer dilation"),
        ("per_axis", {"filter_size": (2, 3), "dilation": (3, 2)}, "a dilation per axis"),
        ("even", {"filter_size": (4, 2), "dilation": (2, 1)}, "even filters"),
        ("untied", {"filter_size": 2, "dilation": 2, "untie_biases": True}, "a bias per place"),
        ("no_bias", {"filter_size": 2, "dilation": 3, "b": None}, "b=None"),
        (
            "groups_ignored",
            {"filter_size": 2, "num_groups": 2, "num_filters": 4},
            "num_groups changes nothing",
        ),
        ("open_sizes", {"filter_size": 2, "dilation": 2, "source": (None, 2, None, 4)}, "open"),
    ],
    source=(1, 2, 7, 6),
    num_filters=3,
    nonlinearity="tanh",
)

LOCAL2D = prefixed(
    "local2d_",
    "LocallyConnected2DLayer",
    [
        ("default", {}, "filters are flipped by default"),
        ("unflipped", {"filter_size": (3, 1), "flip_filters": False}, "flip_filters=False"),
        ("nonsquare", {"filter_size": (1, 3)}, "not square"),
        (
            "beyond_image",
            {"filter_size": (5, 1), "source": (1, 4, 2, 3), "num_filters": 1},
            "a filter larger than the image",
        ),
        ("untied", {"filter_size": (1, 3), "untie_biases": True}, "a bias per place"),
        ("no_bias", {"filter_size": (3, 1), "b": None, "nonlinearity": None}, "b=None, linear"),
        ("channelwise", {"channelwise": True, "num_filters": 2}, "filter i sees channel i only"),
        (
            "channelwise_unflipped",
            {"channelwise": True, "num_filters": 2, "flip_filters": False, "filter_size": (5, 3)},
            "channelwise, unflipped, not square",
        ),
        (
            "channelwise_untied",
            {"channelwise": True, "num_filters": 2, "untie_biases": True, "filter_size": (3, 1)},
            "channelwise, a bias per place",
        ),
        ("open_batch", {"source": (None, 2, 4, 3), "filter_size": 1}, "an open batch, 1 x 1"),
    ],
    source=(1, 2, 4, 3),
    num_filters=3,
    filter_size=3,
    nonlinearity="tanh",
)

# family, how it is built, its table, settings that its cases share
CONV_FAMILIES = [
    ("conv1d", one_layer, CONV1D, {}),
    ("conv1d", convolved, CONV1D_FUNCTIONS, {}),
    ("conv3d", one_layer, CONV3D, {}),
    ("transposedconv", one_layer, TRANSPOSED2D, {}),
    ("transposedconv", one_layer, TRANSPOSED3D, {}),
    ("dilatedconv", one_layer, DILATED2D, {}),
    ("local", one_layer, LOCAL2D, {}),
]

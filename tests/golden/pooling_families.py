"""The golden cases of upscaling, and of pooling over other than two axes, features and pyramids.

Rows are those of ``families.py``. Most batches hold one small example: a record keeps every output
five times.
"""

from families import COARSE, one_layer, prefixed

INC = "average_inc_pad"
EXC = "average_exc_pad"

POOL1D = prefixed(
    "pool1d_",
    "Pool1DLayer",
    [
        ("max", {"pool_size": 2}, "the default mode is max; borders are ignored"),
        ("max_pad", {"pool_size": (3,), "stride": 2, "pad": 1}, "the pad never wins"),
        ("max_ceil", {"pool_size": 3, "stride": (2,), "ignore_border": False}, "partial windows"),
        ("sum", {"pool_size": 3, "stride": 1, "pad": (1,), "mode": "sum"}, "sum"),
        ("inc_pad", {"pool_size": 3, "stride": 2, "pad": 2, "mode": INC}, "the pad counts"),
        ("exc_pad", {"pool_size": 3, "stride": 2, "pad": 2, "mode": EXC}, "it does not count"),
        ("inc_ceil", {"pool_size": 2, "ignore_border": False, "mode": INC}, "what it divides by"),
        ("gapped", {"pool_size": 2, "stride": 3, "mode": EXC}, "stride > window"),
        ("open_size", {"source": (None, 2, None), "pool_size": 2, "mode": INC}, "an open size"),
    ],
    source=(1, 2, 8),
) + prefixed(
    "maxpool1d_",
    "MaxPool1DLayer",
    [
        ("default", {"pool_size": 2, "source": (None, 2, 7)}, "borders are ignored by default"),
        ("ceil", {"pool_size": 3, "stride": 2, "ignore_border": False}, "ceil mode"),
    ],
    source=(1, 2, 8),
)

POOL3D = prefixed(
    "pool3d_",
    "Pool3DLayer",
    [
        ("max", {"pool_size": 2}, "the default mode is max; borders are ignored"),
        ("max_pad", {"pool_size": 3, "stride": 2, "pad": (1, 0, 1)}, "the pad never wins"),
        ("max_ceil", {"pool_size": (3, 2, 2), "ignore_border": False}, "partial windows"),
        ("sum", {"pool_size": (2, 1, 3), "stride": (1, 2, 2), "mode": "sum"}, "sizes per axis"),
        ("inc", {"pool_size": 2, "mode": INC}, "average_inc_pad without pad"),
        ("inc_pad", {"pool_size": 2, "pad": 1, "mode": INC}, "the pad counts"),
        ("exc_pad", {"pool_size": 2, "pad": 1, "mode": EXC}, "the pad does not count"),
        ("exc_ceil", {"pool_size": 2, "ignore_border": False, "mode": EXC}, "what it divides by"),
    ],
    source=(1, 2, 4, 3, 5),
) + prefixed(
    "maxpool3d_",
    "MaxPool3DLayer",
    [
        ("default", {"pool_size": 2, "source": (None, 1, 4, 2, 3)}, "borders are ignored"),
        ("ceil", {"pool_size": 2, "stride": (2, 1, 2), "ignore_border": False}, "ceil mode"),
    ],
    source=(1, 2, 4, 3, 5),
)

UPSCALE = (
    prefixed(
        "upscale1d_",
        "Upscale1DLayer",
        [
            ("repeat", {"scale_factor": 3}, "entries are repeated"),
            ("dilate", {"scale_factor": (2,), "mode": "dilate"}, "zeros behind each entry"),
            ("by_1", {"scale_factor": 1}, "nothing happens"),
            ("open_size", {"scale_factor": 2, "source": (None, 2, None)}, "an open size"),
        ],
        source=(1, 2, 5),
    )
    + prefixed(
        "upscale2d_",
        "Upscale2DLayer",
        [
            ("repeat", {"scale_factor": 2}, "entries are repeated"),
            ("repeat_per_axis", {"scale_factor": (3, 1)}, "factors per axis"),
            ("dilate", {"scale_factor": (3, 2), "mode": "dilate"}, "zeros behind each entry"),
            ("dilate_one_axis", {"scale_factor": (1, 2), "mode": "dilate"}, "zeros, one axis"),
            ("dilate_by_1", {"scale_factor": 1, "mode": "dilate"}, "nothing happens"),
            (
                "dilate_open_size",
                {"scale_factor": 2, "mode": "dilate", "source": (None, 2, None, 3)},
                "an open size",
            ),
        ],
        source=(1, 2, 4, 3),
    )
    + prefixed(
        "upscale3d_",
        "Upscale3DLayer",
        [
            ("repeat", {"scale_factor": (1, 2, 3)}, "entries are repeated"),
            ("dilate", {"scale_factor": (2, 1, 3), "mode": "dilate"}, "zeros behind each entry"),
        ],
        source=(1, 5, 3, 4, 2),
    )
)

FEATUREPOOL = prefixed(
    "featurepool_",
    "FeaturePoolLayer",
    [
        ("default", {"pool_size": 3, "source": (None, 6)}, "the largest of each three units"),
        ("maps", {"pool_size": 2, "source": (None, 6, 2, 3)}, "maxout over feature maps"),
        ("axis_2", {"pool_size": 2, "axis": 2, "source": (3, 2, 4)}, "another axis"),
        ("batch_axis", {"axis": 0, "source": (9, 2), "pool_size": 3}, "even over the batch"),
        ("whole", {"pool_size": 6, "source": (None, 6, 2)}, "one pool of all features"),
    ]
    + [
        (function, {"pool_function": "T." + function}, "theano.tensor." + function)
        for function in ("mean", "sum", "min", "prod", "var", "std")
    ],
    pool_size=3,
    source=(1, 6, 2, 3),
)

FEATUREWTA = prefixed(
    "featurewta_",
    "FeatureWTALayer",
    [
        ("default", {"pool_size": 3, "source": (None, 6)}, "all but the largest become 0"),
        ("maps", {"pool_size": 2, "source": (1, 6, 2, 3)}, "over feature maps"),
        ("axis_2", {"pool_size": 2, "axis": 2, "source": (3, 2, 4)}, "another axis"),
        ("batch_axis", {"axis": 0, "source": (9, 2), "pool_size": 3}, "even over the batch"),
    ],
)

PYRAMID = prefixed(
    "pyramid_",
    "SpatialPyramidPoolingLayer",
    [
        ("default", {}, "4, 2 and 1 bins an axis, by Theano's own pooling"),
        ("mean", {"mode": INC, "pool_dims": (2, 1)}, "averages"),
        ("exc", {"mode": EXC, "pool_dims": [2]}, "averages; there is no pad"),
        ("sum", {"mode": "sum", "pool_dims": [1, 2]}, "sums, in the order of the list"),
        ("uneven", {"pool_dims": [2, 1], "source": (1, 2, 5, 3)}, "bins that overlap"),
        ("open_size", {"pool_dims": [2], "source": (None, 2, None, 5)}, "an open size"),
        ("thirds", {"pool_dims": [3], "source": (1, 2, 6, 3)}, "bins that are no power of 2"),
        ("kaiming", {"implementation": "kaiming"}, "bins as the paper has them"),
        (
            "kaiming_uneven",
            {"implementation": "kaiming", "pool_dims": [4, 1], "source": (1, 2, 7, 5)},
            "bins that overlap",
        ),
        (
            "kaiming_mean",
            {"implementation": "kaiming", "pool_dims": [2], "mode": INC, "source": (1, 2, 5, 3)},
            "averages of overlapping bins",
        ),
        (
            "kaiming_open_size",
            {"implementation": "kaiming", "pool_dims": [2, 1], "source": (None, 2, None, None)},
            "open sizes",
        ),
    ],
    source=(1, 2, 4, 8),
)

TIES_POOLING = (
    prefixed(
        "ties_",
        "MaxPool1DLayer",
        [("maxpool1d", {"pool_size": 3, "stride": 2}, "every tie of a window gets the gradient")],
        source=(3, 2, 9),
    )
    + prefixed(
        "ties_",
        "MaxPool3DLayer",
        [("maxpool3d", {"pool_size": 2}, "every tie of a window gets the gradient")],
        source=(1, 3, 4, 2, 5),
    )
    + prefixed(
        "ties_",
        "FeaturePoolLayer",
        [
            ("featurepool_max", {}, "every tie gets the whole gradient"),
            ("featurepool_min", {"pool_function": "T.min"}, "every tie gets the whole gradient"),
        ],
        source=(3, 8, 2),
        pool_size=4,
    )
    + prefixed(
        "ties_",
        "FeatureWTALayer",
        [("featurewta", {"pool_size": 4}, "the first of several wins")],
        source=(3, 8, 2),
    )
    + prefixed(
        "ties_",
        "SpatialPyramidPoolingLayer",
        [("pyramid", {"implementation": "kaiming", "pool_dims": [2]}, "every tie, in every bin")],
        source=(1, 2, 5, 4),
    )
)

# family, how it is built, its table, settings that its cases share
POOLING_FAMILIES = [
    ("pool1d", one_layer, POOL1D, {}),
    ("pool3d", one_layer, POOL3D, {}),
    ("upscale", one_layer, UPSCALE, {}),
    ("featurepool", one_layer, FEATUREPOOL, {}),
    ("featurewta", one_layer, FEATUREWTA, {}),
    ("pyramid", one_layer, PYRAMID, {}),
    ("ties", one_layer, TIES_POOLING, {"grid": COARSE}),
]

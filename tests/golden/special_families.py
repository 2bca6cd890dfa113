"""The golden cases of the layers and functions of ``lasagne.layers.special``.

Rows are those of ``families.py``. Batches are small: a record keeps every output five times.
"""

from families import COARSE, one_layer, prefixed


def rectified(kind, source, inner, **options):
    """Build input -> one layer of class `kind` with options `inner` -> ``prelu()`` of it."""
    from lasagne import layers

    return layers.prelu(one_layer(kind, source, **inner), **options)


def flattened_and_rectified(source, num_units):
    """Build images -> pooling -> flattened -> a slope for every entry -> dense."""
    from lasagne import layers

    net = layers.MaxPool2DLayer(layers.InputLayer(source, name="input"), 2, name="pool")
    net = layers.FlattenLayer(net, name="flat")
    net = layers.ParametricRectifierLayer(net, name="layer")
    return layers.DenseLayer(net, num_units, nonlinearity=None, name="dense")


PARAMETRIC_RECTIFIER = prefixed(
    "prelu_",
    "ParametricRectifierLayer",
    [
        ("auto_2d", {"source": (None, 5)}, "a slope per unit"),
        ("auto_3d", {"source": (None, 3, None)}, "a slope per channel, an open size"),
        ("auto_4d", {}, "a slope per channel"),
        ("all", {"shared_axes": "all"}, "one slope"),
        ("shared_0", {"shared_axes": 0}, "an axis as an int"),
        ("shared_0_1", {"shared_axes": [0, 1]}, "a slope per place, as a list"),
        ("shared_0_3", {"shared_axes": (0, 3)}, "a slope per channel and row"),
        ("shared_1_2", {"shared_axes": (1, 2)}, "the batch has slopes of its own"),
    ],
    source=(2, 3, 4, 2),
)

PRELU = [
    (
        "prelu_of_dense",
        {"kind": "DenseLayer", "source": (None, 7), "inner": {"num_units": 4}},
        "the nonlinearity goes, the bias stays",
    ),
    (
        "prelu_of_conv",
        {
            "kind": "Conv2DLayer",
            "source": (2, 2, 6, 4),
            "inner": {"num_filters": 3, "filter_size": 3, "nonlinearity": "tanh"},
            "shared_axes": (0, 2),
        },
        "a convolution, a slope per channel and column",
    ),
]

FLATTENED = [
    (
        "prelu_of_flattened",
        {"source": (2, 3, 4, 6), "num_units": 2},
        "slopes in the order of flattened images",
    )
]

TIES = prefixed(
    "ties_",
    "ParametricRectifierLayer",
    [("prelu", {"source": (None, 3, 5)}, "gradient at exactly 0")],
)

# family, how it is built, its table, settings that its cases share
SPECIAL_FAMILIES = [
    ("prelu", one_layer, PARAMETRIC_RECTIFIER, {}),
    ("prelu", rectified, PRELU, {}),
    ("prelu", flattened_and_rectified, FLATTENED, {}),
    ("ties", one_layer, TIES, {"grid": COARSE}),
]

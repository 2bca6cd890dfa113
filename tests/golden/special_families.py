"""The golden cases of the layers and functions of ``lasagne.layers.special``.

Rows are those of ``families.py``. Batches are small: a record keeps every output five times.
"""

import functools

from families import COARSE, one_layer, prefixed, resolve


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


def expressed(functions, source=(1, 3, 4), output_shape=None):
    """Build input -> one ExpressionLayer for each function, the last with `output_shape`.

    A pair of a function and keyword arguments stands for a ``functools.partial``.
    """
    from lasagne import layers

    net = layers.InputLayer(source, name="input")
    for number, named in enumerate(functions, 1):
        name, options = named if isinstance(named, tuple) else (named, {})
        function = resolve("nonlinearity", name)
        if options:
            function = functools.partial(function, **options)
        last = number == len(functions)
        name = "layer" if last else "layer%d" % number
        net = layers.ExpressionLayer(net, function, output_shape if last else None, name=name)
    return net


def all_but_last(shape):
    """Return a shape without its last axis."""
    return shape[:-1]


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
        (
            "shared_1_2",
            {"shared_axes": (1, 2), "source": (3, 1, 2, 4)},
            "the batch has slopes of its own",
        ),
    ],
    source=(1, 3, 4, 2),
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
            "source": (1, 2, 6, 4),
            "inner": {"num_filters": 3, "filter_size": 3, "nonlinearity": "tanh"},
            "shared_axes": (0, 2),
        },
        "a convolution, a slope per channel and column",
    ),
]

FLATTENED = [
    (
        "prelu_of_flattened",
        {"source": (1, 2, 4, 6), "num_units": 3},
        "slopes in the order of flattened images",
    )
]

THEANO = prefixed(
    "nonlinearity_theano_",
    "NonlinearityLayer",
    [
        (name, {"nonlinearity": "T.nnet." + name}, "Theano's own function of that name")
        for name in (
            "elu",
            "hard_sigmoid",
            "logsoftmax",
            "relu",
            "selu",
            "sigmoid",
            "softmax",
            "softplus",
            "softsign",
            "ultra_fast_sigmoid",
        )
    ]
    + [("tanh", {"nonlinearity": "T.tanh"}, "Theano's own tanh")],
    source=(3, 5),
) + prefixed(
    "dense_theano_",
    "DenseLayer",
    [(name, {"nonlinearity": "T." + name}, "Theano's own " + name) for name in ("tanh", "exp")],
    source=(3, 2),
    num_units=4,
)

CHAIN = ["T.nnet.softplus", "T.sqrt", "T.log", "T.neg", "T.exp", "T.log1p", "T.expm1", "T.inv"]
IMAGES = {"source": (1, 3, 4, 2)}

EXPRESSION = [
    ("expression_" + name, options, pins)
    for name, options, pins in [
        ("sqr", {"functions": ["T.sqr"], "source": (None, 3, None)}, "the input's shape"),
        ("chain", {"functions": CHAIN}, "elementwise functions in a row"),
        ("lasagne", {"functions": ["softplus"], "output_shape": "auto"}, "one of Lasagne's"),
        ("copy", {"functions": ["T.tensor_copy"]}, "nothing happens"),
        (
            "mean",
            {
                "functions": [("T.mean", {"axis": -1})],
                "output_shape": "auto",
                "source": (None, 3, 4),
            },
            "the last axis goes",
        ),
        (
            "max",
            dict(IMAGES, functions=[("T.max", {"axis": (2, 3)})], output_shape=(None, 3)),
            "space goes; a shape that says less than is known",
        ),
        (
            "std",
            dict(
                IMAGES,
                functions=[("T.std", {"axis": [3, 1], "keepdims": True})],
                output_shape=(1, 1, 4, 1),
            ),
            "what is reduced stays with size 1; a list of axes",
        ),
        (
            "var",
            dict(IMAGES, functions=[("T.var", {"axis": 1})], output_shape="auto"),
            "the channels go",
        ),
        (
            "sum",
            {"functions": [("T.sum", {"axis": 0})], "output_shape": (2, 4), "source": (3, 2, 4)},
            "the batch goes",
        ),
        (
            "min",
            {"functions": [("T.min", {"axis": 2})], "output_shape": all_but_last},
            "a function for its shape",
        ),
        (
            "prod",
            {"functions": [("T.prod", {"keepdims": True})], "output_shape": "auto"},
            "everything; the axes stay",
        ),
    ]
]

TIES = prefixed(
    "ties_",
    "ParametricRectifierLayer",
    [("prelu", {"source": (None, 3, 5)}, "gradient at exactly 0")],
)

TIES_EXPRESSION = [
    (
        "ties_expression_max",
        {"functions": [("T.max", {"axis": 1})], "output_shape": "auto", "source": (3, 5, 2)},
        "every tie gets the whole gradient",
    ),
    (
        "ties_expression_abs",
        {"functions": ["T.abs_"], "source": (3, 5)},
        "gradient at exactly 0",
    ),
    (
        "ties_hard_sigmoid",
        {"functions": ["T.nnet.hard_sigmoid"], "source": (5, 7)},
        "gradient at both ends",
    ),
]

# family, how it is built, its table, settings that its cases share
SPECIAL_FAMILIES = [
    ("prelu", one_layer, PARAMETRIC_RECTIFIER, {}),
    ("prelu", rectified, PRELU, {}),
    ("prelu", flattened_and_rectified, FLATTENED, {}),
    ("nonlinearity", one_layer, THEANO, {}),
    ("expression", expressed, EXPRESSION, {}),
    ("ties", one_layer, TIES, {"grid": COARSE}),
    ("ties", expressed, TIES_EXPRESSION, {"grid": COARSE}),
]

"""The golden cases of spatial transformers: rows are those of ``families.py``.

What moves the images is an input of its own, with values that lead beyond them, or comes from a
dense layer on the same images.
"""

from families import COARSE, prefixed


def moved(kind, source, numbers, **options):
    """Build inputs of images and of numbers per image -> one layer of class `kind`."""
    from lasagne import layers

    images = layers.InputLayer(source, name="input")
    steering = layers.InputLayer((source[0], numbers), name="numbers")
    return getattr(layers, kind)(images, steering, name="layer", **options)


def moved_far(kind, source, numbers, **options):
    """Build the same with four times the numbers, which lead far beyond the images."""
    from lasagne import layers

    images = layers.InputLayer(source, name="input")
    steering = layers.InputLayer((source[0], numbers), name="numbers")
    steering = layers.ElemwiseSumLayer([steering], coeffs=4, name="far")
    return getattr(layers, kind)(images, steering, name="layer", **options)


def localized(kind, source, numbers, **options):
    """Build images -> a dense localization network -> one layer of class `kind` on both."""
    from lasagne import layers

    images = layers.InputLayer(source, name="input")
    steering = layers.DenseLayer(images, numbers, nonlinearity=None, name="localization")
    return getattr(layers, kind)(images, steering, name="layer", **options)


def classifier(kind, numbers, **options):
    """Build a small net that finds the digits before it reads them."""
    from lasagne import layers, nonlinearities

    images = layers.InputLayer((3, 1, 6, 5), name="input")
    net = layers.MaxPool2DLayer(images, 2, name="smaller")
    net = layers.Conv2DLayer(net, 2, 3, pad="same", name="look")
    steering = layers.DenseLayer(
        net, numbers, nonlinearity=nonlinearities.tanh, name="localization"
    )
    net = layers.Conv2DLayer(images, 2, 1, nonlinearity=nonlinearities.elu, name="features")
    net = getattr(layers, kind)(net, steering, name="layer", **options)
    net = layers.Conv2DLayer(net, 2, 3, nonlinearity=nonlinearities.tanh, name="read")
    return layers.DenseLayer(net, 5, nonlinearity=nonlinearities.softmax, name="prob")


def affine(rows):
    """Return rows of TransformerLayers."""
    return prefixed("transformer_", "TransformerLayer", rows, source=(3, 2, 5, 4), numbers=6)


def spline(rows):
    """Return rows of TPSTransformerLayers."""
    return prefixed("tps_", "TPSTransformerLayer", rows, source=(3, 2, 5, 4), numbers=32)


def points(count):
    """Return the options of a layer of so many control points."""
    return {"control_points": count, "numbers": 2 * count}


AFFINE = affine(
    [
        ("default", {}, "beyond the image there is its border"),
        ("downsample_2", {"downsample_factor": 2, "source": (3, 1, 9, 6)}, "half the size"),
        (
            "downsample_per_axis",
            {"downsample_factor": (1.5, 0.5), "source": (3, 1, 7, 4), "border_mode": "wrap"},
            "fewer rows, more columns; what is left over is dropped",
        ),
        (
            "downsample_rounded",
            {"downsample_factor": (0.3, 0.7), "source": (3, 1, 2, 5)},
            "factors that no float holds",
        ),
        (
            "one_row",
            {"downsample_factor": (0.5, 1), "source": (3, 2, 1, 4)},
            "an image of a single row",
        ),
        ("open_size", {"source": (None, 1, None, None), "border_mode": "mirror"}, "open sizes"),
        (
            "open_downsampled",
            {"source": (None, 1, None, None), "downsample_factor": (1.5, 2)},
            "open sizes that are divided",
        ),
    ]
)

FAR_PLACES = affine(
    [
        ("far_nearest", {}, "far beyond the image there is its border"),
        ("far_mirror", {"border_mode": "mirror"}, "there are mirror images of mirror images"),
        ("far_wrap", {"border_mode": "wrap"}, "it begins again and again"),
    ]
)

WHOLE_PLACES = affine(
    [
        ("whole_" + mode, {"border_mode": mode, "source": (3, 2, 5, 9)}, "places that are pixels")
        for mode in ("nearest", "mirror", "wrap")
    ]
)

LOCALIZED_AFFINE = affine(
    [
        (
            "localized",
            {"border_mode": "wrap", "source": (3, 1, 5, 4)},
            "the gradient of the localization network",
        )
    ]
)

NETS = [
    (
        "transformer_in_a_net",
        {"kind": "TransformerLayer", "numbers": 6, "downsample_factor": (1.5, 1)},
        "between convolutions, with a convolution in the localization network",
    ),
]

FLOAT32_AFFINE = affine([("float32", {"border_mode": "mirror"}, "single precision")])

SPLINE = spline(
    [
        ("default", {}, "16 control points, grid computed beforehand"),
        ("points_4", points(4), "4 control points"),
        ("points_9", dict(points(9), border_mode="mirror"), "9 control points"),
        (
            "wrap",
            dict(points(4), border_mode="wrap", precompute_grid=True),
            "beyond the image it begins again",
        ),
        (
            "downsample_per_axis",
            dict(points(9), downsample_factor=(1.5, 0.5), source=(3, 1, 7, 4)),
            "fewer rows, more columns",
        ),
        (
            "one_row_left",
            dict(points(4), downsample_factor=(3, 1), source=(3, 1, 4, 5)),
            "an output of a single row",
        ),
        (
            "not_precomputed",
            dict(points(9), precompute_grid=False),
            "no bending, by a slip of Lasagne's",
        ),
        (
            "not_precomputed_mirror",
            dict(points(4), precompute_grid=False, border_mode="mirror", downsample_factor=(2, 1)),
            "the same with fewer rows",
        ),
        (
            "open_size",
            dict(points(9), source=(None, 1, None, None), border_mode="wrap"),
            "open sizes: not computed beforehand",
        ),
    ]
)

LOCALIZED_SPLINE = spline(
    [
        (
            "localized",
            dict(points(9), border_mode="wrap", source=(3, 1, 5, 4)),
            "the gradient of the localization network",
        )
    ]
)

FLOAT32_SPLINE = spline(
    [
        ("float32", {"border_mode": "mirror"}, "an inverse computed in single precision"),
        ("float32_not_precomputed", {"precompute_grid": False}, "no bending, in single precision"),
    ]
)

FLOAT32_LOCALIZED = spline(
    [("float32_localized", {"source": (3, 1, 2, 5)}, "a localization network in single precision")]
)

# family, how it is built, its table, settings that its cases share
SAMPLING_FAMILIES = [
    ("transformer", moved, AFFINE, {}),
    ("transformer", moved_far, FAR_PLACES, {}),
    ("transformer", moved, WHOLE_PLACES, {"grid": COARSE}),
    ("transformer", localized, LOCALIZED_AFFINE, {}),
    ("transformer", moved, FLOAT32_AFFINE, {"floatX": "float32"}),
    ("transformer", classifier, NETS, {}),
    ("tps", moved, SPLINE, {}),
    ("tps", localized, LOCALIZED_SPLINE, {}),
    ("tps", moved, FLOAT32_SPLINE, {"floatX": "float32"}),
    ("tps", localized, FLOAT32_LOCALIZED, {"floatX": "float32"}),
]

"""The golden cases of layers that draw, but dropout; rows are those of ``families.py``."""

from families import COARSE, one_layer, prefixed


def rectified_dense(source, units, **options):
    """Build input -> dense layer -> ``rrelu()`` of it, which takes its nonlinearity away."""
    from lasagne import layers

    return layers.rrelu(one_layer("DenseLayer", source, num_units=units), **options)


IMAGES = (3, 2, 5, 1)

GAUSSIAN = prefixed(
    "gaussian_",
    "GaussianNoiseLayer",
    [
        ("default", {}, "sigma=0.1"),
        ("sigma_0", {"sigma": 0}, "sigma=0 draws nothing"),
        ("sigma_1", {"sigma": 1}, "the most that Keras' own layer takes, an integer"),
        ("sigma_2_5", {"sigma": 2.5, "source": (None, 2, 4)}, "more than Keras' own layer takes"),
        ("negative", {"sigma": -0.5}, "the sign makes no difference"),
        ("images", {"sigma": 0.3, "source": IMAGES}, "every entry on its own"),
        ("fixed_batch", {"source": (9, 7)}, "the batch size is fixed at 9"),
    ],
    source=(None, 7),
)

GAUSSIAN_FLOAT32 = prefixed(
    "gaussian_", "GaussianNoiseLayer", [("float32", {"source": (None, 7)}, "single precision")]
)

RANDOMIZED = prefixed(
    "rrelu_",
    "RandomizedRectifierLayer",
    [
        ("default", {}, "a slope per feature, between 0.3 and 0.8"),
        ("sequences", {"source": (None, 2, 4)}, "a slope per channel"),
        ("images", {"source": IMAGES}, "a slope per channel"),
        ("volumes", {"source": (1, 2, 3, 4, 5)}, "a slope per channel, 5-D"),
        ("all", {"source": IMAGES, "shared_axes": "all"}, "one slope"),
        ("axis_1", {"source": IMAGES, "shared_axes": 1}, "one axis, as a number"),
        ("axes_0_2", {"source": IMAGES, "shared_axes": [0, 2]}, "some axes, as a list"),
        ("axis_minus_1", {"source": (None, 2, 4), "shared_axes": (-1,)}, "counted from the end"),
        ("nothing_shared", {"source": (None, 2, 4), "shared_axes": ()}, "a slope per entry"),
        ("fixed_batch", {"source": (9, 7), "shared_axes": (1,)}, "a slope per example"),
        ("bounds", {"lower": 0, "upper": 1}, "other bounds, integers"),
        ("around_0", {"lower": -0.5, "upper": 0.5}, "a plain rectifier in inference mode"),
        ("around_1", {"lower": 0.5, "upper": 1.5}, "nothing happens in inference mode"),
        ("one_slope", {"lower": 0.4, "upper": 0.4}, "nothing is drawn"),
    ],
    source=(None, 7),
)

RANDOMIZED_FLOAT32 = prefixed(
    "rrelu_",
    "RandomizedRectifierLayer",
    [("float32", {"source": (None, 7)}, "single precision")],
)

RECTIFIED = [
    (
        "rrelu_of_dense",
        {"source": (None, 3), "units": 4, "lower": 0.1},
        "the function rrelu()",
    )
]

TIES = prefixed(
    "ties_",
    "RandomizedRectifierLayer",
    [("rrelu", {"source": (None, 7)}, "gradient at exactly 0")],
)

# family, how it is built, its table, settings that its cases share
NOISE_FAMILIES = [
    ("gaussian", one_layer, GAUSSIAN, {}),
    ("gaussian", one_layer, GAUSSIAN_FLOAT32, {"floatX": "float32"}),
    ("rrelu", one_layer, RANDOMIZED, {}),
    ("rrelu", one_layer, RANDOMIZED_FLOAT32, {"floatX": "float32"}),
    ("rrelu", rectified_dense, RECTIFIED, {}),
    ("ties", one_layer, TIES, {"grid": COARSE}),
]

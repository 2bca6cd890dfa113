"""The golden cases of normalization without running averages.

Rows are those of ``families.py``. Batches are small: a record keeps every output five times.
"""

from families import one_layer, prefixed


def wrapped(function, kind, source, inner, **options):
    """Build input -> one layer of class `kind` with options `inner` -> `function` of it."""
    from lasagne import layers

    return getattr(layers, function)(one_layer(kind, source, **inner), **options)


def standardized(source, shared_axes):
    """Build input -> ``standardize()`` with fixed numbers -> a dense layer."""
    import numpy as np
    from lasagne import layers
    from lasagne.layers.special import standardize

    kept = [size for axis, size in enumerate(source) if axis not in shared_axes]
    net = layers.InputLayer(source, name="input")
    # What they are is drawn later, like all parameters.
    net = standardize(net, np.zeros(kept), np.ones(kept), shared_axes)
    return layers.DenseLayer(net, 2, name="dense")


STANDARDIZATION = prefixed(
    "standardization_",
    "StandardizationLayer",
    [
        ("auto_2d", {"source": (None, 5)}, "over the units"),
        ("auto_4d", {"source": (3, 2, 5, 4)}, "over space"),
        ("auto_5d", {"source": (1, 2, 3, 5, 4)}, "over three axes of space"),
        ("spatial", {"axes": "spatial", "source": (3, 2, 5)}, "over space, 3-D"),
        ("features", {"axes": "features", "source": (3, 2, 1, 4)}, "over all but the batch"),
        ("features_open", {"axes": "features", "source": (None, 2, None)}, "open sizes"),
        ("axis_1", {"axes": 1}, "over the channels, an axis as an int"),
        (
            "axes_0_3",
            {"axes": [3, 0], "source": (3, 1, 2, 4)},
            "over the batch too, in another order",
        ),
        ("axis_minus_2", {"axes": -2}, "counted from the end"),
        ("all", {"axes": None, "source": (3, 1, 2, 4)}, "over everything"),
        ("epsilon", {"epsilon": 0.3}, "epsilon, inside the root"),
    ],
    source=(1, 3, 4, 2),
)

CONV = {"num_filters": 3, "filter_size": 3}

NORMS = [
    (
        "instance_norm_conv",
        {"function": "instance_norm", "kind": "Conv2DLayer", "inner": CONV},
        "without bias; scale, bias and nonlinearity behind",
    ),
    (
        "instance_norm_bare",
        {
            "function": "instance_norm",
            "kind": "Conv2DLayer",
            "inner": dict(CONV, nonlinearity="tanh"),
            "learn_scale": False,
            "learn_bias": False,
            "epsilon": 1e-2,
        },
        "neither scale nor bias",
    ),
    (
        "instance_norm_scale",
        {
            "function": "instance_norm",
            "kind": "Conv2DLayer",
            "inner": dict(CONV, nonlinearity=None, b=None),
            "learn_bias": False,
            "name": "norm",
        },
        "a scale only; a name of its own",
    ),
    (
        "layer_norm_dense",
        {
            "function": "layer_norm",
            "kind": "DenseLayer",
            "source": (None, 7),
            "inner": {"num_units": 4},
        },
        "over the units",
    ),
    (
        "layer_norm_conv",
        {"function": "layer_norm", "kind": "Conv2DLayer", "inner": CONV, "epsilon": 1e-3},
        "over space and channels, a scale per channel",
    ),
]
for _, _options, _ in NORMS:
    _options.setdefault("source", (1, 2, 6, 5))

STANDARDIZE = [
    ("standardize_2d", {"source": (None, 5), "shared_axes": (0,)}, "numbers that are not trained"),
    (
        "standardize_4d",
        {"source": (1, 3, 4, 2), "shared_axes": (0, 2, 3)},
        "per channel of an image",
    ),
]

LOCAL_RESPONSE = prefixed(
    "lrn_",
    "LocalResponseNormalization2DLayer",
    [
        ("default", {"source": (None, 6, 1, 2)}, "five channels, alpha not divided by them"),
        ("alpha", {"alpha": 0.3}, "squares are single in double nets too"),
        ("k", {"alpha": 0.3, "k": 0.7}, "k"),
        ("beta", {"alpha": 0.3, "beta": 0.3}, "beta"),
        ("n_1", {"alpha": 0.3, "n": 1}, "its own channel only"),
        ("n_3", {"alpha": 0.3, "n": 3}, "three channels"),
        ("n_beyond", {"alpha": 0.3, "n": 7, "source": (1, 3, 2, 4)}, "more than there are"),
        ("open_sizes", {"alpha": 0.3, "n": 3, "source": (1, 2, None, None)}, "open sizes"),
    ],
    source=(1, 6, 2, 3),
)
LOCAL_RESPONSE_SINGLE = prefixed(
    "lrn_single_",
    "LocalResponseNormalization2DLayer",
    [
        ("default", {}, "a single-precision net"),
        ("halves", {"alpha": 0.5, "beta": 0.5, "k": 1, "n": 3}, "numbers that are exact"),
    ],
    source=(1, 6, 2, 3),
)

# family, how it is built, its table, settings that its cases share
NORMALIZATION_FAMILIES = [
    ("standardization", one_layer, STANDARDIZATION, {}),
    ("standardization", wrapped, NORMS, {}),
    ("standardization", standardized, STANDARDIZE, {}),
    ("local_response", one_layer, LOCAL_RESPONSE, {}),
    ("local_response", one_layer, LOCAL_RESPONSE_SINGLE, {"floatX": "float32"}),
]

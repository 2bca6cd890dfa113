"""The golden cases of recurrent layers that hold nets: a row for every option, and for every net.

Nets are told by words, see `NETS`; other options are those of recurrent_families.py. All layers in
the nets are without names, as in most scripts.
"""

from recurrent_families import CLIP, resolve_options


def dense(lay, features):
    """Two layers each, of which the hidden ones have other sizes."""
    inner = lay.DenseLayer(lay.InputLayer((None,) + features), 4)
    outer = lay.DenseLayer(lay.InputLayer((None, 2)), 3, nonlinearity=None)
    return (
        lay.DenseLayer(inner, 2, nonlinearity=None),
        lay.DenseLayer(lay.NonlinearityLayer(outer), 2, b=None, nonlinearity=None),
    )


def single(lay, features):
    """One layer each, with the default rectifier in both."""
    return (
        lay.DenseLayer(lay.InputLayer((None,) + features), 2),
        lay.DenseLayer(lay.InputLayer((None, 2)), 2),
    )


def merging(lay, features):
    """A residual sum around the hidden state."""
    state = lay.InputLayer((None, 2))
    inside = lay.DenseLayer(lay.InputLayer((None,) + features), 2, nonlinearity=None)
    return inside, lay.ElemwiseSumLayer([state, lay.DenseLayer(state, 2)])


def input_only(lay, features):
    """The sequence is added to the state as it is."""
    state = lay.InputLayer((None,) + features)
    return lay.InputLayer((None,) + features), lay.DenseLayer(state, features[0])


def conv(lay, features):
    """Convolutional recurrence: states are images."""
    image = lay.Conv2DLayer(lay.InputLayer((None,) + features), 2, 3, pad="same")
    state = lay.InputLayer(image.output_shape)
    return image, lay.Conv2DLayer(state, 2, (1, 3), pad="same", nonlinearity=None)


def conv1d(lay, features):
    """States of two axes."""
    from lasagne.nonlinearities import tanh

    inside = lay.Conv1DLayer(lay.InputLayer((None,) + features), 4, 3, nonlinearity=None)
    state = lay.InputLayer(inside.output_shape)
    return inside, lay.Conv1DLayer(state, 4, 3, pad="same", nonlinearity=tanh)


def conv_to_dense(lay, features):
    """The rows of a dense kernel behind an image."""
    image = lay.Conv2DLayer(lay.InputLayer((None,) + features), 4, 2)
    pooled = lay.MaxPool2DLayer(image, 2)
    state = lay.InputLayer((None, 2))
    return lay.DenseLayer(pooled, 2, nonlinearity=None), lay.DenseLayer(state, 2)


def fixed(lay, features):
    """The batch sizes that Lasagne's documentation asks for: 3 examples of 5 steps."""
    inside = lay.DenseLayer(lay.InputLayer((15,) + features), 2, nonlinearity=None)
    return inside, lay.DenseLayer(lay.InputLayer((3, 2)), 2)


def normalized(lay, features):
    """Batch norm of the input, over all steps where it is precomputed."""
    inside, state = dense(lay, features)
    return lay.batch_norm(inside), state


def normalized_images(lay, features):
    """Batch norm of images."""
    image, state = conv(lay, features)
    return lay.batch_norm(image), state


def dropping(lay, features):
    """Dropout of the input."""
    inside = lay.DropoutLayer(lay.InputLayer((None,) + features), 0.4)
    _, state = single(lay, features)
    return lay.DenseLayer(inside, 2), state


def dropping_twice(lay, features):
    """Dropout of the input, and two of the state."""
    inside, _ = dropping(lay, features)
    state = lay.DropoutLayer(lay.InputLayer((None, 2)), 0.5)
    hidden = lay.DropoutLayer(lay.DenseLayer(state, 3), 0.3, rescale=False)
    return inside, lay.DenseLayer(hidden, 2, nonlinearity=None)


def custom(net="dense", source=(None, 5, 3), state=(2,), **options):
    """Build input of shape `source` -> a CustomRecurrentLayer whose states have shape `state`."""
    from lasagne import layers

    resolved = resolve_options(source, state, options)
    inputs = layers.InputLayer(source, name="input")
    inside, hidden = NETS[net](layers, source[2:])
    return layers.CustomRecurrentLayer(inputs, inside, hidden, name="layer", **resolved)


NETS = {
    "dense": dense,
    "single": single,
    "merging": merging,
    "input_only": input_only,
    "conv": conv,
    "conv1d": conv1d,
    "conv_to_dense": conv_to_dense,
    "fixed": fixed,
    "normalized": normalized,
    "normalized_images": normalized_images,
    "dropping": dropping,
    "dropping_twice": dropping_twice,
}

IMAGES = {"source": (3, 2, 1, 5, 4), "state": (2, 5, 4), "net": "conv"}
SMALL = {"source": (3, 4, 2, 5, 6), "net": "conv_to_dense"}
LINES = {"source": (3, 4, 2, 5), "state": (4, 3), "net": "conv1d"}

CUSTOM = [
    ("custom_" + name, options, pins)
    for name, options, pins in [
        ("default", {}, "nets of two layers; the default nonlinearity is rectify"),
        (
            "open",
            {"source": (None, None, 3), "nonlinearity": ("ScaledTanH", {"scale_in": 0.5})},
            "any number of steps; a function with constants",
        ),
        ("merging", {"net": "merging", "nonlinearity": "tanh"}, "a residual sum around the state"),
        (
            "input_only",
            {"net": "input_only", "state": (3,), "nonlinearity": "tanh", "hid_init": "array"},
            "a net of nothing but an input layer; starts elsewhere than at 0",
        ),
        ("fixed", {"net": "fixed", "source": (3, 5, 4)}, "fixed batch sizes in nets"),
        ("images", IMAGES, "states of three axes"),
        (
            "images_learned",
            dict(IMAGES, learn_init=True, backwards=True, nonlinearity="tanh"),
            "a learned initial image, backwards",
        ),
        (
            "images_state",
            dict(IMAGES, hid_init="layer", only_return_final=True, grad_clipping=CLIP),
            "an initial image from a layer; the last image",
        ),
        ("images_unrolled", dict(IMAGES, unroll_scan=True, precompute_input=False), "unrolled"),
        (
            "lines",
            dict(LINES, hid_init="array", gradient_steps=2, nonlinearity=None),
            "states of two axes; gradient through two steps; None means linear",
        ),
        (
            "images_to_vectors",
            dict(SMALL, mask="int", nonlinearity="tanh"),
            "images become vectors before the loop",
        ),
        ("mask_backwards", {"mask": "int", "backwards": True}, "masked first steps give hid_init"),
        (
            "mask_learned",
            {"mask": "rectified", "learn_init": True, "nonlinearity": "tanh"},
            "any number but 0 counts; a learned initial state",
        ),
        (
            "mask_state_final",
            {"mask": "float", "hid_init": "layer", "only_return_final": True},
            "mask, hid_init as layers, in this order; the last state that counts",
        ),
        (
            "backwards_final",
            {"backwards": True, "only_return_final": True, "nonlinearity": "elu"},
            "the last state is that at the first step",
        ),
        (
            "clipped_not_precomputed",
            {
                "grad_clipping": CLIP,
                "precompute_input": False,
                "mask": "int",
                "gradient_steps": 2,
            },
            "the input goes through its net step by step, and is cut off with the state",
        ),
        (
            "steps_3_backwards",
            {"gradient_steps": 3, "backwards": True, "learn_init": True, "nonlinearity": "tanh"},
            "gradient through the first three places, which come last",
        ),
        (
            "unrolled_mask",
            {"unroll_scan": True, "backwards": True, "mask": "int", "learn_init": True},
            "unroll_scan backwards with a mask",
        ),
    ]
]

# Noise, as far as Lasagne runs it in training mode: in front of a loop, or in one that is unrolled.
CUSTOM_NOISE = [
    (
        "custom_dropping",
        {"net": "dropping", "nonlinearity": "tanh"},
        "one mask for all steps at once, time first",
    ),
    (
        "custom_dropping_unrolled",
        {"net": "dropping_twice", "unroll_scan": True, "nonlinearity": "tanh"},
        "a mask for all steps of the input, one for each step of the state",
    ),
    (
        "custom_dropping_each_step",
        {"net": "dropping_twice", "unroll_scan": True, "precompute_input": False},
        "masks for each step; the state's come first",
    ),
]

CUSTOM_AVERAGES = [
    (
        "custom_normalized",
        {"net": "normalized", "mask": "int", "nonlinearity": "tanh"},
        "statistics of all steps at once, masked ones included",
    ),
    (
        "custom_normalized_images",
        dict(IMAGES, net="normalized_images", unroll_scan=True),
        "statistics of images",
    ),
]

CUSTOM_RECURRENT_FAMILIES = [
    ("custom_recurrent", custom, CUSTOM + CUSTOM_NOISE, {}),
    ("custom_recurrent", custom, CUSTOM_AVERAGES, {"passes": 3}),
]

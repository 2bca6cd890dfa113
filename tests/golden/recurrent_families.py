"""The golden cases of recurrent layers: a row for every option, as in families.py.

Options that are layers are told by words: a mask is "int" (an input of integers), "float" (an input
of zeros and ones) or "rectified" (computed, and any number but 0 counts); ``hid_init="layer"`` is
computed from an input of its own, ``hid_init="learned"`` or ``"constant"`` are arrays. A gate is a
dict of its options.
"""

from families import prefixed, resolve_all

GATES = (
    "ingate",
    "forgetgate",
    "cell",
    "outgate",
    "resetgate",
    "updategate",
    "hidden_update",
)


def mask_layer(kind, steps):
    """Return the layer that says which steps count."""
    import theano.tensor as T
    from lasagne import layers, nonlinearities

    shape = (None, steps)
    if kind == "int":
        return layers.InputLayer(shape, input_var=T.imatrix("mask"), name="mask")
    if kind == "float":
        return layers.InputLayer(shape, input_var=T.matrix("mask"), name="mask")
    scores = layers.InputLayer(shape, name="scores")
    return layers.NonlinearityLayer(scores, nonlinearities.rectify, name="mask")


def state_layer(name, units):
    """Return a layer that computes an initial state."""
    from lasagne import layers, nonlinearities

    source = layers.InputLayer((None,) + units, name=name + "_input")
    return layers.NonlinearityLayer(source, nonlinearities.tanh, name=name)


def resolve_options(source, units, options):
    """Return the options of a layer with masks, initial states and gates as Lasagne takes them."""
    import lasagne
    import numpy as np

    if lasagne.__version__ == "0.1":  # has other names, masks that multiply, fewer options
        raise AttributeError("its recurrent layers are not those of later versions")
    resolved = resolve_all(dict((k, v) for k, v in options.items() if k not in GATES))
    for gate in GATES:
        if gate in options:
            # A Gate is made with sigmoid unless it is told otherwise, like those of the defaults.
            resolved[gate] = lasagne.layers.Gate(**resolve_all(options[gate]))
    if "mask" in resolved:
        resolved["mask_input"] = mask_layer(resolved.pop("mask"), source[1])
    for name in ("hid_init", "cell_init"):
        if resolved.get(name) == "layer":
            resolved[name] = state_layer(name, units)
        elif resolved.get(name) == "array":
            resolved[name] = np.ones((1,) + units)
    return resolved


def recurrent(kind, source=(None, 5, 3), units=2, **options):
    """Build input of shape `source` -> one recurrent layer of class `kind`."""
    from lasagne import layers

    resolved = resolve_options(source, (units,), options)
    inputs = layers.InputLayer(source, name="input")
    return getattr(layers, kind)(inputs, num_units=units, name="layer", **resolved)


# Small enough to bite.
CLIP = 0.25

LSTM = prefixed(
    "lstm_",
    "LSTMLayer",
    [
        ("default", {}, "peepholes by default; gates i, f, c, o"),
        ("bare", {"peepholes": False, "source": (None, None, 3)}, "no peepholes, any length"),
        (
            "bare_backwards_final",
            {"peepholes": False, "backwards": True, "only_return_final": True},
            "the last state is that at the first step",
        ),
        (
            "bare_relu",
            {
                "peepholes": False,
                "cell": {"nonlinearity": "rectify"},
                "nonlinearity": "rectify",
                "only_return_final": True,
            },
            "functions that Keras has too; the last state",
        ),
        ("bare_hid_init", {"peepholes": False, "hid_init": "array"}, "starts elsewhere than at 0"),
        (
            "functions",
            {
                "ingate": {"nonlinearity": "rectify"},
                "forgetgate": {"nonlinearity": ("ScaledTanH", {"scale_in": 0.5, "scale_out": 2.0})},
                "cell": {"nonlinearity": None},
                "outgate": {"nonlinearity": "softmax"},
                "nonlinearity": "elu",
            },
            "another function for every gate",
        ),
        (
            "of_images",
            {"source": (None, 5, 3, 4), "units": 1, "nonlinearity": None},
            "trailing axes are flattened; one unit; nonlinearity=None means linear",
        ),
        ("mask_backwards", {"mask": "int", "backwards": True}, "masked first steps give hid_init"),
        (
            "mask_learned",
            {"mask": "rectified", "learn_init": True},
            "any number but 0 counts; learned initial states",
        ),
        (
            "states",
            {"mask": "float", "hid_init": "layer", "cell_init": "layer", "only_return_final": True},
            "mask, hid_init, cell_init as layers, in this order; the last state that counts",
        ),
        (
            "cell_state",
            {"cell_init": "layer", "learn_init": True, "peepholes": False},
            "cell_init is a layer, hid_init a parameter",
        ),
        ("clipped", {"grad_clipping": CLIP, "mask": "int"}, "gates are clipped before peepholes"),
        (
            "steps_2_learned",
            {"gradient_steps": 2, "learn_init": True, "peepholes": False},
            "gradient through the last two steps; none reaches the initial states",
        ),
        (
            "unrolled",
            {"unroll_scan": True, "backwards": True, "precompute_input": False},
            "unroll_scan; the input is multiplied step by step",
        ),
    ],
)

GRU = prefixed(
    "gru_",
    "GRULayer",
    [
        ("default", {}, "gates r, u, c, registered as u, r, c; u is 1 - z of Keras"),
        (
            "open",
            {"source": (None, None, 3), "only_return_final": True},
            "any length; the last state",
        ),
        (
            "functions",
            {
                "resetgate": {"nonlinearity": "tanh"},
                "updategate": {"nonlinearity": ("LeakyRectify", {"leakiness": 0.1})},
                "hidden_update": {"nonlinearity": None},
            },
            "another function for every gate",
        ),
        (
            "of_images",
            {"source": (None, 5, 3, 4), "units": 1, "hid_init": "array"},
            "trailing axes are flattened; one unit; starts elsewhere than at 0",
        ),
        ("mask_backwards", {"mask": "int", "backwards": True}, "masked first steps give hid_init"),
        (
            "mask_learned",
            {"mask": "rectified", "learn_init": True, "backwards": True, "only_return_final": True},
            "any number but 0 counts; a learned initial state",
        ),
        (
            "state",
            {"mask": "float", "hid_init": "layer"},
            "mask, hid_init as layers, in this order",
        ),
        ("clipped", {"grad_clipping": CLIP}, "clipped behind the product with the input"),
        (
            "clipped_input",
            {"grad_clipping": CLIP, "precompute_input": False, "mask": "int"},
            "clipped in front of the product with the input",
        ),
        (
            "steps_2_backwards",
            {"gradient_steps": 2, "backwards": True, "learn_init": True},
            "gradient through the two first places, which come last",
        ),
        ("unrolled", {"unroll_scan": True, "mask": "float"}, "unroll_scan"),
    ],
)

RECURRENT = prefixed(
    "recurrent_",
    "RecurrentLayer",
    [
        ("default", {}, "the default nonlinearity is rectify"),
        ("open", {"source": (None, None, 3), "nonlinearity": "tanh"}, "any number of steps"),
        ("no_bias", {"b": None, "nonlinearity": "sigmoid", "only_return_final": True}, "b=None"),
        (
            "linear_backwards_final",
            {"nonlinearity": None, "backwards": True, "only_return_final": True},
            "None means linear; the last state is that at the first step",
        ),
        ("hid_init", {"hid_init": "array", "nonlinearity": "tanh"}, "starts elsewhere than at 0"),
        (
            "of_images",
            {"source": (None, 5, 3, 4), "units": 1, "nonlinearity": "tanh"},
            "trailing axes are flattened; one unit",
        ),
        ("mask_backwards", {"mask": "int", "backwards": True}, "masked first steps give hid_init"),
        (
            "mask_learned",
            {"mask": "rectified", "learn_init": True, "nonlinearity": "tanh"},
            "any number but 0 counts; a learned initial state",
        ),
        (
            "mask_final",
            {"mask": "int", "only_return_final": True, "nonlinearity": "tanh"},
            "the last state that counts",
        ),
        (
            "mask_state_backwards",
            {"mask": "float", "hid_init": "layer", "backwards": True, "nonlinearity": "tanh"},
            "mask, hid_init as layers, in this order",
        ),
        (
            "clipped_mask_final",
            {"grad_clipping": CLIP, "mask": "int", "only_return_final": True, "learn_init": True},
            "clipped between masked steps",
        ),
        ("steps_1", {"gradient_steps": 1, "learn_init": True}, "gradient through the last step"),
        (
            "steps_3_backwards",
            {"gradient_steps": 3, "backwards": True, "mask": "int", "nonlinearity": "tanh"},
            "gradient through the first three places, which come last",
        ),
        (
            "steps_beyond",
            {"gradient_steps": 9, "learn_init": True, "nonlinearity": "tanh"},
            "more steps than there are: gradient through all, and the initial state",
        ),
        (
            "steps_final_clipped",
            {"gradient_steps": 2, "only_return_final": True, "grad_clipping": CLIP},
            "the last state through two clipped steps",
        ),
        ("unrolled", {"unroll_scan": True, "nonlinearity": "tanh"}, "unroll_scan"),
        (
            "unrolled_mask_backwards",
            {"unroll_scan": True, "backwards": True, "mask": "int", "learn_init": True},
            "unroll_scan backwards with a mask",
        ),
        (
            "not_precomputed",
            {"precompute_input": False, "grad_clipping": CLIP, "nonlinearity": "tanh"},
            "the input is multiplied step by step",
        ),
    ],
)

RECURRENT_FAMILIES = [
    ("recurrent", recurrent, RECURRENT, {}),
    ("lstm", recurrent, LSTM, {}),
    ("gru", recurrent, GRU, {}),
]

"""From steps to Keras calls: which layer, which arguments, which name."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import operations
from lasport.errors import UsageError
from lasport.passes import lower
from lasport.readers.network import build_network
from lasport.targets.keras_calls import (
    PROFILES,
    adjoint,
    axes,
    elementwise,
    keras_calls,
    linear,
    merging,
    noise,
    own,
    pooling,
    recurrent,
    sampling,
    shaping,
)
from lasport.translate import translate
from lasport.weights import Transpose
from tests.golden_records import REFUSED, families, load_case
from tests.inert_nets import function, image, layer, shared, source

TRANSLATED = tuple(name for name in families() if name not in REFUSED)
DATA_FORMATS = ("channels_first", "channels_last")


def calls_for(network, profile="stock", data_format="channels_last", dtype="float32"):
    return keras_calls(lower(translate(network), data_format), profile, dtype)


def test_every_operation_has_one_mapping():
    public = [getattr(operations, name) for name in operations.__all__]
    kinds = [kind for kind in public if isinstance(kind, type)]
    final = {k for k in kinds if issubclass(k, operations.Operation) and not k.__subclasses__()}
    mapped = [
        kind
        for module in (
            adjoint,
            axes,
            elementwise,
            linear,
            merging,
            noise,
            own,
            pooling,
            recurrent,
            sampling,
            shaping,
        )
        for kind in module.MAPPINGS
    ]
    assert len(mapped) == len(set(mapped))
    assert set(mapped) == final


# --- arguments

CONV = {"filters": 6, "kernel_size": (3, 3)}
TANH = {"activation": "tanh"}
NORM = {"momentum": 0.9, "epsilon": 1e-4}
OWN_NORM = {"epsilon": 1e-4, "alpha": 0.1}
WINDOW = {"pool_size": (3, 3), "strides": (2, 2)}
SELU = {"scale": 1.0507009873554805, "scale_neg": 1.6732632423543772}

# Golden case, profile: calls behind the input, channels last.
ARGUMENTS = {
    ("dense_default", "stock"): [("Dense", {"units": 4, "activation": "relu"})],
    ("dense_default", "exact"): [
        ("Dense", {"units": 4}),
        ("Nonlinearity", {"function": "rectify"}),
    ],
    ("dense_no_bias", "stock"): [("Dense", {"units": 4, "activation": "tanh", "use_bias": False})],
    ("dense_leaky_rectify", "stock"): [
        ("Dense", {"units": 4}),
        ("LeakyReLU", {"negative_slope": 0.01}),
    ],
    ("dense_leaky_rectify", "exact"): [
        ("Dense", {"units": 4}),
        ("Nonlinearity", {"function": "leaky_rectify", "constants": {"leakiness": 0.01}}),
    ],
    ("dense_selu", "stock"): [("Dense", {"units": 4, "activation": "selu"})],
    ("dense_selu", "exact"): [
        ("Dense", {"units": 4}),
        ("Nonlinearity", {"function": "selu", "constants": SELU}),
    ],
    ("dense_on_images", "stock"): [
        ("Flatten", {}),
        ("Dense", {"units": 4, "activation": "relu"}),
    ],
    ("dense_leading_2_of_4", "stock"): [
        ("Permute", {"dims": (3, 1, 2)}),
        ("Reshape", {"target_shape": (3, 12)}),
        ("Dense", {"units": 4, **TANH}),
    ],
    ("conv2d_valid", "stock"): [("Conv2D", {**CONV, **TANH})],
    ("conv2d_same", "stock"): [("Conv2D", {**CONV, "padding": "same", **TANH})],
    ("conv2d_pad_1", "stock"): [("Conv2D", {**CONV, "padding": "same", **TANH})],
    # TensorFlow's 'same' pads less on the left at stride 2.
    ("conv2d_same_stride_2", "stock"): [
        ("ZeroPadding2D", {"padding": ((1, 1), (1, 1))}),
        ("Conv2D", {**CONV, "strides": (2, 2), **TANH}),
    ],
    ("conv2d_full", "stock"): [
        ("ZeroPadding2D", {"padding": ((2, 2), (1, 1))}),
        ("Conv2D", {**CONV, "kernel_size": (3, 2), **TANH}),
    ],
    ("conv2d_stride_3_1", "stock"): [("Conv2D", {**CONV, "strides": (3, 1), **TANH})],
    ("conv2d_groups_2", "stock"): [("Conv2D", {**CONV, "groups": 2, **TANH})],
    ("conv2d_no_bias", "stock"): [("Conv2D", {**CONV, "use_bias": False, **TANH})],
    ("conv2d_untied", "stock"): [
        ("Conv2D", {**CONV, "use_bias": False}),
        ("Shift", {"shared_axes": (0,)}),
        ("Activation", TANH),
    ],
    ("pool2d_max", "stock"): [("MaxPooling2D", {"pool_size": (2, 2)})],
    ("pool2d_max", "exact"): [
        (
            "Pooling",
            {
                "pool_size": (2, 2),
                "strides": (2, 2),
                "padding": (0, 0),
                "mode": "max",
                "ignore_border": True,
            },
        )
    ],
    ("pool2d_overlapping", "stock"): [("MaxPooling2D", WINDOW)],
    ("pool2d_inc", "exact"): [("AveragePooling2D", {"pool_size": (2, 2)})],
    ("pool2d_max_ceil", "stock"): [("MaxPooling2D", {"pool_size": (2, 2), "padding": "same"})],
    ("pool2d_max_pad", "stock"): [
        ("Pooling", {**WINDOW, "padding": (1, 1), "mode": "max", "ignore_border": True})
    ],
    ("globalpool_mean_3d", "exact"): [("GlobalAveragePooling1D", {})],
    ("globalpool_max_5d", "stock"): [("GlobalMaxPooling3D", {})],
    ("globalpool_max_4d", "exact"): [("GlobalReduce", {"function": "max"})],
    ("batchnorm_4d", "stock"): [("BatchNormalization", NORM)],
    ("batchnorm_4d", "exact"): [
        ("InvStdBatchNormalization", {"axes": (0, 1, 2), **OWN_NORM}),
    ],
    ("batchnorm_alpha_0_9", "stock"): [
        ("BatchNormalization", {"momentum": 1 - 0.9, "epsilon": 1e-4})
    ],
    ("batchnorm_epsilon_1e_2", "stock"): [
        ("BatchNormalization", {"momentum": 0.9, "epsilon": 1e-2})
    ],
    # A statistic for each column, which is not the last axis.
    ("batchnorm_axes_0_1_2", "stock"): [("BatchNormalization", {"axis": 2, **NORM})],
    ("batchnorm_no_beta", "stock"): [("BatchNormalization", {**NORM, "center": False})],
    ("batchnorm_no_gamma", "stock"): [("BatchNormalization", {**NORM, "scale": False})],
    ("batchnorm_axes_0_2", "stock"): [
        ("InvStdBatchNormalization", {"axes": (0, 1), **OWN_NORM}),
    ],
    ("batchnorm_no_beta_no_gamma", "exact"): [
        (
            "InvStdBatchNormalization",
            {"axes": (0, 1, 2), **OWN_NORM, "scale": False, "center": False},
        ),
    ],
    ("nonlinearity_scaled_tanh", "stock"): [
        (
            "Nonlinearity",
            {"function": "scaled_tanh", "constants": {"scale_in": 0.5, "scale_out": 2.4}},
        )
    ],
    ("dropout_p_0_2", "stock"): [("Dropout", {"rate": 0.2})],
    ("dropout_channels", "stock"): [("Dropout", {"rate": 0.5, "noise_shape": (None, 1, 1, None)})],
    ("dropout_no_rescale", "exact"): [("UnscaledDropout", {"rate": 0.2})],
    ("dropout_shared_0", "exact"): [("UnscaledDropout", {"rate": 0.5, "shared_axes": (0,)})],
    ("flatten_to_1", "stock"): [("FullReshape", {"target": (-1,)})],
    ("flatten_to_3", "stock"): [
        ("Permute", {"dims": (3, 1, 2)}),
        ("Reshape", {"target_shape": (2, 12)}),
    ],
    ("reshape_references", "stock"): [("Reshape", {"target_shape": (6, 2)})],
    ("reshape_into_batch", "stock"): [("FullReshape", {"target": (-1, 4)})],
    ("concat_4d", "stock"): [("Concatenate", {})],
    ("concat_axis_2", "stock"): [("Concatenate", {"axis": 1})],
    ("concat_cropped", "stock"): [
        ("Cropping2D", {"cropping": ((0, 2), (0, 0))}),
        ("Cropping2D", {"cropping": ((0, 0), (0, 1))}),
        ("Concatenate", {}),
    ],
    ("merge_mul_cropped", "stock"): [
        ("Autocrop", {"modes": (None, "upper"), "index": 0}),
        ("Multiply", {}),
    ],
    ("merge_sub", "stock"): [("Combine", {"function": "subtract"})],
    ("sum_coeffs", "stock"): [
        ("Rescaling", {"scale": -0.5}),
        ("Rescaling", {"scale": 2.25}),
        ("Add", {}),
    ],
    ("scale_shared_0_3", "stock"): [("Scale", {"shared_axes": (0, 2)})],
    ("pad_asymmetric", "stock"): [("ZeroPadding2D", {"padding": ((1, 2), (0, 3))})],
    ("pad_value", "stock"): [
        ("ConstantPad", {"widths": ((0, 0), (1, 1), (1, 1), (0, 0)), "value": -1.75})
    ],
}


@pytest.mark.parametrize(("name", "profile"), ARGUMENTS)
def test_arguments(name, profile):
    calls = calls_for(load_case(name).network, profile).calls
    found = [
        (call.layer.rpartition(".")[2], dict(call.arguments))
        for call in calls
        if call.layer != "keras.Input"
    ]
    assert found == ARGUMENTS[name, profile]


INPUTS = (
    ("conv2d_valid", "channels_first", {"shape": (2, 7, 4)}),
    ("conv2d_valid", "channels_last", {"shape": (7, 4, 2)}),
    ("net_fully_convolutional", "channels_first", {"shape": (2, None, None)}),
    ("batchnorm_axes_1_2", "channels_first", {"shape": (3, 4, 2), "batch_size": 5}),
    ("globalpool_mean_3d", "channels_last", {"shape": (7, 3)}),
    ("batchnorm_3d", "channels_last", {"shape": (3, 4)}),
)


@pytest.mark.parametrize(("name", "data_format", "arguments"), INPUTS)
def test_inputs(name, data_format, arguments):
    first = calls_for(load_case(name).network, data_format=data_format).calls[0]
    assert (first.layer, first.arguments) == ("keras.Input", arguments)


def conv(name="conv", **state):
    """Return a convolution of 2 x 2 filters."""
    given = {"num_filters": 3, "filter_size": 2, "stride": 1, "nonlinearity": None, "b": None}
    return layer(
        "conv.Conv2DLayer", image(), {"W": np.ones((3, 2, 2, 2))}, name=name, **given, **state
    )


def test_half_an_even_filter_is_not_tensorflows_same():
    *_, padding, call = calls_for(build_network(conv(pad=1))).calls
    assert padding.arguments == {"padding": ((1, 1), (1, 1))}
    assert "padding" not in call.arguments


def test_indices_are_integers():
    net = layer("shape.FlattenLayer", source((None, 3, 5), dtype="int32"), {})
    assert calls_for(build_network(net)).calls[0].arguments["dtype"] == "int32"


def test_a_slope_that_tensorflow_would_round_takes_the_own_layer():
    net = load_case("nonlinearity_leaky_rectify").network
    found = {
        dtype: calls_for(net, dtype=dtype).calls[-1].layer
        for dtype in ("float32", "mixed_float16", "float64")
    }
    assert found == {
        "float32": "keras.layers.LeakyReLU",
        "mixed_float16": "keras.layers.LeakyReLU",
        "float64": "lasport.keras_layers.Nonlinearity",
    }


# Of other lengths than pairs, TensorFlow's 'same' is not Theano's: size, window, stride.
CEILS = (
    ((9, 2, 2), "same"),
    ((8, 2, 2), "valid"),
    ((9, 3, 2), "valid"),
    ((8, 3, 2), "same"),
    ((7, 3, 3), None),
    ((8, 3, 3), "same"),
    ((10, 2, 3), "same"),
    ((9, 2, 3), "valid"),
    ((None, 2, 2), "same"),
    ((None, 3, 2), None),
)


@pytest.mark.parametrize(("lengths", "padding"), CEILS)
def test_ceil_mode_takes_tensorflows_padding_where_that_is_the_same(lengths, padding):
    size, window, stride = lengths
    pool = {"pool_size": (window, 1), "stride": (stride, 1), "pad": 0, "mode": "max"}
    net = layer("pool.Pool2DLayer", image(None, 2, size, 5), {}, ignore_border=False, **pool)
    call = calls_for(build_network(net)).calls[-1]
    if padding is None:
        assert call.layer == "lasport.keras_layers.Pooling"
    else:
        assert call.layer == "keras.layers.MaxPooling2D"
        assert call.arguments.get("padding", "valid") == padding


# --- names and order


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", TRANSLATED)
def test_calls_follow_the_net(name, profile):
    net = load_case(name).network
    for data_format in DATA_FORMATS:
        calls = calls_for(net, profile, data_format)
        known = set()
        for call in calls.calls:
            assert set(call.inputs) <= known
            assert call.name not in known
            known.add(call.name)
        for found in calls.plan.layers.values():
            assert calls.results[found.id] in known
        weights = [weight for call in calls.calls for weight in call.weights.values()]
        params = [part.param for weight in weights for part, _ in weight.split(weight.value)]
        params += [constant.param for call in calls.calls for constant in call.constants]
        owned = [param for _, param in net.owned_params()]
        assert sorted(id(p.value) for p in params) == sorted(id(p.value) for p in owned)
        again = calls_for(net, profile, data_format)
        assert [call.name for call in again.calls] == [call.name for call in calls.calls]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", TRANSLATED)
def test_layers_carry_lasagnes_names(name, profile):
    calls = calls_for(load_case(name).network, profile)
    names = {call.name for call in calls.calls}
    mains = {step.name for step in calls.plan.steps if step.name == step.layer}
    assert mains <= names
    for step in calls.plan.steps:
        assert calls.results[step.output.id] in (step.name, step.layer)


def test_a_call_before_the_main_one_makes_room_for_a_layer_of_its_name():
    net = conv(pad=1)
    net = layer("noise.DropoutLayer", net, {}, name="conv_zeropadding2d", p=0.5, rescale=True)
    names = [call.name for call in calls_for(build_network(net)).calls]
    assert len(set(names)) == len(names)
    assert names[-2:] == ["conv", "conv_zeropadding2d"]


# --- activations


def dense(net, nonlinearity):
    params = {"W": [[1.0, 2.0]] * 3, "b": [0.0, 0.0]}
    return layer("dense.DenseLayer", net, params, num_units=2, nonlinearity=nonlinearity)


def test_a_layers_own_activation_goes_into_it():
    net = build_network(dense(source((None, 3)), function("tanh")))
    (_, call) = calls_for(net).calls
    assert call.arguments["activation"] == "tanh"


def test_the_activation_of_another_layer_does_not():
    net = dense(source((None, 3)), function("linear"))
    net = layer("special.NonlinearityLayer", net, {}, name="f", nonlinearity=function("tanh"))
    layers = [call.layer for call in calls_for(build_network(net)).calls]
    assert layers == ["keras.Input", "keras.layers.Dense", "keras.layers.Activation"]


def test_an_unknown_profile_is_refused():
    with pytest.raises(UsageError, match="profile must be one of stock, exact, not 'both'"):
        calls_for(load_case("input_alone").network, "both")


# --- shared weights


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", TRANSLATED)
def test_every_variable_is_held_once(name, profile):
    net = load_case(name).network
    calls = calls_for(net, profile).calls
    held = [
        id(part.param.value)
        for call in calls
        for weight in call.weights.values()
        for part, _ in weight.split(weight.value)
    ]
    constant = [id(weight.param.value) for call in calls for weight in call.constants]
    assert len(held) == len(set(held))
    assert {*held, *constant} == {id(value) for value in net.param_values()}


# Golden case: what each call is that has to do with sharing.
SHARED = {
    "net_shared_weights": {
        "first_shared": "keras.layers.Dense",
        "first": "keras.layers.Activation",
        "second_shared": "first_shared once more",
        "second": "keras.layers.Activation",
    },
    "shared_biases": {
        "first_W": "Parameter (7, 4)",
        "first": "Borrowing Dense: kernel",
        "second_b": "Parameter (4,)",
        "second": "Borrowing Dense: kernel bias",
        "third": "Borrowing Dense: kernel",
        "bias": "Borrowing Shift: bias",
    },
    "tied_dense": {
        "encoder_W": "Parameter (24, 5)",
        "encoder_kernel": "reshape(transpose(reshape))",
        "encoder": "Borrowing Dense: kernel",
        "decoder_kernel": "transpose",
        "decoder": "Borrowing Dense: kernel",
    },
    "shared_frozen": {
        "first_W": "Parameter (4, 4)",
        "first": "Borrowing Dense: kernel",
        "second": "Borrowing Dense: kernel",
        "third_W": "Parameter (4, 5) frozen",
        "third": "Borrowing Dense: kernel",
        "fourth_kernel": "transpose",
        "fourth": "Borrowing Dense: kernel",
    },
}


def operations_of(formula):
    """Return the names of a formula's operations, from the outside to the variable."""
    name, _, *operands = formula
    inner = operations_of(operands[0]) if operands and operands[0][0] != "variable" else ""
    return f"{name}({inner})" if inner else name


def describe(call):
    kind = call.layer.rpartition(".")[2]
    if call.reuses is not None:
        return f"{call.reuses} once more"
    if kind == "Parameter":
        frozen = " frozen" if call.arguments.get("trainable") is False else ""
        return f"Parameter {call.arguments['shape']}{frozen}"
    if kind == "Derived":
        return operations_of(call.arguments["formula"])
    if kind == "Borrowing":
        inner = call.arguments["layer"]["class_name"]
        return f"Borrowing {inner}: {' '.join(call.arguments['borrowed'])}"
    return call.layer


@pytest.mark.parametrize("name", SHARED)
def test_calls_that_share_weights(name):
    calls = calls_for(load_case(name).network).calls
    found = {call.name: describe(call) for call in calls}
    assert {name: found.get(name) for name in SHARED[name]} == SHARED[name]
    parameters = [call.name for call in calls if call.layer.endswith("Parameter")]
    assert set(parameters) <= set(SHARED[name])


def test_layers_that_keras_ships_are_one_whatever_the_size_of_their_inputs():
    calls = {c.name: describe(c) for c in calls_for(load_case("tied_embedding").network).calls}
    assert calls["first_shared"] == "Borrowing Embedding: embeddings"
    assert calls["second_shared"] == "first_shared once more"


def test_own_layers_are_one_for_inputs_of_one_shape_only():
    bias = {"b": shared(np.ones(4))}
    sources = [source((None, 4, size)) for size in (5, 5, 6)]
    layers = [
        layer("special.BiasLayer", x, {}, name=f"bias_{n}", shared_axes=(0, 2))
        for n, x in enumerate(sources)
    ]
    for each in layers:
        each.state.update(b=bias["b"], params={bias["b"]: {"trainable"}})
    calls = {call.name: describe(call) for call in calls_for(build_network(layers)).calls}
    assert calls["bias_0_shared"] == "Borrowing Shift: bias"
    assert calls["bias_1_shared"] == "bias_0_shared once more"
    assert calls["bias_2"] == "Borrowing Shift: bias"


def test_a_part_that_all_users_convert_alike_is_converted_once():
    calls = {call.name: call for call in calls_for(load_case("shared_siamese").network).calls}
    assert calls["left_conv_shared"].layer == "keras.layers.Conv2D"
    assert calls["left_norm_gamma"].weights["value"].conversions == ()
    columns = load_case("shared_siamese_columns").network
    calls = {call.name: call for call in calls_for(columns).calls}
    assert calls["left_norm_gamma"].weights["value"].conversions == (Transpose((1, 0)),)
    assert not [call for call in calls.values() if call.layer.endswith("Derived")]

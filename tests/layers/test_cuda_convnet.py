"""The cuda-convnet layers: a net that holds its images as c01b computes what its sibling does.

These layers never ran on a CPU, so no golden cases pin them. Their siblings have some, and each net
here is compared with one of siblings.
"""

from __future__ import annotations

import numpy as np
import pytest

from lasport import lasagne_param_values, to_keras, verify
from lasport.errors import InvalidNetworkError
from lasport.oracles.reference import run_reference
from lasport.passes import lower
from lasport.readers.network import build_network
from lasport.targets.keras_calls import keras_calls
from lasport.translate import translate
from tests.inert_nets import function, layer, named, read, source

TO_C01B = "cuda_convnet.ShuffleBC01ToC01BLayer"
TO_BC01 = "cuda_convnet.ShuffleC01BToBC01Layer"
BC01, C01B = (None, 2, 9, 8), (2, 9, 8, 5)
PROFILES = pytest.mark.parametrize("profile", ("stock", "exact"))
FORMATS = pytest.mark.parametrize("data_format", ("channels_first", "channels_last"))


def shuffle(kind, incoming):
    return layer(kind, incoming, {})


def conv(incoming, weights, bias, *, kind="cuda_convnet.Conv2DCCLayer", dimshuffle=True, **state):
    """Return a convolution; weights are (filters, channels, rows, columns)."""
    given = {
        "num_filters": len(weights),
        "filter_size": weights.shape[2:],
        "stride": (2, 2),
        "pad": (1, 1),
        "untie_biases": bias.ndim > 1,
        "flip_filters": False,
        "nonlinearity": function("tanh"),
        "partial_sum": 1,
        "dimshuffle": dimshuffle,
        **state,
    }
    stored = weights if dimshuffle else weights.transpose(1, 2, 3, 0)
    params = {"W": stored, "b": bias}
    return layer(kind, incoming, params, **given)


def pool(incoming, *, kind="cuda_convnet.MaxPool2DCCLayer", **state):
    return layer(kind, incoming, {}, pool_size=3, stride=2, **state)


def nin(incoming, weights, bias, *, c01b):
    """Return a NINLayer, or a NINLayer_c01b; weights are (channels, units)."""
    state = {
        "num_units": weights.shape[1],
        "untie_biases": bias.ndim > 1,
        "nonlinearity": function("rectify"),
    }
    if c01b:
        return layer("cuda_convnet.NINLayer_c01b", incoming, {"W": weights.T, "b": bias}, **state)
    return layer("dense.NINLayer", incoming, {"W": weights, "b": bias}, **state)


def dropout(incoming, axes):
    return layer("noise.DropoutLayer", incoming, {}, p=0.5, rescale=True, shared_axes=axes)


def dense(incoming, weights):
    state = {"num_units": weights.shape[1], "nonlinearity": function("linear")}
    return layer("dense.DenseLayer", incoming, {"W": weights, "b": np.ones(3)}, **state)


def weights(*shape):
    return np.random.default_rng(len(shape) + shape[0]).normal(size=shape)


# On 9 x 8 places: 16 filters make 5 x 4 of them, pooling 2 x 2.
W, B, UNTIED = weights(16, 2, 3, 3), weights(16), weights(16, 5, 4)
V, C, UNTIED_C = weights(16, 7), weights(7), weights(7, 2, 2)
D = weights(28, 3)


def sibling(bias=B, bias_2=C, **state):
    """Return the net of layers that run on a CPU."""
    net = conv(source(BC01), W, bias, kind="conv.Conv2DLayer", **state)
    net = pool(net, kind="pool.MaxPool2DLayer", ignore_border=False)
    return nin(net, V, bias_2, c01b=False)


def in_bc01(bias=B, bias_2=C, **state):
    """Return the net of cuda-convnet's layers that take and give bc01."""
    net = pool(conv(source(BC01), W, bias, dimshuffle=True, **state), dimshuffle=True)
    return nin(net, V, bias_2, c01b=False)


def in_c01b(incoming, bias=B, bias_2=C, **state):
    """Return the net whose every layer takes and gives c01b."""
    net = conv(incoming, W, bias, dimshuffle=False, **state)
    return nin(pool(net, dimshuffle=False), V, bias_2, c01b=True)


def shuffled(*args, **state):
    """Return the net that changes to c01b and back, as those users did who cared for speed."""
    return shuffle(TO_BC01, in_c01b(shuffle(TO_C01B, source(BC01)), *args, **state))


def each_on_its_own():
    """Return the net that changes to c01b and back around every layer."""
    net = conv(shuffle(TO_C01B, source(BC01)), W, B, dimshuffle=False)
    net = shuffle(TO_C01B, shuffle(TO_BC01, net))
    net = shuffle(TO_C01B, shuffle(TO_BC01, pool(net, dimshuffle=False)))
    return shuffle(TO_BC01, nin(net, V, C, c01b=True))


NETS = {
    "bc01": ((UNTIED, UNTIED_C), {"flip_filters": True}, in_bc01),
    "tied": ((), {}, shuffled),
    "untied": ((UNTIED, UNTIED_C), {}, shuffled),
    "flipped": ((), {"flip_filters": True}, shuffled),
    "same": ((), {"pad": "same"}, shuffled),
    "shuffled_around_each_layer": ((), {}, each_on_its_own),
}
EACH_NET = pytest.mark.parametrize(("args", "state", "build"), NETS.values(), ids=NETS)


def last(net, x):
    return run_reference(net, [x], training=False).layers[-1]


@EACH_NET
def test_reference_computes_what_the_sibling_does(args, state, build):
    x = weights(5, 2, 9, 8)
    net, expected = build_network(build(*args, **state)), build_network(sibling(*args, **state))
    assert net.layers[-1].output_shape == expected.layers[-1].output_shape == (None, 7, 2, 2)
    y = last(expected, x)
    assert np.abs(y).max() > 1
    np.testing.assert_allclose(last(net, x), y, rtol=0, atol=1e-13)


@PROFILES
@FORMATS
@EACH_NET
def test_model_computes_what_the_sibling_does(args, state, build, profile, data_format):
    net, x = build_network(build(*args, **state)), weights(5, 2, 9, 8)
    model = to_keras(net, profile=profile, data_format=data_format, dtype="float64")
    expected = last(build_network(sibling(*args, **state)), x)
    if data_format == "channels_last":
        x, expected = x.transpose(0, 2, 3, 1), expected.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(model(x), expected, rtol=0, atol=1e-13)
    for value, stored in zip(lasagne_param_values(model), net.param_values(), strict=True):
        np.testing.assert_array_equal(value, stored)


@PROFILES
@FORMATS
@pytest.mark.parametrize("ends_in", ("c01b", "bc01"))
@pytest.mark.parametrize("starts_in", ("c01b", "bc01"))
def test_nets_may_start_or_end_in_c01b(starts_in, ends_in, profile, data_format):
    start = source(C01B) if starts_in == "c01b" else shuffle(TO_C01B, source(BC01))
    output = in_c01b(start)
    net = build_network(output if ends_in == "c01b" else shuffle(TO_BC01, output))
    x = weights(5, 2, 9, 8)
    y = last(build_network(sibling()), x)
    model = to_keras(net, profile=profile, data_format=data_format, dtype="float64")
    if data_format == "channels_last":
        # What TensorFlow calls so, whatever the net calls its axes.
        x, y = x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1)
    else:
        x = x.transpose(1, 2, 3, 0) if starts_in == "c01b" else x
        y = y.transpose(1, 2, 3, 0) if ends_in == "c01b" else y
    np.testing.assert_allclose(model(x), y, rtol=0, atol=1e-13)
    assert verify(net, model).ok


@pytest.mark.parametrize("build", (shuffled, each_on_its_own))
def test_changing_the_order_of_axes_moves_no_data(build):
    calls = keras_calls(lower(translate(build_network(build())), "channels_last"), "stock").calls
    layers = [call.layer.rpartition(".")[2] for call in calls]
    assert {"Conv2D", "Dense"} <= set(layers)
    assert not {"Permute", "Permutation"} & set(layers)


def test_the_batch_size_is_released_where_the_batch_comes_first():
    declared = (5, *BC01[1:])
    first = build_network(in_c01b(shuffle(TO_C01B, source(declared))))
    assert to_keras(first).input_shape == (None, 2, 9, 8)
    assert to_keras(build_network(in_c01b(source(C01B)))).input_shape == C01B


def test_layers_between_count_axes_as_lasagne_does():
    """Channels dropped as a whole: axes 1 and 2 of c01b are those of images, axis 0 is not."""
    net = in_c01b(shuffle(TO_C01B, source(BC01)))
    net = build_network(dense(shuffle(TO_BC01, dropout(net, (1, 2))), D))
    assert verify(net, to_keras(net, profile="exact")).ok
    expected = build_network(dense(dropout(sibling(), (2, 3)), D))
    x = weights(5, 2, 9, 8)
    np.testing.assert_allclose(
        to_keras(net, dtype="float64")(x), last(expected, x), rtol=0, atol=1e-12
    )


def test_shapes_of_layers_on_c01b():
    net = build_network(in_c01b(source((2, 9, None, 5))))
    shapes = [layer.output_shape for layer in net.layers]
    assert shapes == [(2, 9, None, 5), (16, 5, None, 5), (16, 2, None, 5), (7, 2, None, 5)]


def test_nin_takes_any_number_of_axes():
    net = build_network(nin(source((16, 5)), V, C, c01b=True))
    x = weights(16, 5)
    expected = np.maximum(V.T @ x + C[:, None], 0)
    np.testing.assert_allclose(last(net, x), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(to_keras(net, dtype="float64")(x), expected, rtol=0, atol=1e-13)


def test_before_december_2015_convolutions_held_single_integers():
    net = conv(source(BC01), W, B, dimshuffle=True, filter_size=3, stride=2, pad=1)
    found = read(net).attributes
    assert (found.filter_size, found.stride, found.pad) == ((3, 3), (2, 2), (1, 1))
    del net.state["flip_filters"]
    assert not read(net).attributes.flip_filters


def test_before_april_2015_pools_held_ds():
    state = {"ds": 3, "stride": 2, "dimshuffle": False}
    found = read(layer("cuda_convnet.MaxPool2DCCLayer", source(C01B), {}, **state))
    assert found.output_shape == (2, 4, 4, 5)  # the last columns are pooled by two
    assert not found.attributes.ignore_border


MISFITS = {
    "W of bc01": lambda: conv(source(C01B), W.transpose(3, 0, 1, 2), B, dimshuffle=False),
    "W of a NINLayer": lambda: nin(source((16, 2, 2, 5)), V.T, C, c01b=True),
}


@pytest.mark.parametrize("build", MISFITS.values(), ids=MISFITS)
def test_weights_in_the_other_order_do_not_fit(build):
    with pytest.raises(InvalidNetworkError, match="W has shape"):
        build_network(build())


def test_dimshuffle_is_a_truth_value():
    net = conv(source(BC01), W, B, dimshuffle=named("theano.tensor.basic.max"))
    assert "attribute 'dimshuffle': True or False was expected" in read(net).problem

"""Conv2DLayer and its GPU variants: pads, flips, groups, and what older instances leave out."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from lasport import registry
from lasport.errors import InvalidNetworkError
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import function, image, layer, named, read

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "conv2d_valid": ("Conv2D", "Conv2D"),
    "conv2d_unflipped": ("Conv2D", "Conv2D"),
    "conv2d_same": ("Conv2D", "Conv2D"),
    "conv2d_same_nonsquare": ("Conv2D", "Conv2D"),
    "conv2d_same_stride_2": ("ZeroPadding2D Conv2D", "ZeroPadding2D Conv2D"),
    "conv2d_full": ("ZeroPadding2D Conv2D", "ZeroPadding2D Conv2D"),
    "conv2d_full_strided": ("ZeroPadding2D Conv2D", "ZeroPadding2D Conv2D"),
    "conv2d_pad_1": ("Conv2D", "Conv2D"),
    "conv2d_pad_2_1": ("ZeroPadding2D Conv2D", "ZeroPadding2D Conv2D"),
    "conv2d_pad_beyond_filter": ("ZeroPadding2D Conv2D", "ZeroPadding2D Conv2D"),
    "conv2d_pad_strided": ("ZeroPadding2D Conv2D", "ZeroPadding2D Conv2D"),
    "conv2d_stride_2": ("Conv2D", "Conv2D"),
    "conv2d_stride_3_1": ("Conv2D", "Conv2D"),
    "conv2d_stride_unflipped": ("Conv2D", "Conv2D"),
    "conv2d_even_filter": ("Conv2D", "Conv2D"),
    "conv2d_even_nonsquare": ("Conv2D", "Conv2D"),
    "conv2d_nonsquare": ("Conv2D", "Conv2D"),
    "conv2d_1x1": ("Conv2D", "Conv2D"),
    "conv2d_whole_image": ("Conv2D", "Conv2D"),
    "conv2d_untied": ("Conv2D Shift Activation", "Conv2D Shift Activation"),
    "conv2d_no_bias": ("Conv2D", "Conv2D"),
    "conv2d_rectify": ("Conv2D", "Conv2D Nonlinearity"),
    "conv2d_linear": ("Conv2D", "Conv2D"),
    "conv2d_groups_2": ("Conv2D", "Conv2D"),
    "conv2d_depthwise": ("Conv2D", "Conv2D"),
    "conv2d_groups_unflipped": ("Conv2D", "Conv2D"),
    "conv2d_fixed_batch": ("Conv2D", "Conv2D"),
}


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


CPU = "conv.Conv2DLayer"
GPU = ("dnn.Conv2DDNNLayer", "corrmm.Conv2DMMLayer", "cuda_convnet.Conv2DCCLayer")


def conv(kind=CPU, *, shape=(None, 2, 9, 8), filters=(3, 2, 4, 3), without=(), bias=(3,), **state):
    """Return a layer whose W has the shape ``filters``."""
    given = {
        "num_filters": filters[0],
        "filter_size": filters[2:],
        "stride": (1, 1),
        "pad": (0, 0),
        "untie_biases": False,
        "flip_filters": True,
        "num_groups": 1,
        "convolution": named("theano.tensor.nnet.conv2d"),
        "nonlinearity": function("rectify"),
        **state,
    }
    for name in without:
        del given[name]
    params = {"W": np.ones(filters), "b": np.ones(bias)}
    return layer(kind, image(*shape), params, **given)


# On 9 rows and 8 columns, with a filter of 4 rows and 3 columns.
SHAPES = (
    ({}, (6, 6)),
    ({"pad": "valid"}, (6, 6)),
    ({"pad": "full"}, (12, 10)),
    ({"pad": (1, 2)}, (8, 10)),
    ({"pad": 5}, (16, 16)),
    ({"stride": (2, 3)}, (3, 2)),
    ({"stride": (4, 1), "pad": (3, 0)}, (3, 6)),
    ({"stride": 2, "pad": "full"}, (6, 5)),
    ({"pad": "same"}, (9, 8)),  # even filters were allowed until October 2015
    ({"pad": "same", "stride": (2, 3)}, (5, 3)),
)


@pytest.mark.parametrize(("state", "space"), SHAPES)
def test_output_shape(state, space):
    assert read(conv(**state)).output_shape == (None, 3, *space)


def test_open_sizes_stay_open():
    assert read(conv(shape=(None, 2, None, 8))).output_shape == (None, 3, None, 6)


def test_groups_divide_the_channels():
    net = conv(shape=(None, 6, 9, 8), filters=(4, 3, 2, 5), bias=(4,), num_groups=2)
    assert read(net).output_shape == (None, 4, 8, 4)


def test_untied_biases_have_one_value_for_each_place():
    assert read(conv(untie_biases=True, bias=(3, 6, 6))).problem is None
    with pytest.raises(InvalidNetworkError, match=r"b has shape \(3,\).*ask for \(3, 6, 6\)"):
        build_network(conv(untie_biases=True))


# --- what instances of older Lasagnes hold

OLD = {
    "border_mode='valid' before August 2015": (
        {"border_mode": "valid"},
        ("pad",),
        {"pad": "valid"},
    ),
    "border_mode='full' before August 2015": ({"border_mode": "full"}, ("pad",), {"pad": "full"}),
    "border_mode='same' before August 2015": ({"border_mode": "same"}, ("pad",), {"pad": "same"}),
    "pad beside border_mode, of cuDNN layers": (
        {"border_mode": "valid", "pad": (2, 1)},
        (),
        {"pad": (2, 1)},
    ),
    "pad beside an empty border_mode": ({"border_mode": None, "pad": (2, 1)}, (), {"pad": (2, 1)}),
    "strides before April 2015": ({"strides": [2, 3]}, ("stride",), {"stride": (2, 3)}),
    "strides as a single int": ({"strides": 2}, ("stride",), {"stride": (2, 2)}),
    "filter_size as a list": ({"filter_size": [4, 3]}, (), {"filter_size": (4, 3)}),
    "numpy integers": (
        {"filter_size": (np.int64(4), np.int32(3)), "num_filters": np.int64(3)},
        (),
        {"filter_size": (4, 3), "num_filters": 3},
    ),
    "no groups before February 2018": ({}, ("num_groups",), {"num_groups": 1}),
    "a flip nobody could turn off before December 2015": (
        {},
        ("flip_filters", "num_groups"),
        {"flip_filters": True},
    ),
    "Theano 0.7's function": (
        {"convolution": named("theano.tensor.nnet.conv.conv2d")},
        (),
        {"convolution": "theano.tensor.nnet.conv2d"},
    ),
}


@pytest.mark.parametrize(("state", "without", "expected"), OLD.values(), ids=OLD)
def test_reads_older_instances(state, without, expected):
    found = read(conv(without=without, **state))
    assert found.problem is None
    assert {name: getattr(found.attributes, name) for name in expected} == expected


@pytest.mark.parametrize("kind", GPU)
def test_the_gpu_classes_correlate_unless_they_say_otherwise(kind):
    assert not read(conv(kind, without=("flip_filters",))).attributes.flip_filters
    assert read(conv(kind)).attributes.flip_filters


def test_cuda_convnet_held_single_integers():
    net = conv(
        GPU[2], filters=(3, 2, 4, 4), filter_size=4, stride=2, pad=3, dimshuffle=True, partial_sum=1
    )
    found = read(net)
    assert found.attributes.filter_size == (4, 4)
    assert found.attributes.stride == (2, 2)
    assert found.attributes.pad == (3, 3)
    assert found.output_shape == (None, 3, 6, 6)


@pytest.mark.parametrize("kind", GPU)
def test_the_gpu_classes_compute_what_the_cpu_class_does(kind):
    cpu, gpu = (registry.families()[f"lasagne.layers.{name}"] for name in (CPU, kind))
    assert inspect.unwrap(gpu.translate) == cpu.translate
    assert gpu.params == cpu.params


@pytest.mark.parametrize("size", (2, 3, 4, 5))
def test_same_is_the_middle_of_the_full_convolution(size):
    """Until August 2015 'same' was computed in this way, which says where the odd zero goes."""
    rng = np.random.default_rng(size)
    x, filters = rng.normal(size=(1, 1, 9, 8)), rng.normal(size=(1, 1, size, 3))
    net = conv(
        shape=(None, 1, 9, 8),
        filters=filters.shape,
        bias=(1,),
        border_mode="same",
        without=("pad",),
    )
    net.state["W"].get("container").state["storage"] = [filters]
    full = np.zeros((9 + size - 1, 8 + 2))
    for row, column in np.ndindex(9, 8):
        full[row : row + size, column : column + 3] += x[0, 0, row, column] * filters[0, 0]
    middle = full[(size - 1) // 2 :][:9, 1:][:, :8]
    y = run_reference(build_network(net), [x], training=False).layers[-1]
    np.testing.assert_allclose(y[0, 0], np.maximum(middle + 1, 0), rtol=0, atol=1e-14)


# --- what is wrong, and what is said about it

PROBLEMS = (
    ({"pad": "reflect"}, "attribute 'pad': 'valid', 'same', 'full' or sizes were expected"),
    ({"filter_size": (4, 3, 2)}, "attribute 'filter_size': 2 integers were expected"),
    ({"stride": (1.5, 1)}, "attribute 'stride': an integer was expected, not 1.5"),
    ({"stride": 0}, "attribute 'stride': an integer of at least 1 was expected, not 0"),
    ({"pad": (0, -1)}, "attribute 'pad': an integer of at least 0 was expected, not -1"),
    ({"num_groups": 0}, "attribute 'num_groups': an integer of at least 1 was expected, not 0"),
    ({"num_groups": 2}, "2 channels and 3 filters do not make 2 groups"),
    ({"num_filters": None}, "attribute 'num_filters': an integer was expected, not None"),
    ({"shape": (None, 2, 9)}, "a filter of 2 axes meets an input of (None, 2, 9)"),
    ({"shape": (None, 2, 3, 8)}, "leave an output of (None, 3, 0, 6)"),
    ({"convolution": named("__main__.my_conv")}, "the function __main__.my_conv is not theano"),
)


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(conv(**state)).problem


@pytest.mark.parametrize("name", ("num_filters", "filter_size", "stride", "pad", "nonlinearity"))
def test_a_missing_attribute_is_named(name):
    assert read(conv(without=(name,))).problem == f"attribute {name!r} is missing"


def test_weights_must_fit_the_channels():
    with pytest.raises(InvalidNetworkError, match=r"W has shape \(3, 5, 4, 3\).*\(3, 2, 4, 3\)"):
        build_network(conv(filters=(3, 5, 4, 3)))

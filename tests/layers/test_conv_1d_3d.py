"""Conv1DLayer, Conv3DLayer and Conv3DDNNLayer: other numbers of axes than two."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import registry
from tests.golden_records import load_case
from tests.inert_nets import function, layer, named, read, source

# Golden cases: Keras layers, the same in both profiles.
RECORDS = {
    "conv1d_default": "Conv1D",
    "conv1d_unflipped": "Conv1D",
    "conv1d_same": "Conv1D",
    "conv1d_same_stride_2": "ZeroPadding1D Conv1D",
    "conv1d_full": "ZeroPadding1D Conv1D",
    "conv1d_full_strided": "ZeroPadding1D Conv1D",
    "conv1d_pad_2": "ZeroPadding1D Conv1D",
    "conv1d_pad_tuple": "ZeroPadding1D Conv1D",
    "conv1d_untied": "Conv1D Shift Activation",
    "conv1d_no_bias": "Conv1D",
    "conv1d_groups_2": "Conv1D",
    "conv1d_open_size": "Conv1D",
    "conv1d_mc1": "ZeroPadding1D Conv1D",
    "conv1d_sc": "Conv1D",
    "conv1d_sc_unflipped": "Conv1D",
    "conv1d_unstrided": "Conv1D",
    "conv1d_unstrided_unflipped": "Conv1D",
    "conv1d_sd": "Conv1D",
    "conv1d_sd_unflipped": "Conv1D",
    "conv1d_md_unflipped": "Conv1D",
    "conv3d_default": "ZeroPadding3D Conv3D",
    "conv3d_unflipped": "Conv3D",
    "conv3d_same": "Conv3D",
    "conv3d_full_strided": "ZeroPadding3D Conv3D",
    "conv3d_pad": "ZeroPadding3D Conv3D",
    "conv3d_untied": "Conv3D Shift Activation",
    "conv3d_no_bias": "Conv3D",
    "conv3d_groups_2": "Conv3D",
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == (RECORDS[name], RECORDS[name])


CONV1D, CONV3D = "conv.Conv1DLayer", "conv.Conv3DLayer"


def conv(kind, space, size, /, *, without=(), **state):
    """Return a layer of 3 filters on 2 channels."""
    convolved = {
        CONV1D: named("lasagne.theano_extensions.conv.conv1d_mc0"),
        CONV3D: named("theano.tensor.nnet.abstract_conv.conv3d"),
    }
    given = {
        "num_filters": 3,
        "filter_size": size,
        "stride": (1,) * len(space),
        "pad": (0,) * len(space),
        "untie_biases": False,
        "flip_filters": True,
        "num_groups": 1,
        "nonlinearity": function("rectify"),
        **({"convolution": convolved[kind]} if kind in convolved else {}),
        **state,
    }
    for name in without:
        del given[name]
    params = {"W": np.ones((3, 2, *size)), "b": np.ones(3)}
    return layer(kind, source((None, 2, *space)), params, **given)


SHAPES = (
    (CONV1D, (9,), (4,), {}, (6,)),
    (CONV1D, (9,), (4,), {"stride": 2}, (3,)),
    (CONV1D, (9,), (4,), {"pad": "full", "stride": (5,)}, (3,)),
    (CONV1D, (9,), (4,), {"pad": "same"}, (9,)),  # even filters were allowed until October 2015
    (CONV1D, (None,), (4,), {}, (None,)),
    (CONV3D, (9, 8, 7), (4, 3, 1), {}, (6, 6, 7)),
    (CONV3D, (9, 8, 7), (4, 3, 1), {"pad": (1, 0, 2), "stride": (2, 1, 3)}, (4, 6, 4)),
    (CONV3D, (9, None, 7), (3, 3, 1), {"pad": "same"}, (9, None, 7)),
    ("dnn.Conv3DDNNLayer", (9, 8, 7), (4, 3, 1), {"pad": "full"}, (12, 10, 7)),
)


@pytest.mark.parametrize(("kind", "space", "filter_size", "state", "expected"), SHAPES)
def test_output_shape(kind, space, filter_size, state, expected):
    found = read(conv(kind, space, filter_size, **state))
    assert (found.problem, found.output_shape) == (None, (None, 3, *expected))


def test_until_april_2015_conv1d_held_single_integers():
    net = conv(
        CONV1D,
        (9,),
        (4,),
        without=("filter_size", "pad", "flip_filters", "num_groups"),
        filter_length=4,
        stride=2,
        border_mode="full",
    )
    found = read(net)
    assert found.attributes.filter_size == (4,)
    assert found.attributes.stride == (2,)
    assert found.attributes.flip_filters
    assert found.output_shape == (None, 3, 6)


@pytest.mark.parametrize("root", ("lasagne", "nntools"))
@pytest.mark.parametrize("how", ("mc0", "mc1", "sc", "unstrided", "sd", "md"))
def test_lasagnes_own_convolutions_are_known(root, how):
    function = named(f"{root}.theano_extensions.conv.conv1d_{how}")
    found = read(conv(CONV1D, (9,), (4,), convolution=function))
    assert found.attributes.convolution == f"lasagne.theano_extensions.conv.conv1d_{how}"


def test_cudnn_correlates_unless_it_says_otherwise():
    kind = "dnn.Conv3DDNNLayer"
    net = conv(kind, (5, 4, 3), (2, 1, 2), without=("flip_filters",))
    assert not read(net).attributes.flip_filters
    assert read(conv(kind, (5, 4, 3), (2, 1, 2))).attributes.flip_filters


def test_cudnn_computes_what_the_cpu_class_does():
    cpu, gpu = (registry.families()[f"lasagne.layers.{k}"] for k in (CONV3D, "dnn.Conv3DDNNLayer"))
    assert (gpu.attributes, gpu.params, gpu.output_shape) == (
        cpu.attributes,
        cpu.params,
        cpu.output_shape,
    )
    assert (gpu.reference, gpu.translate) == (cpu.reference, cpu.translate)


PROBLEMS = (
    (CONV1D, {"filter_size": (4, 3)}, "attribute 'filter_size': 1 integers were expected"),
    (CONV1D, {"stride": 0}, "attribute 'stride': an integer of at least 1 was expected, not 0"),
    (
        CONV1D,
        {"convolution": named("theano.tensor.nnet.conv2d")},
        "the function theano.tensor.nnet.conv2d is not lasagne.theano_extensions.conv.conv1d_mc0;",
    ),
    (
        CONV1D,
        {"convolution": named("__main__.conv1d_mc0")},
        "the function __main__.conv1d_mc0 is not lasagne.theano_extensions.conv.conv1d_mc0",
    ),
    (CONV3D, {"pad": (1, 2)}, "attribute 'pad': 3 integers were expected"),
    (
        CONV3D,
        {"convolution": named("theano.tensor.nnet.conv2d")},
        "the function theano.tensor.nnet.conv2d is not theano.tensor.nnet.conv3d",
    ),
)


@pytest.mark.parametrize(("kind", "state", "message"), PROBLEMS)
def test_problems(kind, state, message):
    sizes = {CONV1D: ((9,), (4,)), CONV3D: ((9, 8, 7), (4, 3, 2))}[kind]
    assert message in read(conv(kind, *sizes, **state)).problem


@pytest.mark.parametrize("kind", (CONV1D, CONV3D))
def test_a_filter_needs_an_axis_for_each_of_its_own(kind):
    filter_size = (2,) if kind == CONV1D else (2, 2, 2)
    message = f"a filter of {len(filter_size)} axes meets an input of (None, 2, 9, 8)"
    assert read(conv(kind, (9, 8), filter_size, stride=1, pad=0)).problem == message

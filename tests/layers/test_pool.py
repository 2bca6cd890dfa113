"""Pool2DLayer, its variants and GlobalPoolLayer: borders, modes, old names of attributes."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import registry
from lasport.layers.pool import output_length
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import image, layer, named, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "pool2d_max": ("MaxPooling2D", "Pooling"),
    "pool2d_sum": ("Pooling", "Pooling"),
    "pool2d_inc": ("AveragePooling2D", "AveragePooling2D"),
    "pool2d_exc": ("AveragePooling2D", "AveragePooling2D"),
    "pool2d_max_ceil": ("MaxPooling2D", "Pooling"),
    "pool2d_sum_ceil": ("Pooling", "Pooling"),
    "pool2d_inc_ceil": ("AveragePooling2D", "AveragePooling2D"),
    "pool2d_exc_ceil": ("AveragePooling2D", "AveragePooling2D"),
    "pool2d_max_pad": ("Pooling", "Pooling"),
    "pool2d_sum_pad": ("Pooling", "Pooling"),
    "pool2d_inc_pad": ("Pooling", "Pooling"),
    "pool2d_exc_pad": ("Pooling", "Pooling"),
    "pool2d_overlapping": ("MaxPooling2D", "Pooling"),
    "pool2d_gapped": ("MaxPooling2D", "Pooling"),
    "pool2d_gapped_sum": ("Pooling", "Pooling"),
    "pool2d_gapped_ceil": ("MaxPooling2D", "Pooling"),
    "pool2d_overlapping_ceil": ("MaxPooling2D", "Pooling"),
    "pool2d_overlapping_ceil_inc": ("AveragePooling2D", "AveragePooling2D"),
    "pool2d_overlapping_ceil_exc": ("AveragePooling2D", "AveragePooling2D"),
    "pool2d_nonsquare": ("MaxPooling2D", "Pooling"),
    "pool2d_nonsquare_strided_padded": ("Pooling", "Pooling"),
    "pool2d_keeps_size": ("Pooling", "Pooling"),
    "pool2d_ceil_without_rest": ("MaxPooling2D", "Pooling"),
    "maxpool2d_default": ("MaxPooling2D", "Pooling"),
    "maxpool2d_ceil": ("MaxPooling2D", "Pooling"),
    "maxpool2d_pad": ("Pooling", "Pooling"),
    "globalpool_default_4d": ("GlobalAveragePooling2D", "GlobalAveragePooling2D"),
    "globalpool_mean_3d": ("GlobalAveragePooling1D", "GlobalAveragePooling1D"),
    "globalpool_max_4d": ("GlobalMaxPooling2D", "GlobalReduce"),
    "globalpool_max_5d": ("GlobalMaxPooling3D", "GlobalReduce"),
    "globalpool_sum_4d": ("GlobalReduce", "GlobalReduce"),
    "globalpool_min_3d": ("GlobalReduce", "GlobalReduce"),
    "globalpool_var_4d": ("GlobalReduce", "GlobalReduce"),
    "globalpool_std_5d": ("GlobalReduce", "GlobalReduce"),
    "ties_maxpool": ("MaxPooling2D", "Pooling"),
    "ties_maxpool_ceil": ("MaxPooling2D", "Pooling"),
    "ties_globalpool_max": ("GlobalMaxPooling2D", "GlobalReduce"),
    "ties_globalpool_min": ("GlobalReduce", "GlobalReduce"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


CPU = ("pool.Pool2DLayer", "pool.MaxPool2DLayer")
CUDNN = ("dnn.Pool2DDNNLayer", "dnn.MaxPool2DDNNLayer")
CUDA_CONVNET = "cuda_convnet.MaxPool2DCCLayer"


def pool(kind=CPU[0], shape=(None, 2, 9, 8), without=(), **state):
    """Return a layer with windows of 3 rows and 2 columns."""
    given = {
        "pool_size": (3, 2),
        "stride": (2, 2),
        "pad": (0, 0),
        "ignore_border": True,
        "mode": "max",
        **state,
    }
    for name in without:
        del given[name]
    return layer(kind, image(*shape), {}, **given)


# size, window, stride, pad: windows with ignore_border, and without
LENGTHS = (
    (9, 2, 2, 0, 4, 5),
    (8, 2, 2, 0, 4, 4),
    (7, 2, 3, 0, 2, 3),
    (8, 2, 3, 0, 3, 3),
    (9, 3, 2, 0, 4, 4),
    (8, 3, 2, 0, 3, 4),
    (10, 4, 3, 0, 3, 3),
    (11, 4, 3, 0, 3, 4),
    (5, 5, 2, 0, 1, 1),
    (2, 3, 1, 0, 0, 1),
    (1, 4, 3, 0, 0, 1),
    (9, 3, 2, 1, 5, None),
    (4, 3, 1, 1, 4, None),
    (8, 3, 2, 2, 5, None),
)


@pytest.mark.parametrize(("size", "window", "stride", "pad", "whole", "every"), LENGTHS)
def test_number_of_windows(size, window, stride, pad, whole, every):
    assert output_length(size, window, stride, pad, ignore_border=True) == whole
    if every is not None:
        assert output_length(size, window, stride, pad, ignore_border=False) == every


def test_output_shape():
    assert read(pool()).output_shape == (None, 2, 4, 4)
    assert read(pool(ignore_border=False, stride=(3, 3))).output_shape == (None, 2, 3, 3)
    assert read(pool(shape=(None, 2, None, 8))).output_shape == (None, 2, None, 4)


# --- what instances of older Lasagnes hold

OLD = {
    "ds before April 2015": ({"ds": (3, 2)}, ("pool_size",), {"pool_size": (3, 2)}),
    "ds as a single int": ({"ds": 3}, ("pool_size",), {"pool_size": (3, 3)}),
    "no stride before April 2015": ({}, ("stride",), {"strides": (3, 2)}),
    "st in April 2015": ({"st": (2, 1)}, ("stride",), {"strides": (2, 1)}),
    "strides of cuDNN layers": ({"strides": [2, 1]}, ("stride",), {"strides": (2, 1)}),
    "no pad before April 2015": ({}, ("pad",), {"pad": (0, 0)}),
    "no mode before July 2015": ({}, ("mode",), {"mode": "max"}),
    "an old name of a mode": ({"mode": "average"}, (), {"mode": "average_inc_pad"}),
}


@pytest.mark.parametrize(("state", "without", "expected"), OLD.values(), ids=OLD)
def test_reads_older_instances(state, without, expected):
    found = read(pool(without=without, **state))
    assert found.problem is None
    assert {name: getattr(found.attributes, name) for name in expected} == expected


@pytest.mark.parametrize("kind", CUDNN)
def test_cudnn_ignores_borders(kind):
    assert read(pool(kind, without=("ignore_border",))).attributes.ignore_border


def test_cuda_convnet_does_not_and_stored_little():
    net = layer(CUDA_CONVNET, image(None, 2, 9, 8), {}, pool_size=3, stride=2, dimshuffle=True)
    found = read(net)
    assert not found.attributes.ignore_border
    assert (found.attributes.pool_size, found.attributes.strides) == ((3, 3), (2, 2))
    assert (found.attributes.mode, found.attributes.pad) == ("max", (0, 0))
    assert found.output_shape == (None, 2, 4, 4)


@pytest.mark.parametrize("kind", (*CPU, *CUDNN))
def test_all_classes_compute_the_same(kind):
    first, other = (registry.families()[f"lasagne.layers.{name}"] for name in (CPU[0], kind))
    assert (other.reference, other.translate) == (first.reference, first.translate)
    assert other.output_shape is first.output_shape


# The last of the windows of 3 over 1, 2, 3, 4 with a step of 2: 3, 4 and nothing.
LAST = (("max", 4), ("sum", 7), ("average_inc_pad", 3.5), ("average_exc_pad", 3.5))


@pytest.mark.parametrize(("mode", "value"), LAST)
def test_what_lies_beyond_the_border_is_not_there(mode, value):
    net = pool(
        shape=(None, 1, 4, 1), pool_size=(3, 1), stride=(2, 1), ignore_border=False, mode=mode
    )
    x = np.array([1.0, 2, 3, 4]).reshape(1, 1, 4, 1)
    y = run_reference(build_network(net), [x], training=False).layers[-1]
    assert y.ravel().tolist()[-1] == value


# The first of the windows of 3 over 0, -1, -2, -3, -4 with a step of 2: the pad, then -1 and -2.
FIRST = (("max", -1), ("sum", -3), ("average_inc_pad", -1), ("average_exc_pad", -1.5))


@pytest.mark.parametrize(("mode", "value"), FIRST)
def test_the_padding_counts_in_one_mode_only(mode, value):
    net = pool(shape=(None, 1, 4, 1), pool_size=(3, 1), stride=(2, 1), pad=(1, 0), mode=mode)
    x = np.array([-1.0, -2, -3, -4]).reshape(1, 1, 4, 1)
    y = run_reference(build_network(net), [x], training=False).layers[-1]
    assert y.ravel().tolist()[0] == value


PROBLEMS = (
    ({"mode": "median"}, "attribute 'mode': one of max, average_inc_pad, average_exc_pad, sum was"),
    ({"pool_size": (3, 2, 1)}, "attribute 'pool_size': 2 integers were expected"),
    ({"stride": (0, 1)}, "attribute 'stride': an integer of at least 1 was expected, not 0"),
    ({"ignore_border": "yes"}, "attribute 'ignore_border': True or False was expected"),
    ({"without": ("ignore_border",)}, "attribute 'ignore_border' is missing"),
    ({"pad": 1, "ignore_border": False}, "Theano pads only with ignore_border=True"),
    ({"shape": (None, 2, 9)}, "a window of 2 axes meets an input of (None, 2, 9)"),
    ({"shape": (None, 2, 2, 8)}, "leave an output of (None, 2, 0, 4)"),
)


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(pool(**state)).problem


# --- GlobalPoolLayer


def global_pool(function, shape=(None, 3, 5, 2)):
    return layer("pool.GlobalPoolLayer", source(shape), {}, pool_function=function)


@pytest.mark.parametrize("module", ("theano.tensor.basic", "theano.tensor"))
def test_global_pools_read_reductions_by_name(module):
    found = read(global_pool(named(f"{module}.var")))
    assert found.attributes.pool_function == "var"
    assert found.output_shape == (None, 3)


GLOBAL_PROBLEMS = (
    ((named("__main__.pool"),), "the function __main__.pool is none of theano.tensor's mean, max"),
    ((named("numpy.mean"),), "the function numpy.mean is none of theano.tensor's"),
    ((named("theano.tensor.basic.argmax"),), "theano.tensor.basic.argmax is none of"),
    ((named("theano.tensor.basic.mean"), (None, 3)), "an input of (None, 3) has no axes to pool"),
)


@pytest.mark.parametrize(("arguments", "message"), GLOBAL_PROBLEMS)
def test_problems_of_global_pools(arguments, message):
    assert message in read(global_pool(*arguments)).problem

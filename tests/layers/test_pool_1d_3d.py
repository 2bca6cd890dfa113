"""Pooling over one and three axes: Pool1DLayer, Pool3DLayer, Pool3DDNNLayer, max variants."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport import to_keras
from lasport.layers.pool import output_length
from lasport.oracles.reference import run_reference
from lasport.passes import lower
from lasport.readers.network import build_network
from lasport.targets.keras_calls import keras_calls
from lasport.targets.keras_port import KerasPort
from lasport.translate import translate
from tests.golden_records import load_case
from tests.inert_nets import layer, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "pool1d_max": ("MaxPooling1D", "Pooling"),
    "pool1d_max_pad": ("Pooling", "Pooling"),
    "pool1d_max_ceil": ("MaxPooling1D", "Pooling"),
    "pool1d_sum": ("Pooling", "Pooling"),
    "pool1d_inc_pad": ("Pooling", "Pooling"),
    "pool1d_exc_pad": ("Pooling", "Pooling"),
    "pool1d_inc_ceil": ("AveragePooling1D", "AveragePooling1D"),
    "pool1d_gapped": ("AveragePooling1D", "AveragePooling1D"),
    "pool1d_open_size": ("AveragePooling1D", "AveragePooling1D"),
    "maxpool1d_default": ("MaxPooling1D", "Pooling"),
    "maxpool1d_ceil": ("MaxPooling1D", "Pooling"),
    "pool3d_max": ("MaxPooling3D", "Pooling"),
    "pool3d_max_pad": ("Pooling", "Pooling"),
    "pool3d_max_ceil": ("Pooling", "Pooling"),
    "pool3d_sum": ("Pooling", "Pooling"),
    "pool3d_inc": ("AveragePooling3D", "AveragePooling3D"),
    "pool3d_inc_pad": ("Pooling", "Pooling"),
    "pool3d_exc_pad": ("Pooling", "Pooling"),
    "pool3d_exc_ceil": ("AveragePooling3D", "AveragePooling3D"),
    "maxpool3d_default": ("MaxPooling3D", "Pooling"),
    "maxpool3d_ceil": ("Pooling", "Pooling"),
    "ties_maxpool1d": ("MaxPooling1D", "Pooling"),
    "ties_maxpool3d": ("MaxPooling3D", "Pooling"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


# TensorFlow has no float64 kernels for pooling over three axes on a CPU.


@pytest.mark.parametrize("profile", ("stock", "exact"))
@pytest.mark.parametrize("name", ("pool3d_max", "pool3d_inc", "pool3d_exc_ceil"))
def test_three_axes_in_float64_take_our_own_layer(name, profile):
    calls = keras_calls(lower(translate(load_case(name).network)), profile, "float64").calls
    assert "lasport.keras_layers.Pooling" in {call.layer for call in calls}


@pytest.mark.parametrize("name", [name for name in RECORDS if "Pooling3D" in RECORDS[name][0]])
def test_stock_layers_over_three_axes_can_be_judged_in_float64(name):
    case = load_case(name)
    model = to_keras(case.network, profile="stock", dtype="float32")
    stock = (keras.layers.MaxPooling3D, keras.layers.AveragePooling3D)
    assert any(isinstance(layer, stock) for layer in model.layers)
    session = KerasPort(model, case.network).start("float64")
    (found,) = session.run(case.record.inputs, training=False, masks={})
    (expected,) = case.record.outputs("inference")
    np.testing.assert_allclose(found, expected, rtol=1e-14)


# --- What pickles hold, now and in older ones

POOL1D, POOL3D = "pool.MaxPool1DLayer", "pool.Pool3DLayer"
CUDNN = ("dnn.Pool3DDNNLayer", "dnn.MaxPool3DDNNLayer")


def pool(kind, *shape, without=(), **state):
    """Return a layer with windows of 3, or 3 x 2 x 1."""
    size = (3, 2, 1)[: len(shape) - 2]
    given = {
        "pool_size": size,
        "stride": size,
        "pad": (0,) * len(size),
        "ignore_border": True,
        "mode": "max",
    }
    for name in without:
        del given[name]
    return layer(kind, source(shape), {}, **{**given, **state})


def test_until_april_2015_pool1d_held_single_integers():
    old = ("pool_size", "stride", "pad", "mode")
    found = read(pool(POOL1D, None, 2, 9, without=old, ds=3, st=2, pad=1)).attributes
    assert (found.pool_size, found.strides, found.pad, found.mode) == ((3,), (2,), (1,), "max")


def test_the_first_pool1d_knew_neither_stride_nor_pad():
    old = ("pool_size", "stride", "pad", "mode")
    found = read(pool(POOL1D, None, 2, 9, without=old, ds=3)).attributes
    assert (found.pool_size, found.strides, found.pad) == ((3,), (3,), (0,))


@pytest.mark.parametrize("kind", CUDNN)
def test_cudnn_ignores_borders(kind):
    found = read(pool(kind, None, 2, 8, 7, 5, without=("ignore_border",)))
    assert found.attributes.ignore_border
    assert found.output_shape == (None, 2, 2, 3, 5)


@pytest.mark.parametrize("kind", CUDNN)
def test_cudnn_computes_the_same(kind):
    x = np.random.default_rng(4).normal(size=(2, 3, 7, 5, 4))
    there, here = (
        run_reference(build_network(pool(kind, 2, 3, 7, 5, 4)), [x], training=False).layers[-1]
        for kind in (kind, POOL3D)
    )
    np.testing.assert_array_equal(there, here)


def test_output_shape():
    found = read(pool(POOL3D, None, 2, 9, None, 5, ignore_border=False, stride=(2, 2, 2)))
    lengths = [output_length(*axis, 2, 0, ignore_border=False) for axis in ((9, 3), (5, 1))]
    assert found.output_shape == (None, 2, lengths[0], None, lengths[1]) == (None, 2, 4, None, 3)


PROBLEMS = (
    (pool(POOL1D, None, 2, 9, pool_size=(3, 2)), "1 integers were expected"),
    (pool(POOL1D, None, 2, 9, pad=(1,), ignore_border=False), "pads only with ignore_border"),
    (pool(POOL3D, None, 2, 9, 8, 7, stride=(2, 0, 2)), "an integer of at least 1"),
    (
        layer(POOL1D, source((None, 2, 9, 8)), {}, pool_size=(3,), ignore_border=True),
        "a window of 1 axes meets an input of (None, 2, 9, 8)",
    ),
)


@pytest.mark.parametrize(("net", "message"), PROBLEMS)
def test_problems(net, message):
    assert message in read(net).problem

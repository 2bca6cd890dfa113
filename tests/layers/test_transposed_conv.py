"""TransposedConv2DLayer and TransposedConv3DLayer: crops, output sizes, and what lies behind."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import to_keras
from lasport.inert import Instance
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import function, layer, named, read, source

# Golden cases: Keras layers, the same in both profiles.
RECORDS = {
    "transposed2d_default": "Conv2DTranspose",
    "transposed2d_flipped": "Conv2DTranspose",
    "transposed2d_strided": "Conv2DTranspose",
    "transposed2d_stride_beyond_filter": "Conv2DTranspose Cropping2D Activation",
    "transposed2d_crop_1": "Conv2DTranspose Cropping2D Activation",
    "transposed2d_crop_per_axis": "Conv2DTranspose Cropping2D Activation",
    "transposed2d_crop_same": "Conv2DTranspose Cropping2D Activation",
    "transposed2d_crop_full": "Conv2DTranspose Cropping2D Activation",
    "transposed2d_crop_valid": "Conv2DTranspose",
    "transposed2d_output_size": "Conv2DTranspose Cropping2D Activation",
    "transposed2d_output_size_zeros": "Conv2DTranspose ZeroPadding2D Shift Activation",
    "transposed2d_output_size_mixed": "Conv2DTranspose Cropping2D ZeroPadding2D Shift Activation",
    "transposed2d_output_size_untied": "Conv2DTranspose ZeroPadding2D Shift Activation",
    "transposed2d_untied": "Conv2DTranspose Shift Activation",
    "transposed2d_no_bias": "Conv2DTranspose",
    "transposed2d_linear": "Conv2DTranspose",
    "transposed2d_groups_ignored": "Conv2DTranspose",
    "transposed2d_open_sizes": "Conv2DTranspose",
    "transposed3d_default": "Conv3DTranspose",
    "transposed3d_flipped": "Conv3DTranspose",
    "transposed3d_crop": "Conv3DTranspose Cropping3D Activation",
    "transposed3d_output_size": "Conv3DTranspose Shift Activation",
    "transposed3d_untied": "Conv3DTranspose Shift Activation",
    "transposed3d_no_bias": "Conv3DTranspose Cropping3D Activation",
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == (RECORDS[name], RECORDS[name])


def transposed(space, size, /, *, kind=None, filters=None, without=(), **state):
    """Return a layer of 3 filters on 2 channels."""
    given = {
        "num_filters": 3,
        "filter_size": size,
        "stride": (1,) * len(space),
        "crop": (0,) * len(space),
        "untie_biases": False,
        "flip_filters": False,
        "nonlinearity": function("linear"),
        "output_size": None,
        **state,
    }
    for name in without:
        del given[name]
    filters = np.ones((2, 3, *size)) if filters is None else filters
    kind = kind or f"conv.TransposedConv{len(space)}DLayer"
    return layer(kind, source((None, 2, *space)), {"W": filters, "b": np.ones(3)}, **given)


SHAPES = (
    ((4, 3), (2, 5), {}, (5, 7)),
    ((4, 3), (2, 5), {"stride": (3, 2)}, (11, 9)),
    ((4, 3), (2, 5), {"stride": 3, "crop": (1, 2)}, (9, 7)),
    ((4, 3), (2, 5), {"stride": 3, "crop": "full"}, (9, 3)),
    ((4, 3), (2, 5), {"stride": 3, "crop": "valid"}, (11, 11)),
    ((4, 3), (3, 5), {"stride": 2, "crop": "same"}, (7, 5)),
    ((4, 3), (2, 5), {"stride": 3, "output_size": (13, 12)}, (13, 12)),
    ((None, 3), (2, 5), {"stride": 2}, (None, 9)),
    ((None, None), (2, 5), {"stride": 2, "output_size": 9}, (9, 9)),
    ((4, 3, 2), (2, 1, 3), {"stride": (1, 2, 3), "crop": (0, 0, 1)}, (5, 5, 4)),
    ((4, 3, 2), (2, 1, 3), {"stride": (1, 2, 3), "output_size": (5, 6, 8)}, (5, 6, 8)),
)


@pytest.mark.parametrize(("space", "filter_size", "state", "expected"), SHAPES)
def test_output_shape(space, filter_size, state, expected):
    found = read(transposed(space, filter_size, **state))
    assert (found.problem, found.output_shape) == (None, (None, 3, *expected))


def test_instances_from_before_october_2016_have_no_output_size():
    found = read(transposed((4, 3), (2, 5), without=("output_size",)))
    assert found.output_shape == (None, 3, 5, 7)


def test_classes_do_not_flip_unless_they_say_so():
    assert not read(transposed((4, 3), (2, 5), without=("flip_filters",))).attributes.flip_filters


@pytest.mark.parametrize("size", (8, 9))
def test_a_fixed_output_size_of_an_open_input_size(size):
    """The input size follows from the output size, and so does what is cut off."""
    rng = np.random.default_rng(size)
    filters = rng.normal(size=(2, 3, 3, 3))
    # (size + 2 * crop - filter) // stride + 1 = 4 for both sizes
    common = {"filters": filters, "stride": 2, "crop": 1, "output_size": size - 1}
    given = build_network(transposed((4, 4), (3, 3), **common))
    open_sizes = build_network(transposed((None, 4), (3, 3), **common))
    x = rng.normal(size=(5, 2, 4, 4))
    expected = run_reference(given, [x], training=False).layers[-1]
    assert expected.shape == (5, 3, size - 1, size - 1)
    found = to_keras(open_sizes, dtype="float64")(x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_places_that_nothing_reaches_hold_the_bias():
    net = build_network(transposed((2, 2), (1, 1), stride=3, output_size=(6, 5)))
    y = np.asarray(to_keras(net, dtype="float64")(np.full((1, 2, 2, 2), 4.0)))
    assert y.shape == (1, 3, 6, 5)
    assert set(np.unique(y)) == {1.0, 9.0}
    assert (y == 9).sum() == 3 * 4
    assert (y[0, :, ::3, ::3] == 9).all()


PROBLEMS = (
    (
        {"output_size": (8, 7)},
        "(None, 2, 4, 3) cannot come from an output of (8, 7) with filters of (2, 5), stride",
    ),
    (
        {"output_size": Instance(named("theano.tensor.var.TensorVariable"))},
        "attribute 'output_size': a size that Theano computes (theano.tensor.var.TensorVariable)",
    ),
    ({"output_size": (8, 7, 6)}, "attribute 'output_size': 2 integers were expected"),
    ({"crop": "none"}, "attribute 'crop': 'valid', 'same', 'full' or sizes were expected"),
    ({"crop": (3, 0)}, "leave an output of (None, 3, -1, 7)"),
    ({"filter_size": (2, 5, 1)}, "attribute 'filter_size': 2 integers were expected"),
)


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(transposed((4, 3), (2, 5), **state)).problem

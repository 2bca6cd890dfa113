"""SpatialPyramidPoolingLayer: images of any size in a fixed number of bins."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.layers.spatial_pyramid import covering_bins, fast_bins
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import layer, read, source

RECORDS = [
    *(f"pyramid_{name}" for name in ("default", "mean", "exc", "sum", "uneven", "thirds")),
    *(f"pyramid_{name}" for name in ("open_size", "kaiming", "kaiming_uneven", "kaiming_mean")),
    "pyramid_kaiming_open_size",
    "ties_pyramid",
]


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == ("PyramidPooling", "PyramidPooling")


PYRAMID, CUDNN = "pool.SpatialPyramidPoolingLayer", "dnn.SpatialPyramidPoolingDNNLayer"


def pyramid(kind, rows, columns, *, without=(), **state):
    """Return a layer of 2 x 2 bins and one for all."""
    given = {"pool_dims": [2, 1], "mode": "max", "implementation": "fast", **state}
    for name in without:
        del given[name]
    return layer(kind, source((None, 3, rows, columns)), {}, **given)


def test_output_shape():
    assert read(pyramid(PYRAMID, 5, None)).output_shape == (None, 3, 5)


def test_cudnn_pools_as_theano_does():
    x = np.random.default_rng(6).normal(size=(2, 3, 7, 4))
    there, here = (
        run_reference(build_network(net), [x], training=False).layers[-1]
        for net in (pyramid(CUDNN, 7, 4, without=("implementation",)), pyramid(PYRAMID, 7, 4))
    )
    np.testing.assert_array_equal(there, here)


@pytest.mark.parametrize(
    ("size", "count", "expected"),
    ((5, 2, [(0, 3), (2, 5)]), (6, 3, [(0, 2), (2, 4), (4, 6)]), (4, 1, [(0, 4)])),
)
def test_fast_bins(size, count, expected):
    assert fast_bins(size, count) == expected


@pytest.mark.parametrize(
    ("size", "count", "expected"),
    ((7, 4, [(0, 2), (1, 4), (3, 6), (5, 7)]), (2, 4, [(0, 1), (0, 1), (1, 2), (1, 2)])),
)
def test_covering_bins(size, count, expected):
    assert covering_bins(size, count) == expected


PAPER = {"implementation": "kaiming"}
PROBLEMS = (
    # Theano makes more windows than there should be bins, and Lasagne does not notice.
    (pyramid(PYRAMID, 7, 8, pool_dims=[4]), "makes 6 bins of 7 places, where 4 are wanted"),
    (pyramid(PYRAMID, 3, 8, pool_dims=[4]), "3 places do not make 4 bins"),
    # In float32 Theano takes 3/3 of 3 for a little more than 3, and the bins overlap.
    (pyramid(PYRAMID, 3, 5, pool_dims=[3], **PAPER), "how 3 places are cut into 3 bins depends"),
    (pyramid(PYRAMID, None, 5, pool_dims=[5], **PAPER), "how an axis of unknown size is cut"),
    (pyramid(PYRAMID, 4, 5, mode="sum", **PAPER), "takes maxima or averages, no sums"),
    (pyramid(PYRAMID, 4, 5, pool_dims=[]), "a list of integers was expected"),
    (pyramid(PYRAMID, 4, 5, pool_dims=[2, 0]), "an integer of at least 1 was expected, not 0"),
    (
        layer(PYRAMID, source((None, 3, 5)), {}, pool_dims=[1], mode="max", **PAPER),
        "(batch, channels, rows, columns) was expected, not (None, 3, 5)",
    ),
)


@pytest.mark.parametrize(("net", "message"), PROBLEMS)
def test_problems(net, message):
    assert message in read(net).problem

"""FeaturePoolLayer and FeatureWTALayer: one entry for each pool of features, or the winner."""

from __future__ import annotations

import pytest

from tests.golden_records import load_case
from tests.inert_nets import layer, named, read, source

# Golden cases: Keras layers, the same in both profiles.
RECORDS = {
    **{
        f"featurepool_{name}": "FeaturePooling"
        for name in (
            *("default", "maps", "axis_2", "batch_axis", "whole"),
            *("mean", "sum", "min", "prod", "var", "std"),
        )
    },
    **{
        f"featurewta_{name}": "WinnerTakesAll"
        for name in ("default", "maps", "axis_2", "batch_axis")
    },
    "ties_featurepool_max": "FeaturePooling",
    "ties_featurepool_min": "FeaturePooling",
    "ties_featurewta": "WinnerTakesAll",
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == (RECORDS[name], RECORDS[name])


POOL, WTA = "pool.FeaturePoolLayer", "pool.FeatureWTALayer"


def pool(kind, *shape, without=(), **state):
    """Return a layer of pools of 3."""
    given = {"pool_size": 3, "axis": 1, "pool_function": named("theano.tensor.basic.max"), **state}
    if kind == WTA:
        del given["pool_function"]
    for name in without:
        del given[name]
    return layer(kind, source(shape), {}, **given)


@pytest.mark.parametrize(("kind", "expected"), ((POOL, (None, 2, 5)), (WTA, (None, 6, 5))))
def test_output_shape(kind, expected):
    assert read(pool(kind, None, 6, 5)).output_shape == expected


@pytest.mark.parametrize("kind", (POOL, WTA))
def test_until_april_2015_the_size_was_called_ds(kind):
    found = read(pool(kind, None, 6, without=("pool_size",), ds=2))
    assert (found.problem, found.attributes.pool_size) == (None, 2)


PROBLEMS = (
    (pool(POOL, None, 7), "pools of 3 do not divide axis 1 of an input of (None, 7)"),
    (pool(WTA, None, None), "pools of 3 do not divide axis 1 of an input of (None, None)"),
    (pool(WTA, None, 6, axis=2), "pools of 3 do not divide axis 2"),
    (pool(POOL, None, 6, axis=-1), "an integer of at least 0 was expected, not -1"),
    (pool(POOL, None, 6, pool_function=named("__main__.softer")), "function __main__.softer is"),
)


@pytest.mark.parametrize(("net", "message"), PROBLEMS)
def test_problems(net, message):
    assert message in read(net).problem

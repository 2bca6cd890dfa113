"""The golden cases once more, in this process: the real Lasagne, read live, against its port.

With Lasagne 0.2.dev1, from its repository, all cases run; PyPI's Lasagne 0.1 lacks classes and
options that many of them need.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import lasport
from lasport import theano_compat
from lasport.errors import MissingDependencyError, UnsupportedLayersError
from lasport.oracles.record import Record, read_record
from lasport.oracles.theano_live import FLAGS, theano_record
from lasport.spec import Network
from tests.golden_records import pickle_of

# How far this Theano may be from the one that recorded: its Python, numpy and BLAS round otherwise.
# In units in the last place of an array's largest entry; a wrong formula is off by 1e10 of them.
BOUNDS = {"layers": 16, "outputs": 16, "params": 64, "grads": 512, "input_grads": 512}

# A spline adds up terms thirty times as large as their sum, and its equations are solved anew.
LARGER_TERMS = {"tps": 32}

# What is read and recorded, and refused by name.
NOT_PORTED = {"shared_averages": "running average mean is shared with another layer"}

# Lasagne 0.1 had it elsewhere.
MOVED = {"lasagne.layers.dense.NonlinearityLayer": "lasagne.layers.special.NonlinearityLayer"}


def import_cases() -> ModuleType:
    """Import the cases; nothing of Theano or Lasagne is imported before one is built."""
    path = Path(__file__).parent / "golden" / "cases.py"
    spec = importlib.util.spec_from_file_location("golden_cases", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)  # cases.py puts its own folder there
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


cases: Any = import_cases()
PROFILES = ("stock", "exact")


@pytest.fixture(scope="module")
def lasagne() -> ModuleType:
    try:
        theano_compat.install(**FLAGS)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    return importlib.import_module("lasagne")


@pytest.fixture
def live(request: pytest.FixtureRequest, lasagne: ModuleType) -> Iterator[object]:
    """Build the net of a case in the precision of that case."""
    config = importlib.import_module("theano").config
    before = config.floatX
    config.floatX = cases.CASES[request.param].floatX
    try:
        yield cases.build(request.param)
    except cases.MissingFromLasagneError as error:
        pytest.skip(f"Lasagne {lasagne.__version__} lacks what the case needs: {error}")
    finally:
        config.floatX = before


def check_same_network(net: Network, other: Network) -> None:
    """Compare everything that a reader finds, parameters bit for bit."""
    assert net.outputs == other.outputs
    for layer, twin in zip(net.layers, other.layers, strict=True):
        assert layer.name == twin.name
        assert MOVED.get(layer.kind, layer.kind) == twin.kind
        assert layer.incoming == twin.incoming
        assert layer.attributes == twin.attributes
        assert layer.input_shapes == twin.input_shapes
        assert layer.output_shape == twin.output_shape
        assert layer.problem is None
        assert list(layer.params) == list(twin.params)
        for param, original in zip(layer.params.values(), twin.params.values(), strict=True):
            assert param.tags == original.tags
            assert param.value.dtype == original.value.dtype
            assert param.value.tobytes() == original.value.tobytes()
    positions = {id(value): n for n, value in enumerate(net.param_values())}
    twins = {id(value): n for n, value in enumerate(other.param_values())}
    for layer, twin in zip(net.layers, other.layers, strict=True):
        for param, original in zip(layer.params.values(), twin.params.values(), strict=True):
            assert param.formula == original.formula
            found = [positions[id(variable)] for variable in param.variables]
            assert found == [twins[id(variable)] for variable in original.variables]


def bound_of(key: str, record: Record) -> int:
    """Return how far apart an array may be from what was recorded."""
    if "/masks/" in key:
        layer = record.meta["layers"][int(key.split("/")[-2])]
        # Uniform numbers are the same; normal ones are made of their logarithms and cosines.
        return 16 if layer["kind"] == "lasagne.layers.noise.GaussianNoiseLayer" else 0
    return 0 if key.startswith("params") else BOUNDS.get(key.split("/")[1], 0)


def check_same_record(
    record: Record, golden: Record, parts: tuple[str, ...], factor: int = 1
) -> None:
    """Compare what this Theano computed with what the other one did."""
    assert set(record.arrays) == set(golden.arrays)
    for key, expected in golden.arrays.items():
        if not key.startswith(parts):
            continue
        actual = record.arrays[key]
        assert actual.shape == expected.shape, key
        assert actual.dtype == expected.dtype, key
        bound = factor * bound_of(key, golden)
        if bound and expected.size and expected.dtype.kind == "f":
            distance = np.abs(actual - expected).max() / np.finfo(expected.dtype).eps
            assert distance <= bound * np.abs(expected).max(), key
        else:
            np.testing.assert_array_equal(actual, expected, err_msg=key)


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    ("live", "name", "profile"),
    [(name, name, PROFILES[n % 2]) for n, name in enumerate(cases.CASES)],
    indirect=["live"],
    ids=list(cases.CASES),
)
def test_a_live_net_is_read_like_its_pickle_and_ported(
    live: object, name: str, profile: str, golden: Path
) -> None:
    case = cases.CASES[name]
    recorded = read_record(golden / f"{name}.npz.bz2")
    net = lasport.from_lasagne(live)
    check_same_network(net, lasport.load(pickle_of(name)))

    coarse = case.grid != cases.GRID  # inputs with ties; the oracle would draw others
    record = theano_record(
        net,
        seed=cases.seed(name),
        passes=case.passes,
        inputs=recorded.inputs if coarse else None,
    )
    parts = ("inputs", "params", "inference/layers", "training/layers")
    factor = LARGER_TERMS.get(case.family, 1)
    check_same_record(record, recorded, parts if coarse else ("",), factor)

    if name in NOT_PORTED:
        with pytest.raises(UnsupportedLayersError, match=NOT_PORTED[name]):
            lasport.to_keras(net)
        return
    report = lasport.verify(net, oracle=record, profile=profile, passes=(1, case.passes))
    assert report.ok, report.to_text()
    assert {row.subject.partition("/")[0] for row in report.comparisons} >= {
        "inference",
        "training",
    }


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("live", ("net_inception", "net_digits"), indirect=True)
def test_theano_is_an_oracle_by_name(live: object, profile: str, lasagne: ModuleType) -> None:
    report = lasport.verify(lasport.from_lasagne(live), oracle="theano", profile=profile)
    assert report.ok, report.to_text()
    assert report.oracle.startswith(f"Lasagne {lasagne.__version__} on Theano 1.")

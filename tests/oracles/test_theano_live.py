"""The real Lasagne in this process: what it runs, in which precision, and what it refuses.

That its numbers are those of the golden records, for every case, is in test_live_parity.py.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import lasport
from lasport import theano_compat
from lasport.errors import (
    ComparisonError,
    MissingDependencyError,
    UnreadableFileError,
    UsageError,
)
from lasport.oracles.record import read_record
from lasport.oracles.theano_live import FLAGS, theano_record
from lasport.readers.containers import read_bytes
from lasport.spec import Network
from tests.golden_records import pickle_of


@pytest.fixture(scope="module")
def lasagne() -> ModuleType:
    try:
        theano_compat.install(**FLAGS)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    return importlib.import_module("lasagne")


@pytest.fixture
def config(lasagne: ModuleType) -> Iterator[Any]:
    """Return Theano's configuration, which is set back afterwards."""
    config = importlib.import_module("theano").config
    before = config.floatX
    yield config
    config.floatX = before


@pytest.fixture
def recursion_limit() -> Iterator[int]:
    """Set Python's own limit, whatever was set before."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield 1000
    sys.setrecursionlimit(before)


@pytest.fixture
def dense(lasagne: ModuleType, config: Any) -> Any:
    """Return a live float32 layer with dropout below it."""
    config.floatX = "float32"
    layers = lasagne.layers
    dropped = layers.DropoutLayer(layers.InputLayer((None, 7), name="x"), name="drop")
    return layers.DenseLayer(dropped, 4, name="y")


def largest_difference(path: Path, record: Any) -> float:
    """Compare all layers of a record, in both modes, with those of a golden one."""
    golden = read_record(path)
    keys = [key for key in golden.arrays if "/layers/" in key]
    assert keys
    return max(float(np.abs(record.arrays[k] - golden.arrays[k]).max()) for k in keys)


def golden_seed(path: Path) -> int:
    return read_record(path).meta["seed"]


# Lasagne 0.1 has all that these need.
PICKLES = [
    ("of Python 2", "net_lenet.pkl.bz2", "net_lenet"),
    ("of Python 3", "net_lenet.py311-theano105.pkl.gz", "net_lenet"),
    ("a dict of all layers", "net_inception.pkl.bz2", "net_inception"),
]


@pytest.mark.parametrize(
    ("filename", "name"), [row[1:] for row in PICKLES], ids=[row[0] for row in PICKLES]
)
@pytest.mark.usefixtures("lasagne")
def test_a_net_from_a_file_is_unpickled_and_run(filename: str, name: str, golden: Path) -> None:
    expected = golden / f"{name}.npz.bz2"
    record = theano_record(lasport.load(golden / filename), seed=golden_seed(expected), passes=1)
    assert largest_difference(expected, record) < 1e-14


def test_an_unpickled_auto_is_still_auto(lasagne: ModuleType, golden: Path) -> None:
    if not hasattr(lasagne.layers, "ParametricRectifierLayer"):
        pytest.skip("Lasagne 0.1 has no module lasagne.layers.special")
    record = theano_record(lasport.load(pickle_of("expression_mean")), passes=0)
    assert record.meta["layers"][-1]["output_shape"] == [None, 3]


@pytest.mark.usefixtures("lasagne")
def test_a_net_of_theano_pymc_takes_theano_pymc(golden: Path) -> None:
    net = lasport.load(golden / "net_lenet.py311-pymc112.pkl.gz")
    expected = golden / "net_lenet.npz.bz2"
    if importlib.util.find_spec("theano.graph") is not None:
        record = theano_record(net, seed=golden_seed(expected), passes=1)
        assert largest_difference(expected, record) < 1e-14
    else:
        with pytest.raises(UnreadableFileError, match=r"pip install theano-pymc==1\.1\.2"):
            theano_record(net)


# Lasagne's get_all_layers of two outputs depends on which comes first.
@pytest.mark.parametrize("outputs", (("pool_proj", "1x1"), ("1x1", "pool_proj")))
@pytest.mark.usefixtures("lasagne")
def test_outputs_chosen_by_name_are_run(outputs: tuple[str, ...], golden: Path) -> None:
    net = lasport.load(pickle_of("net_inception"), outputs=outputs)
    record = theano_record(net, passes=0)
    names = [layer["name"] for layer in record.meta["layers"]]
    assert names == [layer.name for layer in net.layers]
    assert [names[k] for k in record.meta["outputs"]] == list(outputs)


@pytest.mark.parametrize(
    ("name", "other"), (("net_lenet", "float32"), ("net_lenet_float32", "float64"))
)
def test_precision_follows_the_net_and_is_set_back(
    name: str, other: str, golden: Path, config: Any
) -> None:
    net = lasport.load(pickle_of(name))
    config.floatX = other
    record = theano_record(net, passes=1)
    assert config.floatX == other
    assert record.meta["floatX"] == net.dtype.name != other
    assert {x.dtype.name for x in record.layers("training")} == {net.dtype.name}


def test_without_parameters_precision_follows_the_input(lasagne: ModuleType, config: Any) -> None:
    config.floatX = "float64"
    live = lasagne.layers.InputLayer((None, 7), name="x")
    config.floatX = "float32"
    record = theano_record(lasport.from_lasagne(live), passes=0)
    assert record.meta["floatX"] == "float64"
    assert record.inputs[0].dtype == np.float64


def test_live_layers_are_left_as_they_were(dense: Any, config: Any, recursion_limit: int) -> None:
    before, stream = dense.W.get_value(), dense.input_layer._srng
    theano_record(lasport.from_lasagne(dense), passes=2)
    np.testing.assert_array_equal(dense.W.get_value(), before)
    assert dense.input_layer._srng is stream
    assert (config.floatX, sys.getrecursionlimit()) == ("float32", recursion_limit)


@pytest.mark.usefixtures("recursion_limit")
def test_deep_nets_have_gradients(lasagne: ModuleType) -> None:
    layer = lasagne.layers.InputLayer((None, 3))
    for _ in range(100):
        layer = lasagne.layers.DenseLayer(layer, 3)
    record = theano_record(lasport.from_lasagne(layer), passes=0)
    assert record.meta["no_gradient"] is None


def test_the_seed_decides_inputs_and_masks(dense: Any) -> None:
    net = lasport.from_lasagne(dense)
    first, again, other = (theano_record(net, seed=seed, passes=1) for seed in (5, 5, 6))
    assert all(np.array_equal(first.arrays[key], again.arrays[key]) for key in first.arrays)
    assert not np.array_equal(first.inputs[0], other.inputs[0])
    assert not np.array_equal(first.masks[1][0], other.masks[1][0])


def test_given_inputs_are_cast_and_used(dense: Any) -> None:
    x = np.random.default_rng(1).standard_normal((3, 7))
    record = theano_record(lasport.from_lasagne(dense), inputs=[x], passes=1)
    np.testing.assert_array_equal(record.inputs[0], x.astype(np.float32), strict=True)
    expected = np.maximum(x @ dense.W.get_value() + dense.b.get_value(), 0)
    np.testing.assert_allclose(record.outputs("inference")[0], expected, rtol=1e-5, atol=1e-6)


BAD_INPUTS = {
    "too few": ([], "0 arrays for the inputs x"),
    "too many": ([np.zeros((3, 7)), np.zeros((3, 7))], "2 arrays for the inputs x"),
    "complex numbers": ([np.zeros((3, 7), complex)], "Cannot cast"),
    "too few axes": ([np.zeros(7)], "cannot run this net: TypeError"),
    "another size": ([np.zeros((3, 5))], "cannot run this net: ValueError"),
}


@pytest.mark.parametrize(("inputs", "message"), BAD_INPUTS.values(), ids=BAD_INPUTS)
def test_inputs_that_do_not_fit_are_refused(inputs: Any, message: str, dense: Any) -> None:
    with pytest.raises(ComparisonError, match=message):
        theano_record(lasport.from_lasagne(dense), inputs=inputs)


@pytest.mark.usefixtures("lasagne")
def test_parameters_of_another_file_are_those_that_run(tmp_path: Path) -> None:
    other = [value / 2 for value in lasport.load(pickle_of("net_lenet")).param_values()]
    np.savez(tmp_path / "other.npz", *other)
    record = theano_record(
        lasport.load(pickle_of("net_lenet"), params=tmp_path / "other.npz"), passes=0
    )
    for found, expected in zip(record.params, other, strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.usefixtures("lasagne")
def test_parameters_that_would_lose_precision_are_refused(tmp_path: Path) -> None:
    net = lasport.load(pickle_of("net_lenet_float32"))
    np.savez(tmp_path / "double.npz", *(value.astype(float) / 3 for value in net.param_values()))
    with pytest.raises(ComparisonError, match=r"parameter 0 .* is float32 .* cannot be float64"):
        theano_record(lasport.load(pickle_of("net_lenet_float32"), params=tmp_path / "double.npz"))


def rename_class(source: Path, target: Path) -> Path:
    """Copy a pickle; its DenseLayers become instances of a class that does not exist."""
    content = read_bytes(source)
    assert b"DenseLayer" in content
    target.write_bytes(content.replace(b"DenseLayer", b"DenseLaxer"))
    return target


@pytest.mark.parametrize(("version", "advice"), (("0.1", True), ("0.2.dev1", False)))
def test_a_missing_class_is_named_and_where_to_get_it(
    version: str,
    advice: bool,
    golden: Path,
    tmp_path: Path,
    lasagne: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lasagne, "__version__", version)
    net = lasport.load(rename_class(pickle_of("net_lenet"), tmp_path / "net.pkl"))
    with pytest.raises(UnreadableFileError, match=r"net\.pkl: .*AttributeError: .*DenseLaxer") as e:
        theano_record(net)
    assert ("pip install https://github.com/Lasagne/" in str(e.value)) == advice


class Explosive:
    """Its pickle runs code: it raises a FloatingPointError."""

    def __reduce__(self) -> tuple[Any, ...]:
        return explode, ("from inside the file",)


def explode(message: str) -> None:
    raise FloatingPointError(message)


def test_whatever_a_file_raises_is_reported(
    dense: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # importlib mode leaves this module where pickle cannot find it.
    monkeypatch.setitem(sys.modules, "explosive", SimpleNamespace(explode=explode))
    monkeypatch.setattr(explode, "__module__", "explosive")
    path = tmp_path / "net.pkl"
    vars(dense)["payload"] = Explosive()
    path.write_bytes(pickle.dumps(dense))
    net = lasport.load(path)  # reading runs nothing
    with pytest.raises(UnreadableFileError, match="FloatingPointError: from inside the file"):
        theano_record(net)


# What Lasagne 0.1 would unpickle, and compute without the option.
LATER_OPTIONS = [
    ("conv2d_unflipped", "flip_filters=False"),
    ("conv2d_groups_2", "num_groups=2"),
    ("dense_leading_2", "num_leading_axes=2"),
    ("dropout_shared_1", r"shared_axes=\(1,\)"),
    ("sum_cropped", "cropping="),
]


@pytest.mark.parametrize(("name", "option"), LATER_OPTIONS)
def test_options_that_lasagne_0_1_ignores_are_refused(
    name: str, option: str, golden: Path, lasagne: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasagne, "__version__", "0.1")
    with pytest.raises(ComparisonError, match=f"has {option}.* 0.2.dev1 is not on PyPI"):
        theano_record(lasport.load(pickle_of(name)))


def test_layers_of_another_version_are_recognized(dense: Any) -> None:
    net = lasport.from_lasagne(dense)
    del dense.input_shape
    with pytest.raises(ComparisonError, match=r"'input_shape'; another version of Lasagne"):
        theano_record(net)


def change_order(net: Network) -> Network:
    return dataclasses.replace(net, outputs=("drop",))


def change_class(net: Network) -> Network:
    *others, last = net.layers
    return dataclasses.replace(net, layers=(*others, dataclasses.replace(last, kind="other")))


@pytest.mark.parametrize("change", (change_order, change_class))
def test_a_record_of_other_layers_is_refused(change: Any, dense: Any) -> None:
    with pytest.raises(ComparisonError, match="has other layers than were read"):
        theano_record(change(lasport.from_lasagne(dense)), passes=0)


def test_a_net_that_is_neither_live_nor_pickled_is_refused(dense: Any) -> None:
    net = dataclasses.replace(lasport.from_lasagne(dense), origin=None)
    with pytest.raises(UsageError, match="this net is neither"):
        theano_record(net)


@pytest.mark.parametrize("missing", ("theano", "lasagne"))
def test_a_missing_package_is_named_with_the_command(
    missing: str, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> object:
        present = name in ("theano", "lasagne") and name != missing
        return object() if present else None if name == missing else find_spec(name, package)

    monkeypatch.delitem(sys.modules, missing, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(MissingDependencyError, match=f"{missing} is not installed.*pip install"):
        theano_record(lasport.load(pickle_of("dense_tanh")))

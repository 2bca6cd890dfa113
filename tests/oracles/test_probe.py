"""The probe: what it needs, what it draws, and that it finds again what the golden records say."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import pickle
import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lasport import theano_compat
from lasport.errors import MissingDependencyError
from lasport.oracles import probe
from lasport.oracles.record import read_record, write_record
from lasport.readers.containers import read_bytes
from tests.golden_records import pickle_of

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

NEEDS_THEANO = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("theano", "lasagne")),
    reason="Theano or Lasagne is not installed",
)


@pytest.fixture
def lasagne() -> Iterator[ModuleType]:
    """Return the live Lasagne, with Theano in single precision."""
    try:
        theano_compat.install(optimizer="None")
    except MissingDependencyError as error:
        pytest.skip(str(error))
    config = importlib.import_module("theano").config
    before = config.floatX
    config.floatX = "float32"
    yield importlib.import_module("lasagne")
    config.floatX = before


# What Python 2.7 has no syntax for.
NEWER_SYNTAX = (
    ast.JoinedStr,
    ast.AnnAssign,
    ast.Nonlocal,
    ast.YieldFrom,
    ast.AsyncFunctionDef,
    ast.Await,
    ast.NamedExpr,
    ast.MatMult,
    ast.Match,
)


def test_needs_nothing_but_numpy_theano_and_lasagne() -> None:
    tree = ast.parse(Path(probe.__file__).read_text(encoding="utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    python2 = {"argparse", "ast", "contextlib", "functools", "io", "json", "os", "pickle", "sys"}
    python2 |= {"traceback", "types", "zipfile"}
    for_types_only = {"collections", "typing"}
    where_it_is_there = {"lasport"}  # its repairs for a current Python
    needed = {"__future__", "numpy", "theano", "lasagne"}
    assert imported == python2 | for_types_only | where_it_is_there | needed


def test_is_written_in_the_syntax_of_python_2() -> None:
    source = Path(probe.__file__).read_text(encoding="utf-8")
    source.encode("ascii")  # Python 2.7 reads nothing else without being told
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, NEWER_SYNTAX), ast.dump(node)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert not node.args.kwonlyargs
            assert not node.args.posonlyargs
            assert all(arg.annotation is None for arg in node.args.args)
        if isinstance(node, ast.ClassDef):
            assert node.bases, "a class without a base is an old-style class in Python 2"


def test_drawn_values_are_exact_in_single_precision_and_asymmetric() -> None:
    values = probe.draw_values(np.random.RandomState(0), (501, 4, 3), "float64")
    np.testing.assert_array_equal(values, values.astype(np.float32))
    np.testing.assert_array_equal(values, np.round(values * 2**18) / 2**18)
    means, scales = values.mean(axis=(0, 2)), values.std(axis=(0, 2))
    assert (np.diff(means) > 0.2).all()
    assert (np.diff(scales) > 0.1).all()


def test_a_coarse_grid_makes_ties_and_zeros() -> None:
    values = probe.draw_values(np.random.RandomState(0), (7, 5), "float64", grid=0.5)
    assert (values == 0).any()
    assert len(np.unique(values)) < values.size / 2


def test_integer_inputs_are_valid_indices_of_any_embedding() -> None:
    values = probe.draw_values(np.random.RandomState(0), (9, 7), "int32")
    assert values.dtype == np.int32
    assert set(values.ravel()) == {0, 1}


INPUT_SHAPES = [
    ("open batch", [(None, 4, 6)], [], [(3, 4, 6)]),
    ("a size of the net is avoided", [(None, 4, 6)], [(None, 3)], [(5, 4, 6)]),
    ("fixed batch", [(8, 4)], [], [(8, 4)]),
    ("one batch size for all inputs", [(None, 3), (None, 5, 2)], [], [(7, 3), (7, 5, 2)]),
    ("one input fixes the batch of all", [(None, 3), (8, 2)], [], [(8, 3), (8, 2)]),
    ("open image size", [(None, 2, None, None)], [(None, 5)], [(3, 2, 7, 9)]),
]


@pytest.mark.parametrize(
    ("inputs", "others", "expected"),
    [row[1:] for row in INPUT_SHAPES],
    ids=[row[0] for row in INPUT_SHAPES],
)
def test_open_sizes_become_odd_and_distinct(
    inputs: list[tuple[int | None, ...]],
    others: list[tuple[int | None, ...]],
    expected: list[tuple[int, ...]],
) -> None:
    sources = [SimpleNamespace(shape=shape, output_shape=shape) for shape in inputs]
    layers = [*sources, *(SimpleNamespace(output_shape=shape) for shape in others)]
    assert probe.choose_input_shapes(layers, sources) == expected


def test_a_sample_of_a_layers_stream_is_recorded_and_passed_on() -> None:
    stream = SimpleNamespace(
        binomial=lambda size, p: ("binomial", size, p), seed=lambda number: number
    )
    samples: list[object] = []
    recorder = probe.Recorder(stream, samples)
    assert recorder.binomial((2, 3), p=0.5) == ("binomial", (2, 3), 0.5)
    assert recorder.seed(7) == 7
    assert samples == [("binomial", (2, 3), 0.5)]


def test_saving_gives_the_same_bytes_whenever_it_is_done(tmp_path: Path) -> None:
    record = {"b": np.arange(6.0).reshape(2, 3), "a/0": np.float32(1.5).reshape(())}
    for name in ("first.npz", "second.npz"):
        probe.save_record(str(tmp_path / name), record)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    with np.load(tmp_path / "first.npz") as archive:
        np.testing.assert_array_equal(archive["b"], record["b"])
        assert archive["a/0"].dtype == np.float32


def test_a_record_can_say_what_to_feed(golden: Path, tmp_path: Path) -> None:
    record = read_record(golden / "net_two_inputs_two_outputs.npz.bz2")
    write_record(tmp_path / "record.npz", record)
    found = probe.read_inputs(str(tmp_path / "record.npz"))
    assert len(found["batches"]) == record.meta["passes"] == 5
    for given, expected in zip(
        [found["inputs"], *found["batches"]],
        [record.inputs, *(record.batch(p) for p in range(1, 6))],
        strict=True,
    ):
        assert len(given) == 2
        for one, other in zip(given, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.fixture
def layers(lasagne: ModuleType) -> dict[str, Any]:
    """Return a chain of three live layers and a second one on its input, by name."""
    x = lasagne.layers.InputLayer((None, 3), name="x")
    hidden = lasagne.layers.DenseLayer(x, 4, name="hidden")
    y = lasagne.layers.DenseLayer(hidden, 2, name="y")
    return {"x": x, "y": y, "hidden": hidden, "b": lasagne.layers.DenseLayer(x, 5, name="b")}


PICKLED = {
    "a layer": (lambda n: n["y"], ["y"]),
    "a list of outputs, one within the other": (lambda n: [n["y"], n["hidden"]], ["y", "hidden"]),
    "a tuple of the whole net": (lambda n: (n["x"], n["hidden"], n["y"]), ["y"]),
    "a dict of the whole net": (lambda n: n, ["b", "y"]),
    "a dict with keys of many kinds": (
        lambda n: {2: n["y"], "a": n["b"], b"b": n["hidden"], None: n["x"]},
        ["y", "b"],
    ),
    "layers beside a variable": (lambda n: [n["x"].input_var, n["y"]], ["y"]),
    "a nolearn net": (lambda n: SimpleNamespace(layers_=n), ["b", "y"]),
}


@pytest.mark.parametrize(("pickled", "outputs"), PICKLED.values(), ids=PICKLED)
def test_outputs_are_those_that_a_reader_finds(
    pickled: Callable[[dict[str, Any]], Any], outputs: list[str], layers: dict[str, Any]
) -> None:
    net = probe.unpickle(BytesIO(pickle.dumps(pickled(layers))))
    assert [layer.name for layer in probe.list_outputs(net)] == outputs


def test_an_archive_of_pkl_utils_is_a_net_too(layers: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "net.zip"
    pkl_utils = importlib.import_module("theano.misc.pkl_utils")
    with path.open("wb") as stream:
        pkl_utils.dump(layers["y"], stream)
    with path.open("rb") as stream:
        net = probe.unpickle(stream)
    np.testing.assert_array_equal(net.W.get_value(), layers["y"].W.get_value(), strict=True)


def test_parameters_are_set_in_lasagnes_order(layers: dict[str, Any]) -> None:
    shapes = ((3, 4), (4,), (4, 2), (2,))
    values = [np.full(shape, n, "f") for n, shape in enumerate(shapes)]
    probe.set_params([layers["y"]], values)
    assert [p.get_value()[..., 0].mean() for p in layers["hidden"].get_params()] == [0, 1]
    values[1] = values[1] * np.nan  # are numbers like others
    probe.set_params([layers["y"]], values)
    assert np.isnan(layers["hidden"].b.get_value()).all()


WRONG_PARAMS = {
    "too few": ([np.zeros((3, 4))], "1 parameters for a net that has 2"),
    "shape": (
        [np.zeros((4, 3)), np.zeros(4)],
        r"hidden\.W\) is float32 \(3, 4\), .* \(4, 3\)",
    ),
    "precision": ([np.full((3, 4), 0.1), np.zeros(4)], "is float32 .* cannot be float64"),
}


@pytest.mark.parametrize(("values", "message"), WRONG_PARAMS.values(), ids=WRONG_PARAMS)
def test_parameters_that_do_not_fit_are_refused(
    values: list[Any], message: str, layers: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=message):
        probe.set_params([layers["hidden"]], values)


# Probes every golden case that this Lasagne can build, and checks that nets are left as they were.
PROBE_ALL = """
import json, os, sys
from lasport import theano_compat
from lasport import theano_compat
from lasport.errors import MissingDependencyError
from lasport.oracles import probe
golden, out = sys.argv[1:]
sys.path.insert(0, golden)
import cases
os.environ["THEANO_FLAGS"] = probe.FLAGS
theano_compat.install()
from lasagne.layers import get_all_layers, get_all_param_values
missing = {}
for name in cases.CASES:
    try:
        net = cases.build(name)
    except cases.MissingFromLasagneError as error:
        missing[name] = str(error)
        continue
    def state():
        layers = get_all_layers(probe.list_outputs(net))
        values = [value.tobytes() for value in get_all_param_values(layers)]
        return values, [id(getattr(layer, "_srng", None)) for layer in layers]
    before = state()
    record = probe.probe_layers(net, **cases.arguments(name))
    assert state() == before, name
    probe.save_record(os.path.join(out, name + ".npz"), record)
with open(os.path.join(out, "missing.json"), "w") as stream:
    json.dump(missing, stream)
"""


@pytest.fixture(scope="module")
def probed(golden: Path, run_python: RunPython, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory of records that the installed Theano made just now."""
    out = tmp_path_factory.mktemp("probed")
    done = run_python("-W", "ignore", "-c", PROBE_ALL, str(golden), str(out), cwd=out)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@NEEDS_THEANO
def test_finds_again_on_this_python_what_python_2_recorded(golden: Path, probed: Path) -> None:
    paths = sorted(probed.glob("*.npz"))
    assert len(paths) > 100
    for path in paths:
        new, old = read_record(path), read_record(golden / f"{path.name}.bz2")
        for key in ("inputs", "outputs", "params", "seed", "passes", "grid", "command"):
            assert new.meta[key] == old.meta[key], (path.name, key)
        assert new.arrays.keys() == old.arrays.keys(), path.name
        for key, expected in old.arrays.items():
            found = new.arrays[key]
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype), (path.name, key)
            if expected.dtype.kind == "i":
                assert np.array_equal(found, expected), (path.name, key)
                continue
            scale = max(np.abs(expected).max(), 1e-3)
            # Other orders of summation: 62 ulp is the most that was seen.
            error = np.abs(found - expected).max() / (scale * np.finfo(expected.dtype).eps)
            assert error < 200, (path.name, key, error)


@NEEDS_THEANO
def test_no_case_is_beyond_this_lasagne(probed: Path) -> None:
    missing = json.loads((probed / "missing.json").read_text())
    if missing:
        name, reason = next(iter(missing.items()))
        pytest.skip(f"{len(missing)} cases need a newer Lasagne, such as {name} ({reason})")


@NEEDS_THEANO
def test_the_command_line_records_a_pickled_net(
    golden: Path, run_python: RunPython, tmp_path: Path
) -> None:
    script = (
        "from lasport import theano_compat; theano_compat.install();"
        "import sys; from lasport.oracles import probe; sys.exit(probe.main(sys.argv[1:]))"
    )
    old = read_record(golden / "dense_tanh.npz.bz2")
    write_record(tmp_path / "in.npz", old)
    (tmp_path / "dense_tanh.pkl").write_bytes(read_bytes(pickle_of("dense_tanh")))
    arguments = ["--inputs", "in.npz", "--seed", "3"]
    done = run_python(
        *("-W", "ignore", "-c", script, "dense_tanh.pkl", "out.npz", *arguments),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    new = read_record(tmp_path / "out.npz")
    assert new.meta["command"] == "probe.py dense_tanh.pkl OUT.npz --seed 3 --inputs IN.npz"
    assert new.meta["params"] == old.meta["params"]
    np.testing.assert_allclose(new.outputs("training"), old.outputs("training"), rtol=1e-14)
    assert not np.array_equal(new.cotangents[0], old.cotangents[0])  # of another seed

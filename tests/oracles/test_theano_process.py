"""The real Lasagne of another interpreter: what it is given, what it runs, and how it fails."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import lasport
from lasport import errors
from lasport.oracles import probe
from lasport.oracles.record import write_record
from lasport.oracles.reference import draw_inputs
from lasport.oracles.theano_process import process_record
from lasport.readers.containers import read_bytes
from tests.golden_records import load_case, pickle_of

VERSIONS = "Lasagne 0.1 on Theano 1.0.5, Python 2.7.18"


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Have temporary files made in a folder that has to be empty afterwards."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def lenet():
    return lasport.load(pickle_of("net_lenet"))


# --- real interpreters; Lasagne 0.1 has all that these nets need


def test_a_pickled_net_gives_its_golden_record(lenet, real_python):
    golden = load_case("net_lenet").record
    stages = []
    record = process_record(
        lenet, real_python, seed=golden.meta["seed"], passes=5, tell=stages.append
    )
    assert record.arrays.keys() == golden.arrays.keys()
    for key, expected in golden.arrays.items():
        if "grads" not in key and not key.startswith("cotangents"):
            np.testing.assert_allclose(record.arrays[key], expected, rtol=1e-12, atol=1e-13)
        if key.startswith(("inputs", "batches", "params")) or "/masks/" in key:
            np.testing.assert_array_equal(record.arrays[key], expected, strict=True)
    assert stages[0] == "importing Theano and Lasagne"
    assert stages[1].startswith(f"Lasagne {record.meta['lasagne']} on Theano ")
    assert stages[-5:-2] == [f"training pass {n} of 5" for n in (3, 4, 5)]


# Of a dict of all layers; Lasagne's order of the layers depends on which comes first.
@pytest.mark.thinned(2)
@pytest.mark.parametrize("outputs", (("pool_proj", "1x1"), ("1x1", "pool_proj")))
def test_outputs_chosen_by_name_are_run(outputs, real_python):
    net = lasport.load(pickle_of("net_inception"), outputs=outputs)
    record = process_record(net, real_python, passes=0)
    names = [layer["name"] for layer in record.meta["layers"]]
    assert names == [layer.name for layer in net.layers]
    assert [names[k] for k in record.meta["outputs"]] == list(outputs)


SCRIPT = """
    from theano import tensor as T
    from lasagne.layers import DenseLayer, DropoutLayer, InputLayer
    from sizes import UNITS

    print("no stage")
    if __name__ == "__main__":
        raise SystemExit("it is not the program")

    def build(shape):
        x = T.tensor3("x")
        net = InputLayer((None,) + shape, x, name="input")
        net = DropoutLayer(DenseLayer(net, UNITS, name="hidden"), 0.25, name="drop")
        return {"z": DenseLayer(net, 2, name="z"), "a": DenseLayer(net, 3, name="a"), "x": x}
"""


@pytest.fixture
def script_net(tmp_path):
    """Return a net of a build script with parameters of its own, in double precision."""
    (tmp_path / "model.py").write_text(dedent(SCRIPT))
    (tmp_path / "sizes.py").write_text("UNITS = 7\n")
    build, shape = f"{tmp_path / 'model.py'}:build", (4, 5)
    drawn = np.random.default_rng(3)
    empty = lasport.load(build, kwargs={"shape": shape}, untrained=True)
    values = [drawn.standard_normal(value.shape) for value in empty.param_values()]
    np.savez(tmp_path / "saved.npz", *values)
    return lasport.load(build, kwargs={"shape": shape}, params=tmp_path / "saved.npz")


def test_the_net_of_a_script_takes_the_parameters_it_was_read_with(
    script_net, real_python, tmp_path
):
    record = process_record(script_net, real_python, passes=1)
    assert record.meta["floatX"] == "float64"
    assert [layer["name"] for layer in record.meta["layers"]][-2:] == ["z", "a"]
    for found, value in zip(record.params, script_net.param_values(), strict=True):
        np.testing.assert_array_equal(found, value, strict=True)
    w, b = script_net.param_values()[:2]
    hidden = np.maximum(record.inputs[0].reshape(-1, 20) @ w + b, 0)
    np.testing.assert_allclose(record.layers("inference")[1], hidden, rtol=1e-13, atol=1e-13)
    assert lasport.verify(script_net, oracle=record, passes=(1,))
    assert not (tmp_path / "__pycache__").exists()


def test_a_script_that_leaves_has_no_net(tmp_path, real_python, script_net):
    (tmp_path / "model.py").write_text("raise SystemExit('not on this machine')")
    message = "cannot load the net: SystemExit: not on this machine\n"
    with pytest.raises(errors.UnreadableFileError, match=message):
        process_record(script_net, real_python)


def test_a_class_that_is_missing_there_is_named(real_python, tmp_path):
    content = read_bytes(pickle_of("net_lenet"))
    (tmp_path / "net.pkl").write_bytes(content.replace(b"DenseLayer", b"DenseLaxer"))
    net = lasport.load(tmp_path / "net.pkl")
    message = r"\(Lasagne .* on Theano .*\) cannot load the net: AttributeError: .*DenseLaxer"
    with pytest.raises(errors.UnreadableFileError, match=message) as raised:
        process_record(net, real_python)
    assert "The end of what it printed:\n" in str(raised.value)


# Runs the program as Python does, but for one package that is not installed.
BLOCKING = """
    import importlib.machinery, runpy
    finder = importlib.machinery.PathFinder
    find = finder.find_spec
    finder.find_spec = lambda name, *rest: None if name in {missing!r} else find(name, *rest)
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(script)
    runpy.run_path(script, run_name="__main__")
"""


# Without lasport's repairs: as in Python 3.8 and older.
@pytest.mark.parametrize("missing", (["theano"], ["lasagne"], ["theano", "lasport"]))
@pytest.mark.usefixtures("real_python")
def test_a_package_that_is_missing_there_is_named(missing, lenet, fake_python):
    python = fake_python(BLOCKING.format(missing=missing))
    command = f"{python} -m pip install {missing[0]}"
    message = f"{python} has no {missing[0]}; install it there: {command}"
    with pytest.raises(errors.MissingDependencyError, match=message):
        process_record(lenet, python)


# --- what another interpreter is given


def given(net, fake_python, **options):
    """Return arguments, environment, files, arrays and the net that an interpreter is given."""
    python = fake_python("""
        import json, shutil
        folder = os.path.dirname(__file__)
        shutil.copy(arguments[arguments.index("--inputs") + 1], os.path.join(folder, "given.npz"))
        shutil.copy(arguments[0].rpartition(":")[0] or arguments[0], os.path.join(folder, "given"))
        with open(os.path.join(folder, "given.json"), "w") as stream:
            files = sorted(os.listdir(os.path.dirname(script)))
            json.dump([arguments, dict(os.environ), files], stream)
        sys.exit(9)
    """)
    with pytest.raises(errors.ComparisonError, match="ended with exit status 9"):
        process_record(net, python, **options)
    folder = Path(python).parent
    arguments, environment, files = json.loads((folder / "given.json").read_text())
    with np.load(folder / "given.npz") as archive:
        return arguments, environment, files, dict(archive), (folder / "given").read_bytes()


def test_it_is_fed_what_every_oracle_is_fed(fake_python):
    net = lasport.load(pickle_of("net_two_inputs_two_outputs"))
    *_, arrays, _ = given(net, fake_python, seed=11, passes=2)
    assert len(arrays) == 3 * len(net.inputs) + len(net.param_values())
    inputs, first, second = draw_inputs(net, 11, 2)
    for prefix, expected in (("inputs", inputs), ("batches/1", first), ("batches/2", second)):
        for i, array in enumerate(expected):
            np.testing.assert_array_equal(arrays[f"{prefix}/{i}"], array)


def test_it_sees_the_environment_but_for_what_would_spoil_the_record(
    lenet, fake_python, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PYTHONHOME", sys.prefix)
    monkeypatch.setenv("THEANO_FLAGS", "device=cuda0,floatX=float16,cxx=g++")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    _, environment, files, *_ = given(lenet, fake_python)
    assert environment["PYTHONPATH"] == "/somewhere"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "PYTHONHOME" not in environment
    flags = environment["THEANO_FLAGS"].split(",")
    assert flags[0].startswith("base_compiledir=/")
    assert flags[1:4] == ["device=cuda0", "floatX=float16", "cxx=g++"]
    assert flags[4:] == ["floatX=float64", "device=cpu", "force_device=True"]
    assert {"probe.py", "inputs.npz"} <= set(files)


@pytest.mark.parametrize("in_memory", (2**20, 2**10))
def test_a_plain_pickle_stays_where_it_is(in_memory, lenet, fake_python, tmp_path, monkeypatch):
    monkeypatch.setattr("lasport.readers.containers._IN_MEMORY", in_memory)
    path = tmp_path / "plain.pkl"
    path.write_bytes(read_bytes(pickle_of("net_lenet")))
    arguments, *_ = given(lasport.load(path), fake_python)
    assert arguments[0] == str(path)
    compressed = lasport.load(pickle_of("net_lenet"))
    arguments, *_, content = given(compressed, fake_python)
    assert Path(arguments[0]).name == pickle_of("net_lenet").name
    assert content == path.read_bytes()


def test_arguments_of_a_script_are_handed_over_as_literals(script_net, fake_python, tmp_path):
    arguments, *_ = given(script_net, fake_python)
    assert arguments[0] == f"{tmp_path / 'model.py'}:build"
    assert arguments[arguments.index("--kwargs") + 1] == "{'shape': (4, 5)}"
    # a is before z, and Lasagne lists the input and the layers below a first.
    place = arguments.index("--outputs")
    assert arguments[place + 1 : place + 3] == ["4", "3"]


@pytest.mark.parametrize("value", (np.zeros(2), len, "caf\u00e9", float("nan")))
def test_other_arguments_of_a_script_are_refused(value, script_net, fake_python):
    origin = replace(script_net.origin, kwargs={"shape": value})
    with pytest.raises(errors.UsageError, match=r"build was called with .* can be given numbers"):
        process_record(replace(script_net, origin=origin), fake_python("pass"))


def test_a_net_that_is_from_no_file_is_refused(lenet, fake_python):
    message = r"runs a net that was read from a file, .* this net is neither"
    with pytest.raises(errors.UsageError, match=message):
        process_record(replace(lenet, origin=None), fake_python("pass"))


# --- how it fails


def failing(status, reason, stage=VERSIONS):
    return f"""
        print({stage!r}, flush=True)
        print("some trace\\n" + {reason!r}, file=sys.stderr)
        sys.exit({status})
    """


FAILURES = {
    "no theano": (
        failing(probe.IMPORTING, "ImportError: No module named theano"),
        errors.MissingDependencyError,
        r"has no theano; install it there: .* -m pip install theano==1\.0\.5\nThe end of",
    ),
    "no lasagne": (
        failing(probe.IMPORTING, "ModuleNotFoundError: No module named 'lasagne'"),
        errors.MissingDependencyError,
        "has no lasagne; install it there: .* -m pip install lasagne\n",
    ),
    "a Theano that breaks": (
        failing(probe.IMPORTING, "AttributeError: module 'numpy' has no attribute 'bool'"),
        errors.MissingDependencyError,
        "cannot import Theano and Lasagne: AttributeError: module 'numpy'",
    ),
    "a class of a later Lasagne": (
        failing(
            probe.LOADING,
            "AttributeError: Can't get attribute 'BatchNormLayer' on <module "
            "'lasagne.layers.normalization' from 'x.py'>",
        ),
        errors.UnreadableFileError,
        r"\(Lasagne 0\.1 on .*\) cannot load the net: .*; Lasagne 0\.1 lacks BatchNormLayer",
    ),
    "the same in Python 2": (
        failing(probe.LOADING, "AttributeError: 'module' object has no attribute 'BatchNormLayer'"),
        errors.UnreadableFileError,
        r"cannot load the net: .*; Lasagne 0\.1 lacks BatchNormLayer",
    ),
    "a net of Theano-PyMC": (
        failing(probe.LOADING, "ImportError: No module named graph.type"),
        errors.UnreadableFileError,
        "; Theano-PyMC saved it",
    ),
    "a layer that fails": (
        failing(probe.RUNNING, "ValueError: dimension mismatch"),
        errors.ComparisonError,
        r"\(Lasagne 0\.1 .*\) cannot run this net: ValueError: dimension mismatch\n",
    ),
    "a layer of another version": (
        failing(probe.RUNNING, "AttributeError: 'DenseLayer' has no 'num_leading_axes'"),
        errors.ComparisonError,
        "; another version of Lasagne may have made the net\n",
    ),
    "another exit": (
        failing(1, "ImportError: No module named numpy", stage="loading the net"),
        errors.ComparisonError,
        "ended with exit status 1 at 'loading the net'\n",
    ),
    "a crash": (
        "print('gradients', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)",
        errors.ComparisonError,
        "was ended by SIGKILL at 'gradients'$",
    ),
    "no record": (
        "print('all is well', file=sys.stderr)",
        errors.ComparisonError,
        "ended without a record\nThe end of what it printed:\n  all is well$",
    ),
    "half a record": (
        "open(arguments[1], 'wb').write(b'PK half')",
        errors.ComparisonError,
        "left no record: not a parity record: ",
    ),
}


@pytest.mark.parametrize(("source", "kind", "message"), FAILURES.values(), ids=FAILURES)
def test_every_failure_has_its_message(source, kind, message, lenet, fake_python):
    python = fake_python(source)
    with pytest.raises(kind, match=message) as raised:
        process_record(lenet, python)
    assert str(raised.value).startswith(python)


def returning(record, fake_python, tmp_path):
    """Return an interpreter that leaves a record which was made before."""
    path = tmp_path / "made.npz"
    write_record(path, record)
    return fake_python(f"import shutil; shutil.copy({str(path)!r}, arguments[1])")


def test_a_record_of_other_layers_is_refused(lenet, fake_python, tmp_path):
    other = load_case("net_inception").record
    python = returning(other, fake_python, tmp_path)
    with pytest.raises(errors.ComparisonError, match="has other layers than were read"):
        process_record(lenet, python)


def test_options_that_its_lasagne_ignores_are_refused(fake_python, tmp_path):
    record = load_case("conv2d_unflipped").record
    old = replace(record, meta={**record.meta, "lasagne": "0.1"})
    net = lasport.load(pickle_of("conv2d_unflipped"))
    assert process_record(net, returning(record, fake_python, tmp_path)).meta == record.meta
    with pytest.raises(errors.ComparisonError, match=r"flip_filters=False, which Lasagne 0\.1"):
        process_record(net, returning(old, fake_python, tmp_path))


@pytest.mark.parametrize("timeout", (0, -1, float("nan")))
def test_a_timeout_is_positive(timeout, lenet, fake_python):
    with pytest.raises(errors.UsageError, match="timeout must be a number of seconds above 0"):
        process_record(lenet, fake_python("pass"), timeout=timeout)


def test_a_timeout_ends_it(lenet, fake_python):
    with pytest.raises(errors.ComparisonError, match=r"took longer than 0\.5 s"):
        process_record(lenet, fake_python("time.sleep(60)"), timeout=0.5)

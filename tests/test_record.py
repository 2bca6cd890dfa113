"""`lasport.record` and `lasport record`: who computes, what is written, and what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import lasport
from lasport.cli import main
from lasport.errors import ComparisonError, UsageError
from lasport.oracles.record import Record, read_record, write_record
from lasport.oracles.reference import reference_record
from tests.golden_records import load_case, pickle_of

NET = pickle_of("net_lenet")


def assert_same(record: Record, other: Record) -> None:
    assert record.meta == other.meta
    assert record.arrays.keys() == other.arrays.keys()
    for key, array in other.arrays.items():
        np.testing.assert_array_equal(record.arrays[key], array, strict=True)


@pytest.fixture
def returning(tmp_path, fake_python):
    """Return a function that makes an interpreter which leaves a record made before."""

    def make(record: Record) -> str:
        path = tmp_path / "made.npz"
        write_record(path, record)
        return fake_python(f"import shutil; shutil.copy({str(path)!r}, arguments[1])")

    return make


# --- lasport.record


@pytest.mark.parametrize("net", (NET, str(NET), lasport.load(NET)), ids=("path", "text", "net"))
def test_what_is_returned_is_what_is_written(net, tmp_path):
    path = tmp_path / "record.npz"
    record = lasport.record(net, path, "reference", seed=7, passes=2)
    assert_same(record, read_record(path))
    assert_same(record, reference_record(lasport.load(NET), seed=7, passes=2))


def test_another_interpreter_may_compute_it(returning, tmp_path):
    golden = load_case("net_lenet").record
    stages: list[str] = []
    record = lasport.record(
        NET,
        tmp_path / "record.npz",
        f"python:{returning(golden)}",
        timeout=60,
        progress=stages.append,
    )
    assert_same(record, golden)
    assert_same(read_record(tmp_path / "record.npz"), golden)
    assert stages == ["reading the net", "running the original", "writing the record"]


def test_a_record_of_other_parameters_is_not_written(returning, tmp_path):
    golden = load_case("net_lenet").record
    others = {key: array + key.startswith("params") for key, array in golden.arrays.items()}
    python = returning(Record(golden.meta, others))
    with pytest.raises(ComparisonError, match="is not the recorded one"):
        lasport.record(NET, tmp_path / "record.npz", f"python:{python}")
    assert not (tmp_path / "record.npz").exists()


REFUSED = {
    "a record": (
        {"oracle": "record:x.npz"},
        "a record is made by theano, python:PATH or reference",
    ),
    "unknown": ({"oracle": "keras"}, "oracle must be reference, theano"),
    "no interpreter": (
        {"oracle": "python:/no/python"},
        "there is no Python interpreter /no/python",
    ),
    "a timeout here": ({"oracle": "reference", "timeout": 9}, "timeout is for the oracle python:"),
    "no folder": ({"path": "no/record.npz"}, "there is no directory"),
    "the net": ({"path": NET}, "is the input itself"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_refused(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        lasport.record(NET, **{"path": "record.npz", "oracle": "reference", **arguments})
    assert list(tmp_path.iterdir()) == []


# --- lasport record


SCRIPT = """
from lasagne.layers import DenseLayer, InputLayer, dropout

def build(units):
    net = dropout(InputLayer((None, 6), name="input"), 0.5, name="drop")
    return DenseLayer(net, units, name="dense")
"""


def test_a_record_made_elsewhere_serves_verify(real_python, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(SCRIPT)
    drawn = np.random.default_rng(5)
    np.savez("saved.npz", drawn.standard_normal((6, 4)).astype("f"), np.zeros(4, "f"))
    net = ["model.py:build", "--params", "saved.npz", "--kwargs", '{"units": 4}']
    oracle = ["--oracle", f"python:{real_python}"]
    assert main(["record", *net, "-o", "record.npz", *oracle, "--passes", "1"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("record.npz: 3 layers in both modes, 1 training passes, float32")
    assert printed.err == f"lasport: warning: {real_python} runs model.py:build, whatever it says\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model.py",
        "record.npz",
        "saved.npz",
    ]
    verify = ["verify", *net, "--passes", "1"]
    assert main([*verify, "--oracle", "record:record.npz"]) == 0
    assert main([*verify, *oracle]) == 0
    assert " in Python " in capsys.readouterr().out


def test_the_warning_comes_first(tmp_path, fake_python, capsys):
    python = fake_python("print('\\x1b[2J', file=sys.stderr); sys.exit(9)")
    argv = ["record", str(NET), "-o", str(tmp_path / "record.npz"), "--oracle", f"python:{python}"]
    assert main(argv) == 2
    warning, message, _, printed = capsys.readouterr().err.splitlines()
    assert warning == (
        f"lasport: warning: {python} unpickles, and so runs, {NET}, whatever it says"
    )
    assert message == f"lasport: {python} ended with exit status 9 before it did anything"
    assert printed == r"  \x1b[2J"


USAGE = {
    "no output": ["record", str(NET)],
    "unknown oracle": ["record", str(NET), "-o", "record.npz", "--oracle", "python:"],
    "passes": ["record", str(NET), "-o", "record.npz", "--passes", "1,5"],
    "timeout": ["record", str(NET), "-o", "record.npz", "--timeout", "soon"],
}


@pytest.mark.parametrize("argv", USAGE.values(), ids=USAGE)
def test_wrong_usage_is_explained(argv, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(argv)
    assert leaving.value.code == 2
    assert capsys.readouterr().err.startswith("lasport record: error: ")


@pytest.mark.parametrize(("number", "code"), ((signal.SIGINT, 130), (signal.SIGTERM, 143)))
def test_an_interrupted_run_leaves_nothing(number, code, tmp_path, fake_python):
    beat, scratch, output = (tmp_path / name for name in ("beat", "scratch", "record.npz"))
    scratch.mkdir()
    python = fake_python(f"""
        while True:
            with open({str(beat)!r}, "a") as stream:
                stream.write("x")
            time.sleep(0.02)
    """)
    argv = ["record", str(NET), "-o", str(output), "--oracle", f"python:{python}"]
    parent = str(Path(lasport.__file__).parent.parent)
    with subprocess.Popen(
        [sys.executable, "-m", "lasport", *argv],
        env={**os.environ, "PYTHONPATH": parent, "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
        # Where tests run in the background, interrupts are ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509 - no threads
    ) as process:
        try:
            while not beat.exists():
                assert process.poll() is None
                time.sleep(0.02)
            assert list(scratch.iterdir()) != []
            process.send_signal(number)
            assert process.wait(timeout=60) == code
        finally:
            process.kill()
    beats = beat.stat().st_size
    time.sleep(0.3)
    assert beat.stat().st_size == beats > 0
    assert list(scratch.iterdir()) == []
    assert not output.exists()

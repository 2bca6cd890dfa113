"""A short run of the fuzzer on each format, and that it would notice."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.readers import fuzz

ROOT = str(Path(__file__).parent.parent.parent)
CASES = {"pickle": ["250"], "archive": ["500"], "hdf5": ["300", "--batch", "150"]}


@pytest.mark.parametrize("kind", CASES)
def test_mutated_files_give_an_object_or_an_error_and_do_nothing(run_python, kind):
    # In a process of its own: hooks stay.
    run = run_python("-m", "tests.readers.fuzz", kind, "--cases", *CASES[kind], cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{kind}: {CASES[kind][0]} files" in run.stdout
    assert re.search(r"s; \w+ \d+", run.stdout)


def test_recorded_nets_are_among_the_seeds():
    assert sum(b"lasagne.layers" in seed for seed in fuzz.pickles()) > 100


# What a reader could do wrong, and what is then found.
WRONG = {
    "import": (lambda path: __import__("no_such_module"), "import"),
    "open": (lambda path: Path(os.devnull).read_bytes(), "open"),
    "compile": (lambda path: compile("1", "x", "eval"), "compile"),
    "eval": (lambda path: eval(compile("1", "x", "eval")), "exec"),  # noqa: S307
    "socket": (lambda path: socket.socket().close(), r"socket.__new__"),
    "process": (lambda path: subprocess.run(["true"], check=True), "subprocess.Popen"),
    "system": (lambda path: os.system("true"), "os.system"),
    "remove": (lambda path: path.unlink(), "os.remove"),
    "pickle": (lambda path: __import__("pickle").loads(b"cos\nsystem\n."), "pickle.find_class"),
    "error": (lambda path: json.loads("{"), "JSONDecodeError at decoder.py"),
}


@pytest.fixture(scope="module")
def guard():
    guard = fuzz.Guard()
    guard.install()
    return guard


@pytest.mark.parametrize("name", WRONG)
def test_the_fuzzer_notices(guard, tmp_path, name):
    reader, expected = WRONG[name]
    findings = fuzz.Findings()
    fuzz.read_all(tmp_path / "case", b"data", guard, findings, [reader])
    assert any(expected in what for what in findings.wrong), findings.wrong


def test_a_case_that_takes_too_long_is_noticed(guard, monkeypatch, tmp_path):
    def spin(path: Path) -> None:
        while True:
            pass

    monkeypatch.setattr(fuzz, "SECONDS", 0.2)
    findings = fuzz.Findings()
    with fuzz.time_limit():
        fuzz.read_all(tmp_path / "case", b"data", guard, findings, [spin])
    assert any("longer than" in what for what in findings.wrong)


GREEDY = """
from pathlib import Path
from tests.readers import fuzz
def greedy(path):
    b"a" * (fuzz.GROWTH + 2**24)
findings = fuzz.Findings()
fuzz.read_all(Path("case"), b"data", fuzz.Guard(), findings, [greedy])
assert any("MiB" in what for what in findings.wrong), findings
"""


def test_much_memory_is_noticed(run_python, tmp_path):
    # In a fresh process: this one may have held more before.
    run = run_python("-c", f"import sys; sys.path.append({ROOT!r})" + GREEDY, cwd=tmp_path)
    assert run.returncode == 0, run.stderr

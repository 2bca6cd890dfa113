"""What every test file may rely on: settings of the frameworks, and where the data lies."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import settings

import lasport

# Before any test imports a framework. The tests compare numbers on the CPU: a GPU rounds otherwise,
# and two workers would fight over its memory.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# A ~/.keras/keras.json may name another backend.
os.environ["KERAS_BACKEND"] = "tensorflow"

# The same examples in every run, and no verdict that depends on how busy the machine is.
settings.register_profile("lasport", derandomize=True, deadline=None, database=None)
settings.load_profile("lasport")

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave one case in ``keep`` of each test marked ``thinned(keep)`` to the default run.

    The others are run by ``-m full``; before they are deselected, hence first.
    """
    places: Counter[str] = Counter()
    for item in items:
        mark = item.get_closest_marker("thinned")
        if mark is not None:
            test = item.nodeid.partition("[")[0]
            if places[test] % mark.args[0]:
                item.add_marker(pytest.mark.full)
            places[test] += 1


RunPython = Callable[..., "subprocess.CompletedProcess[str]"]
FakePython = Callable[[str], str]


@pytest.fixture(scope="session")
def golden() -> Path:
    """Return the directory of the records that real Lasagne made."""
    return HERE / "golden"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the directory of public files, which is not part of the project."""
    path = Path(os.environ.get("LASPORT_CORPUS", HERE.parent.parent / "shared" / "corpus"))
    if not path.is_dir():
        pytest.skip(f"no corpus of public files at {path}; LASPORT_CORPUS can name another place")
    return path


@pytest.fixture(scope="session")
def run_python() -> RunPython:
    """Return a function that runs Python in a fresh process, with the lasport under test."""
    # Not the checkout's: pytest tests the lasport that it imports, which may be the installed one.
    package_parent = str(Path(lasport.__file__).parent.parent)

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": package_parent},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def real_python() -> str:
    """Return an interpreter that has Theano and Lasagne: by default this one, in a new process."""
    named = os.environ.get("LASPORT_PYTHON_ORACLE")
    if named is not None:
        return named
    if any(importlib.util.find_spec(name) is None for name in ("theano", "lasagne")):
        pytest.skip("no Theano or Lasagne here; LASPORT_PYTHON_ORACLE can name an interpreter")
    return sys.executable


@pytest.fixture
def fake_python(tmp_path: Path) -> FakePython:
    """Return a function that makes an interpreter do something of its own in place of a program.

    It finds the program and its arguments in ``sys.argv[1:]``, as ``script`` and ``arguments``.
    """

    def make(source: str) -> str:
        path = tmp_path / "fake.py"
        start = "import os, signal, sys, time\nscript, *arguments = sys.argv[1:]\n"
        path.write_text(start + dedent(source), encoding="utf-8")
        program = tmp_path / "python"
        command = shlex.join([sys.executable, str(path)])
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        return str(program)

    return make


@pytest.fixture(autouse=True)
def _keras_starts_in_float32() -> Iterator[None]:
    """Keep a test that computes in float64 from changing the tests after it."""
    yield
    # Not imported here: many tests need no framework.
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many of the wrong ports and references of tests/compare were caught."""
    caught: dict[str, list[bool]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            properties = dict(report.user_properties)
            if report.when == "call" and "mutant" in properties:
                # A mutant that raised before its verdict was not caught.
                verdict = bool(properties.get("caught", False))
                caught.setdefault(properties["mutant"], []).append(verdict)
    if caught:
        verdicts = [verdict for each in caught.values() for verdict in each]
        counts = ", ".join(f"{topic} {sum(each)}/{len(each)}" for topic, each in caught.items())
        terminalreporter.write_sep("=", f"mutants: caught {sum(verdicts)} of {len(verdicts)}")
        terminalreporter.write_line(counts)

"""The pytest plugin, in runs of pytest of its own: what it writes, and what it costs."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lasport
from lasport.errors import UsageError
from lasport.suite_reports import SuiteReports

ROOT = Path(__file__).parent.parent

# No TensorFlow: the reports are made up, and asked for as lasport.verify would be.
SUITE = """
import pytest
from lasport import testing
from tests.compare.made_reports import different_report, made_report

REPORTS = {
    "good": made_report(),
    "bad": different_report(),
    "<b>": made_report(problems=("nothing of it",)),
}


@pytest.fixture(autouse=True)
def verify(monkeypatch):
    monkeypatch.setattr(testing, "verify", lambda net, *args, **kwargs: REPORTS[net[0]])


@pytest.mark.parametrize("name", REPORTS)
def test_port(name):
    testing.assert_equivalent([name])


def test_twice():
    for name in ("good", "bad"):
        try:
            testing.assert_equivalent([name])
        except AssertionError:
            pass


def test_without():
    pass
"""
OUTCOMES = {
    "test_port[good]": ["equal"],
    "test_port[bad]": ["DIFFERENT"],
    "test_port[<b>]": ["NOT ALL COMPARED"],
    "test_twice": ["equal", "DIFFERENT"],
}


@pytest.fixture
def suite(tmp_path) -> Path:
    (tmp_path / "test_ports.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def run_pytest(suite: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as if lasport were installed, whether it is or not."""
    installed = any(
        entry.value == "lasport.pytest_plugin"
        for entry in importlib.metadata.entry_points(group="pytest11")
    )
    plugin = [] if installed else ["-p", "lasport.pytest_plugin"]
    package = str(Path(lasport.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", *options],
        cwd=suite,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((package, str(ROOT)))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def entries(directory: Path) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for entry in json.loads((directory / "lasport-reports.json").read_text(encoding="utf-8")):
        found.setdefault(entry["test"].partition("::")[2], []).append(entry)
    return found


def test_every_comparison_leaves_a_report(suite):
    result = run_pytest(suite, "-n", "2", "--lasport-report", "out")
    assert "2 failed, 3 passed" in result.stdout
    assert f"lasport: 5 reports, 3 of them not equal, in {suite}/out/index.html" in result.stdout
    found = entries(suite / "out")
    assert {test: [one["verdict"] for one in each] for test, each in found.items()} == OUTCOMES
    index = (suite / "out" / "index.html").read_text(encoding="utf-8")
    for each in found.values():
        for entry in each:
            assert f'href="{entry["name"]}.html"' in index
            page = (suite / "out" / f"{entry['name']}.html").read_text(encoding="utf-8")
            assert page.startswith("<!doctype html>")
            report = json.loads((suite / "out" / f"{entry['name']}.json").read_text("utf-8"))
            assert report["ok"] is (entry["verdict"] == "equal")
    assert "test_port[&lt;b&gt;]" in index
    assert ">nothing of it<" in index
    # The index twice, and two files for each report; nothing besides.
    assert len(list((suite / "out").iterdir())) == 2 + 2 * 5
    assert not list(suite.glob(".lasport-*"))

    # A second run takes the place of the first.
    result = run_pytest(suite, "-n", "0", "--lasport-report", "out", "-k", "twice")
    assert result.returncode == 0
    assert list(entries(suite / "out")) == ["test_twice"]
    assert len(list((suite / "out").iterdir())) == 2 + 2 * 2


def test_one_file_holds_all_that_an_interrupted_run_found(suite):
    with (suite / "test_ports.py").open("a") as file:
        file.write("\n\ndef test_interrupted():\n    raise KeyboardInterrupt\n")
    result = run_pytest(suite, "--lasport-report", "out.html")
    assert result.returncode == pytest.ExitCode.INTERRUPTED
    page = (suite / "out.html").read_text(encoding="utf-8")
    assert page.count("<article id=") == 5
    assert "2 of 5 comparisons found the port equal" in page
    links = re.findall(r'href="#([^"]+)"', page)
    assert len(links) == 5
    assert all(f'<article id="{link}">' in page for link in links)
    assert not list(suite.glob(".lasport-*"))


def test_a_run_that_compared_nothing_says_so(suite):
    result = run_pytest(suite, "--lasport-report", "out", "-k", "without")
    assert "lasport: 0 reports" in result.stdout
    assert "No test called" in (suite / "out" / "index.html").read_text(encoding="utf-8")


def test_a_directory_of_the_users_is_refused_at_once(suite):
    (suite / "mine").mkdir()
    (suite / "mine" / "thesis.tex").touch()
    result = run_pytest(suite, "--lasport-report", "mine")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"--lasport-report: {suite}/mine: is there already, and not empty" in result.stderr
    assert (suite / "mine" / "thesis.tex").exists()


@pytest.mark.parametrize("name", ("none/out", "none/out.html", "pytest.ini", "__pycache__.html"))
def test_places_that_take_no_reports_are_refused(name, suite):
    (suite / "__pycache__.html").mkdir()
    with pytest.raises(UsageError, match=name):
        SuiteReports(suite / name)


def test_nothing_is_written_unless_asked_for(suite):
    result = run_pytest(suite)
    assert "lasport:" not in result.stdout
    assert not [*suite.glob("*.html"), *suite.glob("*.json"), *suite.glob(".lasport-*")]


def test_starting_pytest_imports_nothing_that_takes_time(run_python, tmp_path):
    program = """
import sys
import pytest
before = set(sys.modules)
import lasport.pytest_plugin
print(sorted(name for name in set(sys.modules) - before if name.partition(".")[0] != "lasport"))
print(sorted(name for name in sys.modules if name.partition(".")[0] == "lasport"))
"""
    result = run_python("-c", program, cwd=tmp_path)
    others, own = result.stdout.splitlines()
    assert others == "[]"
    assert own == "['lasport', 'lasport.pytest_plugin', 'lasport.version']"

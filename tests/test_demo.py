"""The demo: what it prints is what was computed, and it fails when that is wrong."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lasport import demo
from lasport.cli import main

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> tuple[str, str]:
    """Return what a run prints and its page, from an empty directory without Theano and Lasagne."""
    stream = io.StringIO()
    empty = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(empty)
        for name in ("theano", "lasagne"):
            patch.setitem(sys.modules, name, None)  # makes importing it an ImportError
        assert demo.run(stream, html=empty / "digits.html") is True
    assert [path.name for path in empty.iterdir()] == ["digits.html"]
    return stream.getvalue(), (empty / "digits.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def printed(results) -> str:
    return results[0]


@pytest.fixture(scope="module")
def page(results) -> str:
    return results[1]


def row(printed: str, name: str) -> list[str]:
    (line,) = (line for line in printed.splitlines() if line.startswith(name))
    return re.findall(r"\S+ of \S+|\S+", line.removeprefix(name))


def test_figures_are_theanos(printed):
    # How many Theano got right was counted where the net was trained.
    assert row(printed, "held-out digits right") == ["390 of 397"] * 3
    assert row(printed, "same class as Theano") == ["1797 of 1797"] * 3


def test_probabilities_differ_by_float32_rounding_only(printed):
    theano, *models = map(float, row(printed, "largest difference of probabilities"))
    assert theano == 0
    # An exact zero would be Theano's own probabilities compared with themselves.
    assert all(0 < apart < 1e-5 for apart in models)


def test_both_profiles_are_verified(printed):
    verdicts = re.findall(r"^model '(\w+)' against the numpy reference: (\w+)$", printed, re.M)
    assert verdicts == [("stock", "equal"), ("exact", "equal")]
    (averages,) = re.findall(r"inv_std included \[float64\]: relative difference (\S+)", printed)
    assert float(averages) < 1e-10


def test_output_is_short_and_ends_with_what_to_try_next(printed):
    lines = printed.splitlines()
    assert len(lines) < 70
    assert [line.split()[:2] for line in lines[-3:]] == [
        ["lasport", command] for command in ("inspect", "convert", "verify")
    ]


def test_one_class_that_is_not_theanos_is_a_failure(tmp_path, monkeypatch, capsys):
    real = demo.paths()
    with np.load(real.expected) as arrays:
        expected = dict(arrays)
    digit = expected["test"][17]
    expected["probabilities"][digit] = np.roll(expected["probabilities"][digit], 1)
    np.savez(tmp_path / "expected.npz", **expected)
    monkeypatch.setattr(demo, "paths", lambda: replace(real, expected=tmp_path / "expected.npz"))
    assert main(["demo"]) == 1
    printed = capsys.readouterr().out
    assert row(printed, "same class as Theano") == ["1797 of 1797", *["1796 of 1797"] * 2]
    assert printed.splitlines()[-1] == "The models do not compute what the net computes."


def test_model_that_differs_is_a_failure(monkeypatch, capsys):
    made = demo.to_keras

    def make_wrong(net, profile, name):
        model = made(net, profile=profile, name=name)
        if profile == "exact":
            averaged = model.get_layer("fc_bn").moving_inv_std
            averaged.assign(averaged * 1.0001)
        return model

    monkeypatch.setattr(demo, "to_keras", make_wrong)
    assert main(["demo"]) == 1
    printed = capsys.readouterr().out
    # Too little to change any digit's class: it is the comparison that finds it.
    assert row(printed, "same class as Theano") == ["1797 of 1797"] * 3
    assert "first divergence: inference/layers/fc_bn [float64]" in printed


# --- the page


def test_the_page_is_that_of_the_stock_model(page):
    assert "model 'stock'" in page
    assert "lasport demo --html digits.html" in page
    assert ">fc_bn_nonlin<" in page


@pytest.mark.parametrize("where", ("made now", "in the documentation"))
def test_a_page_to_publish_is_small_and_knows_no_machine(where, page):
    if where == "in the documentation":
        page = (ROOT / "docs" / "digits-report.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 200_000
    assert re.findall(r"[\s'\"(](?:/\w|[A-Z]:\\)[^\s<]*", page) == []


def test_the_page_in_the_documentation_has_the_sections_of_today(page):
    published = (ROOT / "docs" / "digits-report.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", published) == re.findall(r"<h2>(.*?)</h2>", page)
    assert re.findall(r"<style>.*?</style>", published, re.S) == re.findall(
        r"<style>.*?</style>", page, re.S
    )

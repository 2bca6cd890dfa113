"""Reports: the verdict, what is named first, text for people and JSON for programs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from lasport.compare.metrics import Agreement, Difference
from lasport.compare.report import Comparison, Drift, Report

SMALL = Difference(1e-12, 1e-13, 1e-14, 2e-12)
LARGE = Difference(0.5, 0.25, 0.125, 0.75)
ENDLESS = Difference(math.inf, math.nan, math.nan, math.inf)

GOOD = Comparison("inference/layers/conv", "conv", "float64", ok=True, difference=SMALL)
ROUNDED = Comparison(
    "inference/layers/conv", "conv", "float32", ok=True, difference=SMALL, ratio=1.5
)
BAD = Comparison("training/layers/bn", "bn", "float64", ok=False, difference=LARGE)
WORSE = Comparison("training/params/1/bn.mean", "bn", "float64", ok=False, difference=ENDLESS)
MISSING = Comparison("inference/layers/pool", "pool", "float64", ok=False, problem="missing")


def report(*comparisons: Comparison, **fields) -> Report:
    return Report("real Lasagne", "model 'port'", comparisons, **fields)


# Comparisons, problems, whether all is well, and what is named first.
VERDICTS = {
    "all agree": ((GOOD, ROUNDED), (), True, None),
    "nothing was compared": ((), (), False, None),
    "one differs": ((GOOD, BAD, ROUNDED), (), False, BAD),
    "the first of two": ((GOOD, MISSING, BAD), (), False, MISSING),
    "agreement is not enough": ((GOOD,), ("no masks",), False, None),
    "problems alone": ((), ("no masks",), False, None),
}


@pytest.mark.parametrize(
    ("comparisons", "problems", "ok", "first"), VERDICTS.values(), ids=VERDICTS
)
def test_verdict(comparisons, problems, ok, first):
    found = report(*comparisons, problems=problems)
    assert found.ok is ok
    assert bool(found) is ok
    assert found.first_divergence is first
    assert found.failures == tuple(one for one in comparisons if not one.ok)
    verdict = "equal" if ok else "NOT ALL COMPARED" if first is None else "DIFFERENT"
    assert str(found).splitlines()[0].endswith(f": {verdict}")


def test_notes_and_drifts_do_not_change_the_verdict():
    drift = Drift("bn", 5, 0.01, 0.2)
    assert report(GOOD, drifts=(drift,), notes=("half precision",)).ok


@pytest.mark.parametrize(
    ("comparison", "text"),
    (
        (GOOD, "relative difference 2e-12, largest 1e-12, median 1e-14"),
        (
            ROUNDED,
            "relative difference 2e-12, largest 1e-12, median 1e-14, 1.5 times the oracle's error",
        ),
        (WORSE, "relative difference inf, largest inf, median nan"),
        (MISSING, "missing"),
    ),
)
def test_a_comparison_says_what_was_found(comparison, text):
    assert str(comparison) == f"{comparison.subject} [{comparison.dtype}]: {text}"


def test_text_counts_each_group_and_shows_its_middle_and_its_worst():
    exact = replace(ROUNDED, subject="inference/layers/a", layer="a", ratio=0.0)
    near = replace(ROUNDED, subject="inference/layers/b", layer="b", ratio=0.5)
    lines = report(GOOD, exact, near, ROUNDED, BAD, problems=("no masks",)).to_text().splitlines()
    assert lines == [
        "model 'port' against real Lasagne: DIFFERENT",
        (
            "  inference/layers [float64]: 1 of 1 agree; median relative difference 2e-12; "
            f"worst: {GOOD}"
        ),
        (
            "  inference/layers [float32]: 3 of 3 agree; median 0.5 times the oracle's error; "
            f"worst: {ROUNDED}"
        ),
        f"  training/layers [float64]: 0 of 1 agree; median relative difference 0.75; worst: {BAD}",
        "  not compared: no masks",
        f"  first divergence: {BAD}",
    ]


def test_the_worst_is_the_nearest_to_its_bound():
    wide = replace(ROUNDED, subject="inference/layers/a", layer="a", ratio=3.0, bound=8.0)
    narrow = replace(ROUNDED, subject="inference/layers/b", layer="b", ratio=1.5, bound=2.0)
    assert "worst: inference/layers/b" in report(wide, narrow).to_text()


def test_text_says_what_became_of_classes():
    right = replace(GOOD, subject="inference/outputs/a", agreement=Agreement(7, 7, 0))
    tied = replace(GOOD, subject="training/outputs/a", agreement=Agreement(7, 6, 1))
    wrong = replace(BAD, subject="training/outputs/b", agreement=Agreement(7, 4, 1))
    assert "  classes: the same in 7 of 7 rows of outputs" in report(right).to_text().splitlines()
    text = report(right, tied, wrong).to_text()
    assert "  classes: the same in 17 of 21 rows of outputs" in text
    assert (
        "  training/outputs/a [float64]: the same class in 6 of 7 rows, "
        "a tie that rounding decides in 1, another class in 0" in text
    )
    assert "median 0.12, another class in 2 of 7 rows" in text


def test_text_shows_a_failure_before_a_larger_difference_that_agrees():
    tight = replace(GOOD, subject="inference/layers/a", ok=False)
    loose = replace(GOOD, subject="inference/layers/b", difference=LARGE)
    assert "worst: inference/layers/a" in report(loose, tight).to_text()


def test_text_shows_problems_notes_and_drifts():
    text = report(MISSING, notes=("odd sizes only",), drifts=(Drift("bn", 5, 0.01, 0.2),)).to_text()
    assert "  first divergence: inference/layers/pool [float64]: missing" in text
    assert "  note: odd sizes only" in text
    assert "  further training: bn's inv_std parts from Lasagne's by 0.01 (median)" in text


def test_json_holds_everything(tmp_path):
    path = tmp_path / "report.json"
    drift = Drift("bn", 5, 0.01, 0.2)
    found = report(
        GOOD,
        ROUNDED,
        WORSE,
        MISSING,
        problems=("no masks",),
        drifts=(drift,),
        settings={"modes": ["training"], "passes": (1, 5)},
        notes=("odd sizes only",),
    )
    found.to_json(path)
    read = json.loads(path.read_text("utf-8"), parse_constant=pytest.fail)
    assert read["ok"] is False
    assert read["oracle"] == "real Lasagne"
    assert read["model"] == "model 'port'"
    assert read["first_divergence"] == "training/params/1/bn.mean"
    assert read["problems"] == ["no masks"]
    assert read["notes"] == ["odd sizes only"]
    assert read["settings"] == {"modes": ["training"], "passes": [1, 5]}
    assert read["drifts"] == [{"layer": "bn", "passes": 5, "median": 0.01, "largest": 0.2}]
    assert [one["subject"] for one in read["comparisons"]] == [
        one.subject for one in found.comparisons
    ]
    assert read["comparisons"][1]["ratio"] == 1.5
    assert read["comparisons"][2]["difference"] == {
        "largest": "inf",
        "mean": "nan",
        "median": "nan",
        "relative": "inf",
        "q90": 0.0,
        "q99": 0.0,
        "ulp": 0.0,
        "entry_ulp": 0.0,
    }
    assert read["comparisons"][3]["problem"] == "missing"


def test_json_replaces_an_older_report(tmp_path):
    path = tmp_path / "report.json"
    report(BAD).to_json(path)
    report(GOOD).to_json(path)
    assert json.loads(path.read_text("utf-8"))["ok"] is True
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_that_cannot_be_written_leaves_the_older_one(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    report(GOOD).to_json(path)
    before = path.read_bytes()

    def fail(self: Path, *args: object, **kwargs: object) -> None:
        self.write_bytes(b"{")
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OSError, match="no space"):
        report(BAD).to_json(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]

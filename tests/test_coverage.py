"""The coverage table says what is registered and what was recorded, and docs/ has the latest."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lasport import registry
from lasport.coverage import table
from tests.golden_records import GOLDEN

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"
HINT = "python -m lasport.coverage > docs/coverage.md"


@pytest.fixture(scope="module")
def page() -> str:
    return table(GOLDEN)


def test_the_committed_page_is_up_to_date(page):
    assert PAGE.read_text(encoding="utf-8") == page, f"run: {HINT}"


def test_every_class_has_its_place(page):
    ported, refused = page.split("## Not ported")
    refused = refused.partition("## Records")[0]
    assert re.findall(r"^\| `([\w.]+)`", ported, re.MULTILINE) == sorted(
        kind.removeprefix("lasagne.layers.") for kind in registry.families()
    )
    assert sorted(re.findall(r"`([\w.]+)`", refused)) == sorted(
        kind.removeprefix("lasagne.layers.") for kind in registry.refusals()
    )
    counts = len(registry.families()), len(registry.families()) + len(registry.refusals())
    assert "{} of the {} layer classes".format(*counts) in page


def test_a_class_that_runs_on_a_gpu_is_no_observation(page):
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert rows["dnn.Conv2DDNNLayer"].endswith("| none: the code of `conv.Conv2DLayer` | none |")
    assert rows["input.InputLayer"].startswith("| `input.InputLayer` | `Input` | the same | ")
    assert "`lasport.InvStdBatchNormalization`" in rows["normalization.BatchNormLayer"]


def test_counts_are_of_nets_that_can_be_translated(tmp_path):
    for name in ("shared_averages", "scale_auto_2d"):
        for path in GOLDEN.glob(f"{name}.*"):
            shutil.copy(path, tmp_path)
    counts = re.findall(r"^\| `(\S+)`.* \| (\S+) \| \S+ \|$", table(tmp_path), re.MULTILINE)
    assert dict(counts) == {
        **{kind.removeprefix("lasagne.layers."): "none" for kind in registry.families()},
        "input.InputLayer": "1",
        "special.ScaleLayer": "1",
    }


def test_the_command_writes_the_page(page, run_python):
    result = run_python("-m", "lasport.coverage", str(GOLDEN), cwd=PAGE.parent)
    assert (result.returncode, result.stdout) == (0, page), result.stderr

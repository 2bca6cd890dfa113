"""The notebooks are executed, and give the outputs that are stored in them."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import lasport
from tests.example_output import assert_same_output

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
# By how many digits a machine that rounds otherwise may differ, in cells with these tags.
SLACK = {"rounding": 1, "training": 25}


def said(cell: nbformat.NotebookNode) -> str:
    """Return what a cell prints and shows, without what frameworks log."""
    texts = []
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            texts.append(output.text if output.name == "stdout" else "")
        else:
            texts.append(output.data.get("text/html", output.data.get("text/plain", "")))
    return "".join(texts)


@pytest.mark.full
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_give_their_stored_outputs(path, tmp_path, monkeypatch):
    # The lasport under test, which may be the checkout's.
    monkeypatch.setenv("PYTHONPATH", str(Path(lasport.__file__).parent.parent))
    stored = nbformat.read(path, as_version=4)
    executed = nbformat.read(path, as_version=4)
    NotebookClient(
        executed, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    for cell, expected in zip(executed.cells, stored.cells, strict=True):
        (tag,) = expected.metadata.get("tags", [""])
        if tag in SLACK:
            assert_same_output(said(cell), said(expected), slack=SLACK[tag])
        else:
            assert said(cell) == said(expected), cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_with_their_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)
    text = path.read_text("utf-8")
    assert re.search(r"/(home|root|tmp|usr|work)/", text) is None
    assert len(text) < 30_000


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["fine_tuning", "tour"]

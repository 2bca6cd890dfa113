"""The Python blocks of the documentation are run, and print what stands behind them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from lasport import demo, load, temporary_registrations

DOCS = Path(__file__).parent.parent / "docs"
FENCE = re.compile(r"^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
# The next fenced block, if it shows output: prose may stand between.
OUTPUT = re.compile(r"\n(?:(?!```).*\n)*```text\n(?P<text>(?:(?!```).*\n)*)```\n")
PAGES = [page for page in sorted(DOCS.glob("*.md")) if FENCE.search(page.read_text("utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run_and_print_what_the_page_shows(page, tmp_path, monkeypatch, capsys):
    shutil.copy(demo.paths().net, tmp_path / "net.pkl")
    (tmp_path / "examples").symlink_to(DOCS.parent / "examples")
    np.savez(tmp_path / "saved.npz", *load(tmp_path / "net.pkl").param_values())
    monkeypatch.chdir(tmp_path)
    text = page.read_text("utf-8")
    namespace: dict[str, object] = {"__name__": "__main__"}
    with temporary_registrations():
        for block in FENCE.finditer(text):
            # Leading newlines make a traceback name the page's own line.
            source = "\n" * text.count("\n", 0, block.start("code")) + block["code"]
            exec(compile(source, page.name, "exec"), namespace)
            printed = capsys.readouterr().out
            shown = OUTPUT.match(text, block.end())
            if shown is not None:
                assert printed == shown["text"]


def test_there_are_pages_with_blocks():
    known = {"start", "batch-normalization", "layouts", "own-layers"}
    assert {page.stem for page in PAGES} >= known

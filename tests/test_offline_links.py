"""Names in the documentation become links without a network, and unknown ones fail the build."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT

pytest.importorskip("sphinx", reason="the documentation's tools are not installed")
pytest.importorskip("myst_parser", reason="the documentation's tools are not installed")

CONF = f"""
import sys
from pathlib import Path

sys.path.insert(0, {str(ROOT / "docs")!r})
import offline_links

extensions = ["myst_parser", "offline_links", "sphinx.ext.intersphinx"]
intersphinx_mapping = offline_links.mapping(Path(__file__).parent / "inventories")
nitpicky = True
nitpick_ignore_regex = [("py:obj", ".*")]
"""


def build(directory: Path, page: str) -> subprocess.CompletedProcess[str]:
    source = directory / "source"
    source.mkdir()
    (source / "conf.py").write_text(CONF, encoding="utf-8")
    (source / "index.md").write_text(page, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", source, directory / "html"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_listed_names_are_links_and_others_stay_as_they_are(tmp_path):
    names = "`keras.layers.Dense`, `lasagne.layers.DenseLayer`, `numpy.savez()`, `keras.nothing`"
    result = build(tmp_path, f"# Names\n\n{names} and {{py:class}}`keras.Model`\n")
    assert result.returncode == 0, result.stderr
    html = (tmp_path / "html" / "index.html").read_text("utf-8")
    for page in (
        "https://keras.io/api/layers/core_layers/dense/",
        "https://keras.io/api/models/model/",
        "https://lasagne.readthedocs.io/en/latest/modules/layers/dense.html#lasagne.layers.DenseLayer",
        "https://numpy.org/doc/stable/reference/generated/numpy.savez.html#numpy.savez",
    ):
        assert f'href="{page}"' in html
    assert html.count('class="reference external"') == 4


def test_a_role_with_a_name_that_is_not_listed_fails_the_build(tmp_path):
    result = build(tmp_path, "# Names\n\n{py:class}`keras.layers.Nothing`\n")
    assert result.returncode != 0
    assert "keras.layers.Nothing" in result.stderr

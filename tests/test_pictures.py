"""The pictures of the documentation: safe, small, in use, and what draw.py draws today."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DRAWINGS = ("pipeline", "layer-errors", "running-statistics", "which-file")
SVG = "{http://www.w3.org/2000/svg}"
IMAGE = re.compile(r"!\[[^]]{20,}\]\((\S+)\)")


def drawing(name: str, directory: Path = PICTURES) -> ET.Element:
    return ET.parse(directory / f"{name}.svg").getroot()


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_needs_and_runs_nothing_and_has_a_title(name):
    svg = drawing(name)
    allowed = {"svg", "g", "title", "style", "rect", "text", "path", "circle", "line", "polyline"}
    assert {element.tag.removeprefix(SVG) for element in svg.iter()} <= allowed
    assert not any("href" in key or key.startswith("on") for e in svg.iter() for key in e.attrib)
    assert svg.findtext(f"{SVG}title")
    source = (PICTURES / f"{name}.svg").read_text("utf-8")
    assert "prefers-color-scheme: dark" in source
    assert "url(" not in source
    assert len(source) < 40_000


def test_the_photograph_is_small():
    assert (PICTURES / "report.png").stat().st_size < 150_000


def test_every_image_is_there_and_every_picture_is_shown_and_described():
    shown = {(page.parent / image).resolve() for page in PAGES for image in images_of(page)}
    assert {path for path in shown if not path.is_file()} == set()
    assert shown == {path for path in PICTURES.iterdir() if path.suffix in (".svg", ".png")}


def images_of(page: Path) -> list[str]:
    text = page.read_text("utf-8")
    described = IMAGE.findall(text)
    assert len(described) == len(re.findall(r"!\[", text)), f"{page.name}: an image of no words"
    return described


def errors_of(svg: ET.Element, style: str) -> list[float]:
    """Return the errors of float64 that a drawing's marks of a class are of, in units."""
    titles = [mark.findtext(f"{SVG}title", "") for mark in svg.iter() if mark.get("class") == style]
    return [float(x) for title in titles for x in re.findall(r", (\S+) ulp", title)]


def test_the_readme_says_what_its_picture_shows():
    found = drawing("layer-errors")
    worst = max(errors_of(found, "inference") + errors_of(found, "training"))
    assert f"at most {worst:.0f} units in the last place" in " ".join(PAGES[0].read_text().split())


def heights(svg: ET.Element, tag: str, key: str) -> list[float]:
    return [float(e.get(key, "nan")) for e in svg.iter(f"{SVG}{tag}") if e.get("class") != "ground"]


@pytest.mark.full
def test_the_drawings_are_those_of_today(run_python, tmp_path):
    """The same layers and steps; errors within 1.5 powers of ten, averages within a pixel."""
    result = run_python(str(PICTURES / "draw.py"), str(tmp_path), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    before, now = (drawing("layer-errors", each) for each in (PICTURES, tmp_path))
    names = [[e.text for e in svg.iter(f"{SVG}text")] for svg in (before, now)]
    assert names[0] == names[1]
    power_of_ten = 20.6  # as high as it is drawn
    assert heights(now, "circle", "cy") == pytest.approx(
        heights(before, "circle", "cy"), abs=1.5 * power_of_ten
    )
    before, now = (drawing("running-statistics", each) for each in (PICTURES, tmp_path))
    assert len(heights(now, "circle", "cy")) == 2 * 31 + 1
    assert heights(now, "circle", "cy") == pytest.approx(heights(before, "circle", "cy"), abs=1)
    assert drawing("pipeline", tmp_path).findtext(f"{SVG}title")
    ours, theirs = ((each / "pipeline.svg").read_text("utf-8") for each in (PICTURES, tmp_path))
    assert ours == theirs

"""The page that shows a report: whole, by itself, and never what a file wants it to be."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lasport.compare.html.page import page, style_sheet
from tests.compare.made_reports import (
    HOSTILE,
    compared,
    different_report,
    made_report,
    running_statistic,
)

VOID = {"br", "meta"}


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(source)
        self.close()
        assert self.open == [], "elements that were not closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def text(self) -> str:
        return " ".join("".join(data for tag, data in self.texts if tag != "style").split())

    def named(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.tags
            if name == tag and all(found.get(key) == value for key, value in attributes.items())
        ]


@pytest.fixture(scope="module")
def good() -> Page:
    return Page(page(made_report()))


@pytest.fixture(scope="module")
def bad() -> Page:
    return Page(page(different_report()))


# --- what it says


def test_a_page_says_what_was_found(good):
    assert "✓ Equal" in good.text
    assert "model 'port' against the numpy reference" in good.text
    assert "38 of 38 arrays agree" in good.text
    assert "The largest error in float32 is 1.5 times the original's own rounding" in good.text
    assert "(8 times allowed)" in good.text
    assert (
        "The largest error in float64 is 3e-15, 14 ulp, relative to the largest entry (1e-10"
        in good.text
    )


def test_a_page_says_where_it_comes_from(good):
    for fact in ("lasport verify net.pkl", "a1" * 32, "b2" * 32, "c3" * 32, "keras 3.15.0"):
        assert fact in good.text
    assert "theano 1.0.5" in good.text
    assert "lasagne" not in good.text  # a version that nobody knows
    assert re.search(r"Seed\s*17", good.text)


def test_a_page_says_what_it_is_no_evidence_of():
    rows = tuple(row for row in made_report().comparisons if row.place == "inference/layers")
    text = Page(page(made_report(comparisons=rows, notes=("one value throughout",)))).text
    assert "The training mode was not compared" in text
    assert "Gradients were not compared" in text
    assert "one value throughout" in text


def test_gradients_that_were_compared_are_not_missed():
    rows = (compared("training/grads/fc.W", "float64", 0),)
    assert "Gradients were not compared" not in Page(page(made_report(comparisons=rows))).text


def test_a_page_says_what_differs(bad):
    assert "✗ Different" in bad.text
    assert "the first array that differs is inference/layers/fc" in bad.text
    assert "the model has no layers for fc" in bad.text
    assert "Wrong when run alone: fc." in bad.text
    # The last layer: both float types, modes and ways; and the model itself. Here and below.
    assert len(bad.named("tr", **{"class": "failed"})) == 2 * (2 * 2 * 2 + 1)


def test_of_many_differences_the_first_are_shown_at_once():
    rows = [compared(f"inference/layers/{k}", "float64", 1) for k in range(50)]
    found = Page(page(made_report(comparisons=tuple(rows))))
    assert "30 more are listed below" in found.text
    assert found.text.count("inference/layers/") == 1 + 20
    assert len(found.named("tr", **{"class": "failed"})) == 20 + 50


def test_what_could_not_be_compared_has_its_own_verdict():
    text = Page(page(made_report(problems=("no layers for fc",)))).text
    assert "! Not all compared" in text
    assert "no layers for fc" in text


def test_every_comparison_is_listed(good):
    rows = [found for tag, found in good.tags if tag == "tr"]
    # A row each; one more per kind; the heads of the tables; one drift.
    kinds = len(made_report().groups)
    assert len(rows) == 38 + kinds + (kinds + 2) + 1


def test_further_training_is_that_after_most_passes(good):
    assert "after 5 training passes" in good.text
    assert "0.25" in good.text
    assert "0.02" not in good.text


def test_a_report_of_nothing_is_a_page_too():
    empty = made_report(
        comparisons=(), provenance=None, running_statistics=(), worst_layer=None, drifts=()
    )
    assert "0 of 0 arrays agree" in Page(page(empty)).text


# --- drawings


def drawn(source: str, label: str) -> str:
    """Return the source of one drawing."""
    found = re.search(rf'<svg [^>]*aria-label="{label}"[^>]*>.*?</svg>', source, re.DOTALL)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("dtype", ("float64", "float32"))
def test_errors_of_layers_are_drawn_for_both_modes_and_both_ways(dtype):
    drawing = drawn(page(made_report()), f"Errors in {dtype}")
    # Three layers and the legend's.
    assert drawing.count('class="inference"') == 4
    assert drawing.count('class="training"') == 4
    assert drawing.count('class="inference hollow"') == 4
    assert drawing.count('class="training hollow"') == 4
    assert "failed" not in drawing
    assert ">allowed<" in drawing
    assert ">exact<" in drawing


def test_errors_beyond_their_bound_are_crosses():
    drawing = drawn(page(different_report()), "Errors in float32")
    assert drawing.count("inference failed") == 1
    assert ">no number<" in drawing


def columns(drawing: str) -> list[str]:
    """Return the names along the axis, from the left."""
    return re.findall(r"rotate\(-60[^>]*>([^<]+)<", drawing)


def test_gradients_are_drawn_from_the_outputs_to_the_inputs():
    source = page(made_report())
    drawing = drawn(source, "Errors of gradients in float64")
    assert columns(drawing) == ["fc.W", "bn.W", "conv.W", "input"]
    # Four arrays and the legend's.
    assert drawing.count('class="inference"') == drawing.count('class="training"') == 4 + 1
    assert "Errors of gradients in float32" not in source
    # 1, 2, 3 and 4 times the same: twice that is as far up as twice again.
    y = heights(drawing)
    assert y["fc.W"] > y["bn.W"] > y["conv.W"] > y["input"]
    assert y["fc.W"] - y["bn.W"] == pytest.approx(y["bn.W"] - y["input"], abs=0.2)


def test_slopes_are_drawn_in_their_own_unit():
    slopes = replace(compared("training/slopes/all", "float64", 0), ratio=0.25, bound=8.0)
    wrong = replace(compared("inference/slopes/fc.W", "float64", 1), ratio=99.0, bound=8.0)
    source = page(made_report(comparisons=(wrong, slopes)))
    drawing = drawn(source, "Errors of gradients in float64")
    assert columns(drawing) == ["fc.W", "all"]
    assert ">error / the original's own<" in drawing
    assert "inference hollow failed" in drawing
    assert "Errors, layer by layer" not in source


def test_without_gradients_there_is_no_drawing_of_them():
    rows = (compared("inference/layers/fc", "float64", 0),)
    assert "gradients in" not in page(made_report(comparisons=rows))


def heights(drawing: str) -> dict[str, float]:
    """Return how high the marks of one pass in inference mode stand, by layer."""
    marks = re.findall(
        r'<circle cx="[^"]+" cy="([^"]+)" r="[^"]+" class="inference"><title>([\w.]+):', drawing
    )
    return {layer: float(y) for y, layer in marks}


def test_heights_are_logarithms():
    rows = [compared(f"inference/layers/{k}", "float32", 10.0**-k) for k in (0, 1, 3)]
    y = heights(drawn(page(made_report(comparisons=tuple(rows))), "Errors in float32"))
    assert 0 < y["0"] < y["1"] < y["3"]
    assert y["3"] - y["1"] == pytest.approx(2 * (y["1"] - y["0"]), abs=0.2)


def test_each_column_has_its_bound():
    rows = [
        replace(compared(f"inference/layers/{k}", "float32", 0.5), bound=bound)
        for k, bound in enumerate((8.0, 800.0, 0.8))
    ]
    drawing = drawn(page(made_report(comparisons=tuple(rows))), "Errors in float32")
    (path,) = re.findall(r'<path d="([^"]+)" class="bound">', drawing)
    first, second, third = (float(y) for y in re.findall(r"M\S+ (\S+)h", path))
    assert second < first < third
    assert first - second == pytest.approx(2 * (third - first), abs=0.2)
    # The marks are where they were: half a unit below the first bound, 1.2 powers of ten.
    (y,) = set(heights(drawing).values())
    assert (y - first) / (third - first) == pytest.approx(math.log10(8 / 0.5), abs=0.05)


@pytest.mark.parametrize("size", (0.0, 1e-300, 1.0, 1e300, math.inf, math.nan))
def test_any_number_finds_its_place(size):
    rows = (compared("inference/layers/fc", "float32", size),)
    source = page(made_report(comparisons=rows))
    width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', source).groups())
    drawing = drawn(source, "Errors in float32")
    for name, value in re.findall(r' (c?[xy][12]?)="([^"]+)"', drawing):
        assert 0 <= float(value) <= (width if "x" in name else height)


def test_numbers_that_do_not_change_or_are_none_are_drawn():
    still = running_statistic("bn", "mean")
    rows = ((1.0, math.nan),) * 3
    still = type(still)("bn", "mean", (0, 1, 2), 2, (0, 1), rows, rows)
    drawing = drawn(page(made_report(running_statistics=(still,))), "bn.mean")
    assert "nan" not in drawing
    assert drawing.count("<circle") == 3


def test_of_many_statistics_those_that_part_most_are_drawn():
    many = tuple(running_statistic(f"bn{k}", "mean", apart=k / 100) for k in range(30))
    source = page(made_report(running_statistics=many))
    assert "of 30, the 9 that part most" in source
    assert 'aria-label="bn29.mean"' in source
    assert 'aria-label="bn20.mean"' not in source


def test_histograms_show_both_sides():
    drawing = drawn(page(made_report()), "fc, output")
    assert drawing.count("<rect") == 3
    assert drawing.count('class="port"') == 1


# --- what it is made of


@pytest.mark.parametrize(
    "report", (made_report(), different_report(HOSTILE)), ids=("good", "hostile")
)
def test_a_page_needs_and_runs_nothing(report):
    found = Page(page(report))
    assert {tag for tag, _ in found.tags} & {"script", "link", "img", "iframe", "object"} == set()
    for _, attributes in found.tags:
        assert not {"src", "href", "style", "srcset"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in style_sheet()
    assert "@import" not in style_sheet()
    (policy,) = found.named("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'")


def test_names_from_a_file_are_shown_as_they_are():
    source = page(different_report(HOSTILE))
    assert "\x1b" not in source
    assert "\u202e" not in source
    assert r"<script src=" not in source
    assert r'<script src="//evil">\x1b[2J[red]&amp;\u202e' in Page(source).text


def test_a_net_of_hundreds_of_layers_is_a_page_of_few_megabytes():
    names = [f"res{k}_branch2a_and_more_of_a_name" for k in range(520)]
    source = page(made_report(names))
    assert len(source) < 5_000_000
    labels = columns(drawn(source, "Errors in float32"))
    assert 20 < len(labels) <= 48
    assert max(map(len, labels)) <= 22


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", range(3), ids=("light", "dark", "print"))
@pytest.mark.parametrize("ground", ("paper", "panel"))
def test_text_stands_out_from_its_ground(theme, ground):
    block = re.findall(r":root \{(.*?)\}", style_sheet(), re.DOTALL)[theme]
    colours = dict(re.findall(r"--(\w+): (#\w{6});", block))
    for name in colours.keys() - {"paper", "panel", "line"}:
        lighter, darker = sorted(map(luminance, (colours[name], colours[ground])), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, name

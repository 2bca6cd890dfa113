"""The page as a browser shows it: quiet, by itself, and readable in any window."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import pytest

from tests.compare.browser import NAMES, Browser, chromium, started
from tests.compare.made_reports import HOSTILE, different_report, made_report

REPORTS = {
    "good": made_report(),
    "hostile": different_report(HOSTILE),
    "deep": made_report([f"res{k}_branch2a/and_more_of_a_name" for k in range(520)]),
}
LOOKS = {
    "light": ("light", "screen", 1200),
    "dark": ("dark", "screen", 1200),
    "narrow": ("light", "screen", 400),
    "print": ("dark", "print", 800),
}
GROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip(f"no browser here: none of {', '.join(NAMES)} is installed")
    with started(path) as running:
        yield running


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pages")
    for name, report in REPORTS.items():
        report.to_html(directory / f"{name}.html")
    return directory


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_asks_for_nothing_and_complains_of_nothing(name, browser, pages):
    browser.prefer("light")
    browser.resize(1200, 900)
    browser.open(pages / f"{name}.html")
    asked = [event["request"]["url"] for event in browser.of("Network.requestWillBeSent")]
    assert asked == [(pages / f"{name}.html").as_uri()]
    complaints = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert browser.of(*complaints) == []
    assert browser.value("document.scripts.length") == 0
    # Whatever a name tried to be, it is in no tag.
    assert browser.value("document.querySelectorAll('red, script').length") == 0


def test_the_policy_of_a_page_keeps_scripts_from_running(browser, pages, tmp_path):
    source = (pages / "good.html").read_text(encoding="utf-8")
    smuggled = "<script>document.title = 'smuggled'</script><img src='http://127.0.0.1:9/x.png'>"
    (tmp_path / "smuggled.html").write_text(source.replace("<main>", f"<main>{smuggled}"))
    browser.open(tmp_path / "smuggled.html")
    assert browser.value("document.title") != "smuggled"
    assert len(browser.of("Log.entryAdded")) == 2


@pytest.mark.parametrize(
    ("name", "look"),
    (("deep", "narrow"), *((name, look) for name in ("good", "hostile") for look in LOOKS)),
)
def test_a_page_fits_its_window(name, look, browser, pages):
    scheme, media, width = LOOKS[look]
    browser.prefer(scheme, media)
    browser.resize(width, 900)
    browser.open(pages / f"{name}.html")
    assert browser.value("document.documentElement.scrollWidth") <= width
    ground = GROUNDS["light" if media == "print" else scheme]
    assert browser.value("getComputedStyle(document.body).backgroundColor") == ground
    picture = pixels(browser.screenshot())
    assert len({picture[k : k + 3] for k in range(0, len(picture), 300)}) > 3


def test_every_drawing_has_a_name_and_a_size(browser, pages):
    browser.prefer("light")
    browser.resize(1200, 900)
    browser.open(pages / "good.html")
    count = browser.value("document.querySelectorAll('svg').length")
    assert count == 2 + 1 + 2 + 2  # errors, those of gradients, statistics, histograms
    unnamed = "[...document.querySelectorAll('svg')].filter(x => !x.getAttribute('aria-label'))"
    assert browser.value(f"{unnamed}.length") == 0
    flat = (
        "[...document.querySelectorAll('svg')].filter(x => x.getBoundingClientRect().height < 100)"
    )
    assert browser.value(f"{flat}.length") == 0


def test_what_differs_is_seen_at_once_and_the_rest_folded(browser, pages):
    browser.open(pages / "hostile.html")
    shown = "[...document.querySelectorAll('tr.failed')].filter(x => x.checkVisibility())"
    assert browser.value(f"{shown}.length") == 9
    rows = "[...document.querySelectorAll('details tr')].filter(x => x.checkVisibility())"
    assert browser.value(f"{rows}.length") == 0
    browser.value("document.querySelector('summary').click()")
    assert browser.value(f"{rows}.length") > 0


def pixels(png: bytes) -> bytes:
    """Return the bytes of the rows of a PNG; filters only make equal pixels more equal."""
    place, packed = 8, b""
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            packed += png[place + 8 : place + 8 + length]
        place += 12 + length
    return zlib.decompress(packed)

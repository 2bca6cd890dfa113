"""A report on a terminal, and in a pipe."""

from __future__ import annotations

import io
import re

import pytest

from lasport.compare.report import Report
from lasport.compare.table import show_report
from tests.compare.made_reports import HOSTILE, compared, different_report, made_report


class Terminal(io.TextIOWrapper):
    """A terminal of some encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def shown(report: Report, encoding: str = "utf-8") -> str:
    stream = Terminal(encoding)
    show_report(report, stream)
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)


def test_a_terminal_gets_a_row_for_each_kind():
    lines = [line.split() for line in shown(made_report()).splitlines()]
    assert ["compared", "in", "agree", "worst", "its", "error", "allowed"] in [
        [word.strip("\x1b[10m") for word in line if word.strip("\x1b[10m")] for line in lines
    ]
    rows = [line for line in lines if line[:1] == ["inference/layers"]]
    assert [row[1] for row in rows] == ["float64", "float32"]
    assert rows[0][-5:] == ["fc", "3e-15,", "14", "ulp", "1e-10"]
    assert rows[1][-5:] == ["fc", "1.5", "times", "8", "times"]


VERDICTS = {
    "equal": (made_report(), "\x1b[1;32mequal"),
    "different": (different_report(), "\x1b[1;31mDIFFERENT"),
    "incomplete": (made_report(problems=("no layers",)), "\x1b[1;33mNOT ALL COMPARED"),
}


@pytest.mark.parametrize(("report", "verdict"), VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_is_coloured(report, verdict):
    assert verdict in shown(report).splitlines()[0]


def test_whoever_wants_no_colours_gets_none(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in shown(different_report())
    assert "DIFFERENT" in shown(different_report())


def test_the_verdict_is_seen_behind_long_names():
    first, *_ = shown(made_report(model="model " + 30 * "name ")).splitlines()
    assert "equal" in first


@pytest.mark.parametrize("encoding", ("utf-8", "ascii"))
def test_names_are_neither_markup_nor_orders(encoding):
    report = made_report((HOSTILE, "\u03b3"), problems=(f"[bold]{HOSTILE}",))
    text = shown(report, encoding)
    assert "\x1b[2J" not in text
    assert rf"not compared: [bold]{HOSTILE.encode('unicode_escape').decode()}" in text


def test_rows_fit_the_terminal_and_remarks_are_whole():
    name = "inception_3a/a_name_of_many_words_in_a_row"
    text = shown(different_report(name))
    lines = text.splitlines()
    rows = [line for line in lines if line.startswith(("inference", "training"))]
    assert len(rows) == len(different_report(name).groups)
    seen = [re.sub(r"\x1b\[\d*m", "", line) for line in rows]
    assert max(map(len, seen)) <= 80
    assert seen[2].split()[-2:] == ["0.001", "1e-10"]
    assert f"not compared: the model has no layers for {name}" in lines
    assert f"first divergence: inference/layers/{name}" in text


def test_a_pipe_gets_all_of_it_as_plain_text():
    stream = io.StringIO()
    report = different_report()
    show_report(report, stream)
    assert stream.getvalue() == report.to_text() + "\n"


def test_layers_with_slashes_are_one_kind():
    rows = [compared(f"inference/layers/{name}", "float64", 0) for name in ("a/x", "a/y", "b/x")]
    (group,) = made_report(comparisons=tuple(rows)).groups
    assert (str(group), group.agreed) == ("inference/layers [float64]", 3)
    assert [row.name for row in group.members] == ["a/x", "a/y", "b/x"]

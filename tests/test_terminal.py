"""What stands on a terminal besides results."""

from __future__ import annotations

import io
import os
import sys

import pytest

from lasport.terminal import show, startup_silenced, status_line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


SHOWN = {
    "escape sequence": ("\x1b[2Jfc", "utf-8", r"\x1b[2Jfc"),
    "carriage return": ("bad\rgood", "utf-8", r"bad\rgood"),
    "direction mark": ("fc\u202ednib", "utf-8", r"fc\u202ednib"),
    "lone surrogate": ("fc\udcff", "utf-8", r"fc\udcff"),
    "letter": ("scale.\u03b3", "utf-8", "scale.\u03b3"),
    "letter beyond the encoding": ("scale.\u03b3", "ascii", r"scale.\u03b3"),
    "lines": ("one\ntwo", "utf-8", "one\ntwo"),
}


@pytest.mark.parametrize(("text", "encoding", "expected"), SHOWN.values(), ids=SHOWN)
def test_text_is_shown_harmless(text, encoding, expected):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    show(text, stream)
    stream.flush()
    assert raw.getvalue().decode(encoding) == expected + "\n"


def test_stages_overwrite_each_other(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    with status_line(stream) as tell:
        tell("a stage of more than twenty columns")
        tell("short")
    written = stream.getvalue().split("\r")
    assert "\n" not in stream.getvalue()
    assert [line.rstrip() for line in written if line.strip()] == [
        *["a stage of more tha"] * 2,
        *["short"] * 2,
    ]
    assert max(map(len, written)) < 20
    assert written[-2:] == [" " * len("short"), ""]


def test_failure_wipes_the_line_too():
    stream = Terminal()

    def fail() -> None:
        with status_line(stream) as tell:
            tell("reading")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert stream.getvalue().endswith(" " * len("reading") + "\r")


def test_nothing_is_written_where_nobody_looks():
    stream = io.StringIO()
    with status_line(stream) as tell:
        tell("reading")
    assert stream.getvalue() == ""


# As TensorFlow's libraries do it: to the descriptor, past Python.
CHATTER = """
import os
from lasport.terminal import startup_silenced

with startup_silenced():
    os.write(2, b"chatter;")
os.write(2, b"level " + os.environ["TF_CPP_MIN_LOG_LEVEL"].encode())
"""
LEVELS = {
    None: b"level 3",
    "3": b"level 3",
    "0": b"chatter;level 0",
}


@pytest.mark.parametrize(("level", "expected"), LEVELS.items())
def test_startup_is_silent_unless_the_user_wants_to_see_it(
    level, expected, run_python, tmp_path, monkeypatch
):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if level is not None:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    result = run_python("-c", CHATTER, cwd=tmp_path)
    assert result.stderr.encode() == expected


def test_errors_while_starting_are_seen(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")

    def start() -> None:
        with startup_silenced():
            os.write(2, b"chatter")
            raise ImportError("no tensorflow")

    with pytest.raises(ImportError, match="no tensorflow"):
        start()
    print("after", file=sys.stderr)
    assert capfd.readouterr().err == "after\n"

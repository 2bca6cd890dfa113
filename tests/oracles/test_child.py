"""A process in another interpreter: what is heard of it, how it ends, and that nothing is left."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from lasport.errors import ComparisonError, UsageError
from lasport.oracles.child import SHOWN_LINES, Child, describe_end, find_interpreter

# Starts a process of its own, and both say that they are alive.
BEATING = """
import os, sys, time
os.fork()
while True:
    with open(os.path.join(sys.argv[1], "beat"), "a") as stream:
        stream.write("x")
    time.sleep(0.02)
"""


@pytest.fixture
def child(tmp_path: Path) -> Child:
    return Child("python2.7", tmp_path)


def run(child: Child, source: str, timeout: float = 60, tell=lambda stage: None) -> int:
    command = [sys.executable, "-c", source, str(child.place)]
    return child.run(command, dict(os.environ), timeout, tell)


def require_silence(place: Path) -> None:
    """Fail if a process of BEATING is alive."""
    beats = (place / "beat").stat().st_size
    time.sleep(0.3)
    assert (place / "beat").stat().st_size == beats > 0


def test_stages_are_told_while_it_runs(child):
    told = []

    def tell(stage):
        told.append(stage)
        if stage == "second":
            (child.place / "go").touch()

    source = """
import os, sys, time
print("first", flush=True)
print("second", flush=True)
while not os.path.exists(os.path.join(sys.argv[1], "go")):
    time.sleep(0.01)
print("third\\nno line yet", end="")
sys.exit(7)
"""
    assert run(child, source, tell=tell) == 7
    assert told == child.stages == ["first", "second", "third"]
    assert child.doing() == "at 'third'"


def test_the_end_of_what_it_printed_is_shown_harmless(child):
    source = (
        "import sys\nfor n in range(90): print(n, file=sys.stderr)\n"
        "sys.stderr.buffer.write(b'\\x1b[2J\\xff last\\n\\n')"
    )
    assert run(child, source) == 0
    assert child.last_line() == "\\x1b[2J\N{REPLACEMENT CHARACTER} last"
    lines = child.printed().split("\n")[1:]
    assert lines == ["The end of what it printed:", *(f"  {n}" for n in range(79, 90)), lines[-1]]
    assert len(lines) == 1 + SHOWN_LINES
    assert lines[-1] == "  " + child.last_line()


def test_one_that_says_nothing_is_quoted_with_nothing(child):
    assert run(child, "") == 0
    assert (child.printed(), child.doing()) == ("", "before it did anything")
    assert child.last_line() == "it does not say why"


def test_it_is_stopped_with_its_processes_when_the_time_is_up(child):
    source = f"print('beating', flush=True)\n{BEATING}"
    message = r"python2\.7 took longer than 2 s, and was stopped at 'beating'; .*--timeout"
    began = time.monotonic()
    with pytest.raises(ComparisonError, match=message):
        run(child, source, timeout=2)
    assert time.monotonic() - began < 20
    require_silence(child.place)


def test_it_is_stopped_when_whoever_listens_fails(child):
    def tell(stage):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(child, BEATING.replace('"x")', '"x")\n    print(flush=True)'), tell=tell)
    require_silence(child.place)


def test_a_signal_is_named(child):
    assert describe_end(run(child, "import os; os.kill(os.getpid(), 9)")) == "was ended by SIGKILL"
    assert describe_end(-signal.NSIG - 1) == f"was ended by signal {signal.NSIG + 1}"


@pytest.mark.parametrize("content", (b"", b"\x7fELF and no more"))
def test_what_the_machine_cannot_execute_is_named(content, child):
    program = child.place / "python"
    program.write_bytes(content)
    program.chmod(0o755)
    with pytest.raises(UsageError, match=r"python2\.7 cannot be executed: Exec format error"):
        child.run([str(program)], dict(os.environ), 60, print)


def test_interpreters_are_found_as_a_shell_finds_them(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "python2.7"
    program.parent.mkdir()
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("python2.7", str(program), "~/bin/python2.7"):
        assert find_interpreter(name) == str(program)


MISSING = {
    "no such path": ("/no/python", "there is no Python interpreter /no/python"),
    "no such name": ("python1.5", "there is no Python interpreter python1.5"),
    "no program": (__file__, "cannot be executed; it must be a Python interpreter"),
    "a directory": (str(Path(__file__).parent), "is a directory"),
}


@pytest.mark.parametrize(("name", "message"), MISSING.values(), ids=MISSING)
def test_what_is_no_interpreter_is_refused(name, message):
    with pytest.raises(UsageError, match=message):
        find_interpreter(name)

"""A process in another interpreter: started, listened to, and never left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lasport.errors import ComparisonError, UsageError
from lasport.terminal import harmless

__all__ = ["Child", "describe_end", "find_interpreter"]

# How often to look for a new stage, in seconds.
POLL = 0.1
# Of what the process printed, as much is shown.
SHOWN_LINES, SHOWN_BYTES = 12, 2000


def find_interpreter(python: str) -> str:
    """Return the path of an interpreter.

    Raises
    ------
    UsageError
        If there is none of that name, or it is no program.
    """
    named = os.path.expanduser(python)  # noqa: PTH111 - a name without a slash is none of a file
    program = shutil.which(named)
    if program is not None:
        return program
    if Path(named).is_dir():
        raise UsageError(f"{python} is a directory, not a Python interpreter")
    if Path(named).exists():
        raise UsageError(f"{python} cannot be executed; it must be a Python interpreter")
    raise UsageError(f"there is no Python interpreter {python}")


@dataclass
class Child:
    """A process that tells its stages on stdout, line by line, and the rest on stderr.

    Both go to files, which nobody has to read in time, and which a process
    that outlives it can hold open without consequence.

    Attributes
    ----------
    python : str
        What its user calls the interpreter.
    place : Path
        A folder for what it prints.
    stages : list of str
        What it told so far.
    """

    python: str
    place: Path
    stages: list[str] = field(default_factory=list)

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        timeout: float,
        tell: Callable[[str], None],
    ) -> int:
        """Run a command to its end; whatever ends the wait earlier ends the process too.

        Parameters
        ----------
        command : sequence of str
            The program and its arguments.
        environment : mapping of str to str
            All of its environment.
        timeout : float
            Seconds after which the process is killed, with those that it started.
        tell : callable
            Told each stage.

        Returns
        -------
        int
            The exit status; negative, the number of the signal that ended it.

        Raises
        ------
        UsageError
            If the program cannot be executed.
        ComparisonError
            After the time is up.
        """
        end = time.monotonic() + timeout
        with self._started(command, environment) as process:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(POLL)
                self._tell_new_stages(tell)
                if process.returncode is not None:
                    return process.returncode
                if time.monotonic() > end:
                    raise ComparisonError(
                        f"{self.python} took longer than {timeout:g} s, and was stopped "
                        f"{self.doing()}; allow it more (timeout=, --timeout)"
                    )

    def doing(self) -> str:
        """Return the last stage, as the end of a sentence."""
        return f"at {self.stages[-1]!r}" if self.stages else "before it did anything"

    def last_line(self) -> str:
        """Return the last line that it printed to stderr."""
        return next(reversed(self._stderr()), "it does not say why")

    def printed(self) -> str:
        """Return the end of what it printed to stderr, to stand below an error."""
        lines = self._stderr()[-SHOWN_LINES:]
        return "\n  ".join(["\nThe end of what it printed:", *lines]) if lines else ""

    def _stderr(self) -> list[str]:
        with (self.place / "stderr").open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, end - SHOWN_BYTES))
            text = stream.read().decode("utf-8", "replace")
        return [line for line in harmless(text.expandtabs()).split("\n") if line.strip()]

    def _tell_new_stages(self, tell: Callable[[str], None]) -> None:
        text = (self.place / "stdout").read_text(encoding="utf-8", errors="replace")
        complete = harmless(text).split("\n")[:-1]
        for stage in complete[len(self.stages) :]:
            self.stages.append(stage)
            tell(stage)

    @contextlib.contextmanager
    def _started(
        self, command: Sequence[str], environment: Mapping[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a process in a group of its own, and leave nothing of it running."""
        with (self.place / "stdout").open("wb") as out, (self.place / "stderr").open("wb") as err:
            try:
                process = subprocess.Popen(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            except OSError as error:  # no program after all, or one for another machine
                raise UsageError(f"{self.python} cannot be executed: {error.strerror}") from error
        try:
            yield process
        finally:
            if process.returncode is None:
                _kill_group(process)
                process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and those that it started; nobody waited for it yet, so the id is its own."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def describe_end(status: int) -> str:
    """Say how a process ended, from its exit status.

    Examples
    --------
    >>> describe_end(2), describe_end(-11)
    ('ended with exit status 2', 'was ended by SIGSEGV')
    """
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"

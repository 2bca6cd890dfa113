"""The command line: ``lasport inspect``, ``convert``, ``verify``, ``record``, and others.

Exit codes: 0 equal or done; 1 computed, and differs; 2 input that cannot be
read or is refused, or wrong usage; 3 layers without a translation.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lasport.cli.arguments import parse
from lasport.cli.nets import run_registrations_of
from lasport.errors import LasportError
from lasport.own_layers import temporary_registrations
from lasport.terminal import show

__all__ = ["main"]

# What a shell reports of a program that died of the signal.
INTERRUPTED, BROKEN_PIPE, TERMINATED = 130, 141, 143


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the program's name; by default what the process was started with.

    Returns
    -------
    int
        The exit code, see the module. Wrong usage raises SystemExit, as
        argparse does.
    """
    arguments = parse(argv)
    try:
        with _terminable(), temporary_registrations():
            run_registrations_of(arguments.register)
            code: int = arguments.run(arguments)
            sys.stdout.flush()
    except LasportError as error:
        show(f"lasport: {error}", sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever was reading has seen enough; at exit Python would try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        show(f"lasport: {place}{error.strerror or error}", sys.stderr)
        return LasportError.exit_code
    except KeyboardInterrupt:
        show("lasport: interrupted", sys.stderr)
        return INTERRUPTED
    return code


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a request to terminate unwind the process, so that nothing half-written stays."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's business
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

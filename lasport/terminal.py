"""What a command shows on a terminal: text made harmless, and one line that says what goes on."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["Progress", "harmless", "show", "startup_silenced", "status_line"]

Progress = Callable[[str], None]


def harmless(text: str, encoding: str = "utf-8") -> str:
    r"""Return a text with escapes for all characters that nobody sees, or that cannot be encoded.

    Parameters
    ----------
    text : str
        Of unknown origin. Its line ends stay.
    encoding : str
        Of where it will be shown.

    Returns
    -------
    str

    Examples
    --------
    >>> harmless("lab.Layer\x1b[2J")
    'lab.Layer\\x1b[2J'
    """
    seen = "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )
    return seen.encode(encoding, "backslashreplace").decode(encoding)


def show(text: str, stream: TextIO) -> None:
    r"""Print text that a file of unknown origin had a part in.

    Parameters
    ----------
    text : str
        Characters that steer a terminal, or that the stream cannot encode, are
        shown as escapes.
    stream : text stream
        Where to.

    Examples
    --------
    >>> show("lab.Layer\x1b[2J", sys.stdout)
    lab.Layer\x1b[2J
    """
    print(harmless(text, stream.encoding or "utf-8"), file=stream)


@contextmanager
def status_line(stream: TextIO) -> Iterator[Progress]:
    """Show the stage of long work in a single line that is wiped afterwards.

    Parameters
    ----------
    stream : text stream
        Nothing is written to it unless it is a terminal.

    Yields
    ------
    callable
        To be told each stage.
    """
    if not stream.isatty():
        yield lambda stage: None
        return
    width = 0

    def tell(stage: str) -> None:
        nonlocal width
        # A line that wraps could not be rewritten.
        line = stage[: shutil.get_terminal_size().columns - 1]
        stream.write(f"\r{line.ljust(width)}\r{line}")
        stream.flush()
        width = len(line)

    try:
        yield tell
    finally:
        tell("")


@contextmanager
def startup_silenced() -> Iterator[None]:
    """Drop what TensorFlow's libraries print while they are loaded.

    ``TF_CPP_MIN_LOG_LEVEL`` is set to 3 for the rest of the process, and is
    not enough: some lines come before TensorFlow looks at it. Whoever set it
    to less, to see more, sees all.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        yield
        return
    stderr = 2  # TensorFlow knows nothing of sys.stderr
    sys.stderr.flush()
    kept = os.dup(stderr)
    try:
        with tempfile.TemporaryFile() as dropped:
            os.dup2(dropped.fileno(), stderr)
            yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, stderr)
        os.close(kept)

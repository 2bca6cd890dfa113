"""Output files that are there whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lasport.errors import UsageError

__all__ = ["replacing", "require_writable"]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Let a block write a file elsewhere, and put it in place when the block succeeds.

    Parameters
    ----------
    path : path-like
        Where the file shall be; replaced if it exists. A link stays, and what
        it points to is replaced.

    Yields
    ------
    Path
        Where to write: a file of the same name in an empty directory beside
        ``path``, which is gone afterwards, with whatever else was left in it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "weights.txt"
    >>> with replacing(path) as partial:
    ...     written = partial.write_text("1 2 3")
    >>> path.read_text()
    '1 2 3'
    """
    target = Path(path).resolve()
    # Beside the target, because a file can only be moved at once within its file system.
    with tempfile.TemporaryDirectory(prefix=".lasport-", dir=target.parent) as directory:
        partial = Path(directory) / target.name
        yield partial
        partial.replace(target)


def require_writable(
    path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Refuse a place for an output while nothing has been computed yet.

    Parameters
    ----------
    path : path-like
        Where the output shall be.
    inputs : iterable of path-like
        Files that must not be overwritten.

    Raises
    ------
    UsageError
        If the directory is missing or read-only, if something is there that is
        no regular file, or if the output is one of the inputs.
    """
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise UsageError(f"{path}: there is no directory {target.parent}")
    if target.exists() and not target.is_file():
        raise UsageError(f"{path}: is there already, and no regular file")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: directory {target.parent} cannot be written to")
    for source in map(Path, inputs):
        if target.exists() and source.exists() and target.samefile(source):
            raise UsageError(f"{path}: is the input itself; give the output another name")

"""Output files and directories that are there whole, or not at all."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lasport.errors import UsageError

__all__ = ["filling", "replacing", "require_fillable", "require_writable", "write_json"]


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


@contextmanager
def filling(path: str | os.PathLike[str], sign: str | None = None) -> Iterator[Path]:
    """Let a block fill a directory elsewhere, and put it in place when the block succeeds.

    Parameters
    ----------
    path : path-like
        Where the directory shall be.
    sign : str, optional
        As for :func:`require_fillable`.

    Yields
    ------
    Path
        An empty directory beside ``path``, which is gone afterwards.

    Raises
    ------
    UsageError
        If something is there that must not be replaced.
    """
    require_fillable(path, sign)
    target = Path(path).resolve()
    with tempfile.TemporaryDirectory(prefix=".lasport-", dir=target.parent) as directory:
        partial = Path(directory) / "new"
        partial.mkdir()
        yield partial
        if target.exists():
            target.replace(Path(directory) / "old")
        partial.replace(target)


def write_json(path: str | os.PathLike[str], content: Mapping[str, object]) -> None:
    """Write plain data as JSON; an interrupted run leaves the old file or none.

    Parameters
    ----------
    path : path-like
        Replaced if it exists.
    content : mapping
        Infinities and NaN, which JSON does not have, are written as strings.
    """
    text = json.dumps(_finite(content), indent=1, allow_nan=False)
    with replacing(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def require_fillable(path: str | os.PathLike[str], sign: str | None = None) -> None:
    """Refuse a place for a directory while nothing has been computed yet.

    Parameters
    ----------
    path : path-like
        Where the directory shall be: it may be missing or empty.
    sign : str, optional
        A directory with a file of this name may be replaced too.

    Raises
    ------
    UsageError
        If there is no directory for it to be in or that one is read-only, or
        if something is there that must not be replaced.
    """
    target = _require_place(path)
    if target.exists() and not target.is_dir():
        raise UsageError(f"{path}: is there already, and no directory")
    replaceable = sign is not None and (target / sign).is_file()
    if target.is_dir() and any(target.iterdir()) and not replaceable:
        raise UsageError(f"{path}: is there already, and not empty")


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
    target = _require_place(path)
    if target.exists() and not target.is_file():
        raise UsageError(f"{path}: is there already, and no regular file")
    for source in map(Path, inputs):
        if target.exists() and source.exists() and target.samefile(source):
            raise UsageError(f"{path}: is the input itself; give the output another name")


def _require_place(path: str | os.PathLike[str]) -> Path:
    """Return where an output really is going to be, in a directory that takes one."""
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise UsageError(f"{path}: there is no directory {target.parent}")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: directory {target.parent} cannot be written to")
    return target

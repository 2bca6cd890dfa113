"""Content of a file, decompressed when its first bytes say so.

Whether a file is compressed is told by its first bytes; users call gzip files
``.pkl`` and plain ones ``.gz``.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tempfile
import zlib
from collections.abc import Callable
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import BinaryIO, TypeAlias

from lasport.errors import RefusedFileError, UnreadableFileError, naming

__all__ = ["allowed_size", "open_content", "read_bytes"]

_Stream: TypeAlias = "gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile"

_FORMATS: dict[bytes, tuple[str, Callable[[BinaryIO], _Stream]]] = {
    b"\x1f\x8b\x08": ("gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    b"BZh": ("bz2", bz2.BZ2File),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMAFile),
}
# A compressed file inside a compressed file happens; more than that is no accident.
_MAX_LAYERS = 3

# Trained weights hardly compress. A file that grows by more than this factor, beyond a
# size that any machine can hold, was made to fill memory.
_MAX_GROWTH = 100
_ALWAYS_ALLOWED = 2**28
_CHUNK = 2**20
# Beyond this size unpacked content is a temporary file: weights shall be in memory once.
_IN_MEMORY = 2**24


def open_content(path: str | PathLike[str]) -> BinaryIO:
    """Open a file, and decompress it where it is gzip, bz2 or xz by content.

    A compressed file may hold another one, three layers at most. Decompressed content of
    more than 256 MiB is refused where it is also more than 100 times the file's size.
    What is not compressed is read from the file as it is asked for.

    Parameters
    ----------
    path : str or path-like
        The file; its name is of no importance.

    Returns
    -------
    binary file
        The content, decompressed, from its beginning; it can seek, and wants closing.

    Raises
    ------
    UnreadableFileError
        Where the file is missing, a directory, truncated or corrupt.
    RefusedFileError
        Where the content is out of all proportion to the file.
    """
    try:
        file: BinaryIO = Path(path).open("rb")  # noqa: SIM115 - the caller closes it
        with naming(path):
            if not file.seekable():  # a pipe
                with file:
                    return _decompressed(BytesIO(file.read()))
            return _decompressed(file)
    except OSError as error:
        raise UnreadableFileError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:  # a name that no file can have
        raise UnreadableFileError(f"{str(path)!r}: {error}") from error


def read_bytes(path: str | PathLike[str]) -> bytes:
    """Return what :func:`open_content` opens, whole."""
    with open_content(path) as content:
        return content.read()


def allowed_size(stream: BinaryIO) -> int:
    """Return how many bytes a file may unpack to; the stream is at its beginning afterwards."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return max(_ALWAYS_ALLOWED, _MAX_GROWTH * size)


def _decompressed(stream: BinaryIO) -> BinaryIO:
    limit = allowed_size(stream)
    for _ in range(_MAX_LAYERS):
        stream.seek(0)
        start = stream.read(max(map(len, _FORMATS)))
        stream.seek(0)
        found = [entry for magic, entry in _FORMATS.items() if start.startswith(magic)]
        if not found:
            break
        name, open_stream = found[0]
        try:
            with stream:
                stream = _decompress(open_stream(stream), limit)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise UnreadableFileError(f"truncated or corrupt {name} data: {error}") from error
    stream.seek(0)
    return stream


def _decompress(stream: _Stream, limit: int) -> BinaryIO:
    content: BinaryIO = BytesIO()
    with stream:
        while chunk := stream.read(_CHUNK):
            size = content.tell() + len(chunk)
            if size > _IN_MEMORY and isinstance(content, BytesIO):
                content = _on_disk(content)
            if size > limit:
                raise RefusedFileError(
                    f"decompresses to more than {limit} bytes, which no trained network does;"
                    " if you trust the file, decompress it and give the result instead"
                )
            content.write(chunk)
    return content


def _on_disk(content: BytesIO) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(content.getbuffer())
    return file

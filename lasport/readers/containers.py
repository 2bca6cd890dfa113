"""Bytes of a file, decompressed when its content says so.

Whether a file is compressed is told by its first bytes; users call gzip files
``.pkl`` and plain ones ``.gz``.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from lasport.errors import RefusedFileError, UnreadableFileError

__all__ = ["read_bytes"]

_Stream: TypeAlias = "gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile"

_FORMATS: dict[bytes, tuple[str, Callable[[BytesIO], _Stream]]] = {
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


def read_bytes(path: str | PathLike[str]) -> bytes:
    """Read a file, and decompress it where it is gzip, bz2 or xz by content.

    A compressed file may hold another one, three layers at most. Decompressed content of
    more than 256 MiB is refused where it is also more than 100 times the file's size.

    Parameters
    ----------
    path : str or path-like
        The file; its name is of no importance.

    Returns
    -------
    bytes
        The content, decompressed.

    Raises
    ------
    UnreadableFileError
        Where the file is missing, a directory, truncated or corrupt.
    RefusedFileError
        Where the content is out of all proportion to the file.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableFileError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:  # a name that no file can have
        raise UnreadableFileError(f"{str(path)!r}: {error}") from error
    limit = max(_ALWAYS_ALLOWED, _MAX_GROWTH * len(data))
    for _ in range(_MAX_LAYERS):
        found = [entry for magic, entry in _FORMATS.items() if data.startswith(magic)]
        if not found:
            return data
        name, open_stream = found[0]
        try:
            data = _decompress(open_stream(BytesIO(data)), limit)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise UnreadableFileError(
                f"{path}: truncated or corrupt {name} data: {error}"
            ) from error
        except RefusedFileError as error:
            raise RefusedFileError(f"{path}: {error}") from error
    return data


def _decompress(stream: _Stream, limit: int) -> bytes:
    with stream:
        chunks = []
        size = 0
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise RefusedFileError(
                    f"decompresses to more than {limit} bytes, which no trained network does;"
                    " if you trust the file, decompress it and give the result instead"
                )
            chunks.append(chunk)
    return b"".join(chunks)

"""The arrays of an npz: of a small one all at once, of a large one each when it is asked for."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np

from lasport.errors import UnreadableFileError
from lasport.spec import Array

__all__ = ["Without", "read_members"]

# Bytes of arrays up to which they are all kept.
SMALL = 2**24


class _Members(Mapping[str, Array]):
    """Arrays of an open archive, which is closed when nobody can ask for any."""

    def __init__(self, archive: np.lib.npyio.NpzFile, content: BinaryIO) -> None:
        self._archive = archive
        self._keys = dict.fromkeys(archive.files)
        weakref.finalize(self, _close, archive, content)

    def __getitem__(self, key: str) -> Array:
        if key not in self._keys:
            raise KeyError(key)
        array: Array = self._archive[key]
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class Without(Mapping[str, Array]):
    """What a mapping holds but for one key; nothing is copied."""

    def __init__(self, arrays: Mapping[str, Array], left_out: str) -> None:
        self._arrays = arrays
        self._left_out = left_out

    def __getitem__(self, key: str) -> Array:
        if key == self._left_out:
            raise KeyError(key)
        return self._arrays[key]

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._arrays if key != self._left_out)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def read_members(content: BinaryIO) -> Mapping[str, Array]:
    """Return the arrays of an npz by name; whatever cannot be read is found now.

    Parameters
    ----------
    content : binary file
        That can seek. Closed by whoever comes last: this function, or the arrays.

    Raises
    ------
    UnreadableFileError
        If it is a single array.
    OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error
        By numpy, if it is damaged, no npz at all, or holds pickled objects.
    """
    kept = False
    try:
        archive = np.load(content, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UnreadableFileError("a single array, not a parity record")
        if sum(member.file_size for member in archive.zip.infolist()) <= SMALL:
            return {key: archive[key] for key in archive.files}
        for key in archive.files:
            archive[key].shape  # noqa: B018 - reading is all that is wanted
        kept = True
        return _Members(archive, content)
    finally:
        if not kept:
            content.close()


def _close(archive: np.lib.npyio.NpzFile, content: BinaryIO) -> None:
    archive.close()
    content.close()

"""The process that reads HDF5 files: the HDF5 library is C, and a damaged file can end it.

It is given the file as its standard input, and writes what :mod:`lasport.readers.hdf5` takes:
for each array a line of JSON and the bytes of an npy file, and in the end a line of JSON that says
how it ended.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

import h5py
import numpy as np

from lasport.errors import RefusedFileError, UnreadableFileError
from lasport.spec import Array

__all__ = ["main", "read_datasets"]

# gzip, shuffle, fletcher32, szip, nbit, scaleoffset; and lzf, which h5py brings along.
FILTERS = {1, 2, 3, 4, 5, 6, 32000}
# Enumerations are how h5py stores booleans.
NUMBERS = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM)
# What h5py raises for damaged files, beside the errors of reading.
ERRORS = (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, MemoryError)


def main() -> None:
    """Read the file that is the standard input, of which so many bytes may come."""
    out = sys.stdout.buffer
    limit = int(sys.argv[1])
    _limit_memory(limit)
    end: dict[str, object] = {"end": "read"}
    try:
        with open(0, "rb", closefd=False) as stream:
            read_datasets(stream, limit, lambda name, array: _write(out, name, array))
    except UnreadableFileError as error:
        end = {"end": "unreadable", "reason": str(error)}
    except RefusedFileError as error:
        end = {"end": "refused", "reason": str(error)}
    out.write(json.dumps(end).encode() + b"\n")
    out.flush()


def read_datasets(stream: BinaryIO, limit: int, keep: Callable[[str, Array], None]) -> None:
    """Read all data sets of numbers.

    Parameters
    ----------
    stream : binary file
    limit : int
        How many bytes they may have taken together.
    keep : callable
        Takes each name and array.

    Raises
    ------
    UnreadableFileError, RefusedFileError
    """
    left = limit

    def visit(name: str | bytes, item: object) -> None:
        nonlocal left
        if isinstance(name, bytes):
            raise UnreadableFileError("HDF5 data with a name that is no text")
        if isinstance(item, h5py.Dataset) and item.id.get_type().get_class() in NUMBERS:
            left -= item.nbytes
            _require_present(name, item, left)
            keep(name, np.asarray(item[()]))

    try:
        with h5py.File(stream, "r") as archive:
            archive.visititems(visit)
    except ERRORS as error:
        raise UnreadableFileError(f"truncated or corrupt HDF5 data: {error}") from error


def _require_present(name: str, dataset: h5py.Dataset, left: int) -> None:
    """Refuse data of other files, and sizes that are declared and not there."""
    absent = dataset.nbytes > 0 and dataset.id.get_storage_size() == 0
    if dataset.external or dataset.is_virtual or absent or left < 0:
        raise RefusedFileError(f"dataset {name} is not in the file with all its values")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(n)[0] for n in range(properties.get_nfilters())}
    if not filters <= FILTERS:
        # The library would look for a plugin, which is code, under such a number.
        raise RefusedFileError(
            f"dataset {name} is packed by filter {max(filters - FILTERS)}, which does not "
            "come with HDF5; pack it again with gzip"
        )


def _write(out: BinaryIO, name: str, array: Array) -> None:
    content = BytesIO()
    np.save(content, array, allow_pickle=False)
    out.write(json.dumps({"name": name, "bytes": content.tell()}).encode() + b"\n")
    out.write(content.getbuffer())


def _limit_memory(limit: int) -> None:
    """Let no declared size take more than a file's content needs, where the system can."""
    try:
        import resource

        with open("/proc/self/statm") as stream:  # noqa: PTH123 - read at once
            taken = int(stream.read().split()[0]) * resource.getpagesize()
        most = taken + 3 * limit
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):  # not Linux, or a stricter limit is set
        return

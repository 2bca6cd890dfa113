"""What is in a file, whatever its format: inert objects and plain arrays.

People saved nets and parameters as pickles, npz and npy archives, HDF5 files and the zip
archives of ``theano.misc.pkl_utils``, compressed or not and under any name. The content says
which one it is, and what it is where it is none of them.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from os import PathLike
from typing import Literal, TypeAlias

import numpy as np

from lasport.errors import RefusedFileError, UnreadableFileError
from lasport.readers.containers import read_bytes
from lasport.readers.pickle_machine import load_inert
from lasport.spec import Array

__all__ = ["Content", "Format", "read_content"]

Format: TypeAlias = Literal["pickle", "npz archive", "npy file", "HDF5 file", "pkl_utils archive"]

# What a download leaves in place of a file, by how it begins.
IMPOSTORS = (
    (rb"version https://git-lfs", "a pointer to a file in Git LFS, not the file; git lfs pull"),
    (rb"\s*<(!doctype|html|\?xml)", "a web page, not the file that it was meant to be"),
)
NUMBERED = re.compile(r"(.*?)(\d+)")
# What theano.misc.pkl_utils calls the pickle among its arrays.
PICKLE_MEMBER = "pkl"
# An archive that unpacks to more than this, and to so many times its size, was made to fill memory.
MAX_UNPACKED, MAX_GROWTH = 2**28, 100


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes
    ----------
    format : Format
        Beneath any compression.
    root : object
        Of a pickle its object, made inert; of an npy file its array; of an npz archive or an HDF5
        file a dict of arrays by name, numbered names in the order of their numbers.
    """

    format: Format
    root: object


def read_content(path: str | PathLike[str]) -> Content:
    """Read a file without running anything that it names.

    Parameters
    ----------
    path : path-like
        Plain, or compressed with gzip, bz2 or xz.

    Returns
    -------
    Content

    Raises
    ------
    UnreadableFileError, RefusedFileError
        Beginning with the path, and saying what the file is where that shows.
    """
    data = read_bytes(path)
    try:
        return _parse(data)
    except (UnreadableFileError, RefusedFileError) as error:
        raise type(error)(f"{path}: {error}") from error


def _parse(data: bytes) -> Content:
    if not data:
        raise UnreadableFileError("the file is empty")
    for pattern, what in IMPOSTORS:
        if re.match(pattern, data, re.IGNORECASE):
            raise UnreadableFileError(what)
    if data.startswith(b"PK\x03\x04"):
        return _read_zip(data)
    if data.startswith(b"\x93NUMPY"):
        return Content("npy file", _read_npy(data))
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        return Content("HDF5 file", _read_hdf5(data))
    return Content("pickle", load_inert(data))


def _read_zip(data: bytes) -> Content:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > max(MAX_UNPACKED, MAX_GROWTH * len(data)):
                raise RefusedFileError(
                    f"unpacks to {unpacked} bytes, which no trained network does; if you trust the "
                    "file, unpack it and pack it without compression"
                )
            if PICKLE_MEMBER in archive.namelist():
                return Content("pkl_utils archive", _read_pkl_utils(archive))
            arrays = {
                name.removesuffix(".npy"): _read_npy(archive.read(name))
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"truncated or corrupt zip archive: {error}") from error
    except RuntimeError as error:  # a password
        raise RefusedFileError(f"zip archive: {error}") from error
    if not arrays:
        raise UnreadableFileError("a zip archive without arrays")
    return Content("npz archive", _in_order(arrays))


def _read_pkl_utils(archive: zipfile.ZipFile) -> object:
    """Read the pickle of a pkl_utils archive, whose arrays are members of their own."""
    members = set(archive.namelist())
    arrays: dict[str, Array] = {}

    def resolve(reference: object) -> object:
        name = reference.rpartition(".")[2] if isinstance(reference, str) else ""
        if name not in members:
            raise UnreadableFileError(f"the archive lacks the array {str(reference)[:80]!r}")
        if name not in arrays:
            arrays[name] = _read_npy(archive.read(name))
        return arrays[name]

    return load_inert(archive.read(PICKLE_MEMBER), resolve)


def _read_npy(data: bytes) -> Array:
    """Read one array; one of objects holds a pickle, which is read inertly."""
    stream = BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
        read_header = _HEADERS.get(version)
        if read_header is None:
            raise UnreadableFileError(f"an npy file of version {version}")
        shape, fortran, dtype = read_header(stream)
    except (ValueError, EOFError) as error:
        raise UnreadableFileError(f"truncated or corrupt npy data: {error}") from error
    content = memoryview(data)[stream.tell() :]
    if dtype.hasobject:
        objects = load_inert(bytes(content))
        if not isinstance(objects, np.ndarray):
            raise UnreadableFileError("an npy file of objects without an array of them")
        return objects
    if dtype.kind not in "fiub":
        raise RefusedFileError(f"an array of {dtype}; parameters are numbers")
    # Python integers: sizes that would overflow must not pass.
    count = 1
    for size in shape:
        count *= int(size)
    if count * dtype.itemsize != len(content):
        raise UnreadableFileError(
            f"an array of shape {shape} takes {count * dtype.itemsize} bytes, "
            f"but there are {len(content)}"
        )
    flat = np.frombuffer(content, dtype)
    array = flat.reshape(shape, order="F" if fortran else "C")
    array = array.astype(dtype.newbyteorder("="), copy=False)
    array.flags.writeable = False
    return array


_Header: TypeAlias = "tuple[tuple[int, ...], bool, np.dtype[np.generic]]"
_HEADERS: Mapping[tuple[int, int], Callable[[BytesIO], _Header]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _read_hdf5(data: bytes) -> dict[str, Array]:
    import h5py  # comes with keras; slow to import

    arrays: dict[str, Array] = {}
    limit = max(MAX_UNPACKED, MAX_GROWTH * len(data))

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub":
            # Neither data of other files, nor sizes that are declared and not there.
            if item.external or item.is_virtual or item.nbytes > limit:
                raise RefusedFileError(f"dataset {name} is not in the file with all its values")
            array = np.asarray(item[()])
            array.flags.writeable = False
            arrays[name] = array

    try:
        with h5py.File(BytesIO(data), "r") as archive:
            archive.visititems(keep)
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableFileError(f"truncated or corrupt HDF5 data: {error}") from error
    return _in_order(arrays)


def _in_order(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Sort names that differ in a number by that: arr_10 comes after arr_9."""
    matches = {name: NUMBERED.fullmatch(name) for name in arrays}
    stems = {match[1] for match in matches.values() if match}
    if len(stems) != 1 or not all(matches.values()):
        return dict(arrays)
    order = sorted(arrays, key=lambda name: int(match[2]) if (match := matches[name]) else 0)
    return {name: arrays[name] for name in order}

"""What is in a file, whatever its format: inert objects and plain arrays.

People saved nets and parameters as pickles, npz and npy archives, HDF5 files and the zip
archives of ``theano.misc.pkl_utils``, compressed or not and under any name. The content says
which one it is, and what it is where it is none of them.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import BinaryIO, Literal, TypeAlias

from lasport.errors import RefusedFileError, UnreadableFileError, naming
from lasport.readers.containers import allowed_size, open_content
from lasport.readers.hdf5 import read_hdf5
from lasport.readers.npy import MAGIC, read_npy
from lasport.readers.pickle_machine import load_inert
from lasport.spec import Array

__all__ = ["Content", "Format", "read_content"]

Format: TypeAlias = Literal["pickle", "npz archive", "npy file", "HDF5 file", "pkl_utils archive"]

# What a download leaves in place of a file, by how it begins.
IMPOSTORS = (
    (rb"version https://git-lfs", "a pointer to a file in Git LFS, not the file; git lfs pull"),
    (rb"\s*<(!doctype|html|\?xml)", "a web page, not the file that it was meant to be"),
)
# Of a file, enough to tell what it is.
LONGEST_START = 4096
NUMBERED = re.compile(r"(.*?)(\d{1,18})")
# What theano.misc.pkl_utils calls the pickle among its arrays.
PICKLE_MEMBER = "pkl"
KERAS_MEMBER = "model.weights.h5"
# What zipfile raises for damaged archives.
ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, zlib.error, OSError)
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
# It may begin behind something else, as in the files of MATLAB.
HDF5_PLACES = (0, 512, 1024, 2048)


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
    with open_content(path) as stream, naming(path):
        try:
            return _parse(stream)
        except OSError as error:
            raise UnreadableFileError(str(error)) from error


def _parse(stream: BinaryIO) -> Content:
    start = stream.read(LONGEST_START)
    stream.seek(0)
    if not start:
        raise UnreadableFileError("the file is empty")
    for pattern, what in IMPOSTORS:
        if re.match(pattern, start, re.IGNORECASE):
            raise UnreadableFileError(what)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):  # the second is an empty archive
        return _read_zip(stream)
    if start.startswith(MAGIC):
        return Content("npy file", read_npy(stream.read()))
    if any(start.startswith(HDF5_MAGIC, place) for place in HDF5_PLACES):
        return Content("HDF5 file", _in_order(read_hdf5(stream, allowed_size(stream))))
    return Content("pickle", load_inert(stream))


def _read_zip(stream: BinaryIO) -> Content:
    try:
        with zipfile.ZipFile(stream) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > allowed_size(stream):
                raise RefusedFileError(
                    f"unpacks to {unpacked} bytes, which no trained network does; if you trust the "
                    "file, unpack it and pack it without compression"
                )
            if PICKLE_MEMBER in archive.namelist():
                return Content("pkl_utils archive", _read_pkl_utils(archive))
            if KERAS_MEMBER in archive.namelist():
                raise UnreadableFileError(
                    "a saved Keras model, and no net of Lasagne's: name the net, then its model"
                )
            arrays = {
                name.removesuffix(".npy"): read_npy(_member(archive, name))
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except ZIP_ERRORS as error:
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
        name = reference.partition(".")[2] if isinstance(reference, str) else ""
        if name not in members:
            raise UnreadableFileError(f"the archive lacks the array {str(reference)[:80]!r}")
        if name not in arrays:
            arrays[name] = read_npy(_member(archive, name))
        return arrays[name]

    return load_inert(_member(archive, PICKLE_MEMBER), resolve)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedFileError(f"{name} is compressed in a way that no array archive is")
    with archive.open(info) as member:
        # Not more than it says it is: without a limit all is unpacked before that is looked at.
        content = member.read(info.file_size)
    if len(content) != info.file_size:
        raise UnreadableFileError(f"{name} has {len(content)} bytes, not {info.file_size}")
    return content


def _in_order(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Sort names that differ in a number by that: arr_10 comes after arr_9."""
    matches = {name: NUMBERED.fullmatch(name) for name in arrays}
    stems = {match[1] for match in matches.values() if match}
    if len(stems) != 1 or not all(matches.values()):
        return dict(arrays)
    order = sorted(arrays, key=lambda name: int(match[2]) if (match := matches[name]) else 0)
    return {name: arrays[name] for name in order}

"""Arrays as numpy's own files hold them, npy files and the members of npz archives.

The header is a dict in Python's spelling. Numpy gives it to Python's compiler, which is made
for sources that one trusts; here it is matched with what numpy writes, see
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lasport.errors import RefusedFileError, UnreadableFileError
from lasport.readers.arrays import checked_sizes
from lasport.readers.pickle_machine import load_inert
from lasport.spec import Array

__all__ = ["MAGIC", "read_npy"]

MAGIC = b"\x93NUMPY"
# Bytes of the number that gives the header's length, by version.
LENGTH_WIDTHS = {b"\x01\x00": 2, b"\x02\x00": 4}

# Keys come in any order. Numpy of Python 2 writes long integers: (3L,).
_ITEM = re.compile(
    r"""\s*(?P<quote>['"])(?P<key>descr|fortran_order|shape)(?P=quote)\s*:\s*"""
    r"""(?P<value>\([\d\sL,]*\)|True|False|'[^']*'|"[^"]*"|\[.*\])\s*(?:,|(?=\}))""",
    re.DOTALL,
)
_END = re.compile(r"\s*\}\s*")
_SHAPE = re.compile(r"\(\s*(?:\d{1,19}L?\s*(?:,\s*|(?=\))))*\)")
_NUMBERS = re.compile(r"[<>=|]?(?:b1|[iu][1248]|f(?:2|4|8|12|16))")
_OBJECTS = re.compile(r"\|?O[48]?")


@dataclass(frozen=True)
class _Header:
    code: str
    fortran: bool
    shape: tuple[int, ...]
    end: int


def read_npy(data: bytes) -> Array:
    """Read one array; one of objects holds a pickle, which is read inertly.

    Returns
    -------
    ndarray
        Read-only, in the machine's byte order; where that is the file's, of the bytes of `data`.

    Raises
    ------
    UnreadableFileError
        Where the header is none that numpy writes, or the shape does not fit the data.
    RefusedFileError
        For anything but numbers and objects.
    """
    header = _read_header(data)
    content = memoryview(data)[header.end :]
    if _OBJECTS.fullmatch(header.code):
        objects = load_inert(bytes(content))
        if not isinstance(objects, np.ndarray):
            raise UnreadableFileError("an npy file of objects without an array of them")
        return objects
    if not _NUMBERS.fullmatch(header.code):
        raise RefusedFileError(f"an array of {header.code[:80]}; parameters are numbers")
    try:
        dtype = np.dtype(header.code)
    except TypeError as error:
        raise UnreadableFileError(f"{error}, on this machine") from error
    sizes = checked_sizes(header.shape, dtype.itemsize, len(content))
    flat: Array = np.frombuffer(content, dtype)
    array = flat.reshape(sizes, order="F" if header.fortran else "C")
    array = array.astype(dtype.newbyteorder("="), copy=False)
    array.flags.writeable = False
    return array


def _read_header(data: bytes) -> _Header:
    version = data[6:8]
    width = LENGTH_WIDTHS.get(version)
    if not data.startswith(MAGIC) or len(version) < 2:
        raise UnreadableFileError("truncated or corrupt npy data")
    if width is None:
        raise UnreadableFileError(f"an npy file of version {version[0]}.{version[1]}")
    start = 8 + width
    end = start + int.from_bytes(data[8:start], "little")
    if end > len(data):
        raise UnreadableFileError("truncated or corrupt npy data: the header is not complete")
    text = data[start:end].decode("latin-1")
    items: dict[str, str] = {}
    place = 1
    while item := _ITEM.match(text, place):
        items[item["key"]] = item["value"]
        place = item.end()
    code, fortran, shape = (items.get(key, "") for key in ("descr", "fortran_order", "shape"))
    if (
        not (text.startswith("{") and _END.fullmatch(text, place))
        or fortran not in ("True", "False")
        or not _SHAPE.fullmatch(shape)
        or code[:1] not in {"'", '"', "["}
    ):
        raise UnreadableFileError("truncated or corrupt npy data: a header that numpy never writes")
    sizes = tuple(map(int, re.findall(r"\d+", shape)))
    return _Header(code.strip("'\""), fortran == "True", sizes, end)

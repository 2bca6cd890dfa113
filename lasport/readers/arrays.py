"""Numpy arrays from the bytes that a pickle holds, and from nothing else.

Numpy pickles an array as a call of ``_reconstruct`` (an empty array) followed by a
BUILD with version, shape, dtype, order and raw data, or, in protocol 5, as one call of
``_frombuffer``. Both are answered here, after the declared shape was found to take
exactly the bytes that are there: a pickle cannot make the reader allocate more than
it holds. Arrays come out read-only and in the machine's own byte order.
"""

from __future__ import annotations

import math
import re
import sys
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lasport.errors import RefusedFileError, UnreadableFileError
from lasport.inert import Args, Global, Instance, require_shallow
from lasport.readers.constructions import Construction

__all__ = ["CONSTRUCTIONS", "DATA_INDEX", "checked_sizes", "restore_array", "restore_dtype"]

DType: TypeAlias = "np.dtype[np.generic]"

# Plain booleans, numbers and strings, and references to objects (size by pointer width).
# Structured ("V12"), void and date types are left out.
_PLAIN_CODE = re.compile(r"b1|[iu][1248]|f(?:2|4|8|12|16)|c(?:8|16|24|32)|[SU]\d{1,6}|O[48]?")

# Classes whose state is that of a plain array.
_ARRAY_CLASSES = {
    "numpy.ndarray",
    "numpy.matrix",
    "numpy.memmap",
    "numpy.core.memmap.memmap",
    "numpy.matrixlib.defmatrix.matrix",
}

# Where the raw data are in an array's state, which is (version, shape, dtype, order, data).
DATA_INDEX = 4

_MAX_DIMENSIONS = 64
# An array without data has no bytes to measure its other dimensions by; a batch of no
# large images, (0, 3, 512, 512), still passes.
_MAX_EMPTY_EXTENT = 2**20
_MAX_CODE_POINT = 0x10FFFF


def _dtype(args: Args) -> object:
    match args:
        case (str(code), *_) if _PLAIN_CODE.fullmatch(code):
            try:
                # A copy: BUILD sets the byte order of this very object.
                return np.dtype("O" if code[0] == "O" else code, copy=True)
            except TypeError:
                raise UnreadableFileError(
                    f"numbers of type {code!r} do not exist on this machine; convert them to"
                    " float64 where the file was written"
                ) from None
    return NotImplemented


def restore_dtype(dtype: DType, state: object) -> None:
    """Give a dtype the byte order that its BUILD declares.

    Parameters
    ----------
    dtype : numpy.dtype
        What the call of ``numpy.dtype`` before gave, changed in place.
    state : object
        ``(version, byte order, subdtype, names, fields, ...)``.

    Raises
    ------
    RefusedFileError
        Where the dtype has fields or is itself an array.
    UnreadableFileError
        Where the state is none that numpy writes.
    """
    match state:
        case (int(), str(order), None, None, None, *_) if order in {"<", ">", "=", "|"}:
            if dtype.byteorder != "|" and order != "|":
                # Numpy takes a new byte order in this way only.
                size, alignment, flags = dtype.itemsize, dtype.alignment, dtype.flags
                dtype.__setstate__(  # type: ignore[attr-defined]  # missing in numpy's stubs
                    (3, order, None, None, None, size, alignment, flags)
                )
        case (int(), str(), *_):
            raise RefusedFileError("a structured dtype; save plain arrays instead")
        case _:
            raise UnreadableFileError("a dtype state that numpy does not write")


def _reconstruct(args: Args) -> object:
    match args:
        case (Global() as cls, tuple(), str() | bytes()) if cls.path in _ARRAY_CLASSES:
            return np.empty((0,), np.int8)
    return NotImplemented


def restore_array(array: npt.NDArray[np.generic], state: object) -> None:
    """Fill an array made by ``_reconstruct`` from the state of its BUILD.

    Parameters
    ----------
    array : numpy.ndarray
        As `_reconstruct` made it; changed in place, for others may refer to it already.
    state : object
        ``(version, shape, dtype, is Fortran order, raw data)``; the raw data are
        bytes, a Python-2 str as latin-1 text, or the list of an object array's elements.

    Raises
    ------
    RefusedFileError
        For a structured dtype.
    UnreadableFileError
        Where the shape does not fit the data, or the array is filled already.
    """
    if not array.flags.writeable:
        raise UnreadableFileError("an array that is filled twice")
    match state:
        case (int(), shape, dtype, bool() | int() as fortran, raw):
            known = _known(dtype)
        case _:
            raise UnreadableFileError("an array state that numpy does not write")
    content: bytes | list[object]
    if known.hasobject:
        if not isinstance(raw, list):
            raise UnreadableFileError("an object array without the list of its elements")
        content = raw
        require_shallow(content)
        sizes = checked_sizes(shape, 1, len(content), "elements")
    else:
        content = _bytes(raw)
        sizes = checked_sizes(shape, known.itemsize, len(content))
        _check_text(known, content)
    array.__setstate__((1, sizes, known, bool(fortran), content))
    array.flags.writeable = False


def _from_buffer(args: Args) -> object:
    axes: Args | None = None
    match args:
        case (raw, dtype, shape, str("C" | "F") as order):
            pass
        case (raw, dtype, shape, str("K"), tuple(axes)):
            # Numpy 2.3 and later: the axes in the order of their strides.
            order = "C"
        case _:
            raise UnreadableFileError("an array buffer that numpy does not write")
    known = _known(dtype)
    if known.hasobject or not isinstance(raw, bytes | bytearray):
        raise UnreadableFileError("an array buffer without raw data")
    sizes = checked_sizes(shape, known.itemsize, len(raw))
    _check_text(known, raw)
    stored: npt.NDArray[np.generic] = np.ndarray(sizes, known, raw, order=order)
    array = stored.astype(known.newbyteorder("="), copy=False)
    if axes is not None:
        array = array.transpose(_permutation(axes, len(sizes)))
    array.flags.writeable = False
    return array


def _permutation(axes: Args, count: int) -> tuple[int, ...]:
    order = tuple(axis for axis in axes if type(axis) is int)
    if len(order) != len(axes) or sorted(order) != list(range(count)):
        raise UnreadableFileError("an order of axes that is no permutation")
    return order


def _scalar(args: Args) -> object:
    match args:
        case (dtype, raw):
            known = _known(dtype)
        case _:
            raise UnreadableFileError("a numpy scalar without dtype and value")
    if known.hasobject:
        raise UnreadableFileError("a numpy scalar of object type")
    content = _bytes(raw)
    checked_sizes((), known.itemsize, len(content))
    _check_text(known, content)
    stored: npt.NDArray[np.generic] = np.ndarray((), known, content)
    return stored[()]


def _known(dtype: object) -> DType:
    if isinstance(dtype, Instance):
        raise RefusedFileError(
            f"an array of dtype {str(dtype.args[:1])[:80]} (structured, void or date): only"
            " booleans, numbers, strings and objects are read; save plain arrays instead"
        )
    if not isinstance(dtype, np.dtype):
        raise UnreadableFileError(f"{type(dtype).__name__} in the place of a dtype")
    return dtype


def _bytes(raw: object) -> bytes:
    if isinstance(raw, str):
        return raw.encode("latin-1")
    if not isinstance(raw, bytes):
        raise UnreadableFileError(f"raw array data given as {type(raw).__name__}")
    return raw


def checked_sizes(
    shape: object, itemsize: int, present: int, unit: str = "bytes"
) -> tuple[int, ...]:
    """Return a shape that takes exactly the bytes (or elements) that are present."""
    if not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
        raise UnreadableFileError(f"an array shape that is no tuple of {_MAX_DIMENSIONS} at most")
    sizes = tuple(size for size in shape if type(size) is int and 0 <= size <= sys.maxsize)
    if len(sizes) != len(shape):
        raise UnreadableFileError("an array shape with an entry that is no size")
    declared = math.prod(sizes) * itemsize
    if declared != present:
        raise UnreadableFileError(
            f"an array of shape {sizes} takes {declared} {unit}, but there are {present}"
        )
    if not declared and math.prod(size or 1 for size in sizes) > _MAX_EMPTY_EXTENT:
        raise UnreadableFileError(f"an array of shape {sizes} without any data")
    return sizes


def _check_text(dtype: DType, raw: bytes | bytearray) -> None:
    if dtype.kind == "U":
        points = np.frombuffer(raw, np.uint32)
        if (points if dtype.isnative else points.byteswap()).max(initial=0) > _MAX_CODE_POINT:
            raise UnreadableFileError("a text array with characters that do not exist")


def _from_gpu(args: Args) -> object:
    # Pickling copied the values to the CPU: the array comes first, then the name of a GPU.
    match args:
        case (np.ndarray() as array, *_):
            return array
    return NotImplemented


_PACKAGES = ("numpy.core", "numpy._core")

CONSTRUCTIONS: dict[str, Construction] = {
    "numpy.dtype": _dtype,
    **{f"{package}.multiarray._reconstruct": _reconstruct for package in _PACKAGES},
    **{f"{package}.multiarray.scalar": _scalar for package in _PACKAGES},
    **{f"{package}.numeric._frombuffer": _from_buffer for package in _PACKAGES},
    "theano.sandbox.cuda.type.CudaNdarray_unpickler": _from_gpu,
    "theano.sandbox.gpuarray.type.GpuArray_unpickler": _from_gpu,
    "theano.gpuarray.type.GpuArray_unpickler": _from_gpu,
}

"""Headers of npy files are matched with what numpy writes, and never compiled."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest

from lasport.errors import LasportError, RefusedFileError, UnreadableFileError
from lasport.readers.npy import read_npy
from tests.readers.fuzz import Guard

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def npy(header: str, content: bytes = VALUES.tobytes(), version: int = 1) -> bytes:
    raw = header.encode("latin-1")
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + len(raw).to_bytes(2 if version == 1 else 4, "little")
        + (raw + content)
    )


@pytest.mark.parametrize("code", ("<f4", ">f8", "<f2", "|b1", "|i1", ">u2", "<i8"))
@pytest.mark.parametrize("shape", ((), (0,), (7,), (2, 3), (0, 4), (1, 2, 3, 4, 5)))
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("version", ((1, 0), (2, 0)))
def test_what_numpy_writes_is_read(code, shape, order, version):
    array = np.asarray(
        np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(code), order=order
    )
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version)
    found = read_npy(stream.getvalue())
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")
    assert not found.flags.writeable


READ = (
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }  \n",
    "{'shape':(2,3),'fortran_order':False,'descr':'<f4'}",
    '{"descr": "<f4", "fortran_order": False, "shape": (2, 3)}',
)


@pytest.mark.parametrize("header", READ)
def test_what_others_write_is_read(header):
    for version in (1, 2):
        np.testing.assert_array_equal(read_npy(npy(header, version=version)), VALUES)


OTHERS = {
    "": UnreadableFileError,
    "{}": UnreadableFileError,
    "{'descr': '<f4', 'fortran_order': False}": UnreadableFileError,
    "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}": UnreadableFileError,
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} + 1": UnreadableFileError,
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}": UnreadableFileError,
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3)}": UnreadableFileError,
    "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'x': 1}": UnreadableFileError,
    "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1, " * 70 + "6)}": UnreadableFileError,
    "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",)}": UnreadableFileError,
    "(" * 9000: UnreadableFileError,
    "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}": RefusedFileError,
    "{'descr': '<f4,<f4', 'fortran_order': False, 'shape': (3,)}": RefusedFileError,
    "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (3,)}": RefusedFileError,
    "{'descr': '<c8', 'fortran_order': False, 'shape': (3,)}": RefusedFileError,
}


@pytest.mark.parametrize("number", range(len(OTHERS)))
def test_other_headers_are_an_error(number):
    header, error = list(OTHERS.items())[number]
    with pytest.raises(error):
        read_npy(npy(header))


def test_no_header_is_compiled():
    guard = Guard()
    guard.install()
    for header in (*READ, *OTHERS):
        with guard.watch(Path()), contextlib.suppress(LasportError):
            read_npy(npy(header))
        assert not guard.seen


def test_a_long_header_takes_no_long_time():
    for part in (" ", "(1, ", "'descr': '<f4', ", "'", "[", "{"):
        with pytest.raises(LasportError):
            read_npy(npy("{" + part * 200_000, version=2))

"""HDF5 files, read by a process of their own.

The HDF5 library is a large program in C, in which damaged files find their way out of bounds. It
runs in another process, which may end; what that writes is checked like a file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import UnsupportedOperation
from typing import IO, BinaryIO

from lasport.errors import RefusedFileError, UnreadableFileError
from lasport.readers.npy import read_npy
from lasport.spec import Array

__all__ = ["read_hdf5"]

PROGRAM = (
    "import sys; sys.path[:] = {path!r}; from lasport.readers.hdf5_process import main; main()"
)
# Of what says what comes next.
LONGEST_LINE = 2**16
ENDS = {"unreadable": UnreadableFileError, "refused": RefusedFileError}


def read_hdf5(stream: BinaryIO, limit: int) -> dict[str, Array]:
    """Return the arrays of numbers in an HDF5 file.

    Parameters
    ----------
    stream : binary file
    limit : int
        How many bytes they may have taken together.

    Raises
    ------
    UnreadableFileError, RefusedFileError
    """
    command = [sys.executable, "-c", PROGRAM.format(path=sys.path), str(limit)]
    with (
        _as_file(stream) as file,
        subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process,
    ):
        assert process.stdout is not None
        try:
            return _take(process.stdout, limit)
        except (ValueError, KeyError, TypeError) as error:
            process.kill()
            raise UnreadableFileError(
                "corrupt HDF5 data: the process that read it was ended by it"
            ) from error
        except BaseException:
            process.kill()
            raise


@contextmanager
def _as_file(stream: BinaryIO) -> Iterator[IO[bytes]]:
    """Give a file of the system's with the content, at its beginning."""
    try:
        os.lseek(stream.fileno(), 0, os.SEEK_SET)
    except UnsupportedOperation:  # it was decompressed into memory
        pass
    else:
        yield stream
        return
    with tempfile.TemporaryFile() as file:
        stream.seek(0)
        shutil.copyfileobj(stream, file)
        file.seek(0)
        yield file


def _take(pipe: IO[bytes], limit: int) -> dict[str, Array]:
    """Return what the process writes; a ValueError, KeyError or TypeError where that is cut off."""
    arrays: dict[str, Array] = {}
    while True:
        said = json.loads(pipe.readline(LONGEST_LINE))
        if "end" in said:
            if said["end"] in ENDS:
                raise ENDS[said["end"]](str(said["reason"]))
            return arrays
        size = int(said["bytes"])
        if size > limit + LONGEST_LINE:
            raise ValueError(size)
        arrays[str(said["name"])] = read_npy(pipe.read(size))

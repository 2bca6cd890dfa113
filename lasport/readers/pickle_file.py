"""Reading a pickled net from a file, inertly."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lasport.errors import InvalidNetworkError, RefusedFileError, UnreadableFileError
from lasport.readers.containers import read_bytes
from lasport.readers.network import build_network
from lasport.readers.pickle_machine import load_inert
from lasport.spec import Network

__all__ = ["load_network"]

# What people save in place of a pickled net, by the first bytes of the file.
PARAMETERS = "holds parameters, which need the script that built their net; pickle the output layer"
OTHER_FORMATS = {
    b"PK\x03\x04": f"an npz (or other zip) archive, which {PARAMETERS}",
    b"\x93NUMPY": f"an npy file, which {PARAMETERS}",
    b"\x89HDF\r\n\x1a\n": f"an HDF5 file, which {PARAMETERS}",
}


def load_network(path: str | os.PathLike[str], outputs: Sequence[str] | None = None) -> Network:
    """Read a pickled layer, a list or tuple of layers, or a dict name -> layer.

    Nothing that the pickle names is imported or called.

    Parameters
    ----------
    path : path-like
        A pickle of Python 2 or 3, protocol 0 to 5, plain or compressed.
    outputs : sequence of str, optional
        Names of the layers that shall be the outputs.

    Returns
    -------
    Network

    Raises
    ------
    UnreadableFileError
        If the file is missing, truncated, no pickle, or holds no layers.
    RefusedFileError
        If it asks for what no saved network needs.
    InvalidNetworkError
        If its layers and parameters contradict each other.
    """
    data = read_bytes(path)
    try:
        for magic, what in OTHER_FORMATS.items():
            if data.startswith(magic):
                raise UnreadableFileError(f"no pickled net but {what}")
        return build_network(load_inert(data), outputs, origin=Path(path))
    except (UnreadableFileError, RefusedFileError, InvalidNetworkError) as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from error

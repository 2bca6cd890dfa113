"""Saved Keras models: writing what was built, and reading what is to be compared."""

from __future__ import annotations

import os
from pathlib import Path

import keras

import lasport.keras_layers  # noqa: F401 - a saved model may hold layers that importing registers
from lasport.atomic import replacing
from lasport.errors import UnreadableFileError

__all__ = ["read_model", "write_model"]

ENDINGS = (".keras", ".h5", ".hdf5")  # by which Keras tells the format


def read_model(path: str | os.PathLike[str]) -> keras.Model:
    """Read a model, lasport's own layers included.

    Parameters
    ----------
    path : path-like
        A file that Keras can load. Python code in it is refused, not run; the
        loss and the optimizer are left out.

    Returns
    -------
    keras.Model

    Raises
    ------
    UnreadableFileError
        If there is no such file, or Keras refuses it.
    """
    name = os.fspath(path)
    if Path(name).is_dir():
        raise UnreadableFileError(f"{name}: a directory; save the model in one file, NAME.keras")
    if not Path(name).is_file():
        raise UnreadableFileError(f"{name}: no such file")
    if not name.endswith(ENDINGS):
        raise UnreadableFileError(
            f"{name}: Keras cannot load it: names of saved models end in {', '.join(ENDINGS)}"
        )
    try:
        return keras.saving.load_model(name, compile=False, safe_mode=True)
    except Exception as error:  # a corrupt file can raise anything, Keras promises nothing
        raise UnreadableFileError(f"{name}: Keras cannot load it: {_reason(error)}") from error


def write_model(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Write a model; an interrupted run leaves the old file or none.

    Parameters
    ----------
    model : keras.Model
        What to save.
    path : path-like
        Replaced if it exists; its ending tells Keras the format.
    """
    with replacing(path) as partial:
        model.save(partial)


def _reason(error: Exception) -> str:
    """Return what Keras says in a message between the configurations of all objects around it."""
    innermost = str(error).rpartition("Exception encountered: ")[2].partition("Full object config")
    return f"{type(error).__name__}: {next(iter(innermost[0].splitlines()), '').strip()}"

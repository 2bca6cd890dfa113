"""Weights alone, by the paths that Keras gives them: npz and safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np

from lasport.errors import MissingDependencyError
from lasport.spec import Array

__all__ = ["read", "write"]


def write(model: keras.Model, path: Path) -> None:
    """Write the weights of a model.

    Parameters
    ----------
    model : keras.Model
    path : Path
        Ends in ".npz" or ".safetensors".

    Raises
    ------
    MissingDependencyError
        If safetensors is not installed.
    """
    values = {weight.path: np.asarray(weight.numpy()) for weight in model.weights}
    if path.suffix == ".npz":
        np.savez(path, **values)
        return
    if find_spec("safetensors") is None:
        raise MissingDependencyError("safetensors is not installed: pip install safetensors")
    from safetensors.numpy import save_file

    save_file(values, path)


def read(path: Path) -> Mapping[str, Array]:
    """Read weights back."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    from safetensors.numpy import load_file

    found: Mapping[str, Array] = load_file(path)
    return found

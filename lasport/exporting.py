"""Writing a model in a format of its own, and proving the file before it is put in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lasport.atomic import filling, replacing
from lasport.compare.exported import verify_export
from lasport.compare.report import Report
from lasport.errors import DifferentExportError, ExportError
from lasport.oracles.oracle import Oracle
from lasport.passes import DataFormat
from lasport.spec import Network

if TYPE_CHECKING:
    import keras

__all__ = ["FORMATS", "SAVED_MODEL", "export_model", "export_weights"]

SAVED_MODEL = "saved_model.pb"  # the file that every SavedModel has

# By the ending of the name; a SavedModel is a directory. What each of them does not hold.
FORMATS: Mapping[str, str] = {
    "": "a SavedModel holds no loss and no optimizer",
    ".tflite": "TensorFlow Lite holds inference in float32 only",
    ".onnx": "ONNX holds inference only",
}


def export_model(
    model: keras.Model,
    network: Network,
    path: Path,
    *,
    data_format: DataFormat,
    truth: Oracle,
    oracle: str,
    command: str,
) -> Report:
    """Write a model, run what was written, and put it in place if that agrees with the original.

    Parameters
    ----------
    model : keras.Model
        Built from the network.
    network : Network
        The original.
    path : Path
        A directory for a SavedModel, or a file that ends in ".tflite" or ".onnx".
    data_format : {"channels_first", "channels_last"}
        The model's.
    truth : Oracle
        Who says what the original computes.
    oracle, command : str
        As in :func:`lasport.compare.exported.verify_export`.

    Returns
    -------
    Report
        Which is true.

    Raises
    ------
    ExportError
        If the format cannot hold the model.
    DifferentExportError
        If what was written computes something else; nothing is put in place then.
    """
    from lasport.targets.exports import ExportedPort

    placed = replacing(path) if path.suffix else filling(path, SAVED_MODEL)
    with placed as partial:
        port = ExportedPort(model, network, partial, data_format)
        port.write()
        report = verify_export(
            network, port, truth, oracle=oracle, model=path.name, command=command
        )
        if not report:
            raise DifferentExportError(f"{path} was not written, for it differs:\n{report}")
    return replace(report, notes=(*network.notes, FORMATS[path.suffix], *report.notes))


def export_weights(model: keras.Model, path: Path) -> None:
    """Write the weights of a model by their paths, and read them back.

    Parameters
    ----------
    model : keras.Model
    path : Path
        Ends in ".npz" or ".safetensors".

    Raises
    ------
    ExportError
        If a weight does not come back as it was, as of two that have one path.
    """
    from lasport.targets.exports import arrays

    with replacing(path) as partial:
        arrays.write(model, partial)
        found = arrays.read(partial)
        for weight in model.weights:
            if not np.array_equal(found[weight.path], weight.numpy(), equal_nan=True):
                raise ExportError(f"{path}: {weight.path} does not come back as it was")

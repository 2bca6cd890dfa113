"""Models in formats that hold no Keras layers, and what runs each of them.

One module for each format: ``write`` puts a model into a file, ``run`` runs the file without the
model. Weights alone are in :mod:`.arrays`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

import keras
import numpy as np

from lasport.operations import Noise, Own
from lasport.passes import DataFormat
from lasport.spec import Array, Network
from lasport.targets.exports import onnx, saved_model, tflite
from lasport.targets.exports.signature import Signature
from lasport.targets.keras_port import KerasPort

__all__ = ["ExportedPort", "LoadedPort"]

Run = Callable[[Sequence[Array]], Sequence[Array]]

# By the ending of the name; a SavedModel is a directory.
_FORMATS: Mapping[str, ModuleType] = {"": saved_model, ".tflite": tflite, ".onnx": onnx}


class ExportedPort(KerasPort):
    """A file in the place of the model that it was written from.

    Parameters
    ----------
    model : keras.Model
        What was exported.
    network : Network
        What it should compute.
    path : Path
        The file. Its ending tells the format.
    data_format : {"channels_first", "channels_last"}
        Order of axes of its inputs and outputs.
    """

    def __init__(
        self, model: keras.Model, network: Network, path: Path, data_format: DataFormat
    ) -> None:
        super().__init__(model, network, data_format)
        self.path = path
        self.signature = Signature.of(model, network)
        self.format = _FORMATS[path.suffix]

    def write(self) -> None:
        """Write the file.

        Raises
        ------
        ExportError
            If the format cannot hold the model.
        """
        self.format.write(self.signature, self.path)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run the file.

        Parameters
        ----------
        inputs : sequence of ndarray
            In Lasagne's order of axes.

        Returns
        -------
        list of ndarray
            In Lasagne's order of axes.
        """
        return self.in_lasagne_order(partial(self.format.run, self.signature, self.path), inputs)

    @property
    def trainable(self) -> bool:
        """Whether the format holds training mode."""
        return self.format is saved_model

    @property
    def drawing(self) -> list[str]:
        """Names of the layers that draw in training mode, or that are users' own and may."""
        assert self.calls is not None  # the model is lasport's own
        steps = (step for plan in self.calls.plan.with_nets() for step in plan.steps)
        found = (step.layer for step in steps if isinstance(step.operation, Noise | Own))
        return list(dict.fromkeys(found))

    def loaded(self) -> LoadedPort:
        """Return the file of a trainable format as if nothing had run on it yet."""
        return LoadedPort(self, saved_model.Loaded(self.signature, self.path))

    def in_lasagne_order(self, run: Run, inputs: Sequence[Array]) -> list[Array]:
        """Run something that takes and gives the model's order of axes."""
        given = [
            np.ascontiguousarray(layout.from_lasagne(x), spec.dtype.as_numpy_dtype)
            for layout, x, spec in zip(
                self.input_layouts, inputs, self.signature.specs, strict=True
            )
        ]
        pairs = zip(self.output_layouts, run(given), strict=True)
        return [layout.to_lasagne(y) for layout, y in pairs]


class LoadedPort:
    """A SavedModel in memory: what a training pass moves stays moved.

    Parameters
    ----------
    port : ExportedPort
        The file.
    model : saved_model.Loaded
        What was loaded of it.
    """

    def __init__(self, port: ExportedPort, model: saved_model.Loaded) -> None:
        self.port = port
        self.model = model

    def run(self, inputs: Sequence[Array], *, training: bool) -> list[Array]:
        """Run the signature of a mode.

        Parameters
        ----------
        inputs : sequence of ndarray
            In Lasagne's order of axes.
        training : bool
            Whether to run ``train``.

        Returns
        -------
        list of ndarray
            In Lasagne's order of axes.
        """
        return self.port.in_lasagne_order(partial(self.model.run, training=training), inputs)

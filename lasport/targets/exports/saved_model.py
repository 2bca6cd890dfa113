"""SavedModel: a directory that TensorFlow loads, serves and trains on without lasport."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from lasport.spec import Array
from lasport.targets.exports.signature import Signature

__all__ = ["Loaded", "run", "write"]


def write(signature: Signature, path: Path) -> None:
    """Write a model with the signatures ``serve`` (the default) and ``train``.

    Parameters
    ----------
    signature : Signature
        The model, and what to call what it takes and gives.
    path : Path
        A directory that is not there yet, or empty.
    """
    archive = keras.export.ExportArchive()
    archive.track(signature.model)
    for name, training in (("serve", False), ("train", True)):
        function = signature.function(training=training)
        archive.add_endpoint(name, function, input_signature=signature.specs)
    archive.write_out(path, verbose=False)


class Loaded:
    """A SavedModel as a server or a trainer has it: in plain TensorFlow, by its signatures.

    Parameters
    ----------
    signature : Signature
        What the inputs and outputs are called.
    path : Path
        The directory.
    """

    def __init__(self, signature: Signature, path: Path) -> None:
        self.signature = signature
        self.model = tf.saved_model.load(path)

    def run(self, inputs: Sequence[Array], *, training: bool) -> list[Array]:
        """Run one of the signatures on arrays in the order of the model's inputs."""
        run = self.model.signatures["train" if training else "serving_default"]
        pairs = zip(self.signature.inputs, inputs, strict=True)
        found = run(**{name: tf.constant(x) for name, x in pairs})
        return [np.asarray(found[name]) for name in self.signature.outputs]


def run(signature: Signature, path: Path, inputs: Sequence[Array]) -> list[Array]:
    """Run the default signature of a SavedModel."""
    return Loaded(signature, path).run(inputs, training=False)

"""SavedModel: a directory that TensorFlow loads, serves and trains on without lasport."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from lasport.spec import Array
from lasport.targets.exports.signature import Signature

__all__ = ["run", "write"]


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


def run(signature: Signature, path: Path, inputs: Sequence[Array]) -> list[Array]:
    """Run a SavedModel as a server does: its default signature, in plain TensorFlow."""
    loaded = tf.saved_model.load(path)
    given = {name: tf.constant(x) for name, x in zip(signature.inputs, inputs, strict=True)}
    found = loaded.signatures["serving_default"](**given)
    return [np.asarray(found[name]) for name in signature.outputs]

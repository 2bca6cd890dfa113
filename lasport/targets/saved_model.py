"""A SavedModel of any origin, seen as a port of which only the ends show."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from lasport.errors import ComparisonError, UnreadableFileError, UsageError
from lasport.spec import Array, Network
from lasport.targets.keras_port import narrowest
from lasport.targets.parts import opaque_parts, require_ends

__all__ = ["SavedModel"]

SIGNATURE = "serving_default"


class SavedModel:
    """The default signature of a SavedModel; its inputs and outputs come in the order of names.

    Parameters
    ----------
    path : path-like
        The directory.
    network : Network
        What it should compute.

    Raises
    ------
    UnreadableFileError
        If TensorFlow cannot load it, or it has no default signature.
    ComparisonError
        If it has other numbers of inputs and outputs than the network.
    UsageError
        Within a graph of tf.compat.v1.
    """

    trains = False
    unseen = "a SavedModel has inference only"

    def __init__(self, path: str | os.PathLike[str], network: Network) -> None:
        name = os.fspath(path)
        if not tf.executing_eagerly():
            raise UsageError(
                f"{name}: a SavedModel is run outside of graphs: leave `with graph.as_default():`, "
                "and do without disable_v2_behavior()"
            )
        try:
            self._loaded = tf.saved_model.load(name)
        except Exception as error:  # a damaged one can raise anything
            reason = str(error).strip().partition("\n")[0]
            raise UnreadableFileError(f"{name}: TensorFlow cannot load it: {reason}") from error
        if SIGNATURE not in self._loaded.signatures:
            known = ", ".join(self._loaded.signatures) or "none"
            raise UnreadableFileError(f"{name}: no signature {SIGNATURE!r}, but {known}")
        self._signature = self._loaded.signatures[SIGNATURE]
        self._specs = dict(sorted(self._signature.structured_input_signature[1].items()))
        self.inputs = tuple(f"input/{key}" for key in self._specs)
        self.outputs = tuple(f"output/{key}" for key in sorted(self._signature.structured_outputs))
        ends = (*self._specs.values(), *self._signature.structured_outputs.values())
        self.dtype = narrowest({spec.dtype.name for spec in ends})
        require_ends("model", self.inputs, self.outputs, network)
        shapes = {
            key: tuple(spec.shape)
            for key, spec in zip(self.inputs, self._specs.values(), strict=True)
        }
        self.parts = opaque_parts(Path(name).name, shapes, self.outputs)

    @property
    def variables(self) -> dict[str, Array]:
        """Its variables by name."""
        return {
            variable.name.partition(":")[0]: variable.numpy()
            for variable in self._signature.variables
        }

    def run(
        self, feeds: Mapping[str, Array], fetch: Sequence[str], *, training: bool
    ) -> list[Array]:
        """Compute its outputs; see :class:`lasport.targets.parts.TakenApart`."""
        if training:
            raise ComparisonError("a SavedModel shows nothing but inference")
        found = dict(feeds)
        if any(key not in feeds for key in fetch):
            given = {
                key: tf.constant(feeds[f"input/{key}"], spec.dtype)
                for key, spec in self._specs.items()
            }
            try:
                results = self._signature(**given)
            except (tf.errors.OpError, TypeError, ValueError) as error:
                reason = str(error).strip().partition("\n")[0]
                raise ComparisonError(f"the model cannot be run: {reason}") from error
            found.update({f"output/{key}": np.asarray(y) for key, y in results.items()})
        return [found[key] for key in fetch]

    def reset(self) -> None:
        """Do nothing: inference moves no variable."""

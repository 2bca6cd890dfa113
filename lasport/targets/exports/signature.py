"""What an exported model takes and gives, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from lasport.plan import unique_name
from lasport.spec import Network
from lasport.targets.identifiers import identifier

__all__ = ["Signature"]


@dataclass(frozen=True)
class Signature:
    """Names for a model's inputs and outputs: those of the Lasagne layers, as identifiers.

    Attributes
    ----------
    model : keras.Model
        Functional.
    inputs, outputs : tuple of str
        In the order of the model's.
    """

    model: keras.Model
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, model: keras.Model, network: Network) -> Signature:
        """Name what a model of a network takes and gives."""
        inputs = _distinct(network.inputs, ())
        return cls(model, inputs, _distinct(network.outputs, inputs))

    @property
    def specs(self) -> list[tf.TensorSpec]:
        """Shapes, dtypes and names of the inputs."""
        pairs = zip(self.model.inputs, self.inputs, strict=True)
        return [tf.TensorSpec(x.shape, x.dtype, name) for x, name in pairs]

    def function(self, *, training: bool) -> Callable[..., Mapping[str, tf.Tensor]]:
        """Return what runs the model on inputs in order, and names its outputs."""

        def run(*inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
            given = inputs[0] if len(inputs) == 1 else list(inputs)
            found = self.model(given, training=training)
            outputs = found if isinstance(found, list) else [found]
            return dict(zip(self.outputs, outputs, strict=True))

        return run


def _distinct(names: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    chosen: list[str] = []
    for name in names:
        chosen.append(unique_name(identifier(name), [*taken, *chosen]))
    return tuple(chosen)

"""Dropout that leaves what it keeps as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, canonical_axes
from lasport.spec import Shape

__all__ = ["UnscaledDropout"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class UnscaledDropout(keras.layers.Layer):
    """Multiply by a mask of zeros and ones, in training mode only.

    ``keras.layers.Dropout`` divides what it keeps by ``1 - rate``; this does not.

    Parameters
    ----------
    rate : float
        Probability of a zero.
    shared_axes : sequence of int
        Axes along which all entries share one draw.
    seed : int, optional
        Of the layer's ``keras.random.SeedGenerator``.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For a rate that is no probability.

    Notes
    -----
    ``lasagne.layers.DropoutLayer`` with ``rescale=False``.

    Examples
    --------
    >>> import numpy as np
    >>> layer = UnscaledDropout(0.5, seed=1)
    >>> sorted(set(layer(np.full((3, 40), 7.0), training=True).numpy().ravel().tolist()))
    [0.0, 7.0]
    """

    def __init__(
        self,
        rate: float,
        shared_axes: Sequence[int] = (),
        seed: int | None = None,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise LayerArgumentError(f"rate must be a probability; got {rate}.")
        self.rate = float(rate)
        self.shared_axes = tuple(int(axis) for axis in shared_axes)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Drop in training mode, else return the inputs."""
        if not training or self.rate == 0:
            return inputs
        shared = canonical_axes(self.shared_axes, len(inputs.shape))
        shape = [1 if axis in shared else size for axis, size in enumerate(ops.shape(inputs))]
        # Drawn in float32 whatever the inputs are: in half precision few values lie below a
        # small rate, and it would not be met.
        drawn = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return inputs * ops.cast(drawn >= self.rate, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "shared_axes": list(self.shared_axes),
            "seed": self.seed,
        }

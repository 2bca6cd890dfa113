"""Zeros between the entries of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError
from lasport.spec import Shape

__all__ = ["Dilate"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class Dilate(keras.layers.Layer):
    """Put ``factor - 1`` zeros behind each entry of each spatial axis, channels last.

    Parameters
    ----------
    factors : sequence of int
        One entry per spatial axis.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For factors that are not positive, and for inputs of another rank.

    Notes
    -----
    ``lasagne.layers.Upscale2DLayer`` with ``mode='dilate'``, and the same over
    one or three axes.

    Examples
    --------
    >>> import numpy as np
    >>> Dilate([3])(np.array([[[1.0], [2.0]]])).numpy().ravel().tolist()
    [1.0, 0.0, 0.0, 2.0, 0.0, 0.0]
    """

    def __init__(
        self,
        factors: Sequence[int],
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.factors = tuple(int(factor) for factor in factors)
        if min(self.factors, default=0) < 1:
            raise LayerArgumentError(f"factors must be positive; got {self.factors}.")

    def build(self, input_shape: Shape) -> None:
        """Refuse inputs of another rank."""
        if len(input_shape) != len(self.factors) + 2:
            raise LayerArgumentError(
                f"Factors {self.factors} take (batch, *{len(self.factors)} spatial axes, "
                f"channels); got an input of shape {tuple(input_shape)}."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """Give each entry an axis of its own, and fill that with zeros."""
        for axis, factor in enumerate(self.factors, start=1):
            shape = ops.shape(inputs)
            widths = [(0, 0)] * (len(shape) + 1)
            widths[axis + 1] = (0, factor - 1)
            filled = ops.pad(ops.expand_dims(inputs, axis + 1), widths)
            inputs = ops.reshape(filled, (*shape[:axis], shape[axis] * factor, *shape[axis + 1 :]))
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with its spatial sizes times their factors."""
        batch, *lengths, channels = input_shape
        grown = [
            None if length is None else length * factor
            for length, factor in zip(lengths, self.factors, strict=True)
        ]
        return (batch, *grown, channels)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "factors": list(self.factors)}

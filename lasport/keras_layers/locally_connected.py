"""Convolution without weight sharing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, TypeAlias

import keras
from keras import initializers, ops

from lasport.keras_layers.arguments import LayerArgumentError
from lasport.spec import Shape

__all__ = ["LocallyConnected2D"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class LocallyConnected2D(keras.layers.Layer):
    """Correlate with filters that differ from place to place, channels last.

    The input is surrounded by zeros so that the output has as many places. Keras
    3 has no such layer any more.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : sequence of int
        Rows and columns of the filters, both odd.
    channelwise : bool
        Whether filter ``i`` sees channel ``i`` only; there are then as many
        filters as channels.
    kernel_initializer : initializer
        Initial value, as for any Keras layer.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Attributes
    ----------
    kernel : keras.Variable
        Rows, columns, those of ``kernel_size``, channels, filters; without the
        last if channelwise.

    Raises
    ------
    LayerArgumentError
        For even kernel sizes, and for inputs of another rank or of open size.

    Notes
    -----
    ``lasagne.layers.LocallyConnected2DLayer`` without bias and nonlinearity.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LocallyConnected2D(1, [1, 3], kernel_initializer="ones")
    >>> layer(np.array([[[[1.0], [2.0], [5.0]]]])).numpy().ravel().tolist()
    [3.0, 8.0, 7.0]
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sequence[int],
        channelwise: bool = False,
        kernel_initializer: object = "glorot_uniform",
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.filters = int(filters)
        self.kernel_size = tuple(int(size) for size in kernel_size)
        self.channelwise = bool(channelwise)
        self.kernel_initializer = initializers.get(kernel_initializer)
        if len(self.kernel_size) != 2 or any(size % 2 == 0 for size in self.kernel_size):
            raise LayerArgumentError(f"kernel_size must be two odd numbers; got {kernel_size}.")

    def build(self, input_shape: Shape) -> None:
        """Create ``kernel``."""
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise LayerArgumentError(
                f"LocallyConnected2D takes (batch, rows, columns, channels) with fixed sizes; got "
                f"an input of shape {tuple(input_shape)}."
            )
        *space, channels = input_shape[1:]
        if self.channelwise and channels != self.filters:
            raise LayerArgumentError(
                f"{self.filters} channelwise filters do not fit an input of shape "
                f"{tuple(input_shape)}."
            )
        made = () if self.channelwise else (self.filters,)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*space, *self.kernel_size, channels, *made),
            initializer=self.kernel_initializer,
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Correlate."""
        _, rows, columns, _ = inputs.shape
        around = [(size // 2, size // 2) for size in self.kernel_size]
        padded = ops.pad(inputs, ((0, 0), *around, (0, 0)))
        windows = ops.stack(
            [
                padded[:, row : row + rows, column : column + columns]
                for row, column in product(*map(range, self.kernel_size))
            ],
            axis=3,
        )
        shape = self.kernel.shape
        kernel = ops.reshape(self.kernel, (*shape[:2], -1, *shape[4:]))
        sums = "nrcki,rcki->nrci" if self.channelwise else "nrcki,rckif->nrcf"
        return ops.einsum(sums, windows, kernel)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, rows, columns, filters)."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "channelwise": self.channelwise,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }

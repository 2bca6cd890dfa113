"""Pooling of images of any size into a fixed number of bins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, one_of
from lasport.keras_layers.global_reduce import REDUCTIONS
from lasport.spec import Shape

__all__ = ["PyramidPooling"]

Tensor: TypeAlias = keras.KerasTensor
# A number where the size of an axis is known beforehand, else a scalar tensor.
Size: TypeAlias = Any

_MODES = ("max", "mean", "sum")


@keras.saving.register_keras_serializable(package="lasport")
class PyramidPooling(keras.layers.Layer):
    """Pool (batch, rows, columns, channels) into (batch, bins, channels).

    An axis of ``size`` entries is cut into n bins; bin i reaches ::

        from floor(i * size / n) to ceil((i + 1) * size / n)                     covering
        from i * floor(size / n), and takes ceil(size / n) entries               else

    Parameters
    ----------
    grids : sequence of int
        For each grid, how many bins it has along either axis. The bins of a
        grid come row by row, grid after grid.
    mode : {"max", "mean", "sum"}
        What becomes of a bin.
    covering : bool
        Which bins to take.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For an unknown mode, grids without bins, inputs of another rank, and
        sizes that do not make equal bins where ``covering`` is off.

    Notes
    -----
    ``lasagne.layers.SpatialPyramidPoolingLayer``; ``covering`` is what that calls
    ``implementation='kaiming'``. Every entry that attains the maximum of a bin
    receives the bin's gradient in full, as in Theano.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(6.0).reshape(1, 2, 3, 1)
    >>> PyramidPooling([2, 1])(image).numpy().ravel().tolist()
    [1.0, 2.0, 4.0, 5.0, 5.0]
    """

    def __init__(
        self,
        grids: Sequence[int],
        mode: str = "max",
        covering: bool = True,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.grids = tuple(int(count) for count in grids)
        self.mode = one_of(_MODES, mode, "mode")
        self.covering = bool(covering)
        if min(self.grids, default=0) < 1:
            raise LayerArgumentError(f"grids must have bins; got {self.grids}.")

    def build(self, input_shape: Shape) -> None:
        """Refuse what is no image."""
        if len(input_shape) != 4:
            raise LayerArgumentError(
                f"PyramidPooling takes (batch, rows, columns, channels); got an input of shape "
                f"{tuple(input_shape)}."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """Pool bin by bin."""
        _, rows, columns, _ = ops.shape(inputs)
        pool = REDUCTIONS[self.mode]
        pooled = [
            pool(inputs[:, top:bottom, left:right], axis=(1, 2))
            for count in self.grids
            for top, bottom in self._bins(rows, count)
            for left, right in self._bins(columns, count)
        ]
        return ops.stack(pooled, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, bins, channels)."""
        return (input_shape[0], sum(count**2 for count in self.grids), input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "grids": list(self.grids),
            "mode": self.mode,
            "covering": self.covering,
        }

    def _bins(self, size: Size, count: int) -> Iterator[tuple[Size, Size]]:
        stride, window = size // count, (size + count - 1) // count
        fits = stride > 0 and (size - window) // stride + 1 == count if isinstance(size, int) else 1
        if not self.covering and not fits:
            raise LayerArgumentError(
                f"{size} entries do not make {count} equal bins, equally far apart."
            )
        for number in range(count):
            if self.covering:
                yield number * size // count, ((number + 1) * size + count - 1) // count
            else:
                start = number * stride
                yield start, start + window

"""Parts of one axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.formula import take_slices
from lasport.keras_layers.arguments import LayerArgumentError
from lasport.spec import Shape

__all__ = ["Slice"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class Slice(keras.layers.Layer):
    """Take one place of an axis, which is dropped, or a range of places.

    Parameters
    ----------
    indices : int or (start, stop, step)
        As Python has them: negative ones count from the end, None is left out.
    axis : int
        The batch axis is 0; the last one unless given.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For other indices, and inputs without the axis or without the place.

    Notes
    -----
    ``lasagne.layers.SliceLayer``.

    Examples
    --------
    >>> import numpy as np
    >>> Slice([None, None, -2])(np.array([[1.0, 2.0, 3.0]])).numpy().tolist()
    [[3.0, 1.0]]
    """

    def __init__(
        self,
        indices: int | Sequence[int | None],
        axis: int = -1,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.indices = indices if isinstance(indices, int) else tuple(indices)
        self.axis = int(axis)
        if isinstance(self.indices, tuple) and (len(self.indices) != 3 or self.indices[2] == 0):
            raise LayerArgumentError(
                f"indices must be an integer or (start, stop, step); got {indices}."
            )

    def build(self, input_shape: Shape) -> None:
        """Refuse inputs without the axis, or without the place."""
        rank = len(input_shape)
        size = input_shape[self.axis] if -rank <= self.axis < rank else 0
        missing = isinstance(self.indices, int) and size is not None
        if size == 0 or (missing and not -size <= self.indices < size):  # type: ignore[operator]
            raise LayerArgumentError(
                f"An input of shape {tuple(input_shape)} has no places {self.indices} along axis "
                f"{self.axis}."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """Index the axis."""
        before = (slice(None),) * (self.axis % len(inputs.shape))
        if isinstance(self.indices, int):
            place = (*before, self.indices)
            return inputs[place]
        return take_slices(inputs, (*before, slice(*self.indices)), ops)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape without the axis, or with the number of places taken."""
        axis = self.axis % len(input_shape)
        if isinstance(self.indices, int):
            return (*input_shape[:axis], *input_shape[axis + 1 :])
        size = input_shape[axis]
        taken = None if size is None else len(range(*slice(*self.indices).indices(size)))
        return (*input_shape[:axis], taken, *input_shape[axis + 1 :])

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        indices = self.indices if isinstance(self.indices, int) else list(self.indices)
        return {**super().get_config(), "indices": indices, "axis": self.axis}

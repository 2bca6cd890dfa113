"""Reductions of any axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import canonical_axes, one_of
from lasport.keras_layers.global_reduce import REDUCTIONS
from lasport.spec import Shape

__all__ = ["Reduce"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class Reduce(keras.layers.Layer):
    """Reduce some axes to one entry each.

    Parameters
    ----------
    function : {"mean", "max", "min", "sum", "prod", "var", "std"}
        ``var`` and ``std`` divide by the number of entries.
    axes : sequence of int
        Which axes; the batch axis may be one of them.
    keepdims : bool
        Whether they stay, with size 1.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For an unknown function, and for axes that do not exist or are named twice.

    Notes
    -----
    ``lasagne.layers.ExpressionLayer`` with a function of ``theano.tensor``. Every
    entry that attains the maximum (minimum) receives the gradient in full, as in
    Theano.

    Examples
    --------
    >>> import numpy as np
    >>> Reduce("max", axes=[1])(np.array([[1.0, 5.0]])).numpy().tolist()
    [5.0]
    """

    def __init__(
        self,
        function: str,
        axes: Sequence[int],
        keepdims: bool = False,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.function = one_of(REDUCTIONS, function, "function")
        self.axes = tuple(int(axis) for axis in axes)
        self.keepdims = bool(keepdims)

    def call(self, inputs: Tensor) -> Tensor:
        """Reduce."""
        axes = canonical_axes(self.axes, len(inputs.shape))
        reduced = REDUCTIONS[self.function](inputs, axis=axes)
        return ops.expand_dims(reduced, axes) if self.keepdims else reduced

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape without the axes, or with 1 in their place."""
        axes = canonical_axes(self.axes, len(input_shape))
        if self.keepdims:
            return tuple(1 if axis in axes else size for axis, size in enumerate(input_shape))
        return tuple(size for axis, size in enumerate(input_shape) if axis not in axes)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "function": self.function,
            "axes": list(self.axes),
            "keepdims": self.keepdims,
        }

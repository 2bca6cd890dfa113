"""Reductions of all spatial axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, one_of
from lasport.spec import Shape

__all__ = ["DIFFERENTIABLE", "REDUCTIONS", "GlobalReduce", "pull_back_reduction"]

Tensor: TypeAlias = keras.KerasTensor


def _extreme(x: Tensor, axis: tuple[int, ...], *, find: Callable[..., Tensor]) -> Tensor:
    @ops.custom_gradient
    def extreme(x: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
        found = find(x, axis=axis)

        def gradient(*args: Tensor, upstream: Tensor | None = None) -> Tensor:
            # Backends differ in how they hand over the gradient of the output.
            upstream = args[0] if upstream is None else upstream
            tied = ops.equal(x, ops.expand_dims(found, axis))
            return ops.where(tied, ops.expand_dims(upstream, axis), 0)

        return found, gradient

    return extreme(x)


REDUCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "mean": ops.mean,
    "max": partial(_extreme, find=ops.max),
    "min": partial(_extreme, find=ops.min),
    "sum": ops.sum,
    "prod": ops.prod,
    "var": ops.var,
    "std": ops.std,
}


def _count(x: Tensor, axis: tuple[int, ...]) -> Tensor:
    """Return how many entries one result is made of, in the dtype of the input."""
    sizes = ops.shape(x)
    return ops.cast(math.prod(sizes[place] for place in axis), x.dtype)


def _centered(x: Tensor, axis: tuple[int, ...]) -> Tensor:
    return x - ops.mean(x, axis=axis, keepdims=True)


def _to_extremes(
    x: Tensor, axis: tuple[int, ...], g: Tensor, *, find: Callable[..., Tensor]
) -> Tensor:
    return ops.where(ops.equal(x, find(x, axis=axis, keepdims=True)), g, 0)


# Gradients of x, for a gradient g of the result that has kept the axes reduced over.
_GRADIENTS: Mapping[str, Callable[[Tensor, tuple[int, ...], Tensor], Tensor]] = {
    "mean": lambda x, axis, g: ops.ones_like(x) * (g / _count(x, axis)),
    "max": partial(_to_extremes, find=ops.max),
    "min": partial(_to_extremes, find=ops.min),
    "sum": lambda x, axis, g: ops.ones_like(x) * g,
    "var": lambda x, axis, g: 2 / _count(x, axis) * g * _centered(x, axis),
    "std": lambda x, axis, g: (
        g * _centered(x, axis) / (_count(x, axis) * ops.std(x, axis=axis, keepdims=True))
    ),
}
DIFFERENTIABLE = tuple(_GRADIENTS)


def pull_back_reduction(function: str, x: Tensor, axis: tuple[int, ...], g: Tensor) -> Tensor:
    """Return the gradient of what was reduced along some axes, for a gradient of the result."""
    return _GRADIENTS[function](x, axis, ops.expand_dims(g, axis))


@keras.saving.register_keras_serializable(package="lasport")
class GlobalReduce(keras.layers.Layer):
    """Reduce ``(batch, *space, channels)`` to ``(batch, channels)``.

    Parameters
    ----------
    function : {"mean", "max", "min", "sum", "prod", "var", "std"}
        ``var`` and ``std`` divide by the number of entries.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For an unknown function and for inputs without a spatial axis.

    Notes
    -----
    ``lasagne.layers.GlobalPoolLayer`` with functions of ``theano.tensor``.
    Every entry that attains the maximum (minimum) receives the gradient in
    full, as in Theano.

    Examples
    --------
    >>> import numpy as np
    >>> GlobalReduce("std")(np.array([[[1.0], [5.0]]])).numpy().tolist()
    [[2.0]]
    """

    def __init__(
        self,
        function: str,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.function = one_of(REDUCTIONS, function, "function")

    def build(self, input_shape: Shape) -> None:
        """Refuse inputs without a spatial axis."""
        if len(input_shape) < 3:
            raise LayerArgumentError(
                f"GlobalReduce takes (batch, *spatial axes, channels) with at least one spatial "
                f"axis; got an input of shape {tuple(input_shape)}."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """Reduce."""
        return REDUCTIONS[self.function](inputs, axis=tuple(range(1, len(inputs.shape) - 1)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, channels)."""
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "function": self.function}

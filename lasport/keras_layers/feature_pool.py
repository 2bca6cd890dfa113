"""Pools of neighbours along one axis: one entry for each, or only the winner of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, one_of
from lasport.keras_layers.global_reduce import REDUCTIONS
from lasport.spec import Shape

__all__ = ["FeaturePooling", "WinnerTakesAll"]

Tensor: TypeAlias = keras.KerasTensor


class _Pools(keras.layers.Layer):
    """Splits ``axis`` into pools of ``pool_size`` neighbours."""

    def __init__(self, pool_size: int, axis: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size = int(pool_size)
        self.axis = int(axis)
        if self.pool_size < 1:
            raise LayerArgumentError(f"pool_size must be positive; got {self.pool_size}.")

    def build(self, input_shape: Shape) -> None:
        """Refuse inputs that the pools do not divide."""
        rank = len(input_shape)
        size = input_shape[self.axis] if -rank <= self.axis < rank else 0
        if size == 0 or (size is not None and size % self.pool_size):
            raise LayerArgumentError(
                f"Pools of {self.pool_size} do not divide axis {self.axis} of an input of shape "
                f"{tuple(input_shape)}."
            )

    def split(self, x: Tensor) -> tuple[Tensor, int]:
        """Return ``x`` with axes (pools, pool_size) in the place of the one, and the latter's."""
        axis = self.axis % len(x.shape)
        shape: Sequence[Any] = ops.shape(x)
        pools = shape[axis] // self.pool_size
        return ops.reshape(x, (*shape[:axis], pools, self.pool_size, *shape[axis + 1 :])), axis + 1

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "pool_size": self.pool_size, "axis": self.axis}


@keras.saving.register_keras_serializable(package="lasport")
class FeaturePooling(_Pools):
    """Reduce pools of neighbouring features to one each; with ``max`` a maxout layer.

    Parameters
    ----------
    pool_size : int
        How many neighbours make a pool; a divisor of the axis' size.
    function : {"max", "mean", "min", "sum", "prod", "var", "std"}
        ``var`` and ``std`` divide by the number of entries.
    axis : int
        The axis of the features, the last one unless given.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For an unknown function, and for inputs that the pools do not divide.

    Notes
    -----
    ``lasagne.layers.FeaturePoolLayer`` with functions of ``theano.tensor``.
    Every entry that attains the maximum (minimum) receives the gradient in
    full, as in Theano.

    Examples
    --------
    >>> import numpy as np
    >>> FeaturePooling(2)(np.array([[1.0, 3.0, 2.0, 0.0]])).numpy().tolist()
    [[3.0, 2.0]]
    """

    def __init__(
        self,
        pool_size: int,
        function: str = "max",
        axis: int = -1,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(pool_size, axis, **kwargs)
        self.function = one_of(REDUCTIONS, function, "function")

    def call(self, inputs: Tensor) -> Tensor:
        """Reduce."""
        pools, axis = self.split(inputs)
        return REDUCTIONS[self.function](pools, axis=(axis,))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with one feature per pool."""
        axis = self.axis % len(input_shape)
        size = input_shape[axis]
        pools = None if size is None else size // self.pool_size
        return (*input_shape[:axis], pools, *input_shape[axis + 1 :])

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "function": self.function}


@keras.saving.register_keras_serializable(package="lasport")
class WinnerTakesAll(_Pools):
    """Set every feature to zero that is not the largest of its pool.

    Parameters
    ----------
    pool_size : int
        How many neighbours make a pool; a divisor of the axis' size.
    axis : int
        The axis of the features, the last one unless given.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For inputs that the pools do not divide.

    Notes
    -----
    ``lasagne.layers.FeatureWTALayer``: of several largest entries the first one
    wins, and receives the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> WinnerTakesAll(2)(np.array([[1.0, 3.0, 2.0, 0.0]])).numpy().tolist()
    [[0.0, 3.0, 2.0, 0.0]]
    """

    def __init__(
        self,
        pool_size: int,
        axis: int = -1,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(pool_size, axis, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        """Multiply by 1 where an entry wins, by 0 elsewhere."""
        return inputs * self.winners(inputs)

    def winners(self, x: Tensor) -> Tensor:
        """Return 1 where an entry wins, 0 elsewhere."""
        pools, axis = self.split(x)
        tied = ops.equal(pools, ops.max(pools, axis=axis, keepdims=True))
        # Not argmax of the pools themselves: for Keras that is never -0.
        first = ops.argmax(ops.cast(tied, "int32"), axis=axis)
        winners = ops.one_hot(first, self.pool_size, axis=axis, dtype=x.dtype)
        return ops.reshape(winners, ops.shape(x))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return tuple(input_shape)

"""Gradients of what other layers take, for gradients of their results.

Each layer takes a list of both: what the other layer was applied to, and the
gradient of its result. They are what ``lasagne.layers.InverseLayer`` computes;
:class:`PoolingGradient` and the invertible layers with weights are elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.formula import take_slices
from lasport.keras_layers.arguments import one_of
from lasport.keras_layers.feature_pool import FeaturePooling, WinnerTakesAll
from lasport.keras_layers.global_reduce import DIFFERENTIABLE, pull_back_reduction
from lasport.keras_layers.nonlinearity import check_function, pull_back_function
from lasport.keras_layers.slice import Slice
from lasport.spec import Shape

__all__ = [
    "FeaturePoolingGradient",
    "GlobalReduceGradient",
    "NonlinearityGradient",
    "OnesLike",
    "PassOn",
    "ShapeGradient",
    "SliceGradient",
    "WinnerTakesAllGradient",
]

Tensor: TypeAlias = keras.KerasTensor
# Two shapes, in layers that extend one with a single input.
Pair: TypeAlias = Any


class _Gradient(keras.layers.Layer):
    """A layer whose output has the shape of the first of its two inputs."""

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape of the other layer's input."""
        return tuple(input_shape[0])


@keras.saving.register_keras_serializable(package="lasport")
class NonlinearityGradient(_Gradient):
    """Multiply by the derivative of a function at the other input.

    Parameters
    ----------
    function : str
        One of those of :class:`Nonlinearity`.
    constants : mapping of str to float, optional
        A value for each constant in the function's formula.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For an unknown function, and for constants that are not the function's.

    Notes
    -----
    ``lasagne.layers.InverseLayer`` of a nonlinearity, with Theano's derivatives
    at kinks.

    Examples
    --------
    >>> import numpy as np
    >>> layer = NonlinearityGradient("rectify")
    >>> layer([np.array([-2.0, 0.0, 3.0]), np.array([4.0, 4.0, 4.0])]).numpy().tolist()
    [0.0, 2.0, 4.0]
    """

    def __init__(
        self,
        function: str,
        constants: Mapping[str, float] | None = None,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.function = function
        self.constants = check_function(function, constants or {})

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Multiply; for softmax, by a matrix for each row."""
        x, g = inputs
        return pull_back_function(self.function, self.constants, x, g)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "function": self.function,
            "constants": dict(self.constants),
        }


@keras.saving.register_keras_serializable(package="lasport")
class GlobalReduceGradient(_Gradient):
    """Spread a gradient of (batch, channels) over ``(batch, *space, channels)``.

    Parameters
    ----------
    function : {"mean", "max", "min", "sum", "var", "std"}
        That of the :class:`GlobalReduce`.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For another function.

    Notes
    -----
    ``lasagne.layers.InverseLayer`` of a GlobalPoolLayer.

    Examples
    --------
    >>> import numpy as np
    >>> layer = GlobalReduceGradient("max")
    >>> layer([np.array([[[1.0], [5.0]]]), np.array([[3.0]])]).numpy().ravel().tolist()
    [0.0, 3.0]
    """

    def __init__(
        self,
        function: str,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.function = one_of(DIFFERENTIABLE, function, "function")

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Spread."""
        x, g = inputs
        return pull_back_reduction(self.function, x, tuple(range(1, len(x.shape) - 1)), g)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "function": self.function}


@keras.saving.register_keras_serializable(package="lasport")
class FeaturePoolingGradient(FeaturePooling):
    """Spread a gradient of the result of :class:`FeaturePooling` over the pools.

    Parameters
    ----------
    pool_size, function, axis
        Those of the pooling; ``prod`` is refused.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    ``lasagne.layers.InverseLayer`` of a FeaturePoolLayer.

    Examples
    --------
    >>> import numpy as np
    >>> layer = FeaturePoolingGradient(2)
    >>> layer([np.array([[1.0, 3.0, 2.0, 2.0]]), np.array([[5.0, 6.0]])]).numpy().tolist()
    [[0.0, 5.0, 6.0, 6.0]]
    """

    def __init__(
        self,
        pool_size: int,
        function: str = "max",
        axis: int = -1,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(pool_size, one_of(DIFFERENTIABLE, function, "function"), axis, **kwargs)

    def build(self, input_shape: Pair) -> None:
        """Refuse inputs that the pools do not divide."""
        super().build(input_shape[0])

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Spread."""
        x, g = inputs
        pools, axis = self.split(x)
        return ops.reshape(pull_back_reduction(self.function, pools, (axis,), g), ops.shape(x))

    def compute_output_shape(self, input_shape: Pair) -> Shape:
        """Return the shape of what was pooled."""
        return tuple(input_shape[0])


@keras.saving.register_keras_serializable(package="lasport")
class WinnerTakesAllGradient(WinnerTakesAll):
    """Set the gradient of every feature to zero that :class:`WinnerTakesAll` does.

    Parameters
    ----------
    pool_size, axis
        Those of the other layer.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    ``lasagne.layers.InverseLayer`` of a FeatureWTALayer.

    Examples
    --------
    >>> import numpy as np
    >>> layer = WinnerTakesAllGradient(2)
    >>> layer([np.array([[1.0, 3.0]]), np.array([[5.0, 6.0]])]).numpy().tolist()
    [[0.0, 6.0]]
    """

    def build(self, input_shape: Pair) -> None:
        """Refuse inputs that the pools do not divide."""
        super().build(input_shape[0])

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Multiply by 1 where an entry wins, by 0 elsewhere."""
        x, g = inputs
        return g * self.winners(x)

    def compute_output_shape(self, input_shape: Pair) -> Shape:
        """Return the shape of both."""
        return tuple(input_shape[0])


@keras.saving.register_keras_serializable(package="lasport")
class ShapeGradient(_Gradient):
    """Reshape the second input to the shape of the first.

    Parameters
    ----------
    axes : sequence of int, optional
        How to transpose before: axis ``i`` is axis ``axes[i]`` of the second input.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    ``lasagne.layers.InverseLayer`` of a FlattenLayer, ReshapeLayer or
    DimshuffleLayer.

    Examples
    --------
    >>> import numpy as np
    >>> ShapeGradient()([np.zeros((2, 2)), np.array([1.0, 2.0, 3.0, 4.0])]).numpy().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(
        self,
        axes: Sequence[int] | None = None,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.axes = None if axes is None else tuple(int(axis) for axis in axes)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Transpose and reshape."""
        x, g = inputs
        if self.axes is not None:
            g = ops.transpose(g, self.axes)
        return ops.reshape(g, ops.shape(x))

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "axes": None if self.axes is None else list(self.axes)}


@keras.saving.register_keras_serializable(package="lasport")
class SliceGradient(Slice):
    """Put a gradient of the result of :class:`Slice` where its entries were taken, among zeros.

    Parameters
    ----------
    indices, axis
        Those of the slice.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    ``lasagne.layers.InverseLayer`` of a SliceLayer.

    Examples
    --------
    >>> import numpy as np
    >>> layer = SliceGradient([None, None, -2])
    >>> layer([np.zeros((1, 3)), np.array([[5.0, 6.0]])]).numpy().tolist()
    [[6.0, 0.0, 5.0]]
    """

    def build(self, input_shape: Pair) -> None:
        """Refuse inputs without the axis, or without the place."""
        super().build(input_shape[0])

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Look up, for each place, which entry of the gradient was taken there."""
        x, g = inputs
        axis = self.axis % len(x.shape)
        if isinstance(self.indices, int):
            g = ops.expand_dims(g, axis)
        places = ops.arange(ops.shape(x)[axis])
        if isinstance(self.indices, int):
            chosen = places[self.indices]
        else:
            chosen = take_slices(places, [slice(*self.indices)], ops)
        behind = (1,) * (len(x.shape) - axis - 1)
        hits = ops.equal(ops.expand_dims(places, 1), ops.reshape(chosen, (1, -1)))
        taken = ops.reshape(ops.any(hits, axis=1), (-1, *behind))
        numbers = ops.argmax(ops.cast(hits, "int32"), axis=1)
        return ops.where(taken, ops.take(g, numbers, axis=axis), 0)

    def compute_output_shape(self, input_shape: Pair) -> Shape:
        """Return the shape of what was sliced."""
        return tuple(input_shape[0])


@keras.saving.register_keras_serializable(package="lasport")
class OnesLike(keras.layers.Layer):
    """Put ones in the place of all entries: what a dropout layer makes of them is its mask.

    Parameters
    ----------
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Examples
    --------
    >>> import numpy as np
    >>> OnesLike()(np.array([2.0, 3.0])).numpy().tolist()
    [1.0, 1.0]
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Return ones of the same shape."""
        return ops.ones_like(inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs; Keras' own has no place for a dtype policy."""
        return {**super().get_config()}


@keras.saving.register_keras_serializable(package="lasport")
class PassOn(keras.layers.Layer):
    """Return the second of two inputs, so that the first is part of the model as well.

    Parameters
    ----------
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Examples
    --------
    >>> import numpy as np
    >>> PassOn()([np.array([2.0]), np.array([3.0])]).numpy().tolist()
    [3.0]
    """

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the second."""
        _, passed = inputs
        return passed

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape of the second."""
        return tuple(input_shape[1])

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs; Keras' own has no place for a dtype policy."""
        return {**super().get_config()}

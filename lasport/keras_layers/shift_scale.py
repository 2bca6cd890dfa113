"""A weight that is added or multiplied, spread over any axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import initializers, ops

from lasport.keras_layers.arguments import canonical_axes, weight_shape
from lasport.spec import Shape

__all__ = ["Scale", "Shift", "SpreadWeight"]

Tensor: TypeAlias = keras.KerasTensor


class SpreadWeight(keras.layers.Layer):
    """A layer with one weight, and where that stands; what is done with it is the subclass's."""

    def __init__(self, shared_axes: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shared_axes = tuple(int(axis) for axis in shared_axes)
        self.supports_masking = True

    def add_spread_weight(self, name: str, initializer: object, input_shape: Shape) -> Any:
        """Create the weight, of the input's shape without the shared axes."""
        shared = canonical_axes(self.shared_axes, len(input_shape))
        self._spread = tuple(1 if axis in shared else size for axis, size in enumerate(input_shape))
        shape = weight_shape(input_shape, shared)
        return self.add_weight(name=name, shape=shape, initializer=initializer)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "shared_axes": list(self.shared_axes)}


@keras.saving.register_keras_serializable(package="lasport")
class Shift(SpreadWeight):
    """Add a weight: ``outputs = inputs + bias``.

    Parameters
    ----------
    shared_axes : sequence of int
        Axes along which all entries share one weight. Every other axis needs a
        fixed size.
    bias_initializer : initializer
        Initial value, as for any Keras layer.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Attributes
    ----------
    bias : keras.Variable
        Of the input's shape without ``shared_axes``.

    Notes
    -----
    ``lasagne.layers.BiasLayer``, and the bias of its layers with untied biases.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Shift(shared_axes=[0, 1], bias_initializer="ones")
    >>> float(layer(np.zeros((2, 5, 3))).numpy().sum()), tuple(layer.bias.shape)
    (30.0, (3,))
    """

    def __init__(
        self,
        shared_axes: Sequence[int],
        bias_initializer: object = "zeros",
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(shared_axes, **kwargs)
        self.bias_initializer = initializers.get(bias_initializer)

    def build(self, input_shape: Shape) -> None:
        """Create ``bias``."""
        self.bias = self.add_spread_weight("bias", self.bias_initializer, input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """Add."""
        return inputs + ops.reshape(self.bias, self._spread)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        initializer = initializers.serialize(self.bias_initializer)
        return {**super().get_config(), "bias_initializer": initializer}


@keras.saving.register_keras_serializable(package="lasport")
class Scale(SpreadWeight):
    """Multiply by a weight: ``outputs = inputs * scale``.

    Parameters
    ----------
    shared_axes : sequence of int
        Axes along which all entries share one weight. Every other axis needs a
        fixed size.
    scale_initializer : initializer
        Initial value, as for any Keras layer.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Attributes
    ----------
    scale : keras.Variable
        Of the input's shape without ``shared_axes``.

    Notes
    -----
    ``lasagne.layers.ScaleLayer``.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Scale(shared_axes=[0], scale_initializer="ones")
    >>> float(layer(np.ones((2, 5, 3))).numpy().sum()), tuple(layer.scale.shape)
    (30.0, (5, 3))
    """

    def __init__(
        self,
        shared_axes: Sequence[int],
        scale_initializer: object = "ones",
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(shared_axes, **kwargs)
        self.scale_initializer = initializers.get(scale_initializer)

    def build(self, input_shape: Shape) -> None:
        """Create ``scale``."""
        self.scale = self.add_spread_weight("scale", self.scale_initializer, input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """Multiply."""
        return inputs * ops.reshape(self.scale, self._spread)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        initializer = initializers.serialize(self.scale_initializer)
        return {**super().get_config(), "scale_initializer": initializer}

"""A rectifier whose slope below 0 is learned, with Theano's gradient at 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import initializers, ops

from lasport.keras_layers.shift_scale import SpreadWeight
from lasport.spec import Shape

__all__ = ["ParametricRectifier"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class ParametricRectifier(SpreadWeight):
    """Multiply what is negative by a weight; the gradient at 0 is ``(1 + alpha) / 2``.

    Parameters
    ----------
    shared_axes : sequence of int
        Axes along which all entries share one weight. Every other axis needs a
        fixed size. The batch axis is one of them.
    alpha_initializer : initializer
        Initial value, as for any Keras layer.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Attributes
    ----------
    alpha : keras.Variable
        Of the input's shape without ``shared_axes``.

    Notes
    -----
    ``lasagne.layers.ParametricRectifierLayer``. Of ``keras.layers.PReLU`` the
    gradient at 0 is 0.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ParametricRectifier(shared_axes=[0], alpha_initializer="ones")
    >>> layer.build((1, 2))
    >>> layer.set_weights([np.array([0.5, 3.0])])
    >>> layer(np.array([[-2.0, -1.0]])).numpy().tolist()
    [[-1.0, -3.0]]
    """

    def __init__(
        self,
        shared_axes: Sequence[int],
        alpha_initializer: object = "zeros",
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(shared_axes, **kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)

    def build(self, input_shape: Shape) -> None:
        """Create ``alpha``."""
        self.alpha = self.add_spread_weight("alpha", self.alpha_initializer, input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """Add a line and a magnitude, whose derivative at 0 is 0."""
        alpha = ops.reshape(self.alpha, self._spread)
        return 0.5 * (1 + alpha) * inputs + 0.5 * (1 - alpha) * ops.absolute(inputs)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        initializer = initializers.serialize(self.alpha_initializer)
        return {**super().get_config(), "alpha_initializer": initializer}

"""A leaky rectifier whose slope is drawn anew in every training step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, canonical_axes
from lasport.keras_layers.nonlinearity import apply_function
from lasport.spec import Shape

__all__ = ["RandomizedRectifier"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class RandomizedRectifier(keras.layers.Layer):
    """Multiply negative inputs by a slope: a random one in training mode, else the mean slope.

    Parameters
    ----------
    lower, upper : float
        Between which slopes are drawn, all alike.
    shared_axes : sequence of int
        Axes along which all entries share one slope.
    seed : int, optional
        Of the layer's ``keras.random.SeedGenerator``.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        If ``lower`` is above ``upper``.

    Notes
    -----
    ``lasagne.layers.RandomizedRectifierLayer``; the gradient at 0 is the mean
    of the slope and 1, as Theano's. Xu et al., "Empirical evaluation of
    rectified activations in convolutional network" (2015).

    Examples
    --------
    >>> import numpy as np
    >>> layer = RandomizedRectifier(0.25, 0.75)
    >>> layer(np.array([-2.0, 0.0, 3.0])).numpy().tolist()
    [-1.0, 0.0, 3.0]
    """

    def __init__(
        self,
        lower: float,
        upper: float,
        shared_axes: Sequence[int] = (),
        seed: int | None = None,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        if not lower <= upper:
            raise LayerArgumentError(f"lower must not be above upper; got {lower} and {upper}.")
        self.lower, self.upper = float(lower), float(upper)
        self.shared_axes = tuple(int(axis) for axis in shared_axes)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Rectify, with drawn slopes in training mode."""
        slope = (self.lower + self.upper) / 2
        if training and self.lower < self.upper:
            slope = self._draw(inputs)
        return apply_function("leaky_rectify", {"leakiness": slope}, inputs)

    def _draw(self, inputs: Tensor) -> Tensor:
        shared = canonical_axes(self.shared_axes, len(inputs.shape))
        shape = [1 if axis in shared else size for axis, size in enumerate(ops.shape(inputs))]
        # Half precision draws from too few values.
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        slopes = keras.random.uniform(
            shape, self.lower, self.upper, dtype=dtype, seed=self.seed_generator
        )
        return ops.cast(slopes, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "lower": self.lower,
            "upper": self.upper,
            "shared_axes": list(self.shared_axes),
            "seed": self.seed,
        }

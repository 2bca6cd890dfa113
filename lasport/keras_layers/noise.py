"""Gaussian noise of any strength."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError
from lasport.spec import Shape

__all__ = ["WideGaussianNoise"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class WideGaussianNoise(keras.layers.Layer):
    """Add normally distributed noise, in training mode only.

    ``keras.layers.GaussianNoise`` does the same, and refuses more than 1.

    Parameters
    ----------
    stddev : float
        Standard deviation of the noise; its mean is 0.
    seed : int, optional
        Of the layer's ``keras.random.SeedGenerator``.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For a standard deviation that is negative or not finite.

    Notes
    -----
    ``lasagne.layers.GaussianNoiseLayer``.

    Examples
    --------
    >>> import numpy as np
    >>> layer = WideGaussianNoise(20.0, seed=1)
    >>> float(np.std(layer(np.zeros((100, 100)), training=True))).__round__()
    20
    """

    def __init__(
        self,
        stddev: float,
        seed: int | None = None,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= stddev < math.inf:
            raise LayerArgumentError(f"stddev must be finite and at least 0; got {stddev}.")
        self.stddev = float(stddev)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Add noise in training mode, else return the inputs."""
        if not training or self.stddev == 0:
            return inputs
        # Half precision draws from too few values.
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        noise = keras.random.normal(
            ops.shape(inputs), stddev=self.stddev, dtype=dtype, seed=self.seed_generator
        )
        return inputs + ops.cast(noise, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}

"""Local response normalization across channels."""

from __future__ import annotations

from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError
from lasport.spec import Shape

__all__ = ["LocalResponseNormalization"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class LocalResponseNormalization(keras.layers.Layer):
    """Divide by a power of the squares of neighbouring channels.

    ``outputs = inputs / (k + alpha * s) ** beta``, where s is the sum of the
    squares of ``size`` channels, the own one in the middle; those beyond either end
    are left out.

    Parameters
    ----------
    size : int
        How many channels; odd.
    alpha : float
        Factor of the sum, not divided by ``size``.
    k : float
        What is added to it.
    beta : float
        Exponent.
    axis : int
        The axis of the channels, the last one unless given.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        If ``size`` is even or not positive.

    Notes
    -----
    ``lasagne.layers.LocalResponseNormalization2DLayer``, after Krizhevsky,
    Sutskever and Hinton, "ImageNet classification with deep convolutional neural
    networks" (2012); with ``depth_radius = size // 2`` and ``bias = k`` it is
    ``tf.nn.local_response_normalization``. Squares are held in single precision, as
    Lasagne does in a net of double precision too; half precision computes in single.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LocalResponseNormalization(3, alpha=1.0, k=2.0, beta=1.0)
    >>> layer(np.array([[1.0, 1.0, 0.0, 3.0]])).numpy().tolist()
    [[0.25, 0.25, 0.0, 0.27272728085517883]]
    """

    def __init__(
        self,
        size: int,
        alpha: float,
        k: float,
        beta: float,
        axis: int = -1,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.size = int(size)
        self.alpha = float(alpha)
        self.k = float(k)
        self.beta = float(beta)
        self.axis = int(axis)
        self.supports_masking = True
        if self.size < 1 or self.size % 2 == 0:
            raise LayerArgumentError(f"size must be odd and positive; got {self.size}.")

    def call(self, inputs: Tensor) -> Tensor:
        """Add up shifted channels."""
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        wide = "float64" if dtype == "float64" else "float32"
        x = ops.cast(inputs, wide)
        axis, half = self.axis % len(x.shape), self.size // 2
        widths = [(half, half) if i == axis else (0, 0) for i in range(len(x.shape))]
        squares = ops.pad(ops.cast(ops.square(x), "float32"), widths)
        channels, before = ops.shape(x)[axis], (slice(None),) * axis
        scale = self.k
        # The last one first: gradients then add up in Theano's order, which single precision shows.
        for start in reversed(range(self.size)):
            place = (*before, slice(start, start + channels))
            scale = scale + self.alpha * ops.cast(squares[place], wide)
        return ops.cast(x / scale**self.beta, dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "k": self.k,
            "beta": self.beta,
            "axis": self.axis,
        }

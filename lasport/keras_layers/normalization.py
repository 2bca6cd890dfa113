"""Batch normalization that averages the inverse standard deviation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import initializers, ops

from lasport.keras_layers.arguments import LayerArgumentError, canonical_axes, weight_shape
from lasport.spec import Shape

__all__ = ["InvStdBatchNormalization"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class InvStdBatchNormalization(keras.layers.Layer):
    """Batch normalization with Lasagne's running averages.

    In training mode, with mean and (biased) variance of the batch over ``axes``::

        inv_std = 1 / sqrt(variance + epsilon)
        outputs = (inputs - mean) * (gamma * inv_std) + beta
        moving_mean    = (1 - alpha) * moving_mean    + alpha * mean
        moving_inv_std = (1 - alpha) * moving_inv_std + alpha * inv_std

    In inference mode the moving averages take the place of the batch's own
    statistics and stay as they are. ``keras.layers.BatchNormalization``
    averages the variance instead, which after further training gives other
    running statistics. As there, ``trainable = False`` means inference mode.

    Parameters
    ----------
    axes : sequence of int
        Axes to normalize over. Every other axis needs a fixed size and has its
        own weights.
    epsilon : float
        Added to the variance, inside the root.
    alpha : float
        Share of the new batch in the moving averages.
    center, scale : bool
        Whether there is a ``beta`` and a ``gamma``.
    beta_initializer, gamma_initializer : initializer
    moving_mean_initializer, moving_inv_std_initializer : initializer
        Initial values of the weights, as for any Keras layer.
    synchronized : bool
        Whether mean and variance are those of the batches of all replicas of a
        ``tf.distribute`` strategy together, which only TensorFlow can do, and
        gradients go through all of them.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Attributes
    ----------
    gamma, beta : keras.Variable or None
        Scale and offset, of the input's shape without ``axes``.
    moving_mean, moving_inv_std : keras.Variable
        Not trainable, of the same shape. Under ``tf.distribute`` the replicas'
        averages are averaged; those of synchronized ones are equal anyway.

    Notes
    -----
    The formulas are those of ``lasagne.layers.BatchNormLayer``, after Ioffe and
    Szegedy, "Batch Normalization" (2015). Under half precision the statistics
    and the normalization are computed in float32.

    Examples
    --------
    >>> import numpy as np
    >>> layer = InvStdBatchNormalization(axes=[0], epsilon=0.0, alpha=0.25)
    >>> layer(np.array([[1.0], [5.0]]), training=True).numpy().tolist()
    [[-1.0], [1.0]]
    >>> float(layer.moving_mean[0]), float(layer.moving_inv_std[0])
    (0.75, 0.875)
    """

    def __init__(
        self,
        axes: Sequence[int],
        epsilon: float = 1e-4,
        alpha: float = 0.1,
        center: bool = True,
        scale: bool = True,
        beta_initializer: object = "zeros",
        gamma_initializer: object = "ones",
        moving_mean_initializer: object = "zeros",
        moving_inv_std_initializer: object = "ones",
        synchronized: bool = False,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        if synchronized and keras.backend.backend() != "tensorflow":
            raise LayerArgumentError("Only TensorFlow synchronizes statistics of a batch.")
        self.synchronized = synchronized
        self.axes = tuple(int(axis) for axis in axes)
        self.epsilon = float(epsilon)
        self.alpha = float(alpha)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_inv_std_initializer = initializers.get(moving_inv_std_initializer)
        self.gamma: keras.Variable | None = None
        self.beta: keras.Variable | None = None
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Create the weights, in Keras' order."""
        axes = canonical_axes(self.axes, len(input_shape))
        shape = weight_shape(input_shape, axes)
        # Where a weight of that shape stands once it is spread over the input.
        self._spread = tuple(1 if axis in axes else size for axis, size in enumerate(input_shape))
        # Weights keep their precision whatever the inputs are cast to.
        options: dict[str, Any] = {"shape": shape, "autocast": False}
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma", initializer=self.gamma_initializer, **options
            )
        if self.center:
            self.beta = self.add_weight(name="beta", initializer=self.beta_initializer, **options)
        options.update(trainable=False, aggregation="mean")
        self.moving_mean = self.add_weight(
            name="moving_mean", initializer=self.moving_mean_initializer, **options
        )
        self.moving_inv_std = self.add_weight(
            name="moving_inv_std", initializer=self.moving_inv_std_initializer, **options
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Normalize; in training mode, update the moving averages as well."""
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        x = ops.cast(inputs, dtype)
        if training and self.trainable:
            mean, inv_std = self._statistics(x)
            self._average(self.moving_mean, mean)
            self._average(self.moving_inv_std, inv_std)
        else:
            mean = self._arrange(self.moving_mean, dtype)
            inv_std = self._arrange(self.moving_inv_std, dtype)
        if self.gamma is not None:
            inv_std = self._arrange(self.gamma, dtype) * inv_std
        outputs = (x - mean) * inv_std
        if self.beta is not None:
            outputs = outputs + self._arrange(self.beta, dtype)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "axes": list(self.axes),
            "epsilon": self.epsilon,
            "alpha": self.alpha,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_inv_std_initializer": initializers.serialize(self.moving_inv_std_initializer),
            "synchronized": self.synchronized,
        }

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = self._mean(x)
        return mean, 1 / ops.sqrt(self._mean(ops.square(x - mean)) + self.epsilon)

    def _mean(self, x: Tensor) -> Tensor:
        if self.synchronized:
            # Of these moments the variance is left alone: E[x**2] - E[x]**2 cancels.
            return ops.moments(x, axes=self.axes, keepdims=True, synchronized=True)[0]
        return ops.mean(x, axis=self.axes, keepdims=True)

    def _arrange(self, weight: keras.Variable, dtype: str) -> Tensor:
        return ops.reshape(ops.cast(weight, dtype), self._spread)

    def _average(self, weight: keras.Variable, batch: Tensor) -> None:
        old = ops.cast(weight, batch.dtype)
        weight.assign((1 - self.alpha) * old + self.alpha * ops.reshape(batch, weight.shape))

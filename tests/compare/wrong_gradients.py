"""Keras layers that compute what they should, with a gradient that they should not have.

They are called like Keras' own, so that a model of them is still taken for one of lasport's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

__all__ = ["Activation", "Backward", "BatchNormalization", "Conv2D", "Dense"]


def clipped(gradient: Any) -> Any:
    """Clip as somebody would who had a clipping layer in the net."""
    return tf.clip_by_value(gradient, -0.01, 0.01)


def in_half_precision(gradient: Any) -> Any:
    return tf.cast(tf.cast(gradient, tf.float16), gradient.dtype)


def in_single_precision(gradient: Any) -> Any:
    return tf.cast(tf.cast(gradient, tf.float32), gradient.dtype)


def without_the_last_channel(gradient: Any) -> Any:
    kept = tf.ones_like(gradient[..., :-1])
    return gradient * tf.concat([kept, tf.zeros_like(gradient[..., -1:])], -1)


BACKWARD: dict[str, Callable[[Any], Any]] = {
    "stopped": tf.zeros_like,
    "doubled": lambda gradient: 2 * gradient,
    "reversed": lambda gradient: -gradient,
    "clipped": clipped,
    "rounded to half precision": in_half_precision,
    "rounded to single precision": in_single_precision,
    "averaged": lambda gradient: tf.ones_like(gradient) * tf.reduce_mean(gradient),
    "without the last channel": without_the_last_channel,
    "off by a millionth": lambda gradient: gradient * (1 + 1e-6),
}


def passed_back(x: Any, change: str) -> Any:
    """Return ``x``, with a gradient that is changed on its way back."""

    @tf.custom_gradient
    def identity(value: Any) -> Any:
        return tf.identity(value), BACKWARD[change]

    return identity(x)


class Backward(keras.layers.Layer):
    """The identity, that gets its gradient wrong."""

    def __init__(self, change: str, **options: Any) -> None:
        super().__init__(**options)
        self.change = change

    def call(self, x: Any) -> Any:
        return passed_back(tf.convert_to_tensor(x), self.change)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "change": self.change}


class Dense(keras.layers.Dense):
    """A dense layer whose kernel is never trained, though it counts as trainable."""

    def call(self, x: Any) -> Any:
        fixed = tf.stop_gradient(tf.convert_to_tensor(self.kernel))
        return self.activation(keras.ops.matmul(x, fixed) + self.bias)


class Conv2D(keras.layers.Conv2D):
    """A convolution that gives half of its gradient to what feeds it."""

    def call(self, x: Any) -> Any:
        return super().call(x / 2 + tf.stop_gradient(x / 2))


class BatchNormalization(keras.layers.BatchNormalization):
    """Normalization that takes the batch's statistics for constants."""

    def _moments(self, inputs: Any, mask: Any) -> Any:
        mean, variance = super()._moments(inputs, mask)
        return tf.stop_gradient(mean), tf.stop_gradient(variance)


class Activation(keras.layers.Activation):
    """A rectifier that lets all of the gradient through, tanh and others likewise."""

    def call(self, x: Any) -> Any:
        return x + tf.stop_gradient(super().call(x) - x)

"""Channels last inside, against a model that goes back to channels first behind every layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

import lasport
from benchmarks.measure import ratio_of_times
from benchmarks.nets import convolutional

Model: TypeAlias = Callable[..., Any]


def transposing(model: keras.Model) -> keras.Model:
    """Return a chain of the same layers with transposes around each that works on images."""
    x = model.input
    for layer in model.layers[1:]:
        if isinstance(layer, keras.layers.Permute):
            continue  # the model's own transpose at its input
        if len(x.shape) == 4:
            x = layer(keras.layers.Permute((2, 3, 1))(x))
            x = keras.layers.Permute((3, 1, 2))(x) if len(x.shape) == 4 else x
        else:
            x = layer(x)
    return keras.Model(model.input, x)


def compare(model: Model, naive: Model, batch: int) -> float:
    """Return how many times as long the naive model takes."""
    images = tf.constant(np.random.default_rng(1).normal(size=(batch, 3, 32, 32)), tf.float32)
    np.testing.assert_allclose(model(images), naive(images), atol=1e-4)
    return ratio_of_times(lambda: naive(images).numpy(), lambda: model(images).numpy())


def main() -> None:
    """Print the ratio in eager mode and as a graph, for a few batch sizes."""
    model = lasport.to_keras(convolutional())
    naive = transposing(model)
    for batch in (1, 16, 64):
        eager = compare(model, naive, batch)
        graph = compare(tf.function(model), tf.function(naive), batch)
        print(
            f"batch of {batch}: transposing everywhere takes {eager:.2f} times as long in eager "
            f"mode, {graph:.2f} times as a graph"
        )


if __name__ == "__main__":
    main()

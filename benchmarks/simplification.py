"""What folding batch normalization into weights saves in inference: a simplified net's time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

import lasport
from benchmarks.measure import ratio_of_times
from benchmarks.nets import convolutional

Model: TypeAlias = Callable[..., Any]


def compare(model: Model, short: Model, batch: int) -> float:
    """Return how many times as long the model takes that is not simplified."""
    images = tf.constant(np.random.default_rng(1).normal(size=(batch, 3, 32, 32)), tf.float32)
    np.testing.assert_allclose(model(images), short(images), atol=1e-4)
    return ratio_of_times(lambda: model(images).numpy(), lambda: short(images).numpy())


def main() -> None:
    """Print the ratio in eager mode and as a graph, for a few batch sizes."""
    net = convolutional()
    simple = lasport.simplify(net)
    print(f"{len(net.layers)} layers, simplified {len(simple.layers)}")
    model, short = lasport.to_keras(net), lasport.to_keras(simple)
    for batch in (1, 16, 64):
        eager = compare(model, short, batch)
        graph = compare(tf.function(model), tf.function(short), batch)
        print(
            f"batch of {batch}: unsimplified takes {eager:.2f} times as long in eager mode, "
            f"{graph:.2f} times as a graph"
        )


if __name__ == "__main__":
    main()

"""A training step of the exact profile, in units of one of the stock profile."""

from __future__ import annotations

import keras
import numpy as np

import lasport
from benchmarks.measure import ratio_of_times
from benchmarks.nets import convolutional


def main() -> None:
    """Print the ratio for a few batch sizes."""
    net = convolutional()
    models = {}
    for profile in ("stock", "exact"):
        models[profile] = lasport.to_keras(net, profile=profile)
        models[profile].compile(keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy")
    for batch in (16, 64):
        rng = np.random.default_rng(1)
        images = rng.normal(size=(batch, 3, 32, 32)).astype(np.float32)
        classes = rng.integers(0, 10, batch)
        ratio = ratio_of_times(
            lambda x=images, y=classes: models["exact"].train_on_batch(x, y),
            lambda x=images, y=classes: models["stock"].train_on_batch(x, y),
        )
        print(f"batch of {batch}: an exact step takes {ratio:.2f} times as long as a stock one")


if __name__ == "__main__":
    main()

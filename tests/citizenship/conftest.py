"""The packaged net and digits, of which a part trains a model in a second."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport import demo, load, to_keras
from lasport.spec import Network


@pytest.fixture(scope="session")
def net() -> Network:
    """Return the packaged net."""
    return load(demo.paths().net)


@pytest.fixture(scope="session")
def digits():
    """Return 192 digits to train on, with labels, and the 397 held-out ones."""
    with np.load(demo.paths().digits) as digits, np.load(demo.paths().expected) as expected:
        images, labels, test = digits["X"], digits["y"], expected["test"]
    train = np.setdiff1d(np.arange(len(labels)), test)[:192]
    return (images[train], labels[train]), (images[test], labels[test])


@pytest.fixture
def compiled(net):
    """Return a function that makes the packaged net's model, ready to be trained."""

    def make(profile="exact", **options) -> keras.Model:
        keras.utils.set_random_seed(5)
        model = to_keras(net, profile=profile)
        model.compile(
            keras.optimizers.Adam(1e-3),
            keras.losses.SparseCategoricalCrossentropy(),
            metrics=["accuracy"],
            **options,
        )
        return model

    return make

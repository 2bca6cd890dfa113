"""The nolearn net in Keras: read from its pickle, verified, used, and trained further.

Neither nolearn, scikit-learn, Lasagne nor Theano is needed::

    python keras_net.py
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

import lasport
from lasport import demo

HERE = Path(__file__).resolve().parent


def load_digits():
    with np.load(demo.paths().digits) as digits, np.load(demo.paths().expected) as split:
        return digits["X"], digits["y"], split["test"]


def fit(model, images, labels, losses):
    """Take as many steps as net.fit took, with its update, rate, momentum and batches."""
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    for place, loss in enumerate(losses):
        batch = slice(50 * place, 50 * (place + 1))
        yield abs(float(model.train_on_batch(images[batch], labels[batch])) - loss)


def main():
    net = lasport.load(HERE / "net.pkl")
    # As nolearn trains: with Theano's gradients, where rectifiers are at 0 and max pools tie.
    model = lasport.to_keras(net, profile="exact")
    report = lasport.verify(net, model)
    print(f"lasport.verify: {'equal' if report.ok else report}")

    images, labels, test = load_digits()
    with np.load(HERE / "predicted.npz") as archive:
        predicted = dict(archive)
    expected = predicted["probabilities"]
    found = model.predict(images, verbose=0)  # net.predict_proba; its argmax is net.predict
    right = (found.argmax(axis=1) == labels)[test].sum()
    same = (found.argmax(axis=1) == expected.argmax(axis=1)).sum()
    print(f"held-out digits right: {right} of {len(test)}")
    print(f"digits with nolearn's class: {same} of {len(images)}")
    print(f"largest difference of a probability: {np.abs(found - expected).max():.1e}")

    train = np.setdiff1d(np.arange(len(labels)), test)
    off = max(fit(model, images[train], labels[train], predicted["losses"]))
    after = model.predict(images[test], verbose=0)
    print(f"largest difference of a loss, in ten more steps: {off:.1e}")
    off = np.abs(after - predicted["probabilities_after"]).max()
    print(f"largest difference of a probability behind them: {off:.1e}")


if __name__ == "__main__":
    main()

"""The residual net in Keras: loaded from its build script and npz, verified, and used.

Neither Lasagne nor Theano is needed::

    python keras_net.py --output DIRECTORY
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import numpy as np

import lasport
from lasport import demo

HERE = Path(__file__).resolve().parent


def load_net():
    """Run the build script with stand-ins for Lasagne, and take the parameters from the npz."""
    return lasport.load(f"{HERE / 'resnet.py'}:build_model", params=HERE / "resnet.npz")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(), help="where to save the model")
    path = parser.parse_args().output / "resnet.keras"

    net = load_net()
    values = net.param_values()
    print(f"{len(net.layers)} layers, {len(values)} arrays, {sum(v.size for v in values)} numbers")
    model = lasport.to_keras(net)
    report = lasport.verify(net, model)
    print(f"lasport.verify: {'equal' if report.ok else report}")
    model.save(path)

    with np.load(demo.paths().digits) as digits, np.load(demo.paths().expected) as split:
        images, labels, test = digits["X"], digits["y"], split["test"]
    with np.load(HERE / "predicted.npz") as predicted:
        expected = predicted["probabilities"]
    found = keras.saving.load_model(path).predict(images, verbose=0)
    for name, probabilities in {"Lasagne": expected, "Keras": found}.items():
        right = (probabilities.argmax(axis=1) == labels)[test].sum()
        print(f"held-out digits right, {name}: {right} of {len(test)}")
    same = (found.argmax(axis=1) == expected.argmax(axis=1)).sum()
    print(f"digits with Lasagne's class: {same} of {len(images)}")
    print(f"largest difference of a probability: {np.abs(found - expected).max():.1e}")


if __name__ == "__main__":
    main()

"""The digits net ported to Keras by hand, with five mistakes that everybody makes.

Running the file asks lasport what is wrong, mends what it names, one kind of mistake after the
other, and asks again::

    python broken_port.py
"""

from __future__ import annotations

import textwrap

import keras
import numpy as np
from keras import layers

import lasport
from lasport import demo

# By the name that lasport gives each kind of mistake: what was done, in the order of mending.
MISTAKES = {
    "order of the kernel": "filters were not flipped, rows of the dense kernel not reordered",
    "epsilon": "epsilon was left at Keras' 1e-3",
    "variance": "inv_std went into moving_variance",
    "activation": "the slope of the leaky rectifier was left at Keras' 0.3",
    "momentum": "Lasagne's alpha was taken for momentum",
}


def build(mended):
    """Build the model, without weights and without the mistakes that were mended."""

    def normalize(x, name, alpha, epsilon=1e-4):
        return layers.BatchNormalization(
            momentum=1 - alpha if "momentum" in mended else alpha,
            epsilon=epsilon if "epsilon" in mended else 1e-3,
            name=name,
        )(x)

    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv_a")(inputs)
    x = layers.ReLU()(normalize(x, "bn_a", alpha=0.1))
    x = layers.ZeroPadding2D((1, 0))(x)
    x = layers.Conv2D(24, (3, 2), use_bias=False, name="conv_b")(x)
    x = normalize(x, "bn_b", alpha=0.05, epsilon=1e-3)
    x = layers.LeakyReLU(negative_slope=0.01 if "activation" in mended else 0.3)(x)
    pool = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Conv2D(24, 3, padding="same", use_bias=False, name="conv_c")(pool)
    x = layers.ELU()(normalize(x, "bn_c", alpha=0.2))
    x = layers.Dropout(0.25)(layers.Add()([x, pool]))
    x = layers.Dense(32, use_bias=False, name="dense")(layers.Flatten()(x))
    x = layers.Activation("tanh")(normalize(x, "bn_d", alpha=0.5))
    outputs = layers.Dense(10, activation="softmax", name="out")(x)
    return keras.Model(inputs, outputs, name="port")


def copy_weights(model, values, mended):
    """Give the model what lasagne.layers.get_all_param_values returned."""
    values = iter(values)
    reordered = "order of the kernel" in mended
    for name in ("a", "b", "c", "d"):
        W, beta, gamma, mean, inv_std = (next(values) for _ in range(5))
        if name == "d":
            if reordered:
                W = W.reshape(24, 4, 4, 32).transpose(1, 2, 0, 3).reshape(384, 32)
            model.get_layer("dense").set_weights([W])
        else:
            if reordered and name != "b":
                W = W[:, :, ::-1, ::-1]
            model.get_layer(f"conv_{name}").set_weights([W.transpose(2, 3, 1, 0)])
        norm = model.get_layer(f"bn_{name}")
        if "variance" in mended:
            variance = inv_std.astype(np.float64) ** -2 - norm.epsilon
        else:
            variance = inv_std
        norm.set_weights([gamma, beta, mean, variance])
    model.get_layer("out").set_weights(list(values))


def port(net, mended=()):
    model = build(mended)
    copy_weights(model, net.param_values(), mended)
    return model


def held_out_right(model):
    with np.load(demo.paths().digits) as digits, np.load(demo.paths().expected) as expected:
        test = expected["test"]
        images, labels = digits["X"][test], digits["y"][test]
    found = model(images.transpose(0, 2, 3, 1), training=False).numpy().argmax(axis=1)
    return f"{(found == labels).sum()} of {len(labels)}"


def show(diagnosis):
    """Print what differs and why, without the list of what was taken to correspond."""
    for line in str(diagnosis).partition("taken to correspond:")[0].splitlines():
        print(textwrap.fill(line, 100, subsequent_indent="      "))


def main():
    net = lasport.load(demo.paths().net)
    mended = []
    while True:
        model = port(net, mended)
        print(f"held-out digits right: {held_out_right(model)}")
        diagnosis = lasport.diagnose(net, model)
        show(diagnosis)
        if diagnosis.equal:
            break
        remedies = [r for cause in diagnosis.causes for way in cause.alternatives for r in way]
        mistake = next(name for name in MISTAKES if name in {r.hypothesis for r in remedies})
        print(f"\nmended: {MISTAKES[mistake]}")
        mended.append(mistake)


if __name__ == "__main__":
    main()

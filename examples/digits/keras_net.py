"""The digits net in Keras: what lasagne_net.py does, section by section.

Two ways lead here, and both are taken: lasport converts the pickled net, and a model written by
hand takes the same parameters over. Running the file does all of it in half a minute, and prints
how far each model is from what Theano computed::

    python keras_net.py --output DIRECTORY
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

import lasport
import lasport.keras_layers  # saved models may hold layers that Keras lacks

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "lasport" / "data"
# Sums of few powers of two: Keras' Adam rounds its betas to float32, even in float64.
LEARNING_RATE, BETA_1, BETA_2 = 2.0**-10, 1 - 2.0**-3, 1 - 2.0**-10
STEPS, BATCH = 10, 32


# --- 1. Build


def convert(profile):
    net = lasport.load(DATA / "digits_bn.pkl")
    return lasport.to_keras(net, profile=profile, dtype=keras.config.floatx())


def build_net():
    inputs = keras.Input((8, 8, 1), name="input")
    # batch_norm() took the layers' biases, and moved their nonlinearities behind itself.
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv1")(inputs)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-4, name="conv1_bn")(x)
    x = layers.ReLU()(x)
    x = layers.ZeroPadding2D((1, 0))(x)
    x = layers.Conv2D(24, (3, 2), use_bias=False, name="conv2")(x)
    x = layers.BatchNormalization(momentum=0.95, epsilon=1e-3, name="conv2_bn")(x)
    x = layers.LeakyReLU(negative_slope=0.01)(x)
    # The same as ignore_border=False for 7 columns in windows of 2, but not in general.
    pool = layers.MaxPooling2D(2, padding="same", name="pool")(x)
    x = layers.Conv2D(24, 3, padding="same", use_bias=False, name="conv3")(pool)
    x = layers.BatchNormalization(momentum=0.8, epsilon=1e-4, name="conv3_bn")(x)
    x = layers.ELU()(x)
    x = layers.Add(name="residual")([x, pool])
    x = layers.Dropout(0.25, name="dropout")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(32, use_bias=False, name="fc")(x)
    x = layers.BatchNormalization(momentum=0.5, epsilon=1e-4, name="fc_bn")(x)
    x = layers.Activation("tanh")(x)
    outputs = layers.Dense(10, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs)


# --- 2. Take over trained parameters


def take_over(model, values):
    """Set the weights to what lasagne.layers.get_all_param_values returned."""
    remaining = iter(values)
    for name in ("conv1", "conv2", "conv3", "fc"):
        W = next(remaining)
        if name == "fc":
            # Lasagne flattens (channels, rows, columns), Keras (rows, columns, channels).
            W = W.reshape(24, 4, 4, 32).transpose(1, 2, 0, 3).reshape(384, 32)
        else:
            # (filters, channels, rows, columns); flipped, but for flip_filters=False.
            W = W if name == "conv2" else W[:, :, ::-1, ::-1]
            W = W.transpose(2, 3, 1, 0)
        model.get_layer(name).set_weights([W])
        beta, gamma, mean, inv_std = (next(remaining) for _ in range(4))
        norm = model.get_layer(f"{name}_bn")
        variance = inv_std.astype(np.float64) ** -2 - norm.epsilon
        norm.set_weights([gamma, beta, mean, variance])
    model.get_layer("probabilities").set_weights(list(remaining))


# --- 3. Run


def predict(model, digits):
    # model.predict(digits) does the same, batch by batch.
    return model(digits, training=False).numpy()


# --- 4. Train


def cross_entropy(labels, probabilities):
    """Return Lasagne's cross-entropy: Keras' own clips and renormalizes the probabilities."""
    labels = ops.reshape(ops.cast(labels, "int32"), (-1, 1))
    return -ops.log(ops.take_along_axis(probabilities, labels, axis=1))


def prepare(model):
    # Lasagne's adam, which has this epsilon; Keras' own default is 1e-7.
    optimizer = keras.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, epsilon=1e-8)
    model.compile(optimizer=optimizer, loss=cross_entropy)


def train(model, digits, labels, epochs):
    prepare(model)
    model.fit(digits, labels, batch_size=BATCH, epochs=epochs, verbose=2)


# --- 5. Save


def save(model, path):
    model.save(path)


def load(path):
    return keras.saving.load_model(path, compile=False)


# --- 6. Fine-tune, and give the parameters back


def fine_tune(model, digits, labels):
    """Take ten steps on fixed batches, without dropout: Theano's masks cannot be drawn again."""
    model.get_layer("dropout").rate = 0
    prepare(model)
    # Each step is a pass with training=True, and updates the averages of batch norm.
    return [
        float(model.train_on_batch(digits[start : start + BATCH], labels[start : start + BATCH]))
        for start in range(0, STEPS * BATCH, BATCH)
    ]


def give_back(model, path):
    """Save what lasagne.layers.set_all_param_values takes."""
    values = lasport.lasagne_param_values(model)
    np.savez(path, *values)
    return values


# --- The numbers


def load_data():
    data = np.load(DATA / "digits.npz")
    expected = np.load(DATA / "digits_bn_expected.npz")
    held_out = np.zeros(len(data["y"]), dtype=bool)
    held_out[expected["test"]] = True
    return data["X"], data["y"], held_out, expected["probabilities"]


def three_models():
    """Return the net as converted under both profiles, and as built by hand."""
    by_hand = build_net()
    take_over(by_hand, lasport.load(DATA / "digits_bn.pkl").param_values())
    return {"stock": convert("stock"), "exact": convert("exact"), "by hand": by_hand}


def as_taken(model, digits):
    """Return digits in the order of axes that a model takes."""
    channels_first = model.input_shape[1] == 1
    return digits if channels_first else digits.transpose(0, 2, 3, 1)


def measure(model, name, output):
    """Compare a model's results with those that came with the pickle."""
    digits, labels, held_out, expected = load_data()
    digits = as_taken(model, digits)
    found = predict(model, digits)
    classes = found.argmax(axis=1)
    path = output / f"{name.replace(' ', '_')}.keras"
    save(model, path)
    return {
        "probabilities, from Theano's": np.abs(found - expected).max(),
        "digits with Theano's class, of 1797": (classes == expected.argmax(axis=1)).sum(),
        "held-out digits right, of 397": (classes == labels)[held_out].sum(),
        "probabilities, by saving and loading": np.abs(predict(load(path), digits) - found).max(),
    }


def measure_fine_tuning(model):
    """Compare ten steps with those that lasagne_net.py took and recorded."""
    recorded = np.load(HERE / "fine_tuned.npz")
    digits, labels, held_out, _ = load_data()
    digits = as_taken(model, digits)
    losses = fine_tune(model, digits[~held_out], labels[~held_out])
    probabilities = predict(model, digits[held_out])
    means, inv_stds = [], []
    for name in ("conv1_bn", "conv2_bn", "conv3_bn", "fc_bn"):
        norm = model.get_layer(name)
        if hasattr(norm, "moving_inv_std"):
            inv_std = norm.moving_inv_std.numpy()
        else:
            inv_std = 1 / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
        means.append(np.abs(norm.moving_mean.numpy() - recorded[f"{name}.mean"]).max())
        inv_stds.append(np.abs(inv_std / recorded[f"{name}.inv_std"] - 1).max())
    return {
        "losses of the steps": np.abs(losses - recorded["losses"]).max(),
        "running means": max(means),
        "running inv_stds, relative": max(inv_stds),
        "held-out probabilities": np.abs(probabilities - recorded["probabilities"]).max(),
    }


def print_table(title, columns):
    print(f"{title:<52}" + "".join(f"{name:>10}" for name in columns))
    for label in next(iter(columns.values())):
        cells = [column[label] for column in columns.values()]
        form = ".1e" if isinstance(cells[0], np.floating) else "d"
        print(f"  {label:<50}" + "".join(f"{cell:>10{form}}" for cell in cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(), help="where to save the models")
    parser.add_argument("--train", type=int, metavar="EPOCHS", help="only train from scratch")
    options = parser.parse_args()
    if options.train:
        keras.utils.set_random_seed(0)
        digits, labels, held_out, _ = load_data()
        model = build_net()
        digits = as_taken(model, digits)
        train(model, digits[~held_out], labels[~held_out], options.train)
        right = (predict(model, digits[held_out]).argmax(axis=1) == labels[held_out]).sum()
        print(f"held out: {right} of {held_out.sum()}")
        save(model, options.output / "trained.keras")
        return

    models = three_models()
    print_table(
        "largest differences",
        {name: measure(model, name, options.output) for name, model in models.items()},
    )
    net = lasport.load(DATA / "digits_bn.pkl")
    values = give_back(models["exact"], options.output / "digits_bn.npz")
    same = sum(map(np.array_equal, values, net.param_values()))
    print(f"parameters that come back bit for bit, of {len(values)}: {same}")

    # What is structure and what is rounding shows in double precision.
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    models = three_models()
    report = lasport.verify(net, models["by hand"], outputs_only=True)
    print(f"lasport.verify of the model built by hand: {'equal' if report.ok else report}")
    print_table(
        "largest differences after ten steps, in float64",
        {name: measure_fine_tuning(model) for name, model in models.items()},
    )


if __name__ == "__main__":
    main()

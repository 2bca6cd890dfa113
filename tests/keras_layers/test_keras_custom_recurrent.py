"""CustomRecurrence: models as the step of a loop."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from lasport.keras_layers import CustomRecurrence, DenseRecurrence, LayerArgumentError

UNITS = 2
X = np.random.default_rng(41).normal(size=(4, 5, 3))


def net(*layers, shape=(UNITS,)):
    """Return a model of layers in a row, in float64."""
    inputs = x = keras.Input(shape, dtype="float64")
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def dense(units=UNITS, **options):
    return keras.layers.Dense(units, dtype="float64", **options)


def custom(into=None, across=None, **options):
    """Return a layer of dense nets unless told otherwise."""
    into = net(dense(), shape=(3,)) if into is None else into
    across = net(dense(use_bias=False)) if across is None else across
    return CustomRecurrence(into, across, **{"dtype": "float64", **options})


OPTIONS = (
    {},
    {"in_advance": False},
    {"backwards": True, "function": "tanh"},
    {"return_sequences": False, "gradient_clipping": 0.3},
    {"gradient_steps": 2},
    {"unroll": True, "in_advance": False},
)


def gradients(layer, variables):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = layer(x)
    return output, *tape.gradient(output, [x, *variables])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_dense_nets_make_a_plain_recurrence(options):
    layer = custom(**options)
    function = {"hidden": options.get("function", "rectify")}
    options = {n: v for n, v in options.items() if n not in ("in_advance", "function")}
    plain = DenseRecurrence(UNITS, function, dtype="float64", **options)
    for each in (layer, plain):
        each.build(X.shape)
    into, across = layer.input_to_hidden.layers[1], layer.hidden_to_hidden.layers[1]
    pairs = [
        (into.kernel, plain.kernel),
        (into.bias, plain.bias),
        (across.kernel, plain.recurrent_kernel),
        (layer.initial_hidden, plain.initial_hidden),
    ]
    for number, (inside, weight) in enumerate(pairs):
        inside.assign(np.random.default_rng(number).normal(size=inside.shape))
        weight.assign(inside)
    ours = gradients(layer, [inside for inside, _ in pairs])
    for found, expected in zip(ours, gradients(plain, [w for _, w in pairs]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


class Numbers(keras.layers.Layer):
    """Adds its number to each example of a batch."""

    def call(self, inputs):
        numbers = keras.ops.arange(keras.ops.shape(inputs)[0], dtype=inputs.dtype)
        return inputs + keras.ops.expand_dims(numbers, -1)


# Of two sequences of three steps, what each step adds to the state.
ORDERS = {"together": (True, [[0, 2, 4], [1, 3, 5]]), "apart": (False, [[0, 0, 0], [1, 1, 1]])}


@pytest.mark.parametrize(("in_advance", "added"), ORDERS.values(), ids=ORDERS)
def test_steps_pass_together_and_the_first_ones_come_first(in_advance, added):
    numbered = net(Numbers(dtype="float64"), shape=(1,))
    layer = custom(numbered, net(shape=(1,)), function="linear", in_advance=in_advance)
    output = layer(np.zeros((2, 3, 1)))
    np.testing.assert_array_equal(output[..., 0], np.cumsum(added, axis=1))


@pytest.mark.parametrize("training", (False, True))
def test_nets_know_the_mode(training):
    norm = keras.layers.BatchNormalization(epsilon=0, dtype="float64")
    layer = custom(net(norm, shape=(1,)), net(shape=(1,)), function="linear")
    sequence = np.array([[[3.0], [5.0]], [[7.0], [9.0]]])
    inputs = keras.Input((2, 1), dtype="float64")
    output = keras.Model(inputs, layer(inputs))(sequence, training=training)
    first = (np.array([3.0, 7.0]) - 6) / np.sqrt(5) if training else np.array([3.0, 7.0])
    np.testing.assert_allclose(output[:, 0, 0], first, rtol=1e-14)
    np.testing.assert_allclose(norm.moving_mean, [0.06 if training else 0.0], rtol=1e-6)


def test_all_weights_are_trained_and_saved(tmp_path):
    inputs = keras.Input((5, 3), dtype="float64")
    model = keras.Model(inputs, custom()(inputs))
    assert len(model.trainable_weights) == 4
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    before = [w.numpy() for w in model.weights]
    model.fit(X, np.ones((4, 5, UNITS)), verbose=0)
    assert all(np.any(w.numpy() != b) for w, b in zip(model.weights, before, strict=True))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(X), model(X))


ERRORS = {
    "an unknown function": ({"function": "relu"}, "must be one of .*'relu'"),
    "missing constants": ({"function": "selu"}, "constants.*scale_neg"),
    "a layer": ({"across": dense()}, "a built model with one input and one output"),
    "two outputs": (
        {"across": keras.Model(x := keras.Input((2,)), [x, x])},
        "a built model with one input and one output",
    ),
    "another state": (
        {"across": net(dense(4))},
        r"makes \(4,\) of \(2,\) and input_to_hidden makes \(2,\)",
    ),
    "a state of open size": (
        {"into": net(shape=(None,)), "across": net(shape=(None,))},
        "must be the same known shape",
    ),
    "other features": ({"into": net(dense(), shape=(4,))}, r"takes \(4,\); the steps .*\(3,\)"),
}


@pytest.mark.parametrize(("options", "message"), ERRORS.values(), ids=ERRORS)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(LayerArgumentError, match=message):
        custom(**options).build(X.shape)

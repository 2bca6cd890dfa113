"""Parameter, Derived, Borrowing: one variable for several layers, however a model is run."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from lasport.keras_layers import Borrowing, Derived, LayerArgumentError, Parameter

X = np.random.default_rng(41).normal(size=(6, 5))
TRANSPOSE = ["transpose", [1, 0], ["variable", [0]]]


def serial(layer):
    """Return what describes a layer to one that borrows its weights."""
    return keras.layers.serialize(layer)


def tied(dtype="float64"):
    """Return an autoencoder of one matrix, normalized with a gamma that somebody else owns."""
    options = {"dtype": dtype}
    x = keras.Input((5,), dtype=dtype)
    seed = keras.initializers.GlorotUniform(seed=3)
    matrix = Parameter([5, 4], seed, name="matrix", **options)(x)
    gamma = Parameter([5], keras.initializers.RandomNormal(1, seed=4), name="gamma", **options)(x)
    dense = serial(keras.layers.Dense(4, activation="tanh"))
    code = Borrowing(dense, ["kernel"], name="encoder", **options)([x, matrix])
    turned = Derived(TRANSPOSE, name="turned", **options)(matrix)
    y = Borrowing(serial(keras.layers.Dense(5)), ["kernel"], **options)([code, turned])
    norm = serial(keras.layers.BatchNormalization(momentum=0.5, epsilon=1e-3))
    return keras.Model(x, Borrowing(norm, ["gamma"], name="norm", **options)([y, gamma]))


def by_hand(model, x):
    """Return what the model should compute in inference mode, with tensors of its variables."""
    (matrix, b, c, gamma, beta, mean, variance) = (v.value for v in model.variables)
    y = tf.tanh(x @ matrix + b) @ tf.transpose(matrix) + c
    return (y - mean) / tf.sqrt(variance + 1e-3) * gamma + beta


def test_the_model_has_each_variable_once():
    model = tied()
    names = [v.path.split("/")[-1] for v in model.variables]
    assert names == ["value", "bias", "bias", "value", "beta", "moving_mean", "moving_variance"]
    assert [v.trainable for v in model.variables] == [True] * 5 + [False] * 2


def test_outputs_and_gradients_are_those_of_one_variable():
    model = tied()
    x = tf.constant(X)
    with tf.GradientTape(persistent=True) as tape:
        expected = tf.reduce_sum(by_hand(model, x) ** 3)
        found = tf.reduce_sum(model(x, training=False) ** 3)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    weights = [v.value for v in model.trainable_variables]
    for a, b in zip(tape.gradient(found, weights), tape.gradient(expected, weights), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


def test_running_averages_of_the_layer_move_in_training_mode_only():
    model = tied()
    norm = model.get_layer("norm").held.layer
    plain = keras.layers.BatchNormalization(momentum=0.5, epsilon=1e-3, dtype="float64")
    inside = keras.Model(model.input, model.get_layer("norm").input[0])
    y = inside(X)
    plain.build(y.shape)
    model(X, training=False)
    np.testing.assert_array_equal(norm.moving_mean, plain.moving_mean)
    model(X, training=True)
    plain(y, training=True)
    np.testing.assert_array_equal(norm.moving_mean, plain.moving_mean)
    np.testing.assert_array_equal(norm.moving_variance, plain.moving_variance)
    assert np.any(norm.moving_mean)


def test_a_frozen_layer_freezes_what_it_runs():
    model = tied()
    layer = model.get_layer("norm")
    layer.trainable = False
    assert [v.trainable for v in layer.variables] == [False] * 3
    before = np.array(layer.held.layer.moving_mean)
    expected = model(X, training=False)
    np.testing.assert_array_equal(model(X, training=True), expected)
    np.testing.assert_array_equal(layer.held.layer.moving_mean, before)


@pytest.mark.parametrize("jit", (False, True), ids=["graph", "jit"])
def test_training_moves_one_variable(jit):
    model, other = tied(), tied()
    other.set_weights(model.get_weights())
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit)
    model.fit(X, X, batch_size=6, epochs=1, verbose=0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((other(X, training=True) - X) ** 2)
    for variable, gradient in zip(
        other.trainable_variables,
        tape.gradient(loss, [v.value for v in other.trainable_variables]),
        strict=True,
    ):
        variable.assign_sub(0.1 * gradient)
    for a, b in zip(model.variables, other.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_saved_exported_and_cloned_models_are_the_same(tmp_path):
    model = tied()
    model(X, training=True)
    expected = model(X)
    model.save(tmp_path / "tied.keras")
    loaded = keras.models.load_model(tmp_path / "tied.keras")
    assert [v.path for v in loaded.variables] == [v.path for v in model.variables]
    np.testing.assert_array_equal(loaded(X), expected)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(X), expected)
    model.export(tmp_path / "tied", verbose=False)
    served = tf.saved_model.load(tmp_path / "tied")
    np.testing.assert_allclose(served.serve(tf.constant(X)), expected, rtol=1e-12)


def test_a_stateless_call_takes_the_weights_that_it_is_given():
    model = tied()
    given = [tf.constant(v) + 0.25 for v in model.trainable_variables]
    outputs, _ = model.stateless_call(given, model.non_trainable_variables, tf.constant(X))
    for variable, value in zip(model.trainable_variables, given, strict=True):
        variable.assign(value)
    np.testing.assert_array_equal(outputs, model(X))


def test_weights_inside_a_cell_are_borrowed():
    rng = np.random.default_rng(42)
    x, kernel = rng.normal(size=(2, 4, 3)), rng.normal(size=(3, 8))
    plain = keras.layers.LSTM(2, dtype="float64")
    layer = Borrowing(serial(keras.layers.LSTM(2)), ["cell.kernel"], dtype="float64")
    layer.build([x.shape, kernel.shape])
    plain.build(x.shape)
    plain.cell.kernel.assign(kernel)
    for name in ("recurrent_kernel", "bias"):
        getattr(plain.cell, name).assign(getattr(layer.held.layer.cell, name))
    np.testing.assert_allclose(layer([x, kernel]), plain(x), rtol=1e-13)
    assert len(layer.weights) == 2


def test_mixed_precision_rounds_a_borrowed_weight_as_its_own():
    kernel = np.random.default_rng(43).normal(size=(5, 4)).astype("float32")
    plain = keras.layers.Dense(4, dtype="mixed_float16")
    plain.build(X.shape)
    plain.kernel.assign(kernel)
    layer = Borrowing(serial(keras.layers.Dense(4)), ["kernel"], dtype="mixed_float16")
    found = layer([X.astype("float32"), tf.constant(kernel)])
    assert found.dtype == "float16"
    np.testing.assert_array_equal(found, plain(X.astype("float32")))


@pytest.mark.parametrize("formula", (["power", [2], ["variable", [0]]], 3, ["transpose"]))
def test_what_is_no_formula_is_refused(formula):
    with pytest.raises(LayerArgumentError, match=r"no formula|is none of"):
        Derived(formula)

"""The recurrent layers: their loop, masks, clipped and cut off gradients, and Keras' own layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from lasport.keras_layers import (
    DenseRecurrence,
    GRURecurrence,
    LayerArgumentError,
    LSTMRecurrence,
)

BATCH, STEPS, FEATURES, UNITS = 4, 5, 3, 2
RNG = np.random.default_rng(31)
X = RNG.normal(size=(BATCH, STEPS, FEATURES))


def made(cls, shapes=((BATCH, STEPS, FEATURES),), **options):
    """Return a layer, built, with weights of its own."""
    layer = cls(UNITS, dtype="float64", **options)
    layer.build(list(shapes) if len(shapes) > 1 else shapes[0])
    rng = np.random.default_rng(32)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    return layer


def summing(**options):
    """Return ``h' = sum of features + h``, starting at 10."""
    return DenseRecurrence(
        1,
        {"hidden": "linear"},
        kernel_initializer="ones",
        recurrent_initializer="ones",
        initial_hidden_initializer=keras.initializers.Constant(10),
        **options,
    )


# Three steps of 1, 2, 4 for each of two sequences.
COUNTED = np.array([[[1.0], [2.0], [4.0]], [[1.0], [2.0], [4.0]]])
LOOPS = {
    "forwards": ({}, [[11, 13, 17], [11, 13, 17]]),
    "backwards": ({"backwards": True}, [[17, 16, 14], [17, 16, 14]]),
    "last": ({"return_sequences": False}, [17, 17]),
    "first": ({"return_sequences": False, "backwards": True}, [17, 17]),
    "unrolled": ({"unroll": True}, [[11, 13, 17], [11, 13, 17]]),
}
MASKED = {
    "forwards": ({}, [[10, 12, 12], [11, 11, 15]]),
    "backwards": ({"backwards": True}, [[12, 12, 10], [15, 14, 14]]),
    "last": ({"return_sequences": False}, [12, 15]),
    "first": ({"return_sequences": False, "backwards": True}, [12, 15]),
}


@pytest.mark.parametrize(("options", "expected"), LOOPS.values(), ids=LOOPS)
def test_every_step_adds_to_the_state_before_it(options, expected):
    np.testing.assert_array_equal(np.squeeze(summing(**options)(COUNTED), -1), expected)


@pytest.mark.parametrize("dtype", ("int32", "float32", "bool"))
@pytest.mark.parametrize(("options", "expected"), MASKED.values(), ids=MASKED)
def test_masked_steps_leave_the_state_as_it_was(options, expected, dtype):
    mask = tf.cast([[0, 3, 0], [1, 0, 1]], dtype)
    output = summing(given=["mask"], **options)([tf.constant(COUNTED), mask])
    np.testing.assert_array_equal(np.squeeze(output, -1), expected)


def test_keras_masks_count_as_well_as_given_ones():
    sequence = np.array([[[1.0], [9.0], [4.0]], [[1.0], [2.0], [9.0]]])
    masking = keras.layers.Masking(9.0)
    np.testing.assert_array_equal(
        np.squeeze(summing()(masking(sequence)), -1), [[11, 11, 15], [11, 13, 13]]
    )
    given = [masking(sequence), tf.constant([[1, 1, 1], [0, 1, 1]])]
    np.testing.assert_array_equal(
        np.squeeze(summing(given=["mask"])(given), -1), [[11, 11, 15], [10, 12, 12]]
    )


def test_masks_go_on_where_there_is_an_output_for_each_step():
    mask = tf.constant([[True, False, True]])
    assert summing().compute_mask(None, mask) is mask
    assert summing(given=["mask"]).compute_mask(None, [mask, None]) is mask
    assert summing(return_sequences=False).compute_mask(None, mask) is None


def test_given_states_take_the_place_of_weights():
    output = summing(given=["hidden"])([COUNTED, np.array([[20.0], [30.0]])])
    np.testing.assert_array_equal(np.squeeze(output, -1), [[21, 23, 27], [31, 33, 37]])
    names = {
        (): {"initial_hidden", "initial_cell"},
        ("cell",): {"initial_hidden"},
        ("hidden", "mask", "cell"): set(),
    }
    for given, expected in names.items():
        shapes = {"mask": (4, 5), "hidden": (4, 2), "cell": (4, 2)}
        layer = made(LSTMRecurrence, ((4, 5, 3), *map(shapes.__getitem__, given)), given=given)
        assert {w.name for w in layer.weights if w.name.startswith("initial")} == expected


def test_frozen_weights_are_not_trained():
    layer = made(LSTMRecurrence, frozen=["initial_cell", "peepholes"])
    assert {w.name for w in layer.non_trainable_weights} == {"initial_cell", "peepholes"}
    assert len(layer.trainable_weights) == 4


# --- gradients


def gradients(layer, inputs, cotangent=None):
    """Return the gradients of the inputs and of the weights."""
    x = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = layer(x)
    return tape.gradient(output, [x, layer.weights], output_gradients=cotangent)


@pytest.mark.parametrize("backwards", (False, True))
@pytest.mark.parametrize(("steps", "reached"), ((1, 1), (3, 3), (5, 5), (8, 5)))
def test_the_gradient_flows_through_the_steps_taken_last(steps, reached, backwards):
    options = {"gradient_steps": steps, "backwards": backwards, "return_sequences": False}
    layer = made(GRURecurrence, **options)
    by_input, by_weight = gradients(layer, X)
    taken = np.abs(by_input).sum(axis=(0, 2))[:: -1 if backwards else 1]
    assert (taken > 0).tolist() == [False] * (STEPS - reached) + [True] * reached
    assert np.any(by_weight[-1]) == (reached == STEPS)


def test_gradient_steps_leave_values_and_late_gradients_alone():
    whole, cut = made(LSTMRecurrence), made(LSTMRecurrence, gradient_steps=2)
    np.testing.assert_array_equal(whole(X), cut(X))
    late = np.zeros((BATCH, STEPS, UNITS))
    late[:, -1] = 1
    by_whole, _ = gradients(whole, X, late)
    by_cut, _ = gradients(cut, X, late)
    np.testing.assert_allclose(by_cut[:, -2:], by_whole[:, -2:], rtol=1e-13)


def test_clipping_binds_the_gradient_inside_the_loop():
    # Unbound it would be 3, 2, 1 from first to last step, and 3 for the initial state.
    layer = summing(gradient_clipping=1.5, dtype="float64")
    by_input, (_, _, by_bias, by_initial) = gradients(layer, COUNTED)
    np.testing.assert_array_equal(by_input[0, :, 0], [1.5, 1.5, 1.0])
    np.testing.assert_array_equal(by_bias, [2 * (1.5 + 1.5 + 1.0)])
    np.testing.assert_array_equal(by_initial, [[2 * 1.5]])


def test_a_gru_clips_its_input_before_or_behind_the_kernel():
    for clip_features, bound in ((False, 0.01), (True, None)):
        layer = made(GRURecurrence, gradient_clipping=0.01, clip_features=clip_features)
        by_input, (by_kernel, *_) = gradients(layer, X)
        largest = np.abs(by_input).max()
        assert largest == bound if bound is not None else largest > 0.01
        # The kernel's own gradient is clipped only behind the product.
        behind = 0.01 * np.abs(X).sum(axis=(0, 1))[:, None]
        assert np.all(np.abs(by_kernel) <= behind) == clip_features


# --- Keras' own layers where they do the same

TWINS = {
    "lstm": (
        LSTMRecurrence,
        {"peepholes": False, "functions": {"candidate": "softplus", "hidden": "softplus"}},
        keras.layers.LSTM,
        {"activation": "softplus"},
    ),
    "rnn": (
        DenseRecurrence,
        {"functions": {"hidden": "tanh"}},
        keras.layers.SimpleRNN,
        {"activation": "tanh"},
    ),
    "rnn_without_bias": (
        DenseRecurrence,
        {"functions": {"hidden": "sigmoid"}, "use_bias": False},
        keras.layers.SimpleRNN,
        {"activation": "sigmoid", "use_bias": False},
    ),
}


@pytest.mark.parametrize("case", TWINS)
def test_keras_own_layer_computes_the_same_from_zero(case):
    cls, options, stock, arguments = TWINS[case]
    layer = made(cls, **options)
    for state in layer.weights:
        if state.name.startswith("initial"):
            state.assign(np.zeros(state.shape))
    twin = stock(UNITS, return_sequences=True, dtype="float64", **arguments)
    twin.build((BATCH, STEPS, FEATURES))
    twin.set_weights([w.numpy() for w in layer.weights if not w.name.startswith("initial")])
    np.testing.assert_allclose(layer(X), twin(X), rtol=1e-13)
    by_own, _ = gradients(layer, X)
    by_stock, _ = gradients(twin, X)
    np.testing.assert_allclose(by_own, by_stock, rtol=1e-12, atol=1e-14)


def test_peepholes_look_at_the_cell_before_and_after():
    layer = made(LSTMRecurrence)
    for name in ("kernel", "recurrent_kernel", "bias", "initial_hidden"):
        getattr(layer, name).assign(np.zeros(getattr(layer, name).shape))
    layer.peepholes.assign([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    layer.initial_cell.assign([[0.5, 0.5]])
    (output,) = layer(np.zeros((1, 1, FEATURES))).numpy()
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731 - the formula below reads better so
    cell = np.array([sigmoid(2 * 0.5) * 0.5, 0.5 * 0.5])
    expected = [sigmoid(3 * cell[0]) * np.tanh(cell[0]), 0.5 * np.tanh(cell[1])]
    np.testing.assert_allclose(output[0], expected, rtol=1e-14)


@pytest.mark.parametrize("cls", (LSTMRecurrence, GRURecurrence, DenseRecurrence))
def test_trailing_axes_are_flattened(cls):
    images = RNG.normal(size=(BATCH, STEPS, FEATURES, 6))
    layer = made(cls, (images.shape,))
    flat = images.reshape(BATCH, STEPS, -1)
    np.testing.assert_allclose(layer(images), layer(flat), rtol=1e-14)


ERRORS = {
    "an unknown input": ({"given": ["masks"]}, [X.shape], "given must be one of"),
    "a state that there is not": ({"given": ["cell"]}, [X.shape], "given must be one of"),
    "a gate that there is not": ({"functions": {"forget": "tanh"}}, [X.shape], "of reset, update"),
    "an unknown function": ({"functions": {"reset": "relu"}}, [X.shape], "must be one of .*'relu'"),
    "missing constants": ({"functions": {"reset": "selu"}}, [X.shape], "constants.*scale_neg"),
    "a missing mask": ({"given": ["mask"]}, [X.shape], "known features, a mask; got"),
    "a matrix": ({}, [(4, 5)], r"takes \(batch, steps, features"),
    "open features": ({}, [(4, 5, None)], r"with known features; got \[\(4, 5, None\)\]"),
}


@pytest.mark.parametrize(("options", "shapes", "message"), ERRORS.values(), ids=ERRORS)
def test_what_does_not_fit_is_refused(options, shapes, message):
    with pytest.raises(LayerArgumentError, match=message):
        GRURecurrence(UNITS, **options).build(shapes if len(shapes) > 1 else shapes[0])

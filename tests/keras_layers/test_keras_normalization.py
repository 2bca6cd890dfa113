"""InvStdBatchNormalization: both modes, the running averages, and Lasagne's own layer."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport.keras_layers import InvStdBatchNormalization, LayerArgumentError

EPSILON, ALPHA = 0.02, 0.3
# Input shape and axes; every subset that Lasagne users meet, and odd ones.
CASES = {
    "dense": ((6, 3), [0]),
    "images": ((6, 5, 4, 3), [0, 1, 2]),
    "volumes": ((3, 2, 5, 4, 6), [0, 1, 2, 3]),
    "per_location": ((6, 5, 4, 3), [0]),
    "without_batch": ((6, 5, 4, 3), [1, 2]),
    "batch_and_channels": ((6, 5, 4, 3), [0, -1]),
    "unordered": ((6, 5, 4, 3), [2, 0]),
    "everything": ((6, 3), [0, 1]),
}
EACH_CASE = pytest.mark.parametrize(("shape", "axes"), CASES.values(), ids=CASES)


def weight_shape(shape, axes):
    counted = {axis % len(shape) for axis in axes}
    return tuple(size for axis, size in enumerate(shape) if axis not in counted)


def data(shape, axes, seed=7):
    """Return inputs, and gamma, beta, moving_mean, moving_inv_std."""
    rng = np.random.default_rng(seed)
    weights = [rng.uniform(0.5, 2.0, size=weight_shape(shape, axes)) for _ in range(4)]
    return rng.normal(3.0, 2.0, size=shape), weights


def made(shape, axes, weights, **options):
    options = {"epsilon": EPSILON, "alpha": ALPHA, "dtype": "float64", **options}
    layer = InvStdBatchNormalization(axes, **options)
    layer.build(shape)
    layer.set_weights(weights)
    return layer


def in_numpy(x, axes, gamma, beta, mean=None, inv_std=None):
    """Return the normalized input, by batch statistics unless others are given."""
    axes = tuple(axes)
    if mean is None:
        mean = x.mean(axes)
        inv_std = 1 / np.sqrt(((x - x.mean(axes, keepdims=True)) ** 2).mean(axes) + EPSILON)
    mean, scale, beta = (np.expand_dims(w, axes) for w in (mean, gamma * inv_std, beta))
    return (x - mean) * scale + beta


@EACH_CASE
def test_training_mode_normalizes_by_the_batch(shape, axes, in_keras):
    x, weights = data(shape, axes)
    layer = made(shape, axes, weights)
    output, _ = in_keras(layer, x, training=True)
    np.testing.assert_allclose(output, in_numpy(x, axes, *weights[:2]), rtol=1e-13, atol=1e-14)


@EACH_CASE
def test_inference_mode_normalizes_by_the_averages_and_keeps_them(shape, axes, in_keras):
    x, weights = data(shape, axes)
    layer = made(shape, axes, weights)
    output, _ = in_keras(layer, x, training=False)
    np.testing.assert_allclose(output, in_numpy(x, axes, *weights), rtol=1e-14)
    for kept, weight in zip(layer.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(kept, weight)


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@EACH_CASE
def test_averages_follow_the_mean_and_the_inverse_standard_deviation(shape, axes, jit, in_keras):
    _, weights = data(shape, axes)
    layer = made(shape, axes, weights)
    mean, inv_std = weights[2:]
    rng = np.random.default_rng(8)
    for _ in range(3):
        x = rng.normal(1.0, 3.0, size=shape)
        in_keras(layer, x, training=True, jit=jit)
        mean = 0.7 * mean + 0.3 * x.mean(tuple(axes))
        inv_std = 0.7 * inv_std + 0.3 / np.sqrt(x.var(tuple(axes)) + EPSILON)
    np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-14)
    np.testing.assert_allclose(layer.moving_inv_std, inv_std, rtol=1e-14)


@pytest.mark.parametrize("training", (False, True), ids=["inference", "training"])
@EACH_CASE
def test_agrees_with_lasagne_in_outputs_gradients_and_averages(
    shape, axes, training, in_keras, in_theano, theano
):
    import lasagne

    if not hasattr(lasagne.layers, "BatchNormLayer"):
        pytest.skip("BatchNormLayer came with Lasagne 0.2, which is not on PyPI")
    x, weights = data(shape, axes)
    counted = tuple(axis % len(shape) for axis in axes)
    gamma, beta, mean, inv_std = map(theano.shared, weights)
    reference = lasagne.layers.BatchNormLayer(
        shape, counted, EPSILON, ALPHA, beta=beta, gamma=gamma, mean=mean, inv_std=inv_std
    )
    cotangent = np.random.default_rng(9).normal(size=shape)
    expected, [slope] = in_theano(
        lambda x: reference.get_output_for(x, deterministic=not training), x, cotangent=cotangent
    )
    layer = made(shape, axes, weights)
    output, [gradient] = in_keras(layer, x, cotangent=cotangent, training=training)
    np.testing.assert_allclose(output, expected, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(gradient, slope, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(layer.moving_mean, mean.get_value(), rtol=1e-14)
    np.testing.assert_allclose(layer.moving_inv_std, inv_std.get_value(), rtol=1e-14)
    assert (mean.get_value() != weights[2]).any() == training


def test_stock_batch_normalization_averages_something_else(in_keras):
    x, weights = data((6, 3), [0])
    layer = made((6, 3), [0], weights)
    stock = keras.layers.BatchNormalization(momentum=0.7, epsilon=EPSILON, dtype="float64")
    stock.build((6, 3))
    stock.set_weights([*weights[:3], weights[3] ** -2 - EPSILON])
    np.testing.assert_allclose(in_keras(stock, x)[0], in_keras(layer, x)[0], rtol=1e-13)
    for each in (stock, layer):
        in_keras(each, x, training=True)
    parted = 1 / np.sqrt(stock.moving_variance + EPSILON) / layer.moving_inv_std - 1
    assert abs(np.asarray(parted)).max() > 0.05


@pytest.mark.parametrize(("center", "scale"), ((False, True), (True, False), (False, False)))
def test_beta_and_gamma_may_be_absent(center, scale, in_keras):
    x, [gamma, beta, mean, inv_std] = data((6, 3), [0])
    present = [w for w, wanted in ((gamma, scale), (beta, center)) if wanted]
    layer = made((6, 3), [0], [*present, mean, inv_std], center=center, scale=scale)
    output, _ = in_keras(layer, x, training=True)
    gamma, beta = gamma if scale else np.ones(3), beta if center else np.zeros(3)
    np.testing.assert_allclose(output, in_numpy(x, [0], gamma, beta), rtol=1e-13, atol=1e-14)


def test_not_trainable_means_inference_mode(in_keras):
    x, weights = data((6, 3), [0])
    layer = made((6, 3), [0], weights)
    layer.trainable = False
    output, _ = in_keras(layer, x, training=True)
    np.testing.assert_allclose(output, in_numpy(x, [0], *weights), rtol=1e-14)
    np.testing.assert_array_equal(layer.moving_mean, weights[2])
    np.testing.assert_array_equal(layer.moving_inv_std, weights[3])


def test_gamma_and_beta_alone_are_trainable():
    layer = InvStdBatchNormalization([0])
    layer.build((None, 3))
    assert [w.name for w in layer.weights] == ["gamma", "beta", "moving_mean", "moving_inv_std"]
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]
    assert [w.aggregation for w in layer.non_trainable_weights] == ["mean", "mean"]


def test_weights_start_as_their_initializers_say_at_build_time():
    layer = InvStdBatchNormalization([0])
    for value, name in enumerate(("gamma", "beta", "moving_mean", "moving_inv_std")):
        setattr(layer, f"{name}_initializer", keras.initializers.Constant(value))
    layer.build((None, 3))
    np.testing.assert_array_equal(layer.get_weights(), np.repeat(np.arange(4.0)[:, None], 3, 1))


@pytest.mark.parametrize("dtype", ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16"))
def test_half_precision_computes_statistics_in_float32(dtype):
    # The inputs are exact in half precision; their sums and squares, and a third, are not.
    x = np.random.default_rng(10).integers(124, 133, size=(64, 3)) * 2.0
    layer = InvStdBatchNormalization(
        [0],
        alpha=0.5,
        moving_mean_initializer=keras.initializers.Constant(100 / 3),
        moving_inv_std_initializer=keras.initializers.Constant(1 / 3),
        dtype=dtype,
    )
    output = layer(x.astype("float32"), training=True)
    assert keras.backend.standardize_dtype(output.dtype) == dtype.removeprefix("mixed_")
    # The averages themselves are as precise as the policy's variables.
    precision = 1e-6 if dtype.startswith("mixed") else 6e-3
    for average, old, batch in (
        (layer.moving_mean, 100 / 3, x.mean(0)),
        (layer.moving_inv_std, 1 / 3, 1 / np.sqrt(x.var(0) + 1e-4)),
    ):
        exact = (old + batch) / 2
        np.testing.assert_allclose(keras.ops.cast(average, "float32"), exact, rtol=precision)


def test_an_open_size_that_needs_weights_is_refused():
    with pytest.raises(LayerArgumentError, match=r"Axis 0 of the input shape .* no fixed size"):
        InvStdBatchNormalization([1]).build((None, 4, 3))


@pytest.mark.parametrize(
    ("axes", "message"), (([2], r"Axes \[2\] do not exist"), ([0, -2], "an axis twice"))
)
def test_axes_that_do_not_exist_or_repeat_are_refused(axes, message):
    with pytest.raises(LayerArgumentError, match=message):
        InvStdBatchNormalization(axes).build((6, 3))

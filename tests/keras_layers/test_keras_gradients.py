"""Layers for the way back: what each computes is TensorFlow's gradient of the layer it inverts."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from lasport.keras_layers import (
    FeaturePooling,
    FeaturePoolingGradient,
    GlobalReduce,
    GlobalReduceGradient,
    InvertibleBatchNormalization,
    InvertibleConvolution,
    InvertibleConvolutionTranspose,
    InvertibleDense,
    InvertibleScale,
    LayerArgumentError,
    Nonlinearity,
    NonlinearityGradient,
    Pooling,
    PoolingGradient,
    ShapeGradient,
    Slice,
    SliceGradient,
    WinnerTakesAll,
    WinnerTakesAllGradient,
)

MAPS = (2, 7, 6, 3)
# The layer that is inverted, its arguments, the shape of its input.
FREE = {
    **{
        f"{function}": (Nonlinearity, NonlinearityGradient, {"function": function}, (5, 4))
        for function in ("rectify", "elu", "sigmoid", "softmax", "softplus", "tanh", "linear")
    },
    "leaky_rectify": (
        Nonlinearity,
        NonlinearityGradient,
        {"function": "leaky_rectify", "constants": {"leakiness": 0.2}},
        (5, 4),
    ),
    **{
        f"pool_{mode}": (
            Pooling,
            PoolingGradient,
            {"pool_size": [3, 2], "strides": [2, 3], "padding": [1, 0], "mode": mode},
            MAPS,
        )
        for mode in ("max", "sum", "average_inc_pad", "average_exc_pad")
    },
    "pool_ceil": (
        Pooling,
        PoolingGradient,
        {
            "pool_size": [2, 3, 1],
            "strides": [3, 2, 1],
            "padding": [0, 0, 0],
            "mode": "average_exc_pad",
            "ignore_border": False,
        },
        (2, 5, 6, 3, 2),
    ),
    **{
        f"global_{name}": (GlobalReduce, GlobalReduceGradient, {"function": name}, MAPS)
        for name in ("mean", "max", "min", "sum", "var", "std")
    },
    "features": (
        FeaturePooling,
        FeaturePoolingGradient,
        {"pool_size": 3, "function": "std", "axis": 2},
        MAPS,
    ),
    "winners": (WinnerTakesAll, WinnerTakesAllGradient, {"pool_size": 2, "axis": 2}, MAPS),
    "place": (Slice, SliceGradient, {"indices": -2, "axis": 1}, MAPS),
    "backwards": (Slice, SliceGradient, {"indices": [None, 1, -2], "axis": 2}, MAPS),
}
WEIGHTED = {
    "dense": (InvertibleDense, {"units": 5}, (4, 2, 3)),
    "scale": (InvertibleScale, {"shared_axes": [0, 2]}, MAPS),
    "batch_norm": (InvertibleBatchNormalization, {"axes": [0, 2]}, MAPS),
    "conv": (
        InvertibleConvolution,
        {"filters": 4, "kernel_size": [2, 3], "strides": [3, 1], "padding": [[1, 2], [0, 1]]},
        MAPS,
    ),
    "conv_groups": (
        InvertibleConvolution,
        {"filters": 6, "kernel_size": [2], "dilation": [3], "groups": 3},
        (2, 7, 3),
    ),
    "conv_volumes": (
        InvertibleConvolution,
        {"filters": 2, "kernel_size": [2, 1, 3]},
        (2, 3, 4, 5, 3),
    ),
    "transpose": (
        InvertibleConvolutionTranspose,
        {"filters": 4, "kernel_size": [2, 3], "strides": [3, 2], "cuts": [[0, -2], [1, 2]]},
        MAPS,
    ),
}
MODES = pytest.mark.parametrize("training", (False, True), ids=["inference", "training"])


def backwards(layer, x, g, **call):
    """Return TensorFlow's gradient of x, for the gradient g of what the layer makes of it."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, **call)
    return tape.gradient(y, x, output_gradients=g)


def drawn(layer, shape):
    rng = np.random.default_rng(31)
    x = tf.constant(rng.normal(size=shape))
    g = tf.constant(rng.normal(size=layer.compute_output_shape(shape)))
    return x, g


def built(cls, arguments, shape):
    layer = cls(**arguments, dtype="float64")
    layer.build(shape)
    rng = np.random.default_rng(32)
    layer.set_weights([rng.uniform(0.5, 2.0, size=w.shape) for w in layer.weights])
    return layer


@pytest.mark.parametrize("case", FREE)
def test_goes_back_as_tensorflow_does(case):
    forward, back, arguments, shape = FREE[case]
    layer = forward(**arguments, dtype="float64")
    x, g = drawn(layer, shape)
    found = back(**arguments, dtype="float64")([x, g])
    np.testing.assert_allclose(found, backwards(layer, x, g), rtol=0, atol=1e-14)


@MODES
@pytest.mark.parametrize("case", WEIGHTED)
def test_the_second_call_goes_back_as_tensorflow_does(case, training):
    layer = built(*WEIGHTED[case])
    x, g = drawn(layer, WEIGHTED[case][2])
    options = {"training": training} if case == "batch_norm" else {}
    before = [np.array(weight) for weight in layer.weights]
    found = layer(x, cotangent=g, **options)
    for weight, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    expected = backwards(layer, x, g, **options)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("jit", (False, True), ids=["graph", "jit"])
@MODES
@pytest.mark.parametrize("case", WEIGHTED)
def test_both_calls_share_weights_and_gradients_in_graphs(case, training, jit):
    layer = built(*WEIGHTED[case])
    shape = WEIGHTED[case][2]
    x, g = drawn(layer, shape)

    def by_hand(x, g):
        with tf.GradientTape() as outer:
            outer.watch([x, g])
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = layer(x, **options)
            back = inner.gradient(y, x, output_gradients=g)
            loss = tf.reduce_sum(y**2) + tf.reduce_sum(back**2)
        return outer.gradient(loss, [x, g, *layer.trainable_variables])

    @tf.function(jit_compile=jit)
    def differentiate(x, g):
        with tf.GradientTape() as tape:
            tape.watch([x, g])
            y, back = layer(x, **options), layer(x, cotangent=g, **options)
            loss = tf.reduce_sum(y**2) + tf.reduce_sum(back**2)
        return tape.gradient(loss, [x, g, *layer.trainable_variables])

    options = {"training": training} if case == "batch_norm" else {}
    for found, expected in zip(differentiate(x, g), by_hand(x, g), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("case", WEIGHTED)
def test_a_saved_model_calls_its_layer_twice_again(case, tmp_path):
    layer = built(*WEIGHTED[case])
    shape = WEIGHTED[case][2]
    x, g = drawn(layer, shape)
    inputs = [keras.Input(batch_shape=part.shape, dtype="float64") for part in (x, g)]
    model = keras.Model(inputs, [layer(inputs[0]), layer(inputs[0], cotangent=inputs[1])])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.weights) == len(layer.weights)
    for training in (False, True):
        for found, expected in zip(
            loaded([x, g], training=training), model([x, g], training=training), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("case", WEIGHTED)
def test_symbolic_shapes_on_the_way_back_are_those_of_the_input(case):
    layer = built(*WEIGHTED[case])
    shape = WEIGHTED[case][2]
    x, g = drawn(layer, shape)
    inputs = [keras.Input(batch_shape=(None, *part.shape[1:]), dtype="float64") for part in (x, g)]
    back = layer(inputs[0], cotangent=inputs[1])
    assert (back.shape, back.dtype) == ((None, *shape[1:]), "float64")


def test_every_tie_takes_a_maximum_gradient_in_full():
    x = np.array([[[2.0], [2.0], [1.0], [2.0]]])
    pool = PoolingGradient([3], [1], [0], "max")
    np.testing.assert_array_equal(pool([x, np.array([[[1.0], [10.0]]])])[0, :, 0], [1, 11, 0, 10])
    every = GlobalReduceGradient("max")
    np.testing.assert_array_equal(every([x, np.array([[5.0]])])[0, :, 0], [5, 5, 0, 5])


def test_a_rectifier_halves_the_gradient_at_0():
    back = NonlinearityGradient("rectify")([np.array([-1.0, 0.0, 1.0]), np.full(3, 4.0)])
    np.testing.assert_array_equal(back, [0, 2, 4])


def test_a_shape_is_taken_from_the_other_input():
    x = np.zeros((2, 3, 4))
    g = np.arange(24.0).reshape(2, 12)
    np.testing.assert_array_equal(ShapeGradient()([x, g]), g.reshape(2, 3, 4))
    g = np.arange(24.0).reshape(2, 4, 1, 3)
    expected = g.transpose(0, 3, 1, 2)[..., 0]
    np.testing.assert_array_equal(ShapeGradient([0, 3, 1, 2])([x, g]), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    (
        (lambda: GlobalReduceGradient("prod"), "function must be one of 'mean'"),
        (lambda: FeaturePoolingGradient(2, "prod"), "function must be one of 'mean'"),
        (lambda: NonlinearityGradient("relu"), "function must be one of"),
        (lambda: InvertibleDense(2, activation="tanh"), "has no activation"),
        (
            lambda: InvertibleConvolution(2, [3]).build((2, 5, 4, 3)),
            r"1 spatial axes.*\(2, 5, 4, 3\)",
        ),
        (lambda: InvertibleConvolution(2, [3]).build((2, 5, None)), "no fixed number"),
    ),
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(LayerArgumentError, match=message):
        make()

"""What Keras asks of any layer, for every layer of the package."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import lasport.keras_layers
from lasport.keras_layers import (
    AffineTransformer,
    Autocrop,
    Borrowing,
    Combine,
    ConstantPad,
    CustomRecurrence,
    DenseRecurrence,
    Derived,
    Dilate,
    FeaturePooling,
    FeaturePoolingGradient,
    FullReshape,
    GlobalReduce,
    GlobalReduceGradient,
    GRURecurrence,
    InvertibleBatchNormalization,
    InvertibleConvolution,
    InvertibleConvolutionTranspose,
    InvertibleDense,
    InvertibleScale,
    InvStdBatchNormalization,
    LocallyConnected2D,
    LocalResponseNormalization,
    LSTMRecurrence,
    Nonlinearity,
    NonlinearityGradient,
    OnesLike,
    Parameter,
    ParametricRectifier,
    PassOn,
    Permutation,
    Pooling,
    PoolingGradient,
    PyramidPooling,
    RandomizedRectifier,
    Reduce,
    Scale,
    ShapeGradient,
    Shift,
    Slice,
    SliceGradient,
    ThinPlateSplineTransformer,
    UnscaledDropout,
    WideGaussianNoise,
    WinnerTakesAll,
    WinnerTakesAllGradient,
)

MAPS = [(4, 7, 6, 3)]
SEQUENCES = [(4, 5, 3)]
PAIR = [(4, 7, 6, 3), (4, 5, 8, 3)]


class Net:
    """A model among the arguments of a layer, as its configuration in a dtype."""

    def __init__(self, *shape: int, convolves: bool = False) -> None:
        self.shape, self.convolves = shape, convolves

    def config(self, dtype):
        inputs = keras.Input(
            self.shape, name="given", dtype=keras.dtype_policies.get(dtype).compute_dtype
        )
        layer = keras.layers.Dense(2, name="dense", dtype=dtype)
        if self.convolves:
            layer = keras.layers.Conv1D(2, 3, padding="same", name="conv", dtype=dtype)
        model = keras.Model(inputs, layer(inputs), name=f"net_of_{self.shape[-1]}")
        return keras.saving.serialize_keras_object(model)


NETS = {"input_to_hidden", "hidden_to_hidden"}

# Class, its arguments, shapes of its inputs, which axes of them may be open.
CASES = {
    "batch_norm": (InvStdBatchNormalization, {"axes": [0, 1, 2]}, MAPS, (0, 1, 2)),
    "batch_norm_bare": (
        InvStdBatchNormalization,
        {"axes": [0, -1], "epsilon": 0.25, "alpha": 0.5, "center": False, "scale": False},
        MAPS,
        (0, 3),
    ),
    "rectify": (Nonlinearity, {"function": "rectify"}, MAPS, (0, 1, 2, 3)),
    "selu": (
        Nonlinearity,
        {"function": "selu", "constants": {"scale": 1.5, "scale_neg": 2.5}},
        MAPS,
        (0, 1, 2, 3),
    ),
    "softmax": (Nonlinearity, {"function": "softmax"}, [(4, 5)], (0, 1)),
    "max_pool": (
        Pooling,
        {"pool_size": [3, 2], "strides": [2, 2], "padding": [1, 0], "mode": "max"},
        MAPS,
        (0, 1, 2),
    ),
    "max_pool_3d": (
        Pooling,
        {"pool_size": [2, 2, 3], "strides": [2, 1, 3], "padding": [0, 0, 0], "mode": "max"},
        [(2, 4, 5, 6, 3)],
        (0, 1, 2, 3),
    ),
    "average_pool_ceil": (
        Pooling,
        {
            "pool_size": [3, 2],
            "strides": [2, 5],
            "padding": [0, 0],
            "mode": "average_exc_pad",
            "ignore_border": False,
        },
        MAPS,
        (0, 1, 2),
    ),
    **{
        f"global_{function}": (GlobalReduce, {"function": function}, MAPS, (0, 1, 2))
        for function in ("mean", "max", "min", "sum", "prod", "var", "std")
    },
    "reduce": (Reduce, {"function": "std", "axes": [1, -1]}, MAPS, (0, 1, 2, 3)),
    "reduce_keeping": (
        Reduce,
        {"function": "max", "axes": [2, 0], "keepdims": True},
        MAPS,
        (0, 1, 2, 3),
    ),
    "hard_sigmoid": (Nonlinearity, {"function": "hard_sigmoid"}, MAPS, (0, 1, 2, 3)),
    "ultra_fast_sigmoid": (Nonlinearity, {"function": "ultra_fast_sigmoid"}, MAPS, (0, 1, 2, 3)),
    "shift": (Shift, {"shared_axes": [0, 2]}, MAPS, (0, 2)),
    "scale": (Scale, {"shared_axes": [0, -1]}, MAPS, (0, 3)),
    "parametric_rectifier": (ParametricRectifier, {"shared_axes": [0, -2]}, MAPS, (0, 2)),
    "local_response": (
        LocalResponseNormalization,
        {"size": 3, "alpha": 0.5, "k": 2.0, "beta": 0.75, "axis": -3},
        MAPS,
        (0, 1, 2, 3),
    ),
    "dropout": (UnscaledDropout, {"rate": 0.5, "shared_axes": [1], "seed": 3}, MAPS, (0, 1, 2, 3)),
    "wide_noise": (WideGaussianNoise, {"stddev": 2.5, "seed": 3}, MAPS, (0, 1, 2, 3)),
    "randomized_rectifier": (
        RandomizedRectifier,
        {"lower": 0.25, "upper": 0.5, "shared_axes": [0, 2], "seed": 3},
        MAPS,
        (0, 1, 2, 3),
    ),
    "locally_connected": (LocallyConnected2D, {"filters": 2, "kernel_size": [3, 1]}, MAPS, (0,)),
    "locally_connected_channelwise": (
        LocallyConnected2D,
        {"filters": 3, "kernel_size": [1, 5], "channelwise": True},
        MAPS,
        (0,),
    ),
    "reshape": (FullReshape, {"target": [["input", 1], -1, 6]}, MAPS, (0, 1)),
    "permutation": (Permutation, {"axes": [2, 0, 3, 1]}, MAPS, (0, 1, 2, 3)),
    "pad": (
        ConstantPad,
        {"widths": [[1, 0], [0, 0], [2, 3], [0, 1]], "value": 0.5},
        MAPS,
        (0, 1, 2, 3),
    ),
    "autocrop": (
        Autocrop,
        {"modes": [None, "lower", "center", None], "index": 1},
        PAIR,
        (0, 1, 2),
    ),
    "lstm": (LSTMRecurrence, {"units": 2, "gradient_clipping": 0.5}, SEQUENCES, (0, 1)),
    "lstm_masked": (
        LSTMRecurrence,
        {
            "units": 2,
            "functions": {
                "input": "sigmoid",
                "forget": "sigmoid",
                "candidate": ["scaled_tanh", {"scale_in": 0.5, "scale_out": 2.0}],
                "output": "softmax",
                "hidden": "elu",
            },
            "given": ["cell", "mask"],
            "backwards": True,
            "gradient_steps": 5,
            "frozen": ["initial_hidden"],
        },
        [(4, 5, 3), (4, 2), (4, 5)],
        (0,),
    ),
    "gru": (
        GRURecurrence,
        {"units": 2, "return_sequences": False, "gradient_steps": 5, "frozen": ["bias"]},
        SEQUENCES,
        (0, 1),
    ),
    "gru_unrolled": (GRURecurrence, {"units": 2, "unroll": True}, [(4, 5, 3, 2)], (0,)),
    "rnn": (DenseRecurrence, {"units": 2, "backwards": True}, SEQUENCES, (0, 1)),
    "custom": (
        CustomRecurrence,
        {"input_to_hidden": Net(3), "hidden_to_hidden": Net(2), "backwards": True},
        SEQUENCES,
        (0, 1),
    ),
    "custom_lines": (
        CustomRecurrence,
        {
            "input_to_hidden": Net(4, 3, convolves=True),
            "hidden_to_hidden": Net(4, 2, convolves=True),
            "function": ["scaled_tanh", {"scale_in": 0.5, "scale_out": 2.0}],
            "in_advance": False,
            "given": ["hidden", "mask"],
            "gradient_clipping": 0.5,
        },
        [(5, 7, 4, 3), (5, 4, 2), (5, 7)],
        (0,),
    ),
    "dilate": (Dilate, {"factors": [2, 3]}, MAPS, (0, 1, 2)),
    "feature_pool": (
        FeaturePooling,
        {"pool_size": 3, "function": "std", "axis": 2},
        MAPS,
        (0, 1, 3),
    ),
    "winner_takes_all": (WinnerTakesAll, {"pool_size": 3, "axis": 1}, [(2, 6)], (0,)),
    "slice_place": (Slice, {"indices": -2, "axis": 1}, MAPS, (0, 1, 2, 3)),
    "slice_range": (Slice, {"indices": [1, None, 2], "axis": 2}, MAPS, (0, 1, 2, 3)),
    "pyramid": (PyramidPooling, {"grids": [2, 1], "mode": "mean"}, MAPS, (0, 1, 2)),
    "pyramid_fast": (PyramidPooling, {"grids": [2], "covering": False}, MAPS, (0, 1, 2)),
    "affine": (
        AffineTransformer,
        {"downsampling": [1.5, 1], "border": "mirror"},
        [(4, 7, 6, 3), (4, 6)],
        (0, 2),
    ),
    "spline": (
        ThinPlateSplineTransformer,
        {"points": 9, "downsampling": [1, 2], "border": "wrap"},
        [(4, 7, 6, 3), (4, 18)],
        (0, 2),
    ),
    "spline_that_does_not_bend": (
        ThinPlateSplineTransformer,
        {"points": 4, "bends": False},
        [(4, 7, 6, 3), (4, 8)],
        (0, 2),
    ),
    "parameter": (Parameter, {"shape": [3, 2]}, [(4, 5)], (0, 1)),
    "derived": (
        Derived,
        {
            "formula": [
                "add",
                [],
                ["transpose", [1, 0], ["variable", [0]]],
                [
                    "multiply",
                    [],
                    ["slice", [[None, None, -1]], ["variable", [1]]],
                    ["constant", [2]],
                ],
            ]
        },
        [(3, 5), (5, 3)],
        (),
    ),
    "borrowing": (
        Borrowing,
        {
            "layer": {
                "module": "keras.layers",
                "class_name": "BatchNormalization",
                "registered_name": None,
                "config": {"momentum": 0.75},
            },
            "borrowed": ["gamma"],
        },
        [(4, 5), (5,)],
        (),
    ),
    "tanh_gradient": (NonlinearityGradient, {"function": "tanh"}, [(4, 5, 3)] * 2, (0, 1)),
    "softmax_gradient": (NonlinearityGradient, {"function": "softmax"}, [(4, 5)] * 2, (0, 1)),
    "scaled_tanh_gradient": (
        NonlinearityGradient,
        {"function": "scaled_tanh", "constants": {"scale_in": 0.5, "scale_out": 2.5}},
        [(4, 5)] * 2,
        (0, 1),
    ),
    "max_pool_gradient": (
        PoolingGradient,
        {"pool_size": [3, 2], "strides": [2, 3], "padding": [1, 0], "mode": "max"},
        [(4, 7, 6, 3), (4, 4, 2, 3)],
        (0, 1, 2),
    ),
    "average_pool_gradient": (
        PoolingGradient,
        {
            "pool_size": [3, 2],
            "strides": [2, 5],
            "padding": [0, 0],
            "mode": "average_exc_pad",
            "ignore_border": False,
        },
        [(4, 7, 6, 3), (4, 3, 2, 3)],
        (0, 1, 2),
    ),
    **{
        f"global_{function}_gradient": (
            GlobalReduceGradient,
            {"function": function},
            [(4, 7, 6, 3), (4, 3)],
            (0, 1, 2),
        )
        for function in ("mean", "max", "min", "sum", "var", "std")
    },
    "feature_pool_gradient": (
        FeaturePoolingGradient,
        {"pool_size": 3, "function": "var", "axis": 2},
        [(4, 7, 6, 3), (4, 7, 2, 3)],
        (0, 1, 3),
    ),
    "winner_takes_all_gradient": (
        WinnerTakesAllGradient,
        {"pool_size": 3, "axis": 1},
        [(2, 6)] * 2,
        (0,),
    ),
    "shape_gradient": (ShapeGradient, {"axes": [0, 2, 1]}, [(4, 21), (4, 7, 3)], (0,)),
    "slice_place_gradient": (
        SliceGradient,
        {"indices": -2, "axis": 1},
        [(4, 7, 6, 3), (4, 6, 3)],
        (0, 1, 2, 3),
    ),
    "slice_range_gradient": (
        SliceGradient,
        {"indices": [1, None, 2], "axis": 2},
        [(4, 7, 6, 3), (4, 7, 3, 3)],
        (0, 1, 2, 3),
    ),
    "pass_on": (PassOn, {}, [(4, 5), (4, 5)], (0, 1)),
    "ones": (OnesLike, {}, MAPS, (0, 1, 2, 3)),
    "invertible_batch_norm": (InvertibleBatchNormalization, {"axes": [0, 1, 2]}, MAPS, (0, 1, 2)),
    "invertible_dense": (InvertibleDense, {"units": 2}, MAPS, (0, 1, 2)),
    "invertible_scale": (InvertibleScale, {"shared_axes": [0, -1]}, MAPS, (0, 3)),
    "invertible_conv": (
        InvertibleConvolution,
        {
            "filters": 2,
            "kernel_size": [2, 3],
            "strides": [2, 1],
            "padding": [[1, 0], [2, 1]],
            "use_bias": False,
        },
        MAPS,
        (0, 1, 2),
    ),
    "invertible_conv_dilated": (
        InvertibleConvolution,
        {"filters": 6, "kernel_size": [3], "dilation": [2], "groups": 3},
        [(4, 7, 3)],
        (0, 1),
    ),
    "invertible_conv_transpose": (
        InvertibleConvolutionTranspose,
        {"filters": 2, "kernel_size": [2, 3], "strides": [1, 3], "cuts": [[1, 0], [0, -2]]},
        MAPS,
        (0, 1, 2),
    ),
    "combine": (Combine, {"function": "maximum"}, [(4, 5), (4, 5), (4, 5)], (0, 1)),
}
ELEMENTWISE = [
    "batch_norm",
    "batch_norm_bare",
    "rectify",
    "selu",
    "shift",
    "scale",
    "parametric_rectifier",
    "local_response",
    "dropout",
    "wide_noise",
    "randomized_rectifier",
    "winner_takes_all",
]
# What gives weights, whose precision is that of variables.
WEIGHTS = {"parameter", "derived"}
# What has to meet negative inputs too, to have a gradient.
SIGNED = {"parametric_rectifier"}
EACH_CASE = pytest.mark.parametrize("case", CASES)


def inputs_for(case, dtype="float64"):
    """Return a tensor, or a list of them where the layer takes several."""
    rng = np.random.default_rng(21)
    offset = 1 if case in SIGNED else 0
    inputs = [
        keras.ops.convert_to_tensor(rng.uniform(0.75, 1.3, size=shape) - offset, dtype=dtype)
        for shape in CASES[case][2]
    ]
    return inputs if len(inputs) > 1 else inputs[0]


def arguments_of(case, dtype="float32"):
    """Return the arguments, nets as configurations."""
    return {
        name: value.config(dtype) if isinstance(value, Net) else value
        for name, value in CASES[case][1].items()
    }


def made(case, **options):
    """Return the layer, built, with weights of its own."""
    cls, _, shapes, _ = CASES[case]
    layer = cls(**arguments_of(case, options.get("dtype", "float32")), **options)
    layer.build(shapes if len(shapes) > 1 else shapes[0])
    rng = np.random.default_rng(22)
    layer.set_weights([rng.uniform(0.5, 2.0, size=w.shape) for w in layer.weights])
    return layer


def model_of(case, layer, open_axes=()):
    """Return a model of the layer alone, in float64."""
    inputs = [
        keras.Input(
            batch_shape=[None if axis in open_axes else n for axis, n in enumerate(shape)],
            dtype="float64",
        )
        for shape in CASES[case][2]
    ]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    return keras.Model(inputs, layer(inputs))


def test_every_layer_of_the_package_is_here():
    layers = {
        getattr(lasport.keras_layers, name)
        for name in lasport.keras_layers.__all__
        if name != "LayerArgumentError"
    }
    assert layers == {case[0] for case in CASES.values()}


@EACH_CASE
def test_the_config_is_plain_json_and_makes_the_same_layer(case):
    layer = made(case, name="of_this_name", dtype="mixed_float16", trainable=False)
    config = layer.get_config()
    again = type(layer).from_config(json.loads(json.dumps(config)))
    found = again.get_config()
    for name in NETS & config.keys():  # Keras' own models have tuples in theirs
        assert json.dumps(found.pop(name)) == json.dumps(config[name])
    assert found == {name: value for name, value in config.items() if name not in NETS}
    assert config.items() >= arguments_of(case, "mixed_float16").items()
    assert (again.name, again.trainable) == ("of_this_name", False)
    assert again.dtype_policy.name == "mixed_float16"


@EACH_CASE
def test_the_layer_is_registered_by_its_name(case):
    cls = CASES[case][0]
    assert keras.saving.get_registered_name(cls) == f"lasport>{cls.__name__}"


@EACH_CASE
def test_a_saved_model_computes_the_same(case, tmp_path):
    model = model_of(case, made(case, dtype="float64"))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    inputs = inputs_for(case)
    for training in (False, True):
        expected = model(inputs, training=training)
        np.testing.assert_array_equal(loaded(inputs, training=training), expected)
    for weight, kept in zip(loaded.weights, model.weights, strict=True):
        assert weight.path == kept.path
        np.testing.assert_array_equal(weight, kept)


@EACH_CASE
def test_symbolic_shapes_and_dtypes_are_the_real_ones(case):
    layer = made(case, dtype="float64")
    output = layer(inputs_for(case))
    for open_axes in ((), CASES[case][3]):
        symbolic = model_of(case, layer, open_axes).output
        assert symbolic.dtype == output.dtype == "float64"
        assert len(symbolic.shape) == len(output.shape)
        for known, size in zip(symbolic.shape, output.shape, strict=True):
            assert known in ((size, None) if open_axes else (size,))


@pytest.mark.parametrize("jit", (False, True), ids=["graph", "jit"])
@EACH_CASE
def test_graphs_with_open_sizes_change_nothing(case, jit):
    layer = made(case, dtype="float64")
    model = model_of(case, layer, open_axes=CASES[case][3])
    inputs = inputs_for(case)
    signature = tf.nest.map_structure(
        lambda x: tf.TensorSpec(
            [None if axis in CASES[case][3] else n for axis, n in enumerate(x.shape)], x.dtype
        ),
        inputs,
    )
    call = tf.function(model, input_signature=[signature], jit_compile=jit)
    np.testing.assert_allclose(call(inputs), layer(inputs), rtol=3e-14, atol=1e-14)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("jit", (False, True), ids=["graph", "jit"])
@EACH_CASE
def test_training_mode_can_be_differentiated(case, jit):
    model = model_of(case, made(case, dtype="float64"))

    @tf.function(jit_compile=jit)
    def differentiate(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            # Not the plain sum, of which normalization has no gradient.
            loss = tf.reduce_sum(model(inputs, training=True) ** 3)
        return tape.gradient(loss, [inputs, model.trainable_weights])

    inputs = inputs_for(case)
    for gradient in tf.nest.flatten(differentiate(inputs)):
        # Autocrop uses one of its inputs.
        if gradient is not None:
            assert np.isfinite(gradient).all()
            assert np.any(gradient)


@pytest.mark.parametrize("policy", ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16"))
@pytest.mark.parametrize("case", [case for case in CASES if case not in WEIGHTS])
def test_half_precision_follows_the_policy(case, policy):
    half = policy.removeprefix("mixed_")
    layer = made(case, dtype=policy)
    output = layer(inputs_for(case, "float32"))
    assert keras.backend.standardize_dtype(output.dtype) == half
    stored = "float32" if policy.startswith("mixed") else half
    assert {weight.dtype for weight in layer.weights} <= {stored}
    # Rounding the inputs alone makes ties of them.
    rounded = tf.nest.map_structure(
        lambda x: keras.ops.cast(keras.ops.cast(x, half), "float64"), inputs_for(case, "float32")
    )
    expected = np.asarray(made(case, dtype="float64")(rounded))
    error = np.abs(np.asarray(keras.ops.cast(output, "float64")) - expected).max()
    epsilon = {"float16": 2.0**-10, "bfloat16": 2.0**-7}[half]
    # A product of 42 factors in half precision is the worst case.
    assert error < 21 * epsilon * np.abs(expected).max()


@EACH_CASE
def test_float64_is_float64_throughout(case):
    layer = made(case, dtype="float64")
    assert {weight.dtype for weight in layer.weights} <= {"float64"}
    assert layer(inputs_for(case)).dtype == "float64"


class MaskSeen(keras.layers.Layer):
    """Refuses to be called without a mask."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        assert mask is not None
        return inputs


@pytest.mark.parametrize("case", ELEMENTWISE)
def test_masks_pass_through(case):
    cls, arguments, [shape], _ = CASES[case]
    inputs = keras.Input(batch_shape=shape)
    MaskSeen()(cls(**arguments)(keras.layers.Masking()(inputs)))
    with pytest.raises(AssertionError):
        MaskSeen()(cls(**arguments)(inputs))


def test_an_exported_model_computes_the_same_without_lasport(tmp_path):
    inputs = x = keras.Input((9, 8, 3))
    for layer in (
        InvStdBatchNormalization([0, 1, 2]),
        Nonlinearity("rectify"),
        Pooling((3, 2), (2, 2), (1, 0), "max"),
        Pooling((2, 2), (2, 2), (0, 0), "average_exc_pad", ignore_border=False),
        Scale([0, 1, 2]),
        GlobalReduce("max"),
        UnscaledDropout(0.5),
        FullReshape([-1, 3]),
        Shift([0]),
        Nonlinearity("softmax"),
    ):
        x = layer(x)
    model = keras.Model(inputs, x)
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    data = np.random.default_rng(23).normal(size=(4, 9, 8, 3)).astype("float32")
    np.testing.assert_allclose(loaded.serve(data), model(data), rtol=1e-6)


@pytest.mark.parametrize(
    "module", [module.name for module in pkgutil.iter_modules(lasport.keras_layers.__path__)]
)
def test_the_examples_in_the_docstrings_are_right(module):
    found = doctest.testmod(importlib.import_module(f"lasport.keras_layers.{module}"))
    assert found.attempted > 0
    assert found.failed == 0

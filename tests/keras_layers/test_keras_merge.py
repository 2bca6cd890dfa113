"""Autocrop and Combine, against numpy and against Theano and Lasagne."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from lasport.keras_layers import Autocrop, Combine, LayerArgumentError

# Along the cropped axes the surplus of some input is odd, even and zero.
SHAPES = [(2, 3, 7, 9), (2, 4, 4, 10), (2, 8, 9, 6)]
MODES = [None, "lower", "center", "upper"]
KEPT = [
    np.s_[:, :3, 1:5, 3:],
    np.s_[:, :3, :, 4:],
    np.s_[:, :3, 2:6, :],
]


def several(shapes, seed=18):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize("index", (0, 1, 2))
def test_crops_to_the_smallest_size(index, jit):
    inputs = several(SHAPES)
    layer = Autocrop(MODES, index, dtype="float64")
    call = tf.function(layer, jit_compile=True) if jit else layer
    output = call([tf.constant(x) for x in inputs])
    np.testing.assert_array_equal(output, inputs[index][KEPT[index]])
    assert layer.compute_output_shape(SHAPES) == (2, 3, 4, 6)


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize("index", (0, 1, 2))
def test_crops_sizes_that_are_open_when_the_model_is_made(index, jit):
    arguments = [keras.Input((None, None, None), dtype="float64") for _ in SHAPES]
    model = keras.Model(arguments, Autocrop(MODES, index, dtype="float64")(arguments))
    assert model.output_shape == (None, None, None, None)
    signature = [[tf.TensorSpec((None,) * 4, "float64")] * 3]
    call = tf.function(model, input_signature=signature, jit_compile=jit)
    inputs = several(SHAPES)
    output = call([tf.constant(x) for x in inputs])
    np.testing.assert_array_equal(output, inputs[index][KEPT[index]])


def test_crops_as_lasagne_does(theano):
    import lasagne

    if not hasattr(lasagne.layers.merge, "autocrop"):
        pytest.skip("autocrop came with Lasagne 0.2")
    inputs = several(SHAPES)
    cropped = lasagne.layers.merge.autocrop([theano.shared(x) for x in inputs], MODES)
    for index, expected in enumerate(cropped):
        output = Autocrop(MODES, index, dtype="float64")(inputs)
        np.testing.assert_array_equal(output, expected.eval())


def test_cropping_keeps_the_dtype_of_the_input_it_crops():
    inputs = [np.arange(6, dtype="int32").reshape(2, 3), np.zeros((2, 2))]
    assert Autocrop([None, "lower"], 0)(inputs).dtype == "int32"
    symbolic = [keras.Input((3,), dtype="int32"), keras.Input((2,))]
    assert Autocrop([None, "lower"], 0)(symbolic).dtype == "int32"


@pytest.mark.parametrize(
    ("modes", "index", "shapes"),
    (
        ([None, "lower"], 0, [(2, 5, 3), (2, 4, 3)]),
        ([None, "lower"], 2, [(2, 5), (2, 4)]),
        ([None, "lower"], -1, [(2, 5), (2, 4)]),
        ([None, "lower"], 0, [(2, 5), (2, 4, 3)]),
    ),
)
def test_inputs_that_the_cropping_does_not_fit_are_refused(modes, index, shapes):
    with pytest.raises(LayerArgumentError, match="does not fit inputs of the shapes"):
        Autocrop(modes, index)(several(shapes))


def test_unknown_cropping_modes_are_refused():
    with pytest.raises(LayerArgumentError, match="'lower', 'center', 'upper'; got 'middle'"):
        Autocrop([None, "middle"], 0)


# Name, the same in numpy and in theano.tensor.
FUNCTIONS = {
    "add": (np.add, "add"),
    "subtract": (np.subtract, "sub"),
    "multiply": (np.multiply, "mul"),
    "divide": (np.divide, "true_div"),
    "maximum": (np.maximum, "maximum"),
    "minimum": (np.minimum, "minimum"),
}


def with_ties():
    """Return three inputs that are equal in many places, and nowhere zero."""
    rng = np.random.default_rng(19)
    return [rng.choice([-2.0, -1.0, 1.0, 2.0], size=(4, 5, 3)) for _ in range(3)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_folds_from_the_left(function, in_keras):
    x, y, z = with_ties()
    output, _ = in_keras(Combine(function, dtype="float64"), x, y, z)
    f, _ = FUNCTIONS[function]
    np.testing.assert_array_equal(output, f(f(x, y), z))


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_has_theanos_gradients_at_ties_too(function, jit, in_keras, in_theano, theano):
    x, y, z = with_ties()
    cotangent = np.random.default_rng(20).normal(size=x.shape)
    layer = Combine(function, dtype="float64")
    output, gradients = in_keras(layer, x, y, z, cotangent=cotangent, jit=jit)
    f = getattr(theano.tensor, FUNCTIONS[function][1])
    expected, slopes = in_theano(lambda x, y, z: f(f(x, y), z), x, y, z, cotangent=cotangent)
    np.testing.assert_array_equal(output, expected)
    for gradient, slope in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(gradient, slope, rtol=1e-14)


def test_takes_each_size_from_an_input_that_knows_it():
    layer = Combine("add")
    assert layer.compute_output_shape([(None, 5, None), (2, None, None)]) == (2, 5, None)


@pytest.mark.parametrize("shapes", ([(2, 5), (2, 4)], [(2, 5), (2, 5, 3)], [(2, 5), (2, 1)]))
def test_inputs_of_different_shapes_are_refused(shapes):
    with pytest.raises(LayerArgumentError, match="inputs of one shape"):
        Combine("add")(several(shapes))


def test_unknown_functions_are_refused_with_the_known_ones():
    with pytest.raises(LayerArgumentError, match=r"'add', .*'minimum'; got 'pow'"):
        Combine("pow")


def test_a_step_is_kept_if_no_mask_leaves_it_out():
    inputs = [keras.Input((4, 3)) for _ in range(3)]
    masked = [keras.layers.Masking()(inputs[0]), keras.layers.Masking()(inputs[1]), inputs[2]]
    model = keras.Model(inputs, keras.layers.LSTM(2)(Combine("add")(masked)))
    x, y, z = several([(2, 4, 3)] * 3)
    x[:, [1, 3]], y[:, 2:] = 0, 0
    # Both masks together leave the first step alone: what the others hold does not matter.
    before = np.asarray(model([x, y, z]))
    x[:, 2], y[:, 1], z[:, 1:] = 4.0, 5.0, -5.0
    np.testing.assert_array_equal(model([x, y, z]), before)
    z[:, 0] += 1
    assert (np.asarray(model([x, y, z])) != before).any()

"""FullReshape, Permutation and ConstantPad: the batch axis and unknown sizes included."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport.keras_layers import ConstantPad, FullReshape, LayerArgumentError, Permutation

# Target, input shape with unknown sizes, a shape that fits it, output shape, known output shape.
RESHAPES = {
    "sizes": ([6, 10], (None, 5, 4), (3, 5, 4), (6, 10), (6, 10)),
    "inferred": ([-1, 4], (2, 5, 6), (2, 5, 6), (15, 4), (15, 4)),
    "reference": (
        [["input", 0], ["input", 2], -1],
        (None, 5, 4),
        (3, 5, 4),
        (3, 4, 5),
        (None, 4, 5),
    ),
    "batch_into_rows": ([-1, ["input", 2]], (None, 5, 4), (3, 5, 4), (15, 4), (None, 4)),
    "unknown_taken_over_elsewhere": (
        [-1, ["input", 1]],
        (6, None, 4),
        (6, 7, 4),
        (24, 7),
        (24, None),
    ),
    "unknown_taken_over_twice": (
        [["input", 0], -1, ["input", 0]],
        (None, 6),
        (2, 6),
        (2, 3, 2),
        (None, None, None),
    ),
    "two_unknown": (
        [["input", 0], -1],
        (None, None, 4),
        (3, 5, 4),
        (3, 20),
        (None, None),
    ),
    "to_a_vector": ([-1], (None, 5), (3, 5), (15,), (None,)),
}


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize(
    ("target", "open_shape", "shape", "expected", "known"), RESHAPES.values(), ids=RESHAPES
)
def test_reshapes_in_c_order_and_infers_sizes(
    target, open_shape, shape, expected, known, jit, in_keras
):
    layer = FullReshape(target, dtype="float64")
    x = np.arange(np.prod(shape), dtype="float64").reshape(shape)
    cotangent = np.random.default_rng(15).normal(size=expected)
    output, [gradient] = in_keras(layer, x, cotangent=cotangent, jit=jit)
    np.testing.assert_array_equal(output, x.reshape(expected))
    np.testing.assert_array_equal(gradient, cotangent.reshape(shape))
    assert layer.compute_output_shape(open_shape) == known
    assert layer.compute_output_shape(shape) == expected
    inputs = keras.Input(batch_shape=open_shape, dtype="float64")
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == known
    np.testing.assert_array_equal(model(x), x.reshape(expected))


@pytest.mark.usefixtures("theano")
def test_infers_what_lasagne_infers():
    import lasagne

    for target, shape, *_ in RESHAPES.values():
        theirs = tuple(entry if isinstance(entry, int) else [entry[1]] for entry in target)
        expected = lasagne.layers.ReshapeLayer(shape, theirs).output_shape
        assert FullReshape(target).compute_output_shape(shape) == expected, target


@pytest.mark.parametrize(
    ("target", "message"),
    (
        ([-1, -1], "-1 at most once"),
        ([0, 3], "positive size.*got 0"),
        ([-2], "positive size.*got -2"),
        ([["input", -1]], r"got \['input', -1\]"),
        ([[0]], r"got \[0\]"),
        (["input"], "got 'input'"),
    ),
)
def test_targets_that_mean_nothing_are_refused(target, message):
    with pytest.raises(LayerArgumentError, match=message):
        FullReshape(target)


@pytest.mark.parametrize(
    ("target", "shape", "message"),
    (
        ([["input", 3]], (2, 5, 4), "an axis that an input of shape"),
        ([6, 7], (2, 5, 4), "not the number of entries"),
        ([-1, 7], (2, 5, 4), "not the number of entries"),
        ([["input", 0], 7], (None, 5, 4), "not the number of entries"),
    ),
)
def test_inputs_that_cannot_take_the_shape_are_refused(target, shape, message):
    with pytest.raises(LayerArgumentError, match=message):
        FullReshape(target)(keras.Input(batch_shape=shape))


@pytest.mark.parametrize("axes", ([2, 0, 1], [-1, 1, 0], [0, 1, 2]))
def test_permutes_all_axes(axes, in_keras):
    x = np.random.default_rng(16).normal(size=(2, 5, 3))
    output, _ = in_keras(Permutation(axes, dtype="float64"), x)
    np.testing.assert_array_equal(output, x.transpose(axes))
    assert Permutation(axes).compute_output_shape((2, 5, 3)) == output.shape


@pytest.mark.parametrize(
    ("axes", "message"),
    (([0, 1], "every axis"), ([0, 1, 1], "an axis twice"), ([0, 1, 3], "do not exist")),
)
def test_axes_that_are_no_permutation_are_refused(axes, message):
    with pytest.raises(LayerArgumentError, match=message):
        Permutation(axes)(np.zeros((2, 5, 3)))


@pytest.mark.parametrize("value", (0.0, 0.1, -np.inf))
@pytest.mark.parametrize("widths", ([(0, 0), (2, 1), (0, 3)], [(1, 2), (0, 0), (0, 0)]))
def test_pads_any_axis_with_the_exact_value(widths, value, in_keras):
    x = np.random.default_rng(17).normal(size=(2, 5, 3))
    layer = ConstantPad(widths, value, dtype="float64")
    output, [gradient] = in_keras(layer, x)
    np.testing.assert_array_equal(output, np.pad(x, widths, constant_values=value))
    np.testing.assert_array_equal(gradient, np.ones(x.shape))
    assert layer.compute_output_shape(x.shape) == output.shape


@pytest.mark.parametrize(
    ("widths", "message"),
    (([(0, 0), (1, 1)], "an entry for each axis"), ([(0, 0), (0, -1), (0, 0)], "not be negative")),
)
def test_widths_that_do_not_fit_are_refused(widths, message):
    with pytest.raises(LayerArgumentError, match=message):
        ConstantPad(widths)(np.zeros((2, 5, 3)))


@pytest.mark.parametrize(
    "layer", (FullReshape([-1]), Permutation([1, 0]), ConstantPad([(1, 0), (0, 2)]))
)
def test_integers_stay_integers(layer):
    x = np.arange(6, dtype="int32").reshape(2, 3)
    assert layer(x).dtype == "int32"
    inputs = keras.Input(batch_shape=(None, 3), dtype="int32")
    assert layer(inputs).dtype == "int32"

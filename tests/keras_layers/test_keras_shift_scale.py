"""Shift and Scale: which entry of the weight meets which entry of the input."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.keras_layers import LayerArgumentError, Scale, Shift

SHAPE = (2, 5, 4, 3)
# Shared axes, shape of the weight, and the weight's place in the input as an einsum-like index.
CASES = {
    "all_but_channels": ([0, 1, 2], (3,), (None, None, None, slice(None))),
    "untied": ([0], (5, 4, 3), (None, slice(None), slice(None), slice(None))),
    "unordered_negative": ([-2, 0], (5, 3), (None, slice(None), None, slice(None))),
    "none": ([], SHAPE, (slice(None),) * 4),
    "all": ([0, 1, 2, 3], (), (None, None, None, None)),
}


@pytest.mark.parametrize(("shared", "shape", "place"), CASES.values(), ids=CASES)
def test_spreads_the_weight_over_the_shared_axes(shared, shape, place, in_keras):
    rng = np.random.default_rng(4)
    x, weight = rng.normal(size=SHAPE), rng.normal(size=shape)
    shift, scale = Shift(shared, dtype="float64"), Scale(shared, dtype="float64")
    for layer in (shift, scale):
        layer.build(SHAPE)
        assert [tuple(w.shape) for w in layer.weights] == [shape]
        layer.set_weights([weight])
    np.testing.assert_array_equal(in_keras(shift, x)[0], x + weight[place])
    np.testing.assert_array_equal(in_keras(scale, x)[0], x * weight[place])


def test_agrees_with_lasagne(in_keras, theano):
    import lasagne

    if not hasattr(lasagne.layers, "ScaleLayer"):
        pytest.skip("ScaleLayer came with Lasagne 0.2")
    rng = np.random.default_rng(5)
    x, weight = rng.normal(size=SHAPE), rng.normal(size=(5, 3))
    for own, theirs in ((Shift, lasagne.layers.BiasLayer), (Scale, lasagne.layers.ScaleLayer)):
        layer = own([0, 2], dtype="float64")
        layer.build(SHAPE)
        layer.set_weights([weight])
        reference = theirs(SHAPE, theano.shared(weight), shared_axes=(0, 2))
        expected = reference.get_output_for(theano.tensor.constant(x)).eval()
        np.testing.assert_array_equal(in_keras(layer, x)[0], expected)


def test_weights_start_as_their_initializers_say_at_build_time():
    shift = Shift([0, 1])
    shift.bias_initializer = lambda shape, dtype=None: np.full(shape, 6, dtype)
    shift.build((None, None, 3))
    np.testing.assert_array_equal(shift.bias, [6, 6, 6])
    scale = Scale([0, 1])
    scale.scale_initializer = lambda shape, dtype=None: np.full(shape, 7, dtype)
    scale.build((None, None, 3))
    np.testing.assert_array_equal(scale.scale, [7, 7, 7])


@pytest.mark.parametrize("layer", (Shift, Scale))
def test_an_open_size_that_needs_weights_is_refused(layer):
    with pytest.raises(LayerArgumentError, match=r"Axis 1 of the input shape .* no fixed size"):
        layer([0, 2]).build((None, None, 3, 4))


@pytest.mark.parametrize(
    ("axes", "message"), (([4], r"Axes \[4\] do not exist"), ([1, -3], "an axis twice"))
)
def test_axes_that_do_not_exist_or_repeat_are_refused(axes, message):
    with pytest.raises(LayerArgumentError, match=message):
        Shift(axes).build(SHAPE)

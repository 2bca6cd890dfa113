"""AffineTransformer and ThinPlateSplineTransformer: places, borders, and gradients at pixels."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport.keras_layers import (
    AffineTransformer,
    LayerArgumentError,
    ThinPlateSplineTransformer,
)

RNG = np.random.default_rng(41)
IMAGES = RNG.normal(size=(2, 5, 4, 3))
NUMBERS = RNG.normal(size=(2, 6)) * 2
OFFSETS = RNG.normal(size=(2, 18))
# What a column of any number is, in an image of four.
BORDERS = {
    "nearest": lambda n: min(max(n, 0), 3),
    "mirror": lambda n: [0, 1, 2, 3, 2, 1][n % 6],
    "wrap": lambda n: n % 4,
}
EACH_BORDER = pytest.mark.parametrize("border", BORDERS)
EACH_WAY = pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])


@EACH_WAY
@EACH_BORDER
def test_pixels_beyond_the_image(border, jit, in_keras):
    pixel = [2.0, 3.0, 5.0, 7.0]
    image = np.reshape(pixel, (1, 1, 4, 1)) * np.ones((1, 3, 1, 1))
    layer = AffineTransformer(border=border, dtype="float64")
    output, _ = in_keras(layer, image, np.array([[4.5, 0, 0, 0, 0, 0]]), jit=jit)
    places = (-5.25, -0.75, 3.75, 8.25)
    at = BORDERS[border]
    expected = [
        (1 - place % 1) * pixel[at(int(place // 1))] + place % 1 * pixel[at(int(place // 1) + 1)]
        for place in places
    ]
    np.testing.assert_allclose(output[0, :, :, 0], [expected] * 3, rtol=1e-14)


def slopes(layer, inputs, cotangent, step=1e-6):
    """Return the gradient by central differences."""
    found = []
    for index, value in enumerate(inputs):
        slope = np.zeros_like(value)
        for place in np.ndindex(value.shape):
            either = []
            for side in (step, -step):
                moved = [np.array(x) for x in inputs]
                moved[index][place] += side
                either.append(np.sum(np.asarray(layer(moved)) * cotangent))
            slope[place] = (either[0] - either[1]) / (2 * step)
        found.append(slope)
    return found


@pytest.mark.thinned(3)
@EACH_WAY
@EACH_BORDER
@pytest.mark.parametrize(
    ("layer", "numbers"),
    (
        (AffineTransformer, NUMBERS),
        (lambda **options: ThinPlateSplineTransformer(9, **options), OFFSETS),
    ),
    ids=["affine", "spline"],
)
def test_gradients_are_the_slopes(layer, numbers, border, jit, in_keras):
    inputs = [IMAGES[:, :, :, :1], numbers]
    made = layer(downsampling=(1.5, 2), border=border, dtype="float64")
    cotangent = RNG.normal(size=(2, 3, 2, 1))
    _, gradients = in_keras(made, *inputs, cotangent=cotangent, jit=jit)
    for found, expected in zip(gradients, slopes(made, inputs, cotangent), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-7)


IDENTITY = np.array([[1.0, 0, 0, 0, 1, 0]])


def slopes_at_pixels(image, cotangent):
    """Return the gradient for the six numbers that change nothing, as Theano rounds places."""
    total = np.zeros(6)
    rows, columns = image.shape
    line = {n: np.arange(n) * (2.0 / (n - 1)) - 1 for n in image.shape}
    for i, y in enumerate(line[rows]):
        for j, x in enumerate(line[columns]):
            down, across = (y + 1) / 2 * (rows - 1), (x + 1) / 2 * (columns - 1)
            top, left = int(np.floor(down)), int(np.floor(across))
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            v, h = down - top, across - left
            by_x = (1 - v) * (image[top, right] - image[top, left])
            by_x += v * (image[bottom, right] - image[bottom, left])
            by_y = (1 - h) * (image[bottom, left] - image[top, left])
            by_y += h * (image[bottom, right] - image[top, right])
            by_x, by_y = by_x * (columns - 1) / 2, by_y * (rows - 1) / 2
            total += cotangent[i, j] * np.outer([by_x, by_y], [x, y, 1]).ravel()
    return total


@EACH_WAY
@pytest.mark.parametrize("size", ((5, 7), (28, 23), (50, 99)))
def test_gradients_where_nothing_is_moved_yet(size, jit, in_keras):
    # Where every spatial transformer begins: each place is a pixel, and its rounding decides to
    # which side the slope is taken.
    image, cotangent = RNG.normal(size=size), RNG.normal(size=size)
    layer = AffineTransformer(dtype="float64")
    inputs = image.reshape(1, *size, 1), IDENTITY
    output, [_, gradient] = in_keras(
        layer, *inputs, cotangent=cotangent.reshape(1, *size, 1), jit=jit
    )
    np.testing.assert_allclose(output, inputs[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient[0], slopes_at_pixels(image, cotangent), rtol=1e-12)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("size", ((5, 7), (28, 23)))
def test_gradients_where_nothing_is_moved_yet_are_theanos(size, border, in_keras, in_theano):
    special = pytest.importorskip("lasagne.layers.special")
    images, cotangent = (RNG.normal(size=(2, 3, *size)) for _ in range(2))
    numbers = np.repeat(IDENTITY, 2, axis=0)

    def transform(x, t):
        return special._transform_affine(t, x, (1, 1), border)

    _, expected = in_theano(transform, images, numbers, cotangent=cotangent)
    channels_last = [np.moveaxis(x, 1, -1) for x in (images, cotangent)]
    layer = AffineTransformer(border=border, dtype="float64")
    _, found = in_keras(layer, channels_last[0], numbers, cotangent=channels_last[1])
    np.testing.assert_allclose(np.moveaxis(found[0], -1, 1), expected[0], atol=1e-12)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-12)


def test_places_in_a_large_image_take_more_than_half_precision():
    image = np.linspace(0, 1, 3001).reshape(1, 1, -1, 1) * np.ones((1, 2, 1, 1))
    numbers = np.array([[0.5003, 0, 0.2001, 0, 1, 0]])
    expected = AffineTransformer(dtype="float64")([image, numbers])
    output = AffineTransformer(dtype="mixed_float16")(
        [image.astype("float16"), numbers.astype("float32")]
    )
    assert keras.backend.standardize_dtype(output.dtype) == "float16"
    assert np.abs(np.asarray(output, "float64") - expected).max() < 1e-3


def test_a_single_row_is_the_first():
    x = RNG.normal(size=(2, 4, 5, 1))
    output = ThinPlateSplineTransformer(4, (4, 1), dtype="float64")([x, np.zeros((2, 8))])
    np.testing.assert_allclose(output, x[:, :1], atol=1e-12)


@pytest.mark.parametrize("size", (1, 4))
def test_sizes_that_come_with_the_data(size):
    import tensorflow as tf

    layer = ThinPlateSplineTransformer(9, (2, 1), "mirror", dtype="float64")
    x, offsets = RNG.normal(size=(2, 2 * size, 5, 3)), OFFSETS
    spec = [tf.TensorSpec([None, None, None, 3], "float64"), tf.TensorSpec([None, 18], "float64")]
    call = tf.function(layer, input_signature=[spec])
    np.testing.assert_allclose(call([x, offsets]), layer([x, offsets]), rtol=1e-12, atol=1e-13)


def test_an_inverse_that_is_given_is_used():
    exact = ThinPlateSplineTransformer(9, dtype="float64")
    given = exact.inverse * 0.9
    other = ThinPlateSplineTransformer(9, inverse=given.tolist(), dtype="float64")
    inputs = [IMAGES, OFFSETS]
    assert np.abs(np.asarray(other(inputs)) - np.asarray(exact(inputs))).max() > 1e-3
    again = ThinPlateSplineTransformer.from_config(other.get_config())
    np.testing.assert_array_equal(again(inputs), other(inputs))


def test_what_does_not_bend_is_an_affine_map():
    spline = ThinPlateSplineTransformer(9, bends=False, dtype="float64")
    a = (OFFSETS.reshape(2, 2, 9) @ spline.inverse)[:, :, :3] + np.eye(3)[1:]
    numbers = a[:, :, [1, 2, 0]].reshape(2, 6)
    expected = AffineTransformer(dtype="float64")([IMAGES, numbers])
    np.testing.assert_allclose(spline([IMAGES, OFFSETS]), expected, rtol=1e-10, atol=1e-12)


def test_bad_arguments_are_refused():
    with pytest.raises(LayerArgumentError, match="border must be one of 'nearest'"):
        AffineTransformer(border="reflect")
    for factors in ((1, 0), (1,), (1, 1, 1)):
        with pytest.raises(LayerArgumentError, match="two positive numbers"):
            AffineTransformer(factors)
    for points in (1, 8):
        with pytest.raises(LayerArgumentError, match=f"a square from 4 on; got {points}"):
            ThinPlateSplineTransformer(points)
    with pytest.raises(LayerArgumentError, match=r"must be \(4, 7\) for 4 points; got \(7, 4\)"):
        ThinPlateSplineTransformer(4, inverse=np.ones((7, 4)))
    for shapes in ([(2, 5, 4, 3), (2, 7)], [(2, 5, 4), (2, 6)], [(2, 5, 4, 3), (2, 6, 1)]):
        with pytest.raises(LayerArgumentError, match=r"columns, channels\) and \(batch, 6\)"):
            AffineTransformer()([np.zeros(shape) for shape in shapes])

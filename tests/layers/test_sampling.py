"""Sampling images: what lies beyond them, sizes that are divided, places in a row."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.layers.sampling import interpolate, output_shape, read_downsample_factor, spaced


@pytest.mark.parametrize(
    ("mode", "expected"),
    (
        ("nearest", [0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3, 3]),
        ("mirror", [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]),
        ("wrap", [3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0]),
    ),
)
def test_what_lies_beyond_an_image_of_four(mode, expected):
    # From five places before the image to five behind it.
    places = np.arange(-5.0, 9.0)
    across = np.reshape(places / 1.5 - 1, (1, 1, -1))
    image = np.arange(4.0) * np.ones((1, 1, 3, 1))
    sampled = interpolate(image, across, np.zeros_like(across), mode)
    np.testing.assert_allclose(sampled[0, 0, 0], expected, atol=1e-14)


def test_pixels_are_mixed_by_their_distance():
    image = np.array([[1.0, 2], [4, 8]]).reshape(1, 1, 2, 2)
    across, down = np.full((1, 1, 1), -0.5), np.full((1, 1, 1), 0.5)
    sampled = interpolate(image, across, down, "nearest")
    assert sampled.item() == 0.25 * (0.75 * 1 + 0.25 * 2) + 0.75 * (0.75 * 4 + 0.25 * 8)


@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_places_in_a_row(dtype):
    places = spaced(28, dtype)
    assert places.dtype == dtype
    np.testing.assert_allclose(places, np.linspace(-1, 1, 28), atol=2 * np.finfo(dtype).eps)
    # Theano adds up steps: the last place need not be 1.
    assert spaced(50, "float64")[-1] == 49 * (2 / 49) - 1
    np.testing.assert_array_equal(spaced(1, dtype), [-1])


@pytest.mark.parametrize(
    ("size", "factor", "expected"),
    ((7, 2, 3), (7, 1.5, 4), (7, 0.5, 14), (5, 0.7, 7), (2, 0.3, 6), (None, 1.5, None)),
)
def test_sizes_are_divided_and_rounded_down(size, factor, expected):
    shape = output_shape((factor, 1.0), "nearest", [(None, 3, size, 4), (None, 6)], 6)
    assert shape == (None, 3, expected, 4)


@pytest.mark.parametrize("value", ((2, 0.5), [2, 0.5], (np.float32(2), 0.5)))
def test_factors_are_a_pair(value):
    assert read_downsample_factor(value) == (2.0, 0.5)


@pytest.mark.parametrize("value", ((float("nan"), 1), (1, float("inf")), (-1, 1), ("1", 1)))
def test_what_is_no_factor(value):
    with pytest.raises(ValueError, match=r"(was|were) expected"):
        read_downsample_factor(value)

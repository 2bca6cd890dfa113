"""Layouts: arrays there and back, in every order of axes."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.layout import Layout, channels_last, lasagne_order
from lasport.weights import Rows


def test_the_two_orders():
    assert lasagne_order(4).axes == (0, 1, 2, 3)
    assert channels_last(4).axes == (0, 2, 3, 1)
    assert channels_last(3).axes == (0, 2, 1)
    assert channels_last(2) == lasagne_order(2)


# channels, rows, columns of an image that was flattened channels last
FLATTENED = Layout((0, 1), Rows((2, 3, 5), (1, 2, 0)))

LAYOUTS = {
    "Lasagne's": (lasagne_order(4), (7, 2, 3, 5), (7, 2, 3, 5)),
    "channels last": (channels_last(4), (7, 2, 3, 5), (7, 3, 5, 2)),
    "channels last, three axes": (channels_last(3), (7, 2, 3), (7, 3, 2)),
    "flattened": (FLATTENED, (7, 30), (7, 30)),
}


@pytest.mark.parametrize(("layout", "lasagne", "physical"), LAYOUTS.values(), ids=LAYOUTS)
def test_there_and_back(layout, lasagne, physical):
    array = np.random.default_rng(4).normal(size=lasagne)
    moved = layout.from_lasagne(array)
    assert moved.shape == physical == layout.shape(lasagne)
    np.testing.assert_array_equal(layout.to_lasagne(moved), array)


def test_flattening_and_moving_the_channels_are_one():
    image = np.random.default_rng(5).normal(size=(7, 2, 3, 5))
    flattened = channels_last(4).from_lasagne(image).reshape(7, 30)
    np.testing.assert_array_equal(FLATTENED.from_lasagne(image.reshape(7, 30)), flattened)


def test_a_mask_that_is_shared_along_the_flattened_axis_stays_as_it_is():
    mask = np.random.default_rng(6).normal(size=(7, 1))
    np.testing.assert_array_equal(FLATTENED.from_lasagne(mask), mask)
    np.testing.assert_array_equal(FLATTENED.to_lasagne(mask), mask)


def test_positions_of_axes():
    layout = channels_last(4)
    assert [layout.physical(axis) for axis in (0, 1, 2, 3, -1, -3)] == [0, 3, 1, 2, 2, 3]
    assert layout.arrange("ncrs") == ("n", "r", "s", "c")
    assert layout.shape((None, 2, None, 5)) == (None, None, 5, 2)

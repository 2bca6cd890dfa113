"""What layers with filters have in common: pads, biases, and which axes filters have."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.layers import filters
from lasport.layers.filters import FilterAttributes
from lasport.layers.nonlinearities import Nonlinearity

WIDTHS = (
    ("valid", (3, 4), ((0, 0), (0, 0))),
    ("full", (3, 4), ((2, 2), (3, 3))),
    ("same", (3, 5), ((1, 1), (2, 2))),
    ("same", (2, 4), ((1, 0), (2, 1))),  # the odd zero comes first
    ((2, 0), (3, 4), ((2, 2), (0, 0))),
)


@pytest.mark.parametrize(("pad", "filter_size", "expected"), WIDTHS)
def test_zeros_before_and_behind(pad, filter_size, expected):
    assert filters.widths(pad, filter_size) == expected


READ = (("same", "same"), (3, (3, 3, 3)), ([0, 1, np.int64(2)], (0, 1, 2)))


@pytest.mark.parametrize(("value", "expected"), READ)
def test_pads_are_words_or_one_size_per_axis(value, expected):
    assert filters.pads(3)(value) == expected


@pytest.mark.parametrize("value", ("half", (1, 2), -1, None, 1.5))
def test_other_pads_are_refused(value):
    with pytest.raises(ValueError, match="expected"):
        filters.pads(3)(value)


def attributes(*, untie_biases=False):
    return FilterAttributes(
        num_filters=3,
        filter_size=(2, 5),
        untie_biases=untie_biases,
        flip_filters=True,
        nonlinearity=Nonlinearity("rectify"),
    )


def test_biases_are_tied_or_one_for_each_place():
    assert filters.bias_shape(attributes(), (None, 3, 7, 4)) == (3,)
    assert filters.bias_shape(attributes(untie_biases=True), (None, 3, 7, 4)) == (3, 7, 4)


def test_biases_come_before_the_nonlinearity():
    y, bias = np.full((2, 3, 1, 1), -1.0), np.array([0.5, 1.0, 3.0])
    found = filters.finish(attributes(), {"b": bias}, y)
    assert found[1].ravel().tolist() == [0, 0, 2]
    untied = filters.finish(attributes(untie_biases=True), {"b": bias.reshape(3, 1, 1)}, y)
    np.testing.assert_array_equal(untied, found)
    assert not filters.finish(attributes(), {}, y).any()


def test_filters_need_an_axis_for_each_of_their_own():
    assert attributes().space((None, 3, 7, None)) == (7, None)
    with pytest.raises(ValueError, match="a filter of 2 axes meets an input of"):
        attributes().space((None, 3, 7))

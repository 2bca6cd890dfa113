"""DimshuffleLayer and SliceLayer: axes that move, come and go, and parts of them."""

from __future__ import annotations

import pytest

from tests.golden_records import load_case
from tests.inert_nets import layer, read, source

# Golden cases: Keras layers, the same in both profiles. Images are channels last.
RECORDS = {
    "dimshuffle_swaps": "Permute",
    "dimshuffle_inserts": "Permute Reshape Permute",
    "dimshuffle_inserts_open": "Reshape Permute",
    "dimshuffle_drops": "Reshape",
    "dimshuffle_drops_and_inserts": "Permute Permutation FullReshape Permute",
    "dimshuffle_batch_last": "Permutation",
    "dimshuffle_nothing": "",
    "dimshuffle_images": "Permute Permute Permute",
    "slice_place": "Slice",
    "slice_last_place": "Slice",
    "slice_open_place": "Slice",
    "slice_range": "Slice",
    "slice_steps": "Slice",
    "slice_to_the_end": "Slice",
    "slice_channels": "Slice",
    "slice_rows": "Permute Slice",
    "slice_batch": "Slice",
    "slice_open_range": "Slice",
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == (RECORDS[name], RECORDS[name])


def shuffle(pattern, *shape):
    """Return a DimshuffleLayer."""
    return layer("shape.DimshuffleLayer", source(shape), {}, pattern=pattern)


def sliced(indices, axis, *shape):
    """Return a SliceLayer."""
    return layer("shape.SliceLayer", source(shape), {}, slice=indices, axis=axis)


SHAPES = (
    (shuffle((3, "x", 0, 1), None, 2, 1, 5), (5, 1, None, 2)),
    (shuffle((0, 2), None, None, 4), (None, 4)),
    (sliced(3, -1, None, 2, 5), (None, 2)),
    (sliced(slice(-4, None, 2), 2, None, 2, 5), (None, 2, 2)),
    (sliced(slice(1, 2), 1, None, None), (None, None)),
)


@pytest.mark.parametrize(("net", "expected"), SHAPES)
def test_output_shape(net, expected):
    found = read(net)
    assert (found.problem, found.output_shape) == (None, expected)


PROBLEMS = (
    (shuffle((0, 1, 1), None, 2, 1), "names an axis twice"),
    (shuffle((0, -1), None, 2), "an integer of at least 0 was expected, not -1"),
    (shuffle((0, 3), None, 2), "names an axis that an input of (None, 2) does not have"),
    (shuffle((0, 2), None, 3, 4), "leaves out an axis of (None, 3, 4) whose size is not 1"),
    (shuffle("01", None, 3), "a tuple was expected"),
    (sliced(5, 2, None, 2, 5), "axis 2 of an input of (None, 2, 5) has no place 5"),
    (sliced(0, 3, None, 2, 5), "an input of (None, 2, 5) has no axis 3"),
    (sliced(slice(0, 4, 0), 2, None, 2, 5), "a slice cannot have steps of 0"),
    (sliced((1, 2), 2, None, 2, 5), "an integer was expected"),
)


@pytest.mark.parametrize(("net", "message"), PROBLEMS)
def test_problems(net, message):
    assert message in read(net).problem

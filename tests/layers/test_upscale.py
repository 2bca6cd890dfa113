"""Upscale1DLayer, Upscale2DLayer and Upscale3DLayer: copies or zeros between the entries."""

from __future__ import annotations

import pytest

from tests.golden_records import load_case
from tests.inert_nets import image, layer, read, source

# Golden cases: Keras layers, the same in both profiles.
RECORDS = {
    "upscale1d_repeat": "UpSampling1D",
    "upscale1d_dilate": "Dilate",
    "upscale1d_by_1": "",
    "upscale1d_open_size": "UpSampling1D",
    "upscale2d_repeat": "UpSampling2D",
    "upscale2d_repeat_per_axis": "UpSampling2D",
    "upscale2d_dilate": "Dilate",
    "upscale2d_dilate_one_axis": "Dilate",
    "upscale2d_dilate_by_1": "",
    "upscale2d_dilate_open_size": "Dilate",
    "upscale3d_repeat": "UpSampling3D",
    "upscale3d_dilate": "Dilate",
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == (RECORDS[name], RECORDS[name])


SHAPES = (
    ("pool.Upscale1DLayer", (None, 2, 7), 3, (None, 2, 21)),
    ("pool.Upscale2DLayer", (None, 2, 7, None), (3, 2), (None, 2, 21, None)),
    ("pool.Upscale3DLayer", (None, 2, 7, 5, 4), (3, 1, 2), (None, 2, 21, 5, 8)),
)


@pytest.mark.parametrize(("kind", "shape", "factor", "expected"), SHAPES)
def test_output_shape(kind, shape, factor, expected):
    found = read(layer(kind, source(shape), {}, scale_factor=factor, mode="dilate"))
    assert (found.problem, found.output_shape) == (None, expected)


def test_until_october_2016_entries_were_always_repeated():
    found = read(layer("pool.Upscale2DLayer", image(), {}, scale_factor=(2, 3)))
    assert found.attributes.mode == "repeat"


PROBLEMS = (
    ({"scale_factor": (2, 0)}, "an integer of at least 1 was expected, not 0"),
    ({"scale_factor": (2,)}, "2 integers were expected"),
    ({"scale_factor": 2, "mode": "nearest"}, "one of repeat, dilate was expected, not 'nearest'"),
)


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(layer("pool.Upscale2DLayer", image(), {}, **state)).problem


def test_an_input_of_another_rank_is_a_problem():
    found = read(layer("pool.Upscale2DLayer", source((None, 2, 7)), {}, scale_factor=2))
    assert "2 factors meet an input of (None, 2, 7)" in found.problem

"""What hypotheses make of Lasagne's arithmetic, held against formulas written out here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lasport.compare.diagnosis.edits import Case, apply
from lasport.compare.diagnosis.hypotheses import edits_of
from lasport.compare.diagnosis.steps import Pass, Step, run_steps, steps_of
from lasport.layers.merge import ElemwiseAttributes
from lasport.spec import Array
from tests.compare.diagnosis.ports import load_net

IMAGES = np.random.RandomState(1).normal(size=(2, 3, 5, 4))
THETA = np.random.RandomState(2).normal((1, 0, 0, 0, 1, 0), 0.4, (2, 6))


def step_of(net: str, name: str) -> Step:
    return next(step for step in steps_of(load_net(net), "float64") if step.name == name)


def made_of(step: Step, says: str, *inputs: Array) -> Array:
    """Return what the one change of a step gives whose fix begins so."""
    (edit,) = [edit for edit in edits_of(Case(step, None)) if edit.fix.startswith(says)]
    fed = dict(zip(step.incoming, inputs, strict=True))
    return run_steps(apply([edit], [step]), fed, Pass(training=False))[step.name]


def sample(places: Callable[[Array, float, float], tuple[float, float]], border: Any) -> Array:
    """Sample each pixel at the places, in columns and rows, that theta maps (x, y) to."""
    (_, _, rows, columns), result = IMAGES.shape, np.empty(IMAGES.shape)
    for n, row, column in np.ndindex(len(IMAGES), rows, columns):
        x, y = 2 * column / (columns - 1) - 1, 2 * row / (rows - 1) - 1
        across, down = places(THETA[n], x, y)
        across, down = (across + 1) / 2 * (columns - 1), (down + 1) / 2 * (rows - 1)
        left, top = int(np.floor(across)), int(np.floor(down))
        total = np.zeros(3)
        for i in (top, top + 1):
            for j in (left, left + 1):
                share = (1 - abs(down - i)) * (1 - abs(across - j))
                total += share * border(IMAGES[n], i, j)
        result[n, :, row, column] = total
    return result


def nearest(image: Array, i: int, j: int) -> Array:
    return image[:, np.clip(i, 0, image.shape[1] - 1), np.clip(j, 0, image.shape[2] - 1)]


def mirror(image: Array, i: int, j: int) -> Array:
    return np.pad(image, [(0, 0), (20, 20), (20, 20)], mode="reflect")[:, i + 20, j + 20]


def zeros(image: Array, i: int, j: int) -> Array:
    return np.pad(image, [(0, 0), (20, 20), (20, 20)])[:, i + 20, j + 20]


def affine(t: Array, x: float, y: float) -> tuple[float, float]:
    return t[0] * x + t[1] * y + t[2], t[3] * x + t[4] * y + t[5]


TRANSFORMERS = (
    ("theta maps (x, y, 1) to (x, y), and not (y", lambda t, x, y: affine(t, y, x)[::-1], nearest),
    ("theta maps (x, y, 1) to (x, y), and not to", lambda t, x, y: affine(t, x, y)[::-1], nearest),
    ("theta maps (x, y, 1), and not (y, x, 1),", lambda t, x, y: affine(t, y, x), nearest),
    (
        "theta is reshaped to (2, 3)",
        lambda t, x, y: affine(t.reshape(3, 2).T.ravel(), x, y),
        nearest,
    ),
    (
        "theta is all of the map",
        lambda t, x, y: tuple(np.add(affine(t, x, y), (x, y))),
        nearest,
    ),
    ("border_mode 'mirror' becomes", affine, mirror),
    ("beyond the image lie no zeros", affine, zeros),
)


@pytest.mark.parametrize(
    ("says", "places", "border"), TRANSFORMERS, ids=[says for says, *_ in TRANSFORMERS]
)
def test_transformers_are_changed_as_the_sentence_says(says, places, border):
    found = made_of(step_of("branches", "transformer"), says, IMAGES, THETA)
    np.testing.assert_allclose(found, sample(places, border), atol=1e-12)


def test_the_nearest_pixel_is_taken():
    def rounded(t: Array, x: float, y: float) -> tuple[float, float]:
        return tuple(
            np.round((place + 1) / 2 * (size - 1)) * 2 / (size - 1) - 1
            for place, size in zip(affine(t, x, y), (4, 5), strict=True)
        )

    step = step_of("branches", "transformer")
    found = made_of(step, "it interpolates between pixels", IMAGES, THETA)
    np.testing.assert_allclose(found, sample(rounded, nearest), atol=1e-12)
    assert abs(found - sample(affine, nearest)).max() > 0.1


def test_results_of_another_size():
    step = step_of("branches", "transformer")
    half = replace(step, attributes=replace(step.attributes, downsample_factor=(2.0, 1.0)))
    assert made_of(half, "downsample_factor (1.0, 2.0) becomes", IMAGES, THETA).shape[2:] == (5, 2)


@pytest.mark.parametrize(
    ("function", "says", "expected"),
    (
        ("subtract", "its inputs, which are in the order (b, a)", lambda a, b: b - a),
        ("divide", "its inputs, which are in the order (b, a)", lambda a, b: b / a),
        ("maximum", "the merge by minimum becomes", np.minimum),
        ("multiply", "its inputs are merged by multiply, not averaged", lambda a, b: (a + b) / 2),
        ("add", "its inputs are added, and not divided by 2", lambda a, b: (a + b) / 2),
    ),
)
def test_merges_are_changed_as_the_sentence_says(function, says, expected):
    step = replace(
        step_of("branches", "product"),
        incoming=("a", "b"),
        attributes=ElemwiseAttributes(merge_function=function, coeffs=(1.0, 1.0), cropping=()),
    )
    a, b = IMAGES, IMAGES[:, ::-1] ** 2 + 1
    np.testing.assert_array_equal(made_of(step, says, a, b), expected(a, b))


def test_filters_are_dilated():
    step = step_of("branches", "left/")
    x = np.random.RandomState(3).normal(size=(2, 6, 7, 8))
    found = made_of(step, "dilation (2, 2) becomes (1, 1)", x)
    padded = np.pad(x, [(0, 0), (0, 0), (2, 2), (2, 2)])
    W, b = step.params["W"], step.params["b"]
    for row, column in ((0, 0), (3, 5), (6, 7)):
        seen = padded[:, :, row : row + 5 : 2, column : column + 5 : 2][:, :, ::-1, ::-1]
        expected = np.tensordot(seen, W, ([1, 2, 3], [1, 2, 3])) + b
        np.testing.assert_allclose(found[:, :, row, column], expected, atol=1e-12)

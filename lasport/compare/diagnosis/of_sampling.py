"""How ports of spatial transformers go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lasport.compare.diagnosis.edits import Case, Edit, Hypothesis
from lasport.compare.diagnosis.steps import Step, changed
from lasport.layers.sampling import BORDERS, interpolate, spaced
from lasport.layers.transformer import TransformerAttributes, output_shape
from lasport.registry import Run
from lasport.spec import Array

__all__ = ["HYPOTHESES"]

Compute = Callable[[TransformerAttributes, Array, Array], Array]
IDENTITY = np.array([1.0, 0, 0, 0, 1, 0])
# What people take theta for, as entries of Lasagne's: x is t0 x + t1 y + t2, y is t3 x + t4 y + t5.
READINGS = {
    "theta maps (x, y, 1) to (x, y), and not (y, x, 1) to (y, x)": [4, 3, 5, 1, 0, 2],
    "theta maps (x, y, 1) to (x, y), and not to (y, x)": [3, 4, 5, 0, 1, 2],
    "theta maps (x, y, 1), and not (y, x, 1), to (x, y)": [1, 0, 2, 4, 3, 5],
    "theta is reshaped to (2, 3), and not to (3, 2) and transposed": [0, 2, 4, 1, 3, 5],
}


def theta(case: Case) -> Iterator[Edit]:
    """Take the six numbers for others."""
    for fix, order in READINGS.items():
        yield case.edit(fix, _with(lambda a, x, t, order=order: _sample(a, x, t[:, order])))  # type: ignore[misc]
    fix = "theta is all of the map: the identity is not added to it"
    yield case.edit(fix, _with(lambda a, x, t: _sample(a, x, t + IDENTITY)))


def border(case: Case) -> Iterator[Edit]:
    """Something else beyond the image."""
    a = case.step.attributes
    assert isinstance(a, TransformerAttributes)
    for theirs in BORDERS:
        if theirs != a.border_mode:
            fix = f"border_mode {theirs!r} becomes {a.border_mode!r}"
            yield case.edit(fix, lambda s, m=theirs: changed(s, border_mode=m))  # type: ignore[misc]
    fix = f"beyond the image lie no zeros, but what border_mode {a.border_mode!r} says"
    yield case.edit(fix, _with(_zeros_beyond))


def pixels(case: Case) -> Iterator[Edit]:
    """Other places of the pixels, or nothing between them."""
    fix = "-1 and 1 are the middles of the outermost pixels, not their outer edges (align_corners)"
    yield case.edit(fix, _with(_edge_to_edge))
    fix = "it interpolates between pixels, and does not take the nearest one"
    yield case.edit(fix, _with(_nearest_pixel))


def downsampling(case: Case) -> Iterator[Edit]:
    """Results of other sizes."""
    a = case.step.attributes
    assert isinstance(a, TransformerAttributes)
    ours = a.downsample_factor
    for theirs in dict.fromkeys(((1.0, 1.0), ours[::-1], (1 / ours[0], 1 / ours[1]))):
        if theirs != ours:
            fix = f"downsample_factor {theirs} becomes {ours}"
            yield case.edit(fix, lambda s, f=theirs: changed(s, downsample_factor=f))  # type: ignore[misc]


def _with(compute: Compute) -> Callable[[Step], Step]:
    def change(step: Step) -> Step:
        def run(a: object, params: Mapping[str, Array], inputs: Sequence[Array], r: Run) -> Array:
            assert isinstance(a, TransformerAttributes)
            return compute(a, *inputs)

        return replace(step, compute=run)

    return change


def _places(t: Array, x: Array, y: Array) -> tuple[Array, Array]:
    t = t.reshape(-1, 6, 1, 1)
    across, down = (t[:, i] * x + t[:, i + 1] * y[:, None] + t[:, i + 2] for i in (0, 3))
    return across, down


def _grid(a: TransformerAttributes, images: Array, theta: Array) -> tuple[Array, Array]:
    rows, columns = output_shape(a, [images.shape, theta.shape])[2:]
    return spaced(columns or 0, images.dtype), spaced(rows or 0, images.dtype)


def _sample(a: TransformerAttributes, images: Array, theta: Array) -> Array:
    return interpolate(images, *_places(theta, *_grid(a, images, theta)), a.border_mode)


def _zeros_beyond(a: TransformerAttributes, images: Array, theta: Array) -> Array:
    across, down = _places(theta, *_grid(a, images, theta))
    rows, columns = images.shape[2:]
    around = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shrunk = across * (columns - 1) / (columns + 1), down * (rows - 1) / (rows + 1)
    return interpolate(around, *shrunk, "nearest")


def _edge_to_edge(a: TransformerAttributes, images: Array, theta: Array) -> Array:
    x, y = (each * (1 - 1 / len(each)) for each in _grid(a, images, theta))
    across, down = _places(theta, x, y)
    rows, columns = images.shape[2:]
    # As interpolate counts them, from middle to middle.
    wider = across * columns / (columns - 1), down * rows / (rows - 1)
    return interpolate(images, *wider, a.border_mode)


def _nearest_pixel(a: TransformerAttributes, images: Array, theta: Array) -> Array:
    rows, columns = images.shape[2:]
    across, down = (
        np.round((place + 1) / 2 * (size - 1)) * 2 / (size - 1) - 1
        for place, size in zip(
            _places(theta, *_grid(a, images, theta)), (columns, rows), strict=True
        )
    )
    return interpolate(images, across, down, a.border_mode)


HYPOTHESES = (
    Hypothesis("transformation", ("transformer",), theta),
    Hypothesis("border mode", ("transformer",), border),
    Hypothesis("pixels", ("transformer",), pixels),
    Hypothesis("downsampling", ("transformer",), downsampling),
)

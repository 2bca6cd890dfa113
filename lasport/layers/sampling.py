"""Bilinear samples of images, for the layers that move and bend them.

Places are given from -1 (the middle of the first row or column) to 1 (that of the last); the
output's own rows and columns stand at equal distances from -1 to 1. Beyond the image lies, per
axis, its border ('nearest'), its mirror image ('mirror') or the image once more ('wrap').
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import DTypeLike

from lasport.layers.values import describe, number, text
from lasport.spec import Array, Shape

__all__ = [
    "interpolate",
    "output_shape",
    "read_border_mode",
    "read_downsample_factor",
    "spaced",
]

# Where a row or column of any number is found in an image that has ``size`` of them.
BORDERS: Mapping[str, Callable[[Array, int], Array]] = {
    "nearest": lambda place, size: np.clip(place, 0, size - 1),
    "mirror": lambda place, size: np.minimum(place % (2 * size - 2), -place % (2 * size - 2)),
    "wrap": lambda place, size: place % size,
}


def read_border_mode(value: object) -> str:
    """Read ``border_mode``."""
    mode = text(value)
    if mode not in BORDERS:
        raise ValueError(f"one of {', '.join(BORDERS)} was expected, not {mode!r}")
    return mode


def read_downsample_factor(value: object) -> tuple[float, float]:
    """Read ``downsample_factor``: a positive number for rows, another for columns."""
    if not isinstance(value, (tuple, list)):
        raise ValueError(
            f"two numbers were expected, not {describe(value)}; layers with a single one are from "
            "August 2015, when Lasagne sampled images in another way"
        )
    factors = tuple(map(number, value))
    if len(factors) != 2 or not all(0 < factor < float("inf") for factor in factors):
        raise ValueError(f"two positive numbers were expected, not {describe(value)}")
    return factors[0], factors[1]


def output_shape(
    factors: tuple[float, float], border_mode: str, inputs: Sequence[Shape], count: int
) -> Shape:
    """Return the shape of the sampled images.

    Raises
    ------
    ValueError
        Where there are no images, or not ``count`` numbers for each of them;
        where Theano has no result, or one that depends on its rounding.
    """
    shape, numbers = inputs
    if len(shape) != 4:
        raise ValueError(f"(batch, channels, rows, columns) was expected, not {shape}")
    if len(numbers) != 2 or numbers[1] != count:
        raise ValueError(f"{count} numbers per image were expected, not {numbers}")
    if None not in (shape[0], numbers[0]) and shape[0] != numbers[0]:
        raise ValueError(f"there are {shape[0]} images, and numbers for {numbers[0]}")
    if border_mode == "mirror" and 1 in shape[2:]:
        raise ValueError(f"a single row or column, of {shape}, has no mirror image")
    return (*shape[:2], *map(_divided, shape[2:], factors))


def _divided(size: int | None, factor: float) -> int | None:
    """Return ``size // factor``, if Theano and Lasagne agree on it in all precisions."""
    rounded = float(np.float32(factor))
    if size is None:
        if rounded != factor:
            raise ValueError(
                f"what an axis of unknown size divided by {factor} is depends on how Theano "
                "rounded the factor in this net's precision"
            )
        return None
    # Theano's C code divides, then rounds down; its Python code subtracts the remainder first.
    found = {int(f) for by in (factor, rounded) for f in (size // by, np.floor(size / by))}
    if len(found) > 1:
        raise ValueError(
            f"{size} // {factor} is {' or '.join(map(str, sorted(found)))}, depending on how "
            "Theano rounded"
        )
    if found == {0}:
        raise ValueError(f"nothing is left of {size} places divided by {factor}")
    (divided,) = found
    return divided


def spaced(size: int, dtype: DTypeLike) -> Array:
    """Return ``size`` places from -1 to 1, the last one with the rounding that Theano gives it."""
    step = np.asarray(2, dtype) / np.asarray(max(size - 1, 1), dtype)
    places: Array = np.arange(size).astype(dtype) * step - 1
    return places


def interpolate(x: Array, across: Array, down: Array, border_mode: str) -> Array:
    """Sample images at places between their pixels.

    Parameters
    ----------
    x : ndarray
        (batch, channels, rows, columns).
    across, down : ndarray
        (batch, rows of the output, columns of the output): the places, from -1 to 1 within the
        image.
    border_mode : {"nearest", "mirror", "wrap"}
        What lies beyond the image.

    Returns
    -------
    ndarray
        (batch, channels, rows of the output, columns of the output).
    """
    batch = np.arange(len(x))[:, None, None]
    rows, columns = (_neighbours(*pair) for pair in zip((down, across), x.shape[2:], strict=True))
    at = BORDERS[border_mode]
    sampled: Array | int = 0
    for column, column_share in columns:
        for row, row_share in rows:
            places = at(row, x.shape[2]).astype(int), at(column, x.shape[3]).astype(int)
            pixels = x[batch, :, places[0], places[1]]
            sampled = sampled + (column_share * row_share)[..., None] * pixels
    return np.moveaxis(np.asarray(sampled), -1, 1)


def _neighbours(place: Array, size: int) -> Sequence[tuple[Array, Array]]:
    """Return the pixels before and behind each place, each with its share."""
    place = (place + 1) / 2 * (size - 1)
    before = np.floor(place)
    return (before, before + 1 - place), (before + 1, place - before)

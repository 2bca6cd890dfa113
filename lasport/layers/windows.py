"""Windows over the spatial axes of an array, for the references of convolution and pooling."""

from __future__ import annotations

from itertools import product

import numpy as np

from lasport.spec import Array

__all__ = ["add_windows", "strided_windows"]


def strided_windows(x: Array, size: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """View every whole window.

    Parameters
    ----------
    x : ndarray
        (batch, channels, *space).
    size, strides : tuple of int
        One entry per spatial axis.

    Returns
    -------
    ndarray
        (batch, channels, *places, *size), a view.
    """
    space = tuple(range(2, x.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(  # type: ignore[call-overload]  # numpy's
        x,
        size,
        axis=space,  # type information knows a single axis only
    )
    index = (slice(None), slice(None), *(slice(None, None, stride) for stride in strides))
    view: Array = windows[index]
    return view


def add_windows(windows: Array, space: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """Put windows back in their places, adding up where they overlap.

    Parameters
    ----------
    windows : ndarray
        (batch, channels, *places, *size).
    space : tuple of int
        Spatial sizes of the result.
    strides : tuple of int
        One entry per spatial axis.

    Returns
    -------
    ndarray
        (batch, channels, *space): the adjoint of :func:`strided_windows`.
    """
    rank = len(space)
    y = np.zeros((*windows.shape[:2], *space), windows.dtype)
    places = windows.shape[2 : 2 + rank]
    for place in product(*map(range, windows.shape[2 + rank :])):
        reached = tuple(
            slice(begin, begin + (count - 1) * stride + 1, stride)
            for begin, count, stride in zip(place, places, strides, strict=True)
        )
        everything = (slice(None), slice(None))
        y[everything + reached] += windows[everything + (slice(None),) * rank + place]
    return y

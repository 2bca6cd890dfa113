"""Windows over the spatial axes of an array, for the references of convolution and pooling."""

from __future__ import annotations

import numpy as np

from lasport.spec import Array

__all__ = ["strided_windows"]


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

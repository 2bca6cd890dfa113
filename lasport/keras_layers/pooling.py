"""Pooling with Theano's borders, and with its gradient where a maximum is tied."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, one_of
from lasport.spec import Shape

__all__ = ["Pooling", "PoolingGradient"]

Tensor: TypeAlias = keras.KerasTensor
# Two shapes, in a layer that extends one with a single input.
Pair: TypeAlias = Any
# A number where the size of an axis is known beforehand, else a scalar tensor.
Size: TypeAlias = Any


@dataclass(frozen=True)
class _Windows:
    """Where the windows lie along one spatial axis.

    The axis is cut into blocks of ``stride`` entries. A window then begins with
    a block and takes ``reach`` of them, the last perhaps in part: what is done
    for all windows at once is done to whole slices of blocks.

    ``axis`` is the tensor's; the other fields are those of :class:`Pooling`.
    """

    axis: int
    size: int
    stride: int
    pad: int
    ignore_border: bool

    @property
    def reach(self) -> int:
        """In how many blocks a window has entries."""
        return -(-self.size // self.stride)

    def count(self, length: Size) -> Size:
        """Return how many windows an axis of that length has."""
        if self.ignore_border:
            return _at_least_0((length + 2 * self.pad - self.size) // self.stride + 1)
        if self.stride >= self.size:
            return (length - 1) // self.stride + 1
        return _at_least_0((length - self.size + self.stride - 1) // self.stride) + 1

    def blocks(self, x: Tensor, fill: float) -> Tensor:
        """Return ``x`` as (everything before the axis, blocks, stride, everything behind)."""
        before, length, behind = self._split(ops.shape(x))
        blocks = self.count(length) + self.reach - 1
        missing = _at_least_0(blocks * self.stride - self.pad - length)
        x = ops.reshape(x, (math.prod(before), length, math.prod(behind)))
        if self.pad or not isinstance(missing, int) or missing:
            x = ops.pad(x, ((0, 0), (self.pad, missing), (0, 0)), constant_values=fill)
        x = x[:, : blocks * self.stride]
        return ops.reshape(x, (math.prod(before), blocks, self.stride, math.prod(behind)))

    def parts(self, blocks: Tensor) -> list[Tensor]:
        """Return what all windows have of their first block, of their second, and so on."""
        return [
            blocks[:, part : part - self.reach + 1 or None, : self.size - part * self.stride]
            for part in range(self.reach)
        ]

    def join(self, pooled: Tensor, like: Tensor) -> Tensor:
        """Return one entry per window in the place of the axis that ``like`` has."""
        before, length, behind = self._split(ops.shape(like))
        return ops.reshape(pooled, (*before, self.count(length), *behind))

    def flat(self, y: Tensor) -> Tensor:
        """Return what has one entry per window as (everything before, windows, behind)."""
        before, count, behind = self._split(ops.shape(y))
        return ops.reshape(y, (math.prod(before), count, math.prod(behind)))

    def unblock(self, blocks: Tensor, like: Tensor) -> Tensor:
        """Return blocks as the entries that ``like`` has, with zeros where no window reaches."""
        before, length, behind = self._split(ops.shape(like))
        reached = (self.count(length) + self.reach - 1) * self.stride
        entries = ops.reshape(blocks, (math.prod(before), reached, math.prod(behind)))
        missing = _at_least_0(self.pad + length - reached)
        entries = ops.pad(entries, ((0, 0), (0, missing), (0, 0)))
        return ops.reshape(entries[:, self.pad : self.pad + length], ops.shape(like))

    def entries(self, length: Size, padding_counts: bool) -> Tensor:
        """Return how many entries each window has, as a vector."""
        starts = self.stride * ops.arange(self.count(length))
        begin, end = (0, length + 2 * self.pad) if padding_counts else (self.pad, self.pad + length)
        return ops.minimum(starts + self.size, end) - ops.maximum(starts, begin)

    def _split(self, shape: Sequence[Size]) -> tuple[Sequence[Size], Size, Sequence[Size]]:
        return shape[: self.axis], shape[self.axis], shape[self.axis + 1 :]


def _max(x: Tensor, windows: _Windows) -> Tensor:
    @ops.custom_gradient
    def highest(blocks: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
        # Without an initial value Keras refuses empty tensors, when it runs eagerly.
        tops = [ops.max(part, axis=2, initial=-math.inf) for part in windows.parts(blocks)]
        pooled = reduce(ops.maximum, tops)
        if pooled.dtype != blocks.dtype:
            # No entry would equal a rounded maximum, and none get a gradient.
            raise LayerArgumentError(
                f"Keras on {keras.backend.backend()} computes in {pooled.dtype}, not in "
                f"{blocks.dtype}: convert the net with dtype='float32'."
            )

        def gradient(*args: Tensor, upstream: Tensor | None = None) -> Tensor:
            # Backends differ in how they hand over the gradient of the output.
            upstream = args[0] if upstream is None else upstream
            return _to_ties(blocks, pooled, upstream, windows)

        return pooled, gradient

    return windows.join(highest(windows.blocks(x, -math.inf)), x)


def _to_ties(blocks: Tensor, pooled: Tensor | None, upstream: Tensor, windows: _Windows) -> Tensor:
    """Return the gradient of each window at every entry that equals the window's maximum.

    Without maxima, at every entry.
    """
    gradient = ops.zeros_like(blocks)
    for part in range(windows.reach):
        # Entry i stands for the window that has block i as its part number ``part``.
        shifted = ((0, 0), (part, windows.reach - 1 - part), (0, 0))
        share = ops.expand_dims(ops.pad(upstream, shifted), axis=2)
        within = ops.arange(windows.stride) < windows.size - part * windows.stride
        takes = ops.expand_dims(within, axis=-1)
        if pooled is not None:
            top = ops.expand_dims(ops.pad(pooled, shifted), axis=2)
            takes = ops.logical_and(ops.equal(blocks, top), takes)
        gradient = gradient + ops.where(takes, share, 0)
    return gradient


def _sum(x: Tensor, windows: _Windows) -> Tensor:
    sums = [ops.sum(part, axis=2) for part in windows.parts(windows.blocks(x, 0.0))]
    return windows.join(reduce(ops.add, sums), x)


def _average(x: Tensor, windows: _Windows, *, padding_counts: bool) -> Tensor:
    return _sum(x, windows) / _entries(x, windows, padding_counts)


def _entries(x: Tensor, windows: _Windows, padding_counts: bool) -> Tensor:
    entries = windows.entries(ops.shape(x)[windows.axis], padding_counts)
    behind = (1,) * (len(x.shape) - windows.axis - 1)
    return ops.reshape(ops.cast(entries, x.dtype), (-1, *behind))


def _at_least_0(size: Size) -> Size:
    return max(size, 0) if isinstance(size, int) else ops.maximum(size, 0)


_MODES: Mapping[str, Callable[[Tensor, _Windows], Tensor]] = {
    "max": _max,
    "average_inc_pad": partial(_average, padding_counts=True),
    "average_exc_pad": partial(_average, padding_counts=False),
    "sum": _sum,
}


def _pull_back(x: Tensor, g: Tensor, windows: _Windows, mode: str) -> Tensor:
    """Return the gradient of x, which was pooled along one axis, for a gradient of the result."""
    blocks = windows.blocks(x, -math.inf)
    if mode == "max":
        pooled = windows.flat(_max(x, windows))
        return windows.unblock(_to_ties(blocks, pooled, windows.flat(g), windows), x)
    if mode != "sum":
        g = g / _entries(x, windows, mode == "average_inc_pad")
    return windows.unblock(_to_ties(blocks, None, windows.flat(g), windows), x)


@keras.saving.register_keras_serializable(package="lasport")
class Pooling(keras.layers.Layer):
    """Pooling over one, two or three spatial axes, channels last.

    Along each axis, with ``length`` counted without and ``padded`` with the
    padding, the number of windows is::

        (padded - size) // stride + 1                        ignore_border
        (length - 1) // stride + 1                           else, stride >= size
        max(0, (length - size + stride - 1) // stride) + 1   else

    Without ``ignore_border`` the last window may reach beyond the input, and
    what is beyond does not count, neither as a value nor in an average.

    Parameters
    ----------
    pool_size, strides, padding : sequence of int
        One entry per spatial axis; the padding is the same on both sides.
    mode : {"max", "average_inc_pad", "average_exc_pad", "sum"}
        What becomes of a window. ``max`` never takes the padding; the averages
        count it as zeros or not at all.
    ignore_border : bool
        Whether windows that reach beyond the input are left out. ``False`` goes
        with zero padding only.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For arguments or inputs that do not fit each other.

    Notes
    -----
    Every entry that attains a window's maximum receives the window's gradient
    in full, as Theano defines it for ``theano.tensor.signal.pool.Pool``; the
    sizes are those of ``lasagne.layers.Pool2DLayer``.

    A box is pooled one axis after the other, which leaves the gradient as it is:
    a tie within the box is a tie along each of its axes. Pooling by reshaping,
    slicing and reducing exists for every dtype, where TensorFlow's own kernels
    for float64 do not.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Pooling([2], strides=[2], padding=[0], mode="max", ignore_border=False)
    >>> layer(np.array([[[1.0], [3.0], [2.0], [0.0], [5.0]]])).numpy().ravel().tolist()
    [3.0, 2.0, 5.0]
    """

    def __init__(
        self,
        pool_size: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        mode: str,
        ignore_border: bool = True,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = tuple(int(size) for size in pool_size)
        self.strides = tuple(int(stride) for stride in strides)
        self.padding = tuple(int(pad) for pad in padding)
        self.mode = one_of(_MODES, mode, "mode")
        self.ignore_border = bool(ignore_border)
        if not len(self.pool_size) == len(self.strides) == len(self.padding):
            raise LayerArgumentError(
                f"pool_size {self.pool_size}, strides {self.strides} and padding {self.padding} "
                f"must have one entry per spatial axis each."
            )
        if min(self.pool_size + self.strides) < 1 or min(self.padding) < 0:
            raise LayerArgumentError(
                f"pool_size {self.pool_size} and strides {self.strides} must be positive, and "
                f"padding {self.padding} not negative."
            )
        if any(self.padding) and not self.ignore_border:
            raise LayerArgumentError(
                f"padding {self.padding} needs ignore_border=True; Theano defines no pooling "
                f"with both padding and windows beyond the border."
            )
        self._windows = tuple(
            _Windows(axis, *along, self.ignore_border)
            for axis, along in enumerate(
                zip(self.pool_size, self.strides, self.padding, strict=True), start=1
            )
        )

    def build(self, input_shape: Shape) -> None:
        """Refuse inputs of another rank."""
        if len(input_shape) != len(self.pool_size) + 2:
            raise LayerArgumentError(
                f"A pool_size of {self.pool_size} takes (batch, *{len(self.pool_size)} spatial "
                f"axes, channels); got an input of shape {tuple(input_shape)}."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """Pool the spatial axes, one after the other."""
        for windows in self._windows:
            inputs = _MODES[self.mode](inputs, windows)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *number of windows, channels)."""
        batch, *lengths, channels = input_shape
        windows = [
            None if length is None else along.count(length)
            for length, along in zip(lengths, self._windows, strict=True)
        ]
        return (batch, *windows, channels)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": list(self.padding),
            "mode": self.mode,
            "ignore_border": self.ignore_border,
        }


@keras.saving.register_keras_serializable(package="lasport")
class PoolingGradient(Pooling):
    """Unpooling: the gradient of what :class:`Pooling` pools, for a gradient of its result.

    Takes a list of both, in this order. Sums and averages are spread over the
    windows they were taken from; maxima go to every entry that attains them.

    Parameters
    ----------
    pool_size, strides, padding, mode, ignore_border
        Those of the pooling.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Notes
    -----
    ``lasagne.layers.InverseLayer`` of a pooling layer.

    Examples
    --------
    >>> import numpy as np
    >>> layer = PoolingGradient([2], strides=[2], padding=[0], mode="max")
    >>> x, g = np.array([[[1.0], [3.0], [4.0], [4.0]]]), np.array([[[5.0], [6.0]]])
    >>> layer([x, g]).numpy().ravel().tolist()
    [0.0, 5.0, 6.0, 6.0]
    """

    def build(self, input_shape: Pair) -> None:
        """Refuse inputs of another rank."""
        super().build(input_shape[0])

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Pool again, then go back one axis after the other."""
        x, g = inputs
        pooled = [x]
        for windows in self._windows[:-1]:
            pooled.append(_MODES[self.mode](pooled[-1], windows))
        for x, windows in zip(reversed(pooled), reversed(self._windows), strict=True):
            g = _pull_back(x, g, windows, self.mode)
        return g

    def compute_output_shape(self, input_shape: Pair) -> Shape:
        """Return the shape of what was pooled."""
        return tuple(input_shape[0])

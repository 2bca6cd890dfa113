"""Pooling layers over one to three axes, their GPU variants and GlobalPoolLayer.

Mirrors ``lasagne.layers.pool`` on Theano's ``pool_2d`` and ``pool_3d``: windows of
``pool_size`` every ``stride`` places. ``ignore_border=False`` also counts the
windows that reach beyond the data (and allows no padding); averages there
divide by the places that exist.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.theano_functions import REDUCTIONS, pull_back, read_reduction
from lasport.layers.values import boolean, repeated, text
from lasport.layers.windows import add_windows, strided_windows
from lasport.operations import GlobalReduce, Pool
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

MODES = ("max", "average_inc_pad", "average_exc_pad", "sum")


def read_mode(value: object) -> str:
    """Read ``mode``; 'average' is an old name of 'average_inc_pad'."""
    mode = text(value)
    mode = "average_inc_pad" if mode == "average" else mode
    if mode not in MODES:
        raise ValueError(f"one of {', '.join(MODES)} was expected, not {mode!r}")
    return mode


@dataclass(frozen=True, kw_only=True)
class PoolAttributes:
    """Instance attributes of the pooling layers over two spatial axes."""

    pool_size: tuple[int, ...] = attribute(repeated(2, least=1), formerly=("ds",))
    stride: tuple[int, ...] | None = attribute(
        repeated(2, least=1), formerly=("strides", "st"), absent=None
    )
    pad: tuple[int, ...] = attribute(repeated(2, least=0), absent=(0, 0))
    ignore_border: bool = attribute(boolean)
    mode: str = attribute(read_mode, absent="max")

    @property
    def strides(self) -> tuple[int, ...]:
        """Step between windows; instances of before April 2015 step by the window."""
        return self.pool_size if self.stride is None else self.stride


@dataclass(frozen=True, kw_only=True)
class Pool1DAttributes(PoolAttributes):
    """The same over one spatial axis; instances of before April 2015 hold plain ints."""

    pool_size: tuple[int, ...] = attribute(repeated(1, least=1), formerly=("ds",))
    stride: tuple[int, ...] | None = attribute(repeated(1, least=1), formerly=("st",), absent=None)
    pad: tuple[int, ...] = attribute(repeated(1, least=0), absent=(0,))


@dataclass(frozen=True, kw_only=True)
class Pool3DAttributes(PoolAttributes):
    """The same over three spatial axes."""

    pool_size: tuple[int, ...] = attribute(repeated(3, least=1))
    stride: tuple[int, ...] | None = attribute(repeated(3, least=1))
    pad: tuple[int, ...] = attribute(repeated(3, least=0))


def output_length(size: int, window: int, stride: int, pad: int, ignore_border: bool) -> int:
    """Return the number of windows along one axis."""
    if ignore_border:
        return (size + 2 * pad - window) // stride + 1
    if stride >= window:
        return -(-size // stride)
    return max(0, -((window - size) // stride)) + 1


def output_shape(a: PoolAttributes, inputs: Sequence[Shape]) -> Shape:
    """Batch and channels stay; space becomes numbers of windows."""
    batch, channels, *space = inputs[0]
    if len(space) != len(a.pool_size):
        raise ValueError(f"a window of {len(a.pool_size)} axes meets an input of {inputs[0]}")
    if any(a.pad) and not a.ignore_border:
        raise ValueError("Theano pads only with ignore_border=True")
    sizes = (
        None if size is None else output_length(size, window, stride, pad, a.ignore_border)
        for size, window, stride, pad in zip(space, a.pool_size, a.strides, a.pad, strict=True)
    )
    return (batch, channels, *sizes)


def margins(a: PoolAttributes, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return what goes before and behind each spatial axis to make all windows whole."""
    counts = (count or 0 for count in output_shape(a, [shape])[2:])
    return [
        (pad, max(0, (count - 1) * stride + window - size - pad))
        for count, stride, window, size, pad in zip(
            counts, a.strides, a.pool_size, shape[2:], a.pad, strict=True
        )
    ]


def windows(a: PoolAttributes, x: Array, fill: float) -> Array:
    """Return (batch, channels, *counts, *pool_size), with ``fill`` where there are no data."""
    padded = np.pad(x, [(0, 0), (0, 0), *margins(a, x.shape)], constant_values=fill)
    view = strided_windows(padded, a.pool_size, a.strides)
    return view[tuple(slice(size) for size in output_shape(a, [x.shape]))]


def divisors(a: PoolAttributes, x: Array) -> Array:
    """Return how many entries count in each window, (*counts,); 1 for sums."""
    found = np.ones((1,) * len(a.pad), x.dtype)
    if a.mode == "sum":
        return found
    along = zip(a.pool_size, a.strides, a.pad, strict=True)
    for axis, (window, stride, pad) in enumerate(along):
        size, count = x.shape[2 + axis], output_shape(a, [x.shape])[2 + axis]
        starts = stride * np.arange(count or 0)
        begin, end = (0, size + 2 * pad) if a.mode == "average_inc_pad" else (pad, pad + size)
        entries = np.minimum(starts + window, end) - np.maximum(starts, begin)
        found = found * entries.reshape(-1, *(1 for _ in a.pad[axis + 1 :])).astype(x.dtype)
    return found


def reference(
    a: PoolAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Reduce each window, padded data and places beyond the border left out or counted as 0."""
    (x,) = inputs
    window_axes = tuple(range(x.ndim, 2 * x.ndim - 2))
    if a.mode == "max":
        return np.asarray(windows(a, x, -np.inf).max(axis=window_axes))
    return np.asarray(windows(a, x, 0).sum(axis=window_axes) / divisors(a, x))


def adjoint(
    a: PoolAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Give every entry of a window its share, or all entries that are its maximum all of it."""
    (x,) = inputs
    window_axes = tuple(range(x.ndim, 2 * x.ndim - 2))
    found = windows(a, x, -np.inf)
    if a.mode == "max":
        shares = (found == found.max(axis=window_axes, keepdims=True)).astype(x.dtype)
    else:
        shares = np.ones_like(found) / np.expand_dims(divisors(a, x), tuple(range(-len(a.pad), 0)))
    ends = margins(a, x.shape)
    space = tuple(size + sum(pair) for size, pair in zip(x.shape[2:], ends, strict=True))
    padded = add_windows(shares * np.expand_dims(cotangent, window_axes), space, a.strides)
    kept = [slice(before, before + n) for (before, _), n in zip(ends, x.shape[2:], strict=True)]
    places = (slice(None), slice(None), *kept)
    return padded[places]


def translate(
    a: PoolAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One pooling step."""
    (x,) = inputs
    shape = output_shape(a, [x.shape])
    pool = Pool(
        mode=a.mode,
        pool_size=a.pool_size,
        strides=a.strides,
        padding=a.pad,
        ignore_border=a.ignore_border,
    )
    return builder.add(pool, (x,), shape)


POOL = Family(
    attributes=PoolAttributes,
    params=(),
    output_shape=output_shape,
    reference=reference,
    adjoint=adjoint,
    translate=translate,
)
POOL1D = dataclasses.replace(POOL, attributes=Pool1DAttributes)
POOL3D = dataclasses.replace(POOL, attributes=Pool3DAttributes)

for _family, _axes in ((POOL1D, 1), (POOL, 2), (POOL3D, 3)):
    register(
        _family,
        kinds=[f"lasagne.layers.pool.{_mode}Pool{_axes}DLayer" for _mode in ("", "Max")],
    )
# cuDNN ignores borders, and its classes do not store it.
for _family, _axes in ((POOL, 2), (POOL3D, 3)):
    register(
        dataclasses.replace(_family, absent={"ignore_border": True}),
        kinds=[f"lasagne.layers.dnn.{_mode}Pool{_axes}DDNNLayer" for _mode in ("", "Max")],
    )


@dataclass(frozen=True, kw_only=True)
class GlobalPoolAttributes:
    """Instance attributes of a GlobalPoolLayer."""

    pool_function: str = attribute(read_reduction)


def global_output_shape(a: GlobalPoolAttributes, inputs: Sequence[Shape]) -> Shape:
    """Batch and channels."""
    if len(inputs[0]) < 3:
        raise ValueError(f"an input of {inputs[0]} has no axes to pool over")
    return inputs[0][:2]


def global_reference(
    a: GlobalPoolAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Reduce everything behind the channels."""
    (x,) = inputs
    return np.asarray(REDUCTIONS[a.pool_function](x.reshape(*x.shape[:2], -1), axis=2))


def global_adjoint(
    a: GlobalPoolAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Spread the gradient over everything behind the channels."""
    (x,) = inputs
    flat = x.reshape(*x.shape[:2], -1)
    return pull_back(a.pool_function, flat, 2, cotangent).reshape(x.shape)


def translate_global(
    a: GlobalPoolAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One reduction step."""
    (x,) = inputs
    return builder.add(GlobalReduce(function=a.pool_function), (x,), x.shape[:2])


register(
    Family(
        attributes=GlobalPoolAttributes,
        params=(),
        output_shape=global_output_shape,
        reference=global_reference,
        adjoint=global_adjoint,
        translate=translate_global,
    ),
    kinds=["lasagne.layers.pool.GlobalPoolLayer"],
)

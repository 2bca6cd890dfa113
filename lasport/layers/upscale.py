"""Upscale1DLayer, Upscale2DLayer and Upscale3DLayer, mirroring ``lasagne.layers.pool``.

Each spatial axis grows by a whole factor: every entry is followed by its copies
(``mode='repeat'``) or by zeros (``'dilate'``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.values import repeated, text
from lasport.layers.windows import strided_windows
from lasport.operations import Upscale
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

MODES = ("repeat", "dilate")


def read_mode(value: object) -> str:
    """Read ``mode``."""
    mode = text(value)
    if mode not in MODES:
        raise ValueError(f"one of {', '.join(MODES)} was expected, not {mode!r}")
    return mode


@dataclass(frozen=True, kw_only=True)
class UpscaleAttributes:
    """Instance attributes of an Upscale2DLayer."""

    scale_factor: tuple[int, ...] = attribute(repeated(2, least=1))
    mode: str = attribute(read_mode, absent="repeat")


@dataclass(frozen=True, kw_only=True)
class Upscale1DAttributes(UpscaleAttributes):
    """The same over one spatial axis."""

    scale_factor: tuple[int, ...] = attribute(repeated(1, least=1))


@dataclass(frozen=True, kw_only=True)
class Upscale3DAttributes(UpscaleAttributes):
    """The same over three spatial axes."""

    scale_factor: tuple[int, ...] = attribute(repeated(3, least=1))


def output_shape(a: UpscaleAttributes, inputs: Sequence[Shape]) -> Shape:
    """Spatial sizes times their factors."""
    batch, channels, *space = inputs[0]
    if len(space) != len(a.scale_factor):
        raise ValueError(f"{len(a.scale_factor)} factors meet an input of {inputs[0]}")
    sizes = (
        None if size is None else size * factor
        for size, factor in zip(space, a.scale_factor, strict=True)
    )
    return (batch, channels, *sizes)


def reference(
    a: UpscaleAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Write the entries where they belong, one after the other."""
    (x,) = inputs
    if a.mode == "repeat":
        for axis, factor in enumerate(a.scale_factor, start=2):
            x = np.repeat(x, factor, axis)
        return x
    y = np.zeros([size or 0 for size in output_shape(a, [x.shape])], x.dtype)
    places = (slice(None), slice(None), *(slice(None, None, factor) for factor in a.scale_factor))
    y[places] = x
    return y


def adjoint(
    a: UpscaleAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Sum the copies of each entry, or take it from among the zeros."""
    places = (slice(None), slice(None), *(slice(None, None, n) for n in a.scale_factor))
    if a.mode == "dilate":
        return cotangent[places]
    copies = strided_windows(cotangent, a.scale_factor, a.scale_factor)
    return np.asarray(copies.sum(axis=tuple(range(cotangent.ndim, copies.ndim))))


def translate(
    a: UpscaleAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One upscaling step; none where all factors are 1."""
    (x,) = inputs
    if set(a.scale_factor) == {1}:
        return x
    upscale = Upscale(factors=a.scale_factor, mode=a.mode)
    return builder.add(upscale, (x,), output_shape(a, [x.shape]))


for _axes, _attributes in (
    (1, Upscale1DAttributes),
    (2, UpscaleAttributes),
    (3, Upscale3DAttributes),
):
    register(
        Family(
            attributes=_attributes,
            params=(),
            output_shape=output_shape,
            reference=reference,
            adjoint=adjoint,
            translate=translate,
        ),
        kinds=[f"lasagne.layers.pool.Upscale{_axes}DLayer"],
    )

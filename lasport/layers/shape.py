"""FlattenLayer, ReshapeLayer and PadLayer, mirroring ``lasagne.layers.shape``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.values import at_least, describe, integer, integers, number
from lasport.operations import Flatten, Pad, Reshape, product
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

# --- FlattenLayer: trailing axes become one, in C order


@dataclass(frozen=True, kw_only=True)
class FlattenAttributes:
    """Instance attributes of a FlattenLayer."""

    outdim: int = attribute(integer, absent=2)


def flatten_shape(a: FlattenAttributes, inputs: Sequence[Shape]) -> Shape:
    """``outdim`` axes, the last one a product."""
    (shape,) = inputs
    if not 1 <= a.outdim <= len(shape):
        raise ValueError(f"outdim={a.outdim} does not fit an input of {shape}")
    return (*shape[: a.outdim - 1], product(shape[a.outdim - 1 :]))


def flatten_reference(
    a: FlattenAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Reshape in C order."""
    (x,) = inputs
    return x.reshape(*x.shape[: a.outdim - 1], -1)


def flatten_adjoint(
    a: FlattenAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Take the input's shape again."""
    return cotangent.reshape(inputs[0].shape)


def translate_flatten(
    a: FlattenAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One flatten step; none where there is nothing to flatten."""
    (x,) = inputs
    if a.outdim == len(x.shape):
        return x
    flatten = Flatten(ndim=a.outdim, shape=x.shape)
    return builder.add(flatten, (x,), flatten_shape(a, [x.shape]))


register(
    Family(
        attributes=FlattenAttributes,
        params=(),
        output_shape=flatten_shape,
        reference=flatten_reference,
        adjoint=flatten_adjoint,
        translate=translate_flatten,
    ),
    kinds=["lasagne.layers.shape.FlattenLayer"],
)

# --- ReshapeLayer: sizes, -1 for the rest, [i] for the size of input axis i

Target = tuple[int | tuple[int], ...]


def read_target(value: object) -> Target:
    """Read ``shape``: ints, -1 and single-element lists."""
    if not isinstance(value, (tuple, list)):
        raise ValueError(f"a tuple was expected, not {describe(value)}")
    target: list[int | tuple[int]] = []
    for entry in value:
        if isinstance(entry, (list, tuple)):
            (axis,) = integers(entry) if len(entry) == 1 else (-1,)
            if axis < 0:
                raise ValueError(f"[axis] was expected, not {describe(entry)}")
            target.append((axis,))
        else:
            target.append(integer(entry))
    return tuple(target)


@dataclass(frozen=True, kw_only=True)
class ReshapeAttributes:
    """Instance attributes of a ReshapeLayer."""

    shape: Target = attribute(read_target)


def reshape_shape(a: ReshapeAttributes, inputs: Sequence[Shape]) -> Shape:
    """Look up [i], then let -1 follow from the number of entries."""
    (shape,) = inputs
    if any(isinstance(entry, tuple) and entry[0] >= len(shape) for entry in a.shape):
        raise ValueError(f"{a.shape} names an axis that an input of {shape} does not have")
    sizes = [shape[entry[0]] if isinstance(entry, tuple) else entry for entry in a.shape]
    if -1 in sizes:
        # Open sizes that are passed on by [i] cancel out.
        passed = {entry[0] for entry in a.shape if isinstance(entry, tuple)}
        total = product(tuple(1 if axis in passed else size for axis, size in enumerate(shape)))
        given = product(tuple(e for e in a.shape if isinstance(e, int) and e != -1))
        repeated = len(passed) != sum(isinstance(entry, tuple) for entry in a.shape)
        known = None if total is None or not given or repeated else total // given
        sizes[sizes.index(-1)] = known
        if known is not None and known * (given or 0) != total:
            raise ValueError(f"{shape} cannot be reshaped to {a.shape}")
    if product(tuple(sizes)) not in (None, product(shape)) and product(shape) is not None:
        raise ValueError(f"{shape} cannot be reshaped to {a.shape}")
    return tuple(sizes)


def reshape_reference(
    a: ReshapeAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Reshape in C order."""
    (x,) = inputs
    sizes = [x.shape[entry[0]] if isinstance(entry, tuple) else entry for entry in a.shape]
    return x.reshape(sizes)


def reshape_adjoint(
    a: ReshapeAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Take the input's shape again."""
    return cotangent.reshape(inputs[0].shape)


def translate_reshape(
    a: ReshapeAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One reshape step, and whether each example stays by itself."""
    (x,) = inputs
    shape = reshape_shape(a, [x.shape])
    rest, rest_before = product(shape[1:]), product(x.shape[1:])
    first = a.shape[0]
    keeps_batch = first == (0,) or (
        first in (-1, x.shape[0]) and rest is not None and rest == rest_before
    )
    return builder.add(Reshape(target=a.shape, keeps_batch=keeps_batch), (x,), shape)


register(
    Family(
        attributes=ReshapeAttributes,
        params=(),
        output_shape=reshape_shape,
        reference=reshape_reference,
        adjoint=reshape_adjoint,
        translate=translate_reshape,
    ),
    kinds=["lasagne.layers.shape.ReshapeLayer"],
)

# --- PadLayer: a constant around all axes from batch_ndim on

Width = int | tuple[int | tuple[int, int], ...]


_width = at_least(0)


def read_width(value: object) -> Width:
    """Read ``width``: an int, or one int or (before, behind) per axis."""
    if not isinstance(value, (tuple, list)):
        return _width(value)
    widths: list[int | tuple[int, int]] = []
    for entry in value:
        if isinstance(entry, (tuple, list)):
            if len(entry) != 2:
                raise ValueError(f"(before, behind) was expected, not {describe(entry)}")
            widths.append((_width(entry[0]), _width(entry[1])))
        else:
            widths.append(_width(entry))
    return tuple(widths)


@dataclass(frozen=True, kw_only=True)
class PadAttributes:
    """Instance attributes of a PadLayer."""

    width: Width = attribute(read_width)
    val: float = attribute(number, absent=0.0)
    batch_ndim: int = attribute(at_least(0), absent=2)

    def widths(self, rank: int) -> tuple[tuple[int, int], ...]:
        """Return (before, behind) for every axis; axes that ``width`` leaves out get none."""
        free = rank - self.batch_ndim
        given = (self.width,) * free if isinstance(self.width, int) else self.width
        if len(given) > free:
            raise ValueError(f"width has {len(given)} entries for {free} axes")
        pairs = [(entry, entry) if isinstance(entry, int) else entry for entry in given]
        return ((0, 0),) * self.batch_ndim + (*pairs,) + ((0, 0),) * (free - len(pairs))


def pad_shape(a: PadAttributes, inputs: Sequence[Shape]) -> Shape:
    """Each size grows by its two widths."""
    (shape,) = inputs
    return tuple(
        None if size is None else size + before + behind
        for size, (before, behind) in zip(shape, a.widths(len(shape)), strict=True)
    )


def pad_reference(
    a: PadAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Surround with ``val``."""
    (x,) = inputs
    return np.pad(x, a.widths(x.ndim), constant_values=a.val)


def pad_adjoint(
    a: PadAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Cut the padding off."""
    (x,) = inputs
    ends = zip(a.widths(x.ndim), x.shape, strict=True)
    return cotangent[tuple(slice(before, before + size) for (before, _), size in ends)]


def translate_pad(
    a: PadAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One padding step."""
    (x,) = inputs
    pad = Pad(widths=a.widths(len(x.shape)), value=a.val)
    return builder.add(pad, (x,), pad_shape(a, [x.shape]))


register(
    Family(
        attributes=PadAttributes,
        params=(),
        output_shape=pad_shape,
        reference=pad_reference,
        adjoint=pad_adjoint,
        translate=translate_pad,
    ),
    kinds=["lasagne.layers.shape.PadLayer"],
)

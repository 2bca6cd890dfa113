"""DimshuffleLayer and SliceLayer, mirroring ``lasagne.layers.shape``.

The first reorders axes, inserts axes of size 1 and drops those of size 1; the
second takes one place (which drops the axis) or a range of places of one axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.values import at_least, describe, integer, optional
from lasport.operations import Dimshuffle, Slice
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

# --- DimshuffleLayer: an axis of the input, or 'x' for a new one, for each axis of the output

Pattern = tuple[int | None, ...]


def read_pattern(value: object) -> Pattern:
    """Read ``pattern``; None stands for 'x'."""
    if not isinstance(value, (tuple, list)):
        raise ValueError(f"a tuple was expected, not {describe(value)}")
    pattern = tuple(None if entry == "x" else at_least(0)(entry) for entry in value)
    used = [axis for axis in pattern if axis is not None]
    if len(set(used)) != len(used):
        raise ValueError(f"{describe(value)} names an axis twice")
    return pattern


@dataclass(frozen=True, kw_only=True)
class DimshuffleAttributes:
    """Instance attributes of a DimshuffleLayer."""

    pattern: Pattern = attribute(read_pattern)

    def dropped(self, rank: int) -> tuple[int, ...]:
        """Return the axes of the input that are not in the output."""
        return tuple(axis for axis in range(rank) if axis not in self.pattern)


def shuffled_shape(a: DimshuffleAttributes, inputs: Sequence[Shape]) -> Shape:
    """Sizes in the order of the pattern; only axes of size 1 may be left out."""
    (shape,) = inputs
    if any(axis is not None and axis >= len(shape) for axis in a.pattern):
        raise ValueError(f"{a.pattern} names an axis that an input of {shape} does not have")
    if any(shape[axis] not in (1, None) for axis in a.dropped(len(shape))):
        raise ValueError(f"{a.pattern} leaves out an axis of {shape} whose size is not 1")
    return tuple(1 if axis is None else shape[axis] for axis in a.pattern)


def shuffle_reference(
    a: DimshuffleAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Transpose the axes that stay, then insert the new ones."""
    (x,) = inputs
    dropped = a.dropped(x.ndim)
    order = [axis for axis in a.pattern if axis is not None]
    kept = x.transpose(*order, *dropped).reshape([x.shape[axis] for axis in order])
    return np.expand_dims(kept, [i for i, axis in enumerate(a.pattern) if axis is None])


def shuffle_adjoint(
    a: DimshuffleAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Drop the new axes, put the others back in place."""
    (x,) = inputs
    order = [axis for axis in a.pattern if axis is not None]
    kept = cotangent.reshape([x.shape[axis] for axis in order])
    there = (*order, *a.dropped(x.ndim))
    return np.expand_dims(kept, list(range(kept.ndim, x.ndim))).transpose(np.argsort(there))


def translate_shuffle(
    a: DimshuffleAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step; none where the pattern changes nothing."""
    (x,) = inputs
    if a.pattern == tuple(range(len(x.shape))):
        return x
    return builder.add(Dimshuffle(pattern=a.pattern), (x,), shuffled_shape(a, [x.shape]))


register(
    Family(
        attributes=DimshuffleAttributes,
        params=(),
        output_shape=shuffled_shape,
        reference=shuffle_reference,
        adjoint=shuffle_adjoint,
        translate=translate_shuffle,
    ),
    kinds=["lasagne.layers.shape.DimshuffleLayer"],
)

# --- SliceLayer: one place, or (start, stop, step)

Indices = int | tuple[int | None, int | None, int | None]


def read_indices(value: object) -> Indices:
    """Read ``slice``: an int or a slice."""
    if not isinstance(value, slice):
        return integer(value)
    read = optional(integer)
    start, stop, step = read(value.start), read(value.stop), read(value.step)
    if step == 0:
        raise ValueError("a slice cannot have steps of 0")
    return start, stop, step


@dataclass(frozen=True, kw_only=True)
class SliceAttributes:
    """Instance attributes of a SliceLayer."""

    slice: Indices = attribute(read_indices)
    axis: int = attribute(integer)


def axis_of(a: SliceAttributes, shape: Shape) -> int:
    """Return the axis counted from the front."""
    if not -len(shape) <= a.axis < len(shape):
        raise ValueError(f"an input of {shape} has no axis {a.axis}")
    return a.axis % len(shape)


def sliced_shape(a: SliceAttributes, inputs: Sequence[Shape]) -> Shape:
    """Without the axis, or with the number of places that are taken."""
    (shape,) = inputs
    axis = axis_of(a, shape)
    size = shape[axis]
    if isinstance(a.slice, int):
        if size is not None and not -size <= a.slice < size:
            raise ValueError(f"axis {axis} of an input of {shape} has no place {a.slice}")
        return (*shape[:axis], *shape[axis + 1 :])
    taken = None if size is None else len(range(*slice(*a.slice).indices(size)))
    return (*shape[:axis], taken, *shape[axis + 1 :])


def slice_reference(
    a: SliceAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Index the axis."""
    (x,) = inputs
    places = a.slice if isinstance(a.slice, int) else slice(*a.slice)
    sliced_shape(a, [x.shape])
    return np.asarray(x[(slice(None),) * axis_of(a, x.shape) + (places,)])


def slice_adjoint(
    a: SliceAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Put zeros in the places that were left out."""
    y = np.zeros_like(inputs[0])
    places = a.slice if isinstance(a.slice, int) else slice(*a.slice)
    y[(slice(None),) * axis_of(a, y.shape) + (places,)] = cotangent
    return y


def translate_slice(
    a: SliceAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step."""
    (x,) = inputs
    step = Slice(indices=a.slice, axis=axis_of(a, x.shape))
    return builder.add(step, (x,), sliced_shape(a, [x.shape]))


register(
    Family(
        attributes=SliceAttributes,
        params=(),
        output_shape=sliced_shape,
        reference=slice_reference,
        adjoint=slice_adjoint,
        translate=translate_slice,
    ),
    kinds=["lasagne.layers.shape.SliceLayer"],
)

"""ExpressionLayer, mirroring ``lasagne.layers.special``.

``f(x)``, where f may be anything in Lasagne. A file can hold functions that have a
name: those of ``lasagne.nonlinearities`` and Theano, ``functools.partial`` of a
reduction, and ``operator.itemgetter`` of slices. Lasagne believes what ``output_shape``
says; here it has to be true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lasport.inert import Instance
from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity, name_of
from lasport.layers.theano_functions import REDUCTIONS, is_reduction, read_reduction
from lasport.layers.values import boolean, integer, integers, optional, shape
from lasport.operations import GlobalReduce, Reduce, Slice
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape


@dataclass(frozen=True)
class Reduction:
    """One of Theano's reductions over some axes, or all; what is reduced goes, or stays as 1."""

    function: str
    axes: tuple[int, ...] | None = None
    keepdims: bool = False

    def counted(self, rank: int) -> tuple[int, ...]:
        """Return the axes of an input that are reduced, counted from the front."""
        axes = tuple(range(rank)) if self.axes is None else self.axes
        counted = {axis % rank for axis in axes if -rank <= axis < rank}
        if len(counted) != len(axes) or not axes:
            raise ValueError(f"{self.function} over axes {axes} of an input of {rank} axes")
        return tuple(sorted(counted))


@dataclass(frozen=True)
class Places:
    """``x[:, :, ::2]``: a range of each of the first axes, as (start, stop, step)."""

    ranges: tuple[tuple[int | None, int | None, int | None], ...]

    def shape(self, shape: Shape) -> Shape:
        """Return the shape of what is taken from an input of a shape."""
        if len(self.ranges) > len(shape):
            raise ValueError(f"an input of {shape} has no {len(self.ranges)} axes to take from")
        taken = [
            None if size is None else len(range(*slice(*ends).indices(size)))
            for ends, size in zip(self.ranges, shape, strict=False)
        ]
        return (*taken, *shape[len(taken) :])


WHOLE = (None, None, None)


def read_places(value: Instance) -> Places:
    """Read ``operator.itemgetter((slice(None), slice(1, 3)))``."""
    match value.args:
        case (tuple() as places,) if all(isinstance(place, slice) for place in places):
            read = optional(integer)
            ranges = tuple((read(p.start), read(p.stop), read(p.step)) for p in places)
            if all(step != 0 for _, _, step in ranges):
                return Places(ranges)
    raise ValueError("of indexing only a tuple of slices is known")


def read_axes(value: object) -> tuple[int, ...]:
    """Read a reduction's ``axis``: an int, or a tuple or list of them."""
    return integers(value) if isinstance(value, (tuple, list)) else (integer(value),)


def read_partial(value: Instance) -> Reduction:
    """Read ``functools.partial(T.mean, axis=1, keepdims=True)``."""
    match value.state:
        case (function, (), dict(options), *_) if options.keys() <= {"axis", "keepdims"}:
            return Reduction(
                read_reduction(function),
                optional(read_axes)(options.get("axis")),
                boolean(options.get("keepdims", False)),
            )
    raise ValueError("of a functools.partial only a reduction with axis and keepdims is known")


def read_function(value: object) -> Nonlinearity | Reduction | Places:
    """Read ``function``."""
    if isinstance(value, Instance) and value.path == "operator.itemgetter":
        return read_places(value)
    if isinstance(value, Instance) and value.path == "functools.partial":
        return read_partial(value)
    if is_reduction(value):
        return Reduction(read_reduction(value))
    try:
        return nonlinearities.read(value)
    except ValueError:
        raise ValueError(
            f"the function {name_of(value)} is none of Lasagne's and Theano's that lasport knows; "
            "make the layer a class of your own, and tell lasport.register what it computes"
        ) from None


def read_claim(value: object) -> Shape | Literal["auto"] | None:
    """Read ``output_shape``: a shape, None for the input's, or 'auto'."""
    return "auto" if isinstance(value, str) and value == "auto" else optional(shape)(value)


@dataclass(frozen=True, kw_only=True)
class ExpressionAttributes:
    """Instance attributes of an ExpressionLayer."""

    function: Nonlinearity | Reduction | Places = attribute(read_function)
    # A layer that was given a function for it has no such attribute.
    output_shape: Shape | Literal["auto"] | None = attribute(
        read_claim, formerly=("_output_shape",), absent="auto"
    )


def computed_shape(function: Nonlinearity | Reduction | Places, shape: Shape) -> Shape:
    """Return the shape of what the function gives."""
    if isinstance(function, Nonlinearity):
        return shape
    if isinstance(function, Places):
        return function.shape(shape)
    axes = function.counted(len(shape))
    if function.keepdims:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def output_shape(a: ExpressionAttributes, inputs: Sequence[Shape]) -> Shape:
    """Return what the layer says, if that is what its function gives."""
    computed = computed_shape(a.function, inputs[0])
    if a.output_shape == "auto":
        return computed
    said = inputs[0] if a.output_shape is None else a.output_shape
    fits = len(said) == len(computed) and all(
        None in pair or pair[0] == pair[1] for pair in zip(said, computed, strict=True)
    )
    if not fits:
        raise ValueError(
            f"output_shape says that the output is {said}, but the function makes {computed} of "
            f"{inputs[0]}; correct output_shape, or leave it to Lasagne with 'auto'"
        )
    return said


def reference(
    a: ExpressionAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """``f(x)``."""
    (x,) = inputs
    if isinstance(a.function, Nonlinearity):
        return nonlinearities.compute(a.function, x)
    if isinstance(a.function, Places):
        return np.asarray(x[tuple(slice(*ends) for ends in a.function.ranges)])
    reduce = REDUCTIONS[a.function.function]
    axes = a.function.counted(x.ndim)
    return np.asarray(reduce(x, axis=axes, keepdims=a.function.keepdims))


def translate(
    a: ExpressionAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step that carries the layer's name."""
    (x,) = inputs
    if isinstance(a.function, Nonlinearity):
        return nonlinearities.apply(a.function, x, builder, suffix="")
    if isinstance(a.function, Places):
        return _take(a.function, x, builder)
    said, function = output_shape(a, [x.shape]), a.function
    axes = function.counted(len(x.shape))
    if len(axes) == len(x.shape) and not function.keepdims:
        raise ValueError(f"{function.function} of the whole batch leaves no axis that a model has")
    if axes == tuple(range(2, len(x.shape))) and not function.keepdims:
        return builder.add(GlobalReduce(function=function.function), (x,), said)
    reduce = Reduce(function=function.function, axes=axes, keepdims=function.keepdims)
    return builder.add(reduce, (x,), said)


def _take(places: Places, x: Value, builder: PlanBuilder) -> Value:
    """Take from one axis after another; the last step carries the layer's name."""
    cut = [axis for axis, ends in enumerate(places.ranges) if ends != WHOLE]
    for axis in cut:
        only = Places((WHOLE,) * axis + (places.ranges[axis],))
        suffix = "" if axis == cut[-1] else "slice"
        step = Slice(indices=places.ranges[axis], axis=axis)
        x = builder.add(step, (x,), only.shape(x.shape), suffix=suffix)
    return x


register(
    Family(
        attributes=ExpressionAttributes,
        params=(),
        output_shape=output_shape,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.special.ExpressionLayer"],
)

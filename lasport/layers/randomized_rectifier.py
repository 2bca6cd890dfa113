"""RandomizedRectifierLayer, mirroring ``lasagne.layers.special``.

``x`` where it is positive, ``slope * x`` where it is negative. In training mode
slopes are drawn uniformly between ``lower`` and ``upper``, of size 1 along
``shared_axes``; in inference mode the slope is the mean of the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.values import integers, number
from lasport.operations import RandomRectify
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape


@dataclass(frozen=True, kw_only=True)
class RandomizedRectifierAttributes:
    """Instance attributes of a RandomizedRectifierLayer; 'auto' and 'all' are axes there."""

    lower: float = attribute(number)
    upper: float = attribute(number)
    shared_axes: tuple[int, ...] = attribute(integers)

    @property
    def mean(self) -> float:
        """The slope in inference mode."""
        return (self.upper + self.lower) / 2

    def shared(self, rank: int) -> tuple[int, ...]:
        """Return the shared ones of an input's axes, counted from the front."""
        counted = {axis % rank for axis in self.shared_axes}
        return tuple(axis for axis in range(rank) if axis in counted)


def output_shape(a: RandomizedRectifierAttributes, inputs: Sequence[Shape]) -> Shape:
    """Unchanged; the bounds must be in order, the shared axes there."""
    (shape,) = inputs
    if not a.lower <= a.upper:
        raise ValueError(f"slopes between {a.lower:g} and {a.upper:g} cannot be drawn")
    if any(not -len(shape) <= axis < len(shape) for axis in a.shared_axes):
        raise ValueError(f"{a.shared_axes} names an axis that an input of {shape} does not have")
    return shape


def reference(
    a: RandomizedRectifierAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    run: Run,
) -> Array:
    """Rectify with a drawn slope in training mode, else with the mean."""
    (x,) = inputs
    if not run.training or a.lower == a.upper:
        return nonlinearities.compute(_leaky(a), x)
    shared = a.shared(x.ndim)
    shape = tuple(1 if axis in shared else size for axis, size in enumerate(x.shape))
    slope = run.uniform(shape, a.lower, a.upper).astype(x.dtype)
    return nonlinearities.leaky(x, slope)


def translate(
    a: RandomizedRectifierAttributes,
    layer: Layer,
    inputs: Sequence[Value],
    builder: PlanBuilder,
) -> Value:
    """One step; where nothing is drawn, that of a leaky rectifier."""
    (x,) = inputs
    if a.lower == a.upper:
        return nonlinearities.apply(_leaky(a), x, builder, suffix="")
    rectify = RandomRectify(lower=a.lower, upper=a.upper, shared_axes=a.shared(len(x.shape)))
    return builder.add(rectify, (x,), x.shape)


def _leaky(a: RandomizedRectifierAttributes) -> Nonlinearity:
    return Nonlinearity("leaky_rectify", {"leakiness": a.mean})


register(
    Family(
        attributes=RandomizedRectifierAttributes,
        params=(),
        output_shape=output_shape,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.special.RandomizedRectifierLayer"],
)

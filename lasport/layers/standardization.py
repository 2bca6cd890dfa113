"""StandardizationLayer, mirroring ``lasagne.layers.normalization``.

``(x - mean) / sqrt(var + epsilon)`` with the mean and the biased variance of each
example, or over whichever ``axes``, in both modes. ``instance_norm()`` and
``layer_norm()`` stack it with layers that have families of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.values import integer, integers, number, optional
from lasport.operations import Standardize
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape


def read_axes(value: object) -> tuple[int, ...]:
    """Read ``axes``: a tuple or list of ints, or one int."""
    return integers(value) if isinstance(value, (tuple, list)) else (integer(value),)


@dataclass(frozen=True, kw_only=True)
class StandardizationAttributes:
    """Instance attributes of a StandardizationLayer."""

    axes: tuple[int, ...] | None = attribute(optional(read_axes))
    epsilon: float = attribute(number)

    def counted(self, rank: int) -> tuple[int, ...]:
        """Return the axes of an input that are averaged over, counted from the front."""
        if self.axes is None:
            return tuple(range(rank))
        if any(not -rank <= axis < rank for axis in self.axes):
            raise ValueError(f"axes={self.axes} do not fit an input of {rank} axes")
        axes = tuple(sorted(axis % rank for axis in self.axes))
        if len(set(axes)) != len(axes):
            raise ValueError(f"axes={self.axes} name one of {rank} axes twice")
        return axes


def output_shape(a: StandardizationAttributes, inputs: Sequence[Shape]) -> Shape:
    """Unchanged."""
    a.counted(len(inputs[0]))
    return inputs[0]


def reference(
    a: StandardizationAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Subtract the mean, divide by the root."""
    (x,) = inputs
    axes = a.counted(x.ndim)
    std = np.sqrt(x.var(axis=axes, keepdims=True) + a.epsilon)
    return np.asarray((x - x.mean(axis=axes, keepdims=True)) / std)


def translate(
    a: StandardizationAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step."""
    (x,) = inputs
    standardize = Standardize(axes=a.counted(len(x.shape)), epsilon=a.epsilon)
    return builder.add(standardize, (x,), x.shape)


register(
    Family(
        attributes=StandardizationAttributes,
        params=(),
        output_shape=output_shape,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.normalization.StandardizationLayer"],
)

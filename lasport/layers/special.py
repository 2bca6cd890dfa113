"""BiasLayer and ScaleLayer, mirroring ``lasagne.layers.special``.

``x + b`` and ``x * scales`` with a parameter of the input's shape without
``shared_axes``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.values import integers
from lasport.operations import Scale, Shift
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Weight


@dataclass(frozen=True, kw_only=True)
class BroadcastAttributes:
    """Instance attributes of a BiasLayer or a ScaleLayer."""

    shared_axes: tuple[int, ...] = attribute(integers)

    def shared(self, rank: int) -> tuple[int, ...]:
        """Return the axes of an input that are shared: Lasagne finds no negative ones."""
        return tuple(axis for axis in range(rank) if axis in self.shared_axes)

    def kept(self, shape: Shape) -> Shape:
        """Return the sizes of the axes that are not shared."""
        return tuple(size for axis, size in enumerate(shape) if axis not in self.shared_axes)


def output_shape(a: BroadcastAttributes, inputs: Sequence[Shape]) -> Shape:
    """Unchanged."""
    return inputs[0]


def param_shapes(a: BroadcastAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """Leave shared axes out."""
    return dict.fromkeys(("b", "scales"), a.kept(inputs[0]))


def bias_reference(
    a: BroadcastAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """``x + b``; x where the layer has no bias."""
    (x,) = inputs
    return np.add(x, np.expand_dims(params["b"], a.shared(x.ndim))) if "b" in params else x


def scale_reference(
    a: BroadcastAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """``x * scales``."""
    (x,) = inputs
    return np.multiply(x, np.expand_dims(params["scales"], a.shared(x.ndim)))


def bias_adjoint(
    a: BroadcastAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Return the gradient as it is."""
    return cotangent


def scale_adjoint(
    a: BroadcastAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Multiply by the same scales."""
    return scale_reference(a, params, [cotangent], run)


def translate_bias(
    a: BroadcastAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One addition; none where the layer has no bias."""
    (x,) = inputs
    if "b" not in layer.params:
        return x
    shift = Shift(weight=Weight(layer.params["b"]), shared_axes=a.shared(len(x.shape)))
    return builder.add(shift, (x,), x.shape)


def translate_scale(
    a: BroadcastAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One multiplication."""
    (x,) = inputs
    scale = Scale(weight=Weight(layer.params["scales"]), shared_axes=a.shared(len(x.shape)))
    return builder.add(scale, (x,), x.shape)


register(
    Family(
        attributes=BroadcastAttributes,
        params=("b",),
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=bias_reference,
        adjoint=bias_adjoint,
        translate=translate_bias,
    ),
    kinds=["lasagne.layers.special.BiasLayer"],
)
register(
    Family(
        attributes=BroadcastAttributes,
        params=("scales",),
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=scale_reference,
        adjoint=scale_adjoint,
        translate=translate_scale,
    ),
    kinds=["lasagne.layers.special.ScaleLayer"],
)

"""DenseLayer: ``f(flatten(x) W + b)``, mirroring ``lasagne.layers.DenseLayer``.

Axes from ``num_leading_axes`` on are flattened in C order, channels before
space, and multiplied with W of shape (inputs, units).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.values import integer
from lasport.operations import Dense, Flatten, product
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Weight


@dataclass(frozen=True, kw_only=True)
class DenseAttributes:
    """Instance attributes of a DenseLayer."""

    num_units: int = attribute(integer)
    nonlinearity: Nonlinearity = attribute(nonlinearities.read)
    num_leading_axes: int = attribute(integer, absent=1)

    def leading(self, rank: int) -> int:
        """Return how many axes stay, counted from the front."""
        axes = self.num_leading_axes
        leading = axes + rank if axes < 0 else axes
        if not 0 <= leading < rank:
            raise ValueError(f"num_leading_axes={axes} does not fit an input of {rank} axes")
        return leading


def output_shape(a: DenseAttributes, inputs: Sequence[Shape]) -> Shape:
    """Keep the leading axes, replace the rest by the units."""
    (shape,) = inputs
    return (*shape[: a.leading(len(shape))], a.num_units)


def param_shapes(a: DenseAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """W is (inputs, units), b is (units,)."""
    (shape,) = inputs
    return {"W": (product(shape[a.leading(len(shape)) :]), a.num_units), "b": (a.num_units,)}


def reference(
    a: DenseAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """``f(flatten(x) W + b)``."""
    (x,) = inputs
    leading = x.shape[: a.leading(x.ndim)]
    y = x.reshape(*leading, -1) @ params["W"]
    if "b" in params:
        y = y + params["b"]
    return nonlinearities.compute(a.nonlinearity, y)


def adjoint(
    a: DenseAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Multiply by the transposed W, in the input's shape."""
    g = nonlinearities.pull_back_from(reference, a, params, inputs, cotangent, run)
    return np.asarray(g @ params["W"].T).reshape(inputs[0].shape)


def translate(
    a: DenseAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """Flatten where more than one axis is summed over, then a matrix product."""
    (x,) = inputs
    leading = a.leading(len(x.shape))
    if leading == 0:
        raise ValueError("num_leading_axes=0 mixes the examples of a batch")
    if leading < len(x.shape) - 1:
        flat = (*x.shape[:leading], product(x.shape[leading:]))
        flatten = Flatten(ndim=leading + 1, shape=x.shape)
        x = builder.add(flatten, (x,), flat, suffix="flatten")
    dense = Dense(
        kernel=Weight(layer.params["W"]),
        bias=Weight(layer.params["b"]) if "b" in layer.params else None,
        units=a.num_units,
    )
    y = builder.add(dense, (x,), (*x.shape[:-1], a.num_units))
    return nonlinearities.apply(a.nonlinearity, y, builder)


register(
    Family(
        attributes=DenseAttributes,
        params=("W", "b"),
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=reference,
        adjoint=adjoint,
        translate=translate,
    ),
    kinds=["lasagne.layers.dense.DenseLayer"],
)

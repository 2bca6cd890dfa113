"""NINLayer: a dense layer over channels at each place, mirroring ``lasagne.layers.NINLayer``.

``y[n, u, ...] = f(sum_c W[c, u] x[n, c, ...] + b[u])`` for any number of
spatial axes; untied biases have one value per place too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.values import boolean, integer
from lasport.operations import Dense, Shift
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Weight


@dataclass(frozen=True, kw_only=True)
class NINAttributes:
    """Instance attributes of a NINLayer."""

    num_units: int = attribute(integer)
    untie_biases: bool = attribute(boolean)
    nonlinearity: Nonlinearity = attribute(nonlinearities.read)


def output_shape(a: NINAttributes, inputs: Sequence[Shape]) -> Shape:
    """Channels become units."""
    batch, _, *space = inputs[0]
    return (batch, a.num_units, *space)


def param_shapes(a: NINAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """W is (channels, units), b (units,) or (units, *space)."""
    _, channels, *space = inputs[0]
    return {
        "W": (channels, a.num_units),
        "b": (a.num_units, *(space if a.untie_biases else ())),
    }


def reference(
    a: NINAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Contract the channel axis with W's rows."""
    (x,) = inputs
    y = np.moveaxis(np.tensordot(x, params["W"], axes=((1,), (0,))), -1, 1)
    if "b" in params:
        bias = params["b"]
        y = y + (bias if a.untie_biases else bias.reshape(-1, *(1 for _ in x.shape[2:])))
    return nonlinearities.compute(a.nonlinearity, y)


def adjoint(
    a: NINAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Contract the units with W's columns."""
    g = nonlinearities.pull_back_from(reference, a, params, inputs, cotangent, run)
    return np.moveaxis(np.tensordot(g, params["W"], axes=((1,), (1,))), -1, 1)


def translate(
    a: NINAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """Multiply over the channel axis, add untied biases, apply the nonlinearity."""
    bias = Weight(layer.params["b"]) if "b" in layer.params else None
    return multiply(a, Weight(layer.params["W"]), bias, inputs[0], builder)


def multiply(
    a: NINAttributes, kernel: Weight, bias: Weight | None, x: Value, builder: PlanBuilder
) -> Value:
    """Append the steps of a product with a kernel of (channels, units)."""
    shape = output_shape(a, [x.shape])
    dense = Dense(
        kernel=kernel,
        bias=None if a.untie_biases else bias,
        units=a.num_units,
        axis=1,
    )
    y = builder.add(dense, (x,), shape)
    if bias is not None and a.untie_biases:
        y = builder.add(Shift(weight=bias, shared_axes=(0,)), (y,), shape, suffix="bias")
    return nonlinearities.apply(a.nonlinearity, y, builder)


NIN = Family(
    attributes=NINAttributes,
    params=("W", "b"),
    output_shape=output_shape,
    param_shapes=param_shapes,
    reference=reference,
    adjoint=adjoint,
    translate=translate,
)

register(NIN, kinds=["lasagne.layers.dense.NINLayer"])

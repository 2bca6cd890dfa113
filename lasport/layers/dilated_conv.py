"""DilatedConv2DLayer, mirroring ``lasagne.layers.DilatedConv2DLayer``.

``f(y + b)`` with ``y[o] = sum_k x[o + k * dilation] W[k]``: a correlation
without padding or stride, and W of shape (channels, filters, rows, columns).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from lasport.layers import nonlinearities
from lasport.layers.filters import FilterAttributes, add_bias, bias_of, bias_shape, finish
from lasport.layers.values import boolean, repeated
from lasport.operations import Conv
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Transpose, Weight


def unflipped(value: object) -> bool:
    """Read ``flip_filters``, which the layer refuses to do."""
    if boolean(value):
        raise ValueError("Lasagne flips no dilated filters; False was expected")
    return False


@dataclass(frozen=True, kw_only=True)
class DilatedConvAttributes(FilterAttributes):
    """Instance attributes of a DilatedConv2DLayer; it ignores ``num_groups``, its pad is 0."""

    flip_filters: bool = attribute(unflipped, absent=False)
    dilation: tuple[int, ...] = attribute(repeated(2, least=1))


def output_shape(a: DilatedConvAttributes, inputs: Sequence[Shape]) -> Shape:
    """``(batch, filters, *size - (filter - 1) * dilation)``."""
    sizes = (
        None if size is None else size - (filter_size - 1) * dilation
        for size, filter_size, dilation in zip(
            a.space(inputs[0]), a.filter_size, a.dilation, strict=True
        )
    )
    return (inputs[0][0], a.num_filters, *sizes)


def param_shapes(a: DilatedConvAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """W is (channels, filters, rows, columns); b one per filter, or per place too."""
    return {
        "W": (inputs[0][1], a.num_filters, *a.filter_size),
        "b": bias_shape(a, output_shape(a, inputs)),
    }


def reference(
    a: DilatedConvAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Add up what each place of the filters contributes, then ``f(y + b)``."""
    (x,) = inputs
    shape = output_shape(a, [x.shape])
    y = np.zeros([size or 0 for size in shape], x.dtype)
    everything = (slice(None), slice(None))
    for place in product(*map(range, a.filter_size)):
        begins = [k * dilation for k, dilation in zip(place, a.dilation, strict=True)]
        seen = x[
            everything + tuple(slice(b, b + n) for b, n in zip(begins, y.shape[2:], strict=True))
        ]
        weights = params["W"][everything + place]
        y += np.moveaxis(np.tensordot(seen, weights, axes=((1,), (0,))), -1, 1)
    return finish(a, params, y)


def adjoint(
    a: DilatedConvAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Add the gradient's share of each place of the filters."""
    g = nonlinearities.pull_back_from(reference, a, params, inputs, cotangent, run)
    x = np.zeros_like(inputs[0])
    everything = (slice(None), slice(None))
    for place in product(*map(range, a.filter_size)):
        begins = [k * dilation for k, dilation in zip(place, a.dilation, strict=True)]
        seen = tuple(slice(b, b + n) for b, n in zip(begins, g.shape[2:], strict=True))
        weights = params["W"][everything + place]
        x[everything + seen] += np.moveaxis(np.tensordot(g, weights, axes=((1,), (1,))), -1, 1)
    return x


def translate(
    a: DilatedConvAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """Correlate, add untied biases, apply the nonlinearity."""
    (x,) = inputs
    bias = bias_of(layer)
    conv = Conv(
        kernel=Weight(layer.params["W"]).then(Transpose((2, 3, 0, 1))),
        bias=None if a.untie_biases else bias,
        filters=a.num_filters,
        kernel_size=a.filter_size,
        strides=(1, 1),
        padding=((0, 0), (0, 0)),
        dilation=a.dilation,
    )
    y = builder.add(conv, (x,), output_shape(a, [x.shape]))
    if a.untie_biases:
        y = add_bias(a, bias, y, builder)
    return nonlinearities.apply(a.nonlinearity, y, builder)


register(
    Family(
        attributes=DilatedConvAttributes,
        params=("W", "b"),
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=reference,
        adjoint=adjoint,
        translate=translate,
    ),
    kinds=["lasagne.layers.conv.DilatedConv2DLayer"],
)

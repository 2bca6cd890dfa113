"""LocallyConnected2DLayer, mirroring ``lasagne.layers.local``.

A convolution whose filters differ from place to place: ``f(y + b)`` with
``y[n, f, p] = sum_ck x[n, c, p + k] W[f, c, k, p]`` and zeros around x, so that
y is as large as x. ``channelwise`` leaves out c: filter f sees channel f only.
Filters are flipped unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers import nonlinearities
from lasport.layers.filters import FilterAttributes, add_bias, bias_of, bias_shape, finish, widths
from lasport.layers.values import boolean
from lasport.layers.windows import strided_windows
from lasport.operations import LocallyConnected
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Flip, Transpose, Weight


@dataclass(frozen=True, kw_only=True)
class LocalAttributes(FilterAttributes):
    """Instance attributes of a LocallyConnected2DLayer: stride 1, pad 'same', no groups."""

    channelwise: bool = attribute(boolean)


def output_shape(a: LocalAttributes, inputs: Sequence[Shape]) -> Shape:
    """Channels become filters."""
    batch, channels, *_ = inputs[0]
    if any(size % 2 == 0 for size in a.filter_size):
        raise ValueError(f"a filter of {a.filter_size} has no middle; Lasagne wants odd sizes")
    if None in inputs[0][1:]:
        raise ValueError(f"each place of {inputs[0]} has its own filters, and its size is open")
    if a.channelwise and a.num_filters != channels:
        raise ValueError(f"{a.num_filters} channelwise filters meet an input of {inputs[0]}")
    return (batch, a.num_filters, *a.space(inputs[0]))


def param_shapes(a: LocalAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """W is (filters, channels, *filter size, rows, columns), without channels if channelwise."""
    _, channels, *space = inputs[0]
    seen = () if a.channelwise else (channels,)
    return {
        "W": (a.num_filters, *seen, *a.filter_size, *space),
        "b": bias_shape(a, output_shape(a, inputs)),
    }


def filter_axes(a: LocalAttributes) -> tuple[int, int]:
    """Return which axes of W are the filter's rows and columns."""
    return (1, 2) if a.channelwise else (2, 3)


def reference(
    a: LocalAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Weight each window by its own filters, then ``f(y + b)``."""
    (x,) = inputs
    kernel = np.flip(params["W"], filter_axes(a)) if a.flip_filters else params["W"]
    padded = np.pad(x, ((0, 0), (0, 0), *widths("same", a.filter_size)))
    windows = strided_windows(padded, a.filter_size, (1, 1))
    sums = "nchwij,cijhw->nchw" if a.channelwise else "nchwij,fcijhw->nfhw"
    return finish(a, params, np.einsum(sums, windows, kernel))


def translate(
    a: LocalAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step with flipped filters, one for the bias, then the nonlinearity."""
    (x,) = inputs
    shape = output_shape(a, [x.shape])
    kernel = Weight(layer.params["W"])
    if a.flip_filters:
        kernel = kernel.then(Flip(filter_axes(a)))
    last_first = (3, 4, 1, 2, 0) if a.channelwise else (4, 5, 2, 3, 1, 0)
    local = LocallyConnected(
        kernel=kernel.then(Transpose(last_first)),
        filters=a.num_filters,
        kernel_size=a.filter_size,
        channelwise=a.channelwise,
    )
    y = builder.add(local, (x,), shape)
    return nonlinearities.apply(a.nonlinearity, add_bias(a, bias_of(layer), y, builder), builder)


register(
    Family(
        attributes=LocalAttributes,
        params=("W", "b"),
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.local.LocallyConnected2DLayer"],
)

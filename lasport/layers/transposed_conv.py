"""TransposedConv2DLayer (Deconv2DLayer) and TransposedConv3DLayer, of ``lasagne.layers.conv``.

The gradient of a convolution with respect to its input: entry ``i`` adds
``x[i] * kernel`` to the places from ``i * stride - crop`` on, with W of shape
(channels, filters, *filter size), reversed unless ``flip_filters``. Strides
allow several output sizes for one input size; ``output_size`` chooses among
them, and places that no entry reaches hold the bias alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from lasport.inert import Instance
from lasport.layers import nonlinearities
from lasport.layers.filters import (
    FilterAttributes,
    Pad,
    add_bias,
    bias_of,
    bias_shape,
    finish,
    pads,
    widths,
)
from lasport.layers.values import boolean, repeated
from lasport.layers.windows import strided_windows
from lasport.operations import ConvTranspose
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Flip, Transpose, Weight


def output_sizes(count: int) -> Callable[[object], tuple[int, ...] | None]:
    """Return a reader of ``output_size``: None, ``count`` ints or one for all axes."""
    sizes = repeated(count, least=1)

    def read(value: object) -> tuple[int, ...] | None:
        if isinstance(value, Instance):
            raise ValueError(
                f"a size that Theano computes ({value.path}) is not translated; rebuild the layer "
                "with a fixed one"
            )
        return None if value is None else sizes(value)

    return read


@dataclass(frozen=True, kw_only=True)
class TransposedConvAttributes(FilterAttributes):
    """Instance attributes of a TransposedConv2DLayer; it ignores ``num_groups``."""

    flip_filters: bool = attribute(boolean, absent=False)
    stride: tuple[int, ...] = attribute(repeated(2, least=1))
    crop: Pad = attribute(pads(2))
    output_size: tuple[int, ...] | None = attribute(output_sizes(2), absent=None)


@dataclass(frozen=True, kw_only=True)
class TransposedConv3DAttributes(TransposedConvAttributes):
    """The same over three spatial axes."""

    filter_size: tuple[int, ...] = attribute(repeated(3, least=1))
    stride: tuple[int, ...] = attribute(repeated(3, least=1))
    crop: Pad = attribute(pads(3))
    output_size: tuple[int, ...] | None = attribute(output_sizes(3), absent=None)


def cuts(a: TransposedConvAttributes) -> tuple[tuple[int, int], ...]:
    """Return what is cut off the whole result before and behind each axis; zeros if negative.

    The whole result has ``(size - 1) * stride + filter size`` places. A larger
    output than the smallest possible one gets back places of those behind, and
    then zeros.
    """
    crops = widths(a.crop, a.filter_size)
    if a.output_size is None:
        return crops
    return tuple(
        (before, behind - (size + before + behind - filter_size) % stride)
        for size, (before, behind), filter_size, stride in zip(
            a.output_size, crops, a.filter_size, a.stride, strict=True
        )
    )


def output_shape(a: TransposedConvAttributes, inputs: Sequence[Shape]) -> Shape:
    """``(batch, filters, *(size - 1) * stride + filter size - cuts)``."""
    sizes = tuple(
        None if size is None else (size - 1) * stride + filter_size - before - behind
        for size, stride, filter_size, (before, behind) in zip(
            a.space(inputs[0]), a.stride, a.filter_size, cuts(a), strict=True
        )
    )
    if a.output_size is not None:
        for size, given in zip(sizes, a.output_size, strict=True):
            if size not in (None, given):
                raise ValueError(
                    f"an input of {inputs[0]} cannot come from an output of {a.output_size} with "
                    f"filters of {a.filter_size}, stride {a.stride} and crop {a.crop}"
                )
        sizes = a.output_size
    return (inputs[0][0], a.num_filters, *sizes)


def param_shapes(a: TransposedConvAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """W is (channels, filters, *filter size); b one per filter, or per place too."""
    return {
        "W": (inputs[0][1], a.num_filters, *a.filter_size),
        "b": bias_shape(a, output_shape(a, inputs)),
    }


def reference(
    a: TransposedConvAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Add up what each place of the filters contributes, cut, then ``f(y + b)``."""
    (x,) = inputs
    space = tuple(range(2, x.ndim))
    kernel = params["W"] if a.flip_filters else np.flip(params["W"], space)
    shape = output_shape(a, [x.shape])
    whole = [(n - 1) * s + k for n, s, k in zip(x.shape[2:], a.stride, a.filter_size, strict=True)]
    behind = [max(-end, 0) for _, end in cuts(a)]
    sizes = [size + zeros for size, zeros in zip(whole, behind, strict=True)]
    y = np.zeros((x.shape[0], a.num_filters, *sizes), x.dtype)
    everything = (slice(None), slice(None))
    for place in product(*map(range, a.filter_size)):
        part = np.moveaxis(np.tensordot(x, kernel[everything + place], axes=((1,), (0,))), -1, 1)
        reached = zip(place, x.shape[2:], a.stride, strict=True)
        y[everything + tuple(slice(k, k + (n - 1) * s + 1, s) for k, n, s in reached)] += part
    kept = zip(cuts(a), shape[2:], strict=True)
    y = y[everything + tuple(slice(before, before + (n or 0)) for (before, _), n in kept)]
    return finish(a, params, y)


def adjoint(
    a: TransposedConvAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Correlate the gradient, with zeros where the result was cut."""
    g = nonlinearities.pull_back_from(reference, a, params, inputs, cotangent, run)
    (x,) = inputs
    space = tuple(range(2, x.ndim))
    kernel = params["W"] if a.flip_filters else np.flip(params["W"], space)
    ends = [(max(before, 0), max(behind, 0)) for before, behind in cuts(a)]
    windows = strided_windows(np.pad(g, ((0, 0), (0, 0), *ends)), a.filter_size, a.stride)
    # Places behind that no entry reaches may be enough for further windows.
    reached = (slice(None), slice(None), *map(slice, x.shape[2:]))
    windows = windows[reached]
    filter_axes = tuple(range(x.ndim, windows.ndim))
    y = np.tensordot(windows, kernel, axes=((1, *filter_axes), tuple(range(1, kernel.ndim))))
    return np.moveaxis(y, -1, 1)


def translate(
    a: TransposedConvAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One transposed convolution; a bias of its own where zeros are put behind, or per place."""
    (x,) = inputs
    shape = output_shape(a, [x.shape])
    space = tuple(range(2, len(shape)))
    kernel = Weight(layer.params["W"])
    if not a.flip_filters:
        kernel = kernel.then(Flip(space))
    bias = bias_of(layer)
    separate = a.untie_biases or any(behind < 0 for _, behind in cuts(a))
    conv = ConvTranspose(
        kernel=kernel.then(Transpose((*space, 1, 0))),
        bias=None if separate else bias,
        filters=a.num_filters,
        kernel_size=a.filter_size,
        strides=a.stride,
        cuts=cuts(a),
    )
    y = builder.add(conv, (x,), shape)
    if separate:
        y = add_bias(a, bias, y, builder)
    return nonlinearities.apply(a.nonlinearity, y, builder)


TRANSPOSED = Family(
    attributes=TransposedConvAttributes,
    params=("W", "b"),
    output_shape=output_shape,
    param_shapes=param_shapes,
    reference=reference,
    adjoint=adjoint,
    translate=translate,
)

register(TRANSPOSED, kinds=["lasagne.layers.conv.TransposedConv2DLayer"])
register(
    dataclasses.replace(TRANSPOSED, attributes=TransposedConv3DAttributes),
    kinds=["lasagne.layers.conv.TransposedConv3DLayer"],
)

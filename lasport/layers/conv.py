"""Conv1DLayer, Conv2DLayer, Conv3DLayer and GPU variants, mirroring ``lasagne.layers.conv``.

``f(conv(x, W) + b)`` with W of shape (filters, channels / groups, *filter
size). A convolution flips its filters, a correlation does not: the layers of
``lasagne.layers.conv`` convolve unless told otherwise, the cuDNN and corrmm
variants correlate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.inert import Global, Instance
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
from lasport.layers.values import at_least, describe, repeated
from lasport.layers.windows import add_windows, strided_windows
from lasport.operations import Conv
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Flip, Transpose, Weight

CONV1D = "lasagne.theano_extensions.conv.conv1d_{}"
CONV2D = "theano.tensor.nnet.conv2d"
CONV3D = "theano.tensor.nnet.conv3d"
# The functions that layers convolve with unless they are given another, by all the names that they
# have had. All compute the same, but for REVERSING.
CONVOLUTIONS = {
    **{
        CONV1D.format(how).replace("lasagne", root): CONV1D.format(how)
        for root in ("lasagne", "nntools")
        for how in ("mc0", "mc1", "sc", "unstrided", "sd", "md")
    },
    CONV2D: CONV2D,
    "theano.tensor.nnet.conv.conv2d": CONV2D,
    "theano.tensor.nnet.abstract_conv.conv2d": CONV2D,
    "theano.tensor.nnet.abstract_conv.conv3d": CONV3D,
}
# These convolve over the channels too: when they are not to flip filters, the channels of the
# filters end up reversed.
REVERSING = (CONV1D.format("sc"), CONV1D.format("unstrided"))


def convolutions(axes: int) -> Callable[[object], str]:
    """Return a reader of ``convolution``: Theano's or Lasagne's own functions over some axes."""
    known = {path: name for path, name in CONVOLUTIONS.items() if f".conv{axes}d" in name}

    def read(value: object) -> str:
        if isinstance(value, Global) and value.path in known:
            return known[value.path]
        name = value.path if isinstance(value, (Global, Instance)) else describe(value)
        usual = next(iter(known.values()))
        raise ValueError(f"the function {name} is not {usual}; rebuild the layer with that one")

    return read


@dataclass(frozen=True, kw_only=True)
class ConvAttributes(FilterAttributes):
    """Instance attributes of the convolutional layers over two spatial axes."""

    stride: tuple[int, ...] = attribute(repeated(2, least=1), formerly=("strides",))
    pad: Pad = attribute(pads(2), formerly=("border_mode",))
    num_groups: int = attribute(at_least(1), absent=1)
    convolution: str = attribute(convolutions(2), absent=CONV2D)


@dataclass(frozen=True, kw_only=True)
class Conv1DAttributes(ConvAttributes):
    """The same over one spatial axis."""

    filter_size: tuple[int, ...] = attribute(repeated(1, least=1), formerly=("filter_length",))
    stride: tuple[int, ...] = attribute(repeated(1, least=1))
    pad: Pad = attribute(pads(1), formerly=("border_mode",))
    convolution: str = attribute(convolutions(1), absent=CONV1D.format("mc0"))


@dataclass(frozen=True, kw_only=True)
class Conv3DAttributes(ConvAttributes):
    """The same over three spatial axes."""

    filter_size: tuple[int, ...] = attribute(repeated(3, least=1))
    stride: tuple[int, ...] = attribute(repeated(3, least=1))
    pad: Pad = attribute(pads(3))
    convolution: str = attribute(convolutions(3), absent=CONV3D)


def output_shape(a: ConvAttributes, inputs: Sequence[Shape]) -> Shape:
    """``(batch, filters, *(size + zeros - filter) // stride + 1)``."""
    space = a.space(inputs[0])
    channels = inputs[0][1]
    if any(size is not None and size % a.num_groups for size in (channels, a.num_filters)):
        raise ValueError(
            f"{channels} channels and {a.num_filters} filters do not make {a.num_groups} groups"
        )
    sizes = (
        None if size is None else (size + before + behind - filter_size) // stride + 1
        for size, (before, behind), filter_size, stride in zip(
            space, widths(a.pad, a.filter_size), a.filter_size, a.stride, strict=True
        )
    )
    return (inputs[0][0], a.num_filters, *sizes)


def param_shapes(a: ConvAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """W is (filters, channels / groups, *filter size); b one per filter, or per place too."""
    channels = inputs[0][1]
    per_group = None if channels is None else channels // a.num_groups
    return {
        "W": (a.num_filters, per_group, *a.filter_size),
        "b": bias_shape(a, output_shape(a, inputs)),
    }


def reference(
    a: ConvAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """``f(conv(x, W) + b)`` as sums over windows."""
    (x,) = inputs
    kernel = np.flip(params["W"], flipped_axes(a))
    x = np.pad(x, ((0, 0), (0, 0), *widths(a.pad, a.filter_size)))
    windows = strided_windows(x, a.filter_size, a.stride)
    places, groups = windows.shape[2 : x.ndim], a.num_groups
    # (batch, channels, *size, *places), so that each example's windows are columns of a matrix.
    columns = np.moveaxis(
        windows, range(2, x.ndim), range(windows.ndim - len(places), windows.ndim)
    )
    rows = kernel.reshape(groups, a.num_filters // groups, -1)
    y = np.empty((len(x), a.num_filters, *places), np.result_type(x, kernel))
    for example, result in zip(columns, y, strict=True):
        matrices = example.reshape(groups, rows.shape[2], -1)
        np.matmul(rows, matrices, out=result.reshape(groups, rows.shape[1], -1))
    return finish(a, params, y)


def flipped_axes(a: ConvAttributes) -> tuple[int, ...]:
    """Return the axes of W to be reversed for a correlation."""
    if a.flip_filters:
        return tuple(range(2, 2 + len(a.filter_size)))
    return (1,) if a.convolution in REVERSING else ()


def adjoint(
    a: ConvAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Add to each window its filters times the gradient, then cut the padding off."""
    g = nonlinearities.pull_back_from(reference, a, params, inputs, cotangent, run)
    (x,) = inputs
    kernel = np.flip(params["W"], flipped_axes(a))
    zeros = widths(a.pad, a.filter_size)
    space = tuple(n + sum(pair) for n, pair in zip(x.shape[2:], zeros, strict=True))
    parts = [
        np.moveaxis(np.tensordot(group, weights, axes=((1,), (0,))), x.ndim - 1, 1)
        for group, weights in zip(
            np.split(g, a.num_groups, axis=1),
            np.split(kernel, a.num_groups, axis=0),
            strict=True,
        )
    ]
    padded = add_windows(np.concatenate(parts, axis=1), space, a.stride)
    kept = [slice(before, before + n) for (before, _), n in zip(zeros, x.shape[2:], strict=True)]
    places = (slice(None), slice(None), *kept)
    return padded[places]


def translate(
    a: ConvAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """Correlate with flipped filters, add untied biases, apply the nonlinearity."""
    return convolve(a, Weight(layer.params["W"]), bias_of(layer), inputs[0], builder)


def convolve(
    a: ConvAttributes, kernel: Weight, bias: Weight | None, x: Value, builder: PlanBuilder
) -> Value:
    """Append the steps of a convolution with a kernel of (filters, channels, *filter size)."""
    shape = output_shape(a, [x.shape])
    flipped = flipped_axes(a)
    if flipped:
        kernel = kernel.then(Flip(flipped))
    conv = Conv(
        kernel=kernel.then(Transpose((*range(2, len(shape)), 1, 0))),
        bias=None if a.untie_biases else bias,
        filters=a.num_filters,
        kernel_size=a.filter_size,
        strides=a.stride,
        padding=widths(a.pad, a.filter_size),
        groups=a.num_groups,
    )
    y = builder.add(conv, (x,), shape)
    if a.untie_biases:
        y = add_bias(a, bias, y, builder)
    return nonlinearities.apply(a.nonlinearity, y, builder)


CONVOLUTION = Family(
    attributes=ConvAttributes,
    params=("W", "b"),
    output_shape=output_shape,
    param_shapes=param_shapes,
    reference=reference,
    adjoint=adjoint,
    translate=translate,
)
CONVOLUTION_1D = dataclasses.replace(CONVOLUTION, attributes=Conv1DAttributes)
CONVOLUTION_3D = dataclasses.replace(CONVOLUTION, attributes=Conv3DAttributes)
# These classes never flipped before they had the attribute, and do not by default since.
UNFLIPPED = {"flip_filters": False}

register(CONVOLUTION_1D, kinds=["lasagne.layers.conv.Conv1DLayer"])
register(CONVOLUTION, kinds=["lasagne.layers.conv.Conv2DLayer"])
register(CONVOLUTION_3D, kinds=["lasagne.layers.conv.Conv3DLayer"])
register(
    dataclasses.replace(CONVOLUTION, absent=UNFLIPPED),
    kinds=["lasagne.layers.dnn.Conv2DDNNLayer", "lasagne.layers.corrmm.Conv2DMMLayer"],
)
register(
    dataclasses.replace(CONVOLUTION_3D, absent=UNFLIPPED),
    kinds=["lasagne.layers.dnn.Conv3DDNNLayer"],
)

"""Conv2DLayer and its GPU variants, mirroring ``lasagne.layers.conv``.

``f(conv(x, W) + b)`` with W of shape (filters, channels / groups, rows,
columns). A convolution flips its filters, a correlation does not: Conv2DLayer
convolves unless told otherwise, the cuDNN, corrmm and cuda-convnet variants
correlate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.inert import Global, Instance
from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.values import at_least, batch_first, boolean, describe, repeated
from lasport.layers.windows import strided_windows
from lasport.operations import Conv, Shift
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Flip, Transpose, Weight

Pad = str | tuple[int, ...]


def read_pad(value: object) -> Pad:
    """Read ``pad``: 'valid', 'same', 'full', two ints or one for both axes."""
    if isinstance(value, str):
        if value in ("valid", "same", "full"):
            return value
        raise ValueError(f"'valid', 'same', 'full' or sizes were expected, not {describe(value)}")
    return repeated(2, least=0)(value)


# What Theano's releases call the function that Conv2DLayer uses unless it is given another.
CONVOLUTIONS = (
    "theano.tensor.nnet.conv2d",
    "theano.tensor.nnet.conv.conv2d",
    "theano.tensor.nnet.abstract_conv.conv2d",
)


def read_convolution(value: object) -> str:
    """Read ``convolution``, the function that convolves: Theano's own."""
    if isinstance(value, Global) and value.path in CONVOLUTIONS:
        return CONVOLUTIONS[0]
    name = value.path if isinstance(value, (Global, Instance)) else describe(value)
    raise ValueError(
        f"the function {name} is not {CONVOLUTIONS[0]}; rebuild the layer with that one"
    )


@dataclass(frozen=True, kw_only=True)
class ConvAttributes:
    """Instance attributes of the convolutional layers."""

    num_filters: int = attribute(at_least(1))
    filter_size: tuple[int, ...] = attribute(repeated(2, least=1))
    stride: tuple[int, ...] = attribute(repeated(2, least=1), formerly=("strides",))
    pad: Pad = attribute(read_pad, formerly=("border_mode",))
    untie_biases: bool = attribute(boolean, absent=False)
    flip_filters: bool = attribute(boolean, absent=True)
    num_groups: int = attribute(at_least(1), absent=1)
    nonlinearity: Nonlinearity = attribute(nonlinearities.read)
    convolution: str = attribute(read_convolution, absent=CONVOLUTIONS[0])
    dimshuffle: bool = attribute(batch_first, absent=True)

    def padding(self) -> tuple[tuple[int, int], ...]:
        """Return the zeros before and behind each spatial axis.

        Lasagne refuses an even filter under 'same' since October 2015; before,
        Conv2DLayer put the odd zero before the data (the other classes stored
        numbers).
        """
        if self.pad == "valid":
            return tuple((0, 0) for _ in self.filter_size)
        if self.pad == "full":
            return tuple((size - 1, size - 1) for size in self.filter_size)
        if isinstance(self.pad, str):
            return tuple((size // 2, (size - 1) // 2) for size in self.filter_size)
        return tuple((pad, pad) for pad in self.pad)


def output_shape(a: ConvAttributes, inputs: Sequence[Shape]) -> Shape:
    """``(batch, filters, *(size + zeros - filter) // stride + 1)``."""
    batch, channels, *space = inputs[0]
    if len(space) != len(a.filter_size):
        raise ValueError(f"a filter of {len(a.filter_size)} axes meets an input of {inputs[0]}")
    if any(size is not None and size % a.num_groups for size in (channels, a.num_filters)):
        raise ValueError(
            f"{channels} channels and {a.num_filters} filters do not make {a.num_groups} groups"
        )
    sizes = (
        None if size is None else (size + before + behind - filter_size) // stride + 1
        for size, (before, behind), filter_size, stride in zip(
            space, a.padding(), a.filter_size, a.stride, strict=True
        )
    )
    return (batch, a.num_filters, *sizes)


def param_shapes(a: ConvAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """W is (filters, channels / groups, *filter size); b one per filter, or per place too."""
    channels = inputs[0][1]
    space = output_shape(a, inputs)[2:] if a.untie_biases else ()
    per_group = None if channels is None else channels // a.num_groups
    return {"W": (a.num_filters, per_group, *a.filter_size), "b": (a.num_filters, *space)}


def reference(
    a: ConvAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """``f(conv(x, W) + b)`` as sums over windows."""
    (x,) = inputs
    space = tuple(range(2, x.ndim))
    kernel = params["W"]
    if a.flip_filters:
        kernel = np.flip(kernel, space)
    x = np.pad(x, ((0, 0), (0, 0), *a.padding()))
    windows = strided_windows(x, a.filter_size, a.stride)
    filter_axes = tuple(range(x.ndim, windows.ndim))
    parts = [
        np.tensordot(group, weights, axes=((1, *filter_axes), tuple(range(1, kernel.ndim))))
        for group, weights in zip(
            np.split(windows, a.num_groups, axis=1),
            np.split(kernel, a.num_groups, axis=0),
            strict=True,
        )
    ]
    y = np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)
    if "b" in params:
        bias = params["b"]
        y = y + (bias if a.untie_biases else bias.reshape(-1, *(1 for _ in space)))
    return nonlinearities.compute(a.nonlinearity, y)


def translate(
    a: ConvAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """Correlate with flipped filters, add untied biases, apply the nonlinearity."""
    (x,) = inputs
    shape = output_shape(a, [x.shape])
    space = tuple(range(2, len(shape)))
    kernel = Weight(layer.params["W"])
    if a.flip_filters:
        kernel = kernel.then(Flip(space))
    bias = Weight(layer.params["b"]) if "b" in layer.params else None
    conv = Conv(
        kernel=kernel.then(Transpose((*space, 1, 0))),
        bias=None if a.untie_biases else bias,
        filters=a.num_filters,
        kernel_size=a.filter_size,
        strides=a.stride,
        padding=a.padding(),
        groups=a.num_groups,
    )
    y = builder.add(conv, (x,), shape)
    if bias is not None and a.untie_biases:
        y = builder.add(Shift(weight=bias, shared_axes=(0,)), (y,), shape, suffix="bias")
    return nonlinearities.apply(a.nonlinearity, y, builder)


CONVOLUTION = Family(
    attributes=ConvAttributes,
    params=("W", "b"),
    output_shape=output_shape,
    param_shapes=param_shapes,
    reference=reference,
    translate=translate,
)
# These classes never flipped before they had the attribute, and do not by default since.
CORRELATION = dataclasses.replace(CONVOLUTION, absent={"flip_filters": False})

register(CONVOLUTION, kinds=["lasagne.layers.conv.Conv2DLayer"])
register(
    CORRELATION,
    kinds=[
        "lasagne.layers.dnn.Conv2DDNNLayer",
        "lasagne.layers.corrmm.Conv2DMMLayer",
        "lasagne.layers.cuda_convnet.Conv2DCCLayer",
    ],
)

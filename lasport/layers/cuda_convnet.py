"""The layers of ``lasagne.layers.cuda_convnet``, which may hold images as c01b.

cuda-convnet orders axes as channels, rows, columns, batch. Conv2DCCLayer and
MaxPool2DCCLayer take and give that order with ``dimshuffle=False``,
NINLayer_c01b always; two more layers lead from one order to the other. What
they compute is what their siblings compute, on permuted axes. They ran on old
GPUs only.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers import conv, nin, pool
from lasport.layers.conv import ConvAttributes
from lasport.layers.filters import bias_of
from lasport.layers.nin import NINAttributes
from lasport.layers.pool import PoolAttributes
from lasport.layers.values import boolean
from lasport.operations import Permute
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Transpose, Weight


def batch_first(shape: Shape) -> Shape:
    """Return a shape in c01b as bc01: the last axis comes first."""
    return (*shape[-1:], *shape[:-1])


def batch_last(shape: Shape) -> Shape:
    """Return a shape in bc01 as c01b: the first axis comes last."""
    return (*shape[1:], *shape[:1])


def move_batch_first(x: Value, builder: PlanBuilder, suffix: str = "") -> Value:
    """Append the step that makes bc01 of c01b."""
    last = len(x.shape) - 1
    return builder.add(Permute(axes=(last, *range(last))), (x,), batch_first(x.shape), suffix)


def move_batch_last(x: Value, builder: PlanBuilder, suffix: str = "") -> Value:
    """Append the step that makes c01b of bc01."""
    rank = len(x.shape)
    return builder.add(Permute(axes=(*range(1, rank), 0)), (x,), batch_last(x.shape), suffix)


# --- Conv2DCCLayer, MaxPool2DCCLayer and NINLayer_c01b: their siblings on permuted axes


@dataclass(frozen=True, kw_only=True)
class ConvCCAttributes(ConvAttributes):
    """Instance attributes of a Conv2DCCLayer."""

    dimshuffle: bool = attribute(boolean, absent=True)


@dataclass(frozen=True, kw_only=True)
class PoolCCAttributes(PoolAttributes):
    """Instance attributes of a MaxPool2DCCLayer."""

    dimshuffle: bool = attribute(boolean, absent=True)


def permuted(
    family: Family,
    attributes: type,
    kernel: Transpose,
    steps: Callable[..., Value],
    **absent: object,
) -> Family:
    """Return a family that works on c01b, unless its attribute ``dimshuffle`` is on.

    Parameters
    ----------
    family : Family
        Works on bc01.
    attributes : type
        Of the new family.
    kernel : Transpose
        Makes the family's W of the one that goes with c01b.
    steps : callable
        ``(attributes, kernel, layer, x, builder) -> Value``: the family's
        translation for a given kernel, a Weight or None.
    **absent
        What instances without an attribute have.
    """

    def in_bc01(a: object) -> bool:
        return getattr(a, "dimshuffle", False)

    def output_shape(a: object, inputs: Sequence[Shape]) -> Shape:
        """Permute what the family makes of the permuted shape."""
        if in_bc01(a):
            return family.output_shape(a, inputs)
        return batch_last(family.output_shape(a, [batch_first(inputs[0])]))

    def param_shapes(a: object, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """Return the family's shapes, that of W permuted."""
        if in_bc01(a):
            return family.param_shapes(a, inputs)
        shapes = dict(family.param_shapes(a, [batch_first(inputs[0])]))
        if "W" in shapes:
            shapes["W"] = tuple(shapes["W"][axis] for axis in np.argsort(kernel.axes))
        return shapes

    def reference(
        a: object, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
    ) -> Array:
        """Move the batch to the front, compute what the family does, and move it back."""
        if in_bc01(a):
            return family.reference(a, params, inputs, run)
        params = {name: kernel.apply(v) if name == "W" else v for name, v in params.items()}
        x = np.moveaxis(inputs[0], -1, 0)
        return np.moveaxis(family.reference(a, params, [x], run), 0, -1)

    @functools.wraps(family.translate, assigned=())  # says whose code it runs
    def translate(a: object, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder) -> Value:
        """Call the axes by other names around the family's own steps."""
        if in_bc01(a):
            return family.translate(a, layer, inputs, builder)
        weight = Weight(layer.params["W"]).then(kernel) if "W" in layer.params else None
        x = move_batch_first(inputs[0], builder, suffix="bc01")
        return move_batch_last(steps(a, weight, layer, x, builder), builder, suffix="c01b")

    return dataclasses.replace(
        family,
        attributes=attributes,
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=reference,
        translate=translate,
        absent=absent,
    )


def _convolve(
    a: ConvCCAttributes, kernel: Weight, layer: Layer, x: Value, builder: PlanBuilder
) -> Value:
    return conv.convolve(a, kernel, bias_of(layer), x, builder)


def _pool(a: PoolCCAttributes, kernel: None, layer: Layer, x: Value, builder: PlanBuilder) -> Value:
    return pool.translate(a, layer, [x], builder)


def _multiply(
    a: NINAttributes, kernel: Weight, layer: Layer, x: Value, builder: PlanBuilder
) -> Value:
    return nin.multiply(a, kernel, bias_of(layer), x, builder)


# W is (channels, rows, columns, filters).
CONV = permuted(
    conv.CONVOLUTION, ConvCCAttributes, Transpose((3, 0, 1, 2)), _convolve, **conv.UNFLIPPED
)
# Borders are never ignored, which the class does not store.
POOL = permuted(pool.POOL, PoolCCAttributes, Transpose(()), _pool, ignore_border=False)
# W is (units, channels).
NIN = permuted(nin.NIN, NINAttributes, Transpose((1, 0)), _multiply)

register(CONV, kinds=["lasagne.layers.cuda_convnet.Conv2DCCLayer"])
register(POOL, kinds=["lasagne.layers.cuda_convnet.MaxPool2DCCLayer"])
register(NIN, kinds=["lasagne.layers.cuda_convnet.NINLayer_c01b"])

# --- ShuffleBC01ToC01BLayer and ShuffleC01BToBC01Layer


@dataclass(frozen=True, kw_only=True)
class ShuffleAttributes:
    """The shuffling layers have no attributes of their own."""


def to_c01b_shape(a: ShuffleAttributes, inputs: Sequence[Shape]) -> Shape:
    """Put the batch last."""
    return batch_last(inputs[0])


def to_c01b_reference(
    a: ShuffleAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Put the batch last."""
    return np.moveaxis(inputs[0], 0, -1)


def translate_to_c01b(
    a: ShuffleAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step that gives the axes new places, and moves no data."""
    return move_batch_last(inputs[0], builder)


def to_bc01_shape(a: ShuffleAttributes, inputs: Sequence[Shape]) -> Shape:
    """Put the batch first."""
    return batch_first(inputs[0])


def to_bc01_reference(
    a: ShuffleAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Put the batch first."""
    return np.moveaxis(inputs[0], -1, 0)


def translate_to_bc01(
    a: ShuffleAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step that gives the axes new places, and moves no data."""
    return move_batch_first(inputs[0], builder)


register(
    Family(
        attributes=ShuffleAttributes,
        params=(),
        output_shape=to_c01b_shape,
        reference=to_c01b_reference,
        translate=translate_to_c01b,
    ),
    kinds=["lasagne.layers.cuda_convnet.ShuffleBC01ToC01BLayer"],
)
register(
    Family(
        attributes=ShuffleAttributes,
        params=(),
        output_shape=to_bc01_shape,
        reference=to_bc01_reference,
        translate=translate_to_bc01,
    ),
    kinds=["lasagne.layers.cuda_convnet.ShuffleC01BToBC01Layer"],
)

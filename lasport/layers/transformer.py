"""TransformerLayer, mirroring ``lasagne.layers.TransformerLayer``.

The pixel of the output at (x, y), both from -1 to 1, is taken from the input at
``(t0 x + t1 y + t2, t3 x + t4 y + t5)``, where t is what the second incoming layer gives for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lasport.layers import sampling
from lasport.layers.sampling import interpolate, read_border_mode, read_downsample_factor, spaced
from lasport.operations import AffineSample
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape


@dataclass(frozen=True, kw_only=True)
class TransformerAttributes:
    """Instance attributes of a TransformerLayer.

    Without ``border_mode`` it is from before April 2017, when there was but one.
    """

    downsample_factor: tuple[float, float] = attribute(read_downsample_factor)
    border_mode: str = attribute(read_border_mode, absent="nearest")


def output_shape(a: TransformerAttributes, inputs: Sequence[Shape]) -> Shape:
    """Batch, channels, and rows and columns divided by their factors."""
    shape = sampling.output_shape(a.downsample_factor, a.border_mode, inputs, 6)
    if 1 in shape[2:]:
        raise ValueError(
            f"an output of {shape} has a single row or column, for which Lasagne divides by zero"
        )
    return shape


def reference(
    a: TransformerAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Find the places, then sample."""
    images, theta = inputs
    rows, columns = output_shape(a, [images.shape, theta.shape])[2:]
    x, y = spaced(columns or 0, images.dtype), spaced(rows or 0, images.dtype)[:, None]
    t = theta.reshape(-1, 6, 1, 1)
    across, down = (t[:, i] * x + t[:, i + 1] * y + t[:, i + 2] for i in (0, 3))
    return interpolate(images, across, down, a.border_mode)


def translate(
    a: TransformerAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step."""
    sample = AffineSample(downsampling=a.downsample_factor, border=a.border_mode)
    return builder.add(sample, tuple(inputs), output_shape(a, [x.shape for x in inputs]))


register(
    Family(
        attributes=TransformerAttributes,
        params=(),
        output_shape=output_shape,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.special.TransformerLayer"],
)

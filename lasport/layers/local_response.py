"""LocalResponseNormalization2DLayer, mirroring ``lasagne.layers.normalization``.

``x / (k + alpha * s) ** beta``, where s is the sum of the squares of ``n``
neighbouring channels, those beyond either end left out. Caffe divides alpha by n,
Lasagne does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.values import at_least, number
from lasport.operations import NormalizeResponse
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape


def read_size(value: object) -> int:
    """Read ``n``, an odd number of channels."""
    size = at_least(1)(value)
    if size % 2 == 0:
        raise ValueError(f"an odd number of channels was expected, not {size}")
    return size


@dataclass(frozen=True, kw_only=True)
class LocalResponseAttributes:
    """Instance attributes of a LocalResponseNormalization2DLayer."""

    alpha: float = attribute(number)
    k: float = attribute(number)
    beta: float = attribute(number)
    n: int = attribute(read_size)


def output_shape(a: LocalResponseAttributes, inputs: Sequence[Shape]) -> Shape:
    """Unchanged."""
    if len(inputs[0]) != 4:
        raise ValueError(f"(batch, channels, rows, columns) was expected, not {inputs[0]}")
    return inputs[0]


def reference(
    a: LocalResponseAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Add up shifted channels."""
    (x,) = inputs
    half = a.n // 2
    # Lasagne's zeros around the squares are single, and make the squares so.
    squares = np.square(x).astype(np.float32)
    padded = np.pad(squares, [(0, 0), (half, half), (0, 0), (0, 0)]).astype(x.dtype)
    scale = np.full_like(x, a.k)
    for start in range(a.n):
        scale += a.alpha * padded[:, start : start + x.shape[1]]
    return np.asarray(x / scale**a.beta)


def translate(
    a: LocalResponseAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step."""
    (x,) = inputs
    normalize = NormalizeResponse(axis=1, size=a.n, k=a.k, alpha=a.alpha, beta=a.beta)
    return builder.add(normalize, (x,), x.shape)


register(
    Family(
        attributes=LocalResponseAttributes,
        params=(),
        output_shape=output_shape,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.normalization.LocalResponseNormalization2DLayer"],
)

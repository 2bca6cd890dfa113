"""EmbeddingLayer, mirroring ``lasagne.layers.embedding``.

``W[x]``: whole numbers become rows of W, (input_size, output_size). Negative
ones count from the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.values import at_least
from lasport.operations import Embed
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Weight


@dataclass(frozen=True, kw_only=True)
class EmbeddingAttributes:
    """Instance attributes of an EmbeddingLayer."""

    input_size: int = attribute(at_least(1))
    output_size: int = attribute(at_least(1))


def output_shape(a: EmbeddingAttributes, inputs: Sequence[Shape]) -> Shape:
    """One more axis, of the rows' entries."""
    return (*inputs[0], a.output_size)


def param_shapes(a: EmbeddingAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """W has a row for each number."""
    return {"W": (a.input_size, a.output_size)}


def reference(
    a: EmbeddingAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Look the rows up."""
    (x,) = inputs
    if x.dtype.kind not in "iu":
        raise ValueError(
            f"rows are numbered by integers, not by {x.dtype}; give the net's input layer an "
            "input_var of integers, such as T.imatrix()"
        )
    if x.size and not -a.input_size <= x.min() <= x.max() < a.input_size:
        raise ValueError(f"numbers from {x.min()} to {x.max()} meet {a.input_size} rows")
    return np.asarray(params["W"][x])


def translate(
    a: EmbeddingAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step."""
    (x,) = inputs
    embed = Embed(embeddings=Weight(layer.params["W"]), rows=a.input_size, units=a.output_size)
    return builder.add(embed, (x,), output_shape(a, [x.shape]))


register(
    Family(
        attributes=EmbeddingAttributes,
        params=("W",),
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.embedding.EmbeddingLayer"],
)

"""ParametricRectifierLayer, mirroring ``lasagne.layers.special``.

``max(x, 0) + alpha * min(x, 0)`` with a parameter of the input's shape without
``shared_axes``; Theano adds ``(1 + alpha) / 2 * x`` and ``(1 - alpha) / 2 * |x|``,
so that its gradient at 0 is the mean of both slopes. ``prelu()`` only makes such
a layer of another one's nonlinearity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lasport.layers.special import BroadcastAttributes, output_shape
from lasport.operations import ParametricRectifier
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Weight


def param_shapes(a: BroadcastAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """Leave shared axes out."""
    return {"alpha": a.kept(inputs[0])}


def reference(
    a: BroadcastAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Theano's sum of a line and a magnitude."""
    (x,) = inputs
    alpha = np.expand_dims(params["alpha"], a.shared(x.ndim))
    return np.asarray(0.5 * (1 + alpha) * x + 0.5 * (1 - alpha) * np.abs(x))


def translate(
    a: BroadcastAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step."""
    (x,) = inputs
    alpha = Weight(layer.params["alpha"])
    rectifier = ParametricRectifier(weight=alpha, shared_axes=a.shared(len(x.shape)))
    return builder.add(rectifier, (x,), x.shape)


register(
    Family(
        attributes=BroadcastAttributes,
        params=("alpha",),
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.special.ParametricRectifierLayer"],
)

"""BatchNormLayer and BatchNormDNNLayer, mirroring ``lasagne.layers.normalization``.

``y = (x - mean) * (gamma * inv_std) + beta`` with inv_std = 1 / sqrt(var +
epsilon) and the biased variance. Training mode takes mean and inv_std from the
batch and moves the stored ones: ``new = (1 - alpha) * old + alpha * batch``.
It is inv_std that is averaged, not the variance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.values import integer, integers, number
from lasport.operations import BatchNorm
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Weight


def read_axes(value: object) -> tuple[int, ...]:
    """Read ``axes``: a tuple of ints, or one int."""
    axes = integers(value) if isinstance(value, (tuple, list)) else (integer(value),)
    if any(axis < 0 for axis in axes):
        raise ValueError(f"Lasagne does not compute negative axes, and {axes} has one")
    return axes


@dataclass(frozen=True, kw_only=True)
class BatchNormAttributes:
    """Instance attributes of a BatchNormLayer."""

    axes: tuple[int, ...] = attribute(read_axes)
    epsilon: float = attribute(number)
    alpha: float = attribute(number)

    def kept(self, shape: Shape) -> Shape:
        """Return the sizes of the axes that are not averaged over."""
        return tuple(size for axis, size in enumerate(shape) if axis not in self.axes)


def output_shape(a: BatchNormAttributes, inputs: Sequence[Shape]) -> Shape:
    """Leave the shape as it is."""
    (shape,) = inputs
    if any(axis >= len(shape) for axis in a.axes):
        raise ValueError(f"axes={a.axes} do not fit an input of {shape}")
    return shape


def param_shapes(a: BatchNormAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """All four have the input's shape without ``axes``."""
    shape = a.kept(inputs[0])
    return dict.fromkeys(("beta", "gamma", "mean", "inv_std"), shape)


def reference(
    a: BatchNormAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Normalize by the batch's statistics in training mode, by the stored ones otherwise."""
    (x,) = inputs
    mean, inv_std = params["mean"], params["inv_std"]
    if run.training:
        batch_mean = x.mean(axis=a.axes)
        batch_inv_std = 1 / np.sqrt(x.var(axis=a.axes) + a.epsilon)
        run.update("mean", (1 - a.alpha) * mean + a.alpha * batch_mean)
        run.update("inv_std", (1 - a.alpha) * inv_std + a.alpha * batch_inv_std)
        mean, inv_std = batch_mean, batch_inv_std
    scale = np.expand_dims(inv_std, a.axes)
    if "gamma" in params:
        scale = np.expand_dims(params["gamma"], a.axes) * scale
    y: Array = (x - np.expand_dims(mean, a.axes)) * scale
    if "beta" in params:
        y = y + np.expand_dims(params["beta"], a.axes)
    return y.astype(x.dtype, copy=False)


def adjoint(
    a: BatchNormAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Scale; in training mode without the part that the batch's statistics undo."""
    (x,) = inputs
    gamma = np.expand_dims(params["gamma"], a.axes) if "gamma" in params else 1
    g = cotangent * gamma
    if not run.training:
        return np.asarray(g * np.expand_dims(params["inv_std"], a.axes))
    inv_std = 1 / np.sqrt(x.var(axis=a.axes, keepdims=True) + a.epsilon)
    normal = (x - x.mean(axis=a.axes, keepdims=True)) * inv_std
    through_mean = g.mean(axis=a.axes, keepdims=True)
    through_std = normal * (g * normal).mean(axis=a.axes, keepdims=True)
    return np.asarray((g - through_mean - through_std) * inv_std).astype(x.dtype, copy=False)


def translate(
    a: BatchNormAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One batch-norm step; targets choose the layer that computes it."""
    (x,) = inputs
    weights = {name: Weight(param) for name, param in layer.params.items()}
    norm = BatchNorm(
        axes=a.axes,
        epsilon=a.epsilon,
        alpha=a.alpha,
        gamma=weights.get("gamma"),
        beta=weights.get("beta"),
        mean=weights["mean"],
        inv_std=weights["inv_std"],
    )
    return builder.add(norm, (x,), x.shape)


register(
    Family(
        attributes=BatchNormAttributes,
        params=("beta", "gamma", "mean", "inv_std"),
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=reference,
        adjoint=adjoint,
        translate=translate,
    ),
    kinds=[
        "lasagne.layers.normalization.BatchNormLayer",
        "lasagne.layers.dnn.BatchNormDNNLayer",
    ],
)

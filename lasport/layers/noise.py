"""DropoutLayer and GaussianNoiseLayer, mirroring ``lasagne.layers.noise``.

Training mode: ``x / (1 - p) * mask`` with a mask of zeros (probability p) and
ones, of size 1 along ``shared_axes``, without the division if ``rescale`` is
off; and ``x + noise``, normally distributed around 0 with standard deviation
``sigma``. Inference: x, whatever ``rescale`` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.values import boolean, integers, number
from lasport.operations import AddNoise, Dropout
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

# --- DropoutLayer


def read_rate(value: object) -> float:
    """Read ``p``, a probability below 1."""
    rate = number(value)
    if not 0 <= rate < 1:
        raise ValueError(f"a probability in [0, 1) was expected, not {rate:g}")
    return rate


@dataclass(frozen=True, kw_only=True)
class DropoutAttributes:
    """Instance attributes of a DropoutLayer."""

    p: float = attribute(read_rate)
    rescale: bool = attribute(boolean)
    shared_axes: tuple[int, ...] = attribute(integers, absent=())

    def shared(self, rank: int) -> tuple[int, ...]:
        """Return the shared ones of an input's axes, counted from the front."""
        counted = {axis + rank if axis < 0 else axis for axis in self.shared_axes}
        return tuple(axis for axis in range(rank) if axis in counted)


def output_shape(a: object, inputs: Sequence[Shape]) -> Shape:
    """Unchanged."""
    return inputs[0]


def reference(
    a: DropoutAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Mask the input in training mode."""
    (x,) = inputs
    if not run.training or a.p == 0:
        return x
    keep = 1 - a.p
    shared = a.shared(x.ndim)
    shape = tuple(1 if axis in shared else size for axis, size in enumerate(x.shape))
    mask = run.binomial(shape, keep).astype(x.dtype)
    return np.multiply(x / keep if a.rescale else x, mask)


def adjoint(
    a: DropoutAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Mask the gradient as the input was masked."""
    return reference(a, params, [cotangent], run)


def translate(
    a: DropoutAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One dropout step; none where nothing is dropped."""
    (x,) = inputs
    if a.p == 0:
        return x
    dropout = Dropout(rate=a.p, rescale=a.rescale, shared_axes=a.shared(len(x.shape)))
    return builder.add(dropout, (x,), x.shape)


register(
    Family(
        attributes=DropoutAttributes,
        params=(),
        output_shape=output_shape,
        reference=reference,
        adjoint=adjoint,
        translate=translate,
    ),
    kinds=["lasagne.layers.noise.DropoutLayer"],
)

# --- GaussianNoiseLayer


def read_deviation(value: object) -> float:
    """Read ``sigma``, a number whose sign makes no difference."""
    sigma = abs(number(value))
    if not sigma < np.inf:
        raise ValueError(f"a standard deviation was expected, not {sigma:g}")
    return sigma


@dataclass(frozen=True, kw_only=True)
class GaussianNoiseAttributes:
    """Instance attributes of a GaussianNoiseLayer."""

    sigma: float = attribute(read_deviation)


def gaussian_reference(
    a: GaussianNoiseAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Add noise in training mode."""
    (x,) = inputs
    if not run.training or a.sigma == 0:
        return x
    return np.add(x, run.normal(x.shape, a.sigma).astype(x.dtype))


def gaussian_adjoint(
    a: GaussianNoiseAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Return the gradient as it is."""
    return cotangent


def translate_gaussian(
    a: GaussianNoiseAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step; none where nothing is added."""
    (x,) = inputs
    if a.sigma == 0:
        return x
    return builder.add(AddNoise(sigma=a.sigma), (x,), x.shape)


register(
    Family(
        attributes=GaussianNoiseAttributes,
        params=(),
        output_shape=output_shape,
        reference=gaussian_reference,
        adjoint=gaussian_adjoint,
        translate=translate_gaussian,
    ),
    kinds=["lasagne.layers.noise.GaussianNoiseLayer"],
)

"""FeaturePoolLayer and FeatureWTALayer, mirroring ``lasagne.layers.pool``.

``pool_size`` neighbours along ``axis`` make a pool. FeaturePoolLayer puts one
of Theano's reductions in the place of each pool (with max: a maxout layer);
FeatureWTALayer leaves the first of the largest entries and sets the others to 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.theano_functions import REDUCTIONS, pull_back, read_reduction
from lasport.layers.values import at_least
from lasport.operations import PoolFeatures, WinnerTakesAll
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape


@dataclass(frozen=True, kw_only=True)
class FeatureWTAAttributes:
    """Instance attributes of a FeatureWTALayer."""

    pool_size: int = attribute(at_least(1), formerly=("ds",))
    # Lasagne computes nothing sensible with axes counted from the end.
    axis: int = attribute(at_least(0))

    def pools(self, shape: Shape) -> int:
        """Return the number of pools in an input of this shape."""
        size = shape[self.axis] if self.axis < len(shape) else None
        if size is None or size % self.pool_size:
            raise ValueError(
                f"pools of {self.pool_size} do not divide axis {self.axis} of an input of {shape}"
            )
        return size // self.pool_size

    def split(self, x: Array) -> Array:
        """Return the array with axes (pools, pool_size) in the place of ``axis``."""
        behind = x.shape[self.axis + 1 :]
        return x.reshape(*x.shape[: self.axis], self.pools(x.shape), self.pool_size, *behind)


@dataclass(frozen=True, kw_only=True)
class FeaturePoolAttributes(FeatureWTAAttributes):
    """Instance attributes of a FeaturePoolLayer."""

    pool_function: str = attribute(read_reduction)


def pool_shape(a: FeaturePoolAttributes, inputs: Sequence[Shape]) -> Shape:
    """One entry per pool."""
    (shape,) = inputs
    return (*shape[: a.axis], a.pools(shape), *shape[a.axis + 1 :])


def pool_reference(
    a: FeaturePoolAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Reduce each pool."""
    (x,) = inputs
    return np.asarray(REDUCTIONS[a.pool_function](a.split(x), axis=a.axis + 1))


def pool_adjoint(
    a: FeaturePoolAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Spread the gradient over each pool."""
    (x,) = inputs
    return pull_back(a.pool_function, a.split(x), a.axis + 1, cotangent).reshape(x.shape)


def translate_pool(
    a: FeaturePoolAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One reduction step."""
    (x,) = inputs
    pool = PoolFeatures(axis=a.axis, pool_size=a.pool_size, function=a.pool_function)
    return builder.add(pool, (x,), pool_shape(a, [x.shape]))


register(
    Family(
        attributes=FeaturePoolAttributes,
        params=(),
        output_shape=pool_shape,
        reference=pool_reference,
        adjoint=pool_adjoint,
        translate=translate_pool,
    ),
    kinds=["lasagne.layers.pool.FeaturePoolLayer"],
)


def winner_shape(a: FeatureWTAAttributes, inputs: Sequence[Shape]) -> Shape:
    """Unchanged; the pools must divide the axis."""
    a.pools(inputs[0])
    return inputs[0]


def winner_reference(
    a: FeatureWTAAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Zero what is not the first maximum of its pool."""
    (x,) = inputs
    return np.asarray(x * winners(a, x))


def winners(a: FeatureWTAAttributes, x: Array) -> Array:
    """Return what wins its pool, of x's shape."""
    pools = a.split(x)
    places = np.arange(a.pool_size).reshape(-1, *(1,) * (x.ndim - a.axis - 1))
    return np.equal(pools.argmax(axis=a.axis + 1, keepdims=True), places).reshape(x.shape)


def winner_adjoint(
    a: FeatureWTAAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Zero the gradient of what lost."""
    return np.asarray(cotangent * winners(a, inputs[0]))


def translate_winner(
    a: FeatureWTAAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step."""
    (x,) = inputs
    return builder.add(WinnerTakesAll(axis=a.axis, pool_size=a.pool_size), (x,), x.shape)


register(
    Family(
        attributes=FeatureWTAAttributes,
        params=(),
        output_shape=winner_shape,
        reference=winner_reference,
        adjoint=winner_adjoint,
        translate=translate_winner,
    ),
    kinds=["lasagne.layers.pool.FeatureWTALayer"],
)

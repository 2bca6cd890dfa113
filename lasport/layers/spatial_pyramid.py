"""SpatialPyramidPoolingLayer and its GPU variant, mirroring ``lasagne.layers.pool``.

For each ``n`` of ``pool_dims``, an image is pooled into n x n bins; all bins of
all grids come one behind the other on a last axis. Along an axis of ``size``,
``implementation='fast'`` takes windows of ``ceil(size / n)`` every
``floor(size / n)`` places, which are n only if they happen to fit; 'kaiming'
lets bin i reach from ``floor(i / n * size)`` to ``ceil((i + 1) / n * size)``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor

import numpy as np

from lasport.layers.pool import read_mode
from lasport.layers.values import at_least, describe, text
from lasport.operations import PyramidPool
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

# Nothing is padded, so that both averages are one.
MODES = {"max": "max", "average_inc_pad": "mean", "average_exc_pad": "mean", "sum": "sum"}
FUNCTIONS: Mapping[str, Callable[..., Array]] = {"max": np.max, "mean": np.mean, "sum": np.sum}

Bin = tuple[int, int]


def read_grids(value: object) -> tuple[int, ...]:
    """Read ``pool_dims``: how many bins each grid has along either axis."""
    if not isinstance(value, (tuple, list)) or not value:
        raise ValueError(f"a list of integers was expected, not {describe(value)}")
    return tuple(map(at_least(1), value))


def read_implementation(value: object) -> str:
    """Read ``implementation``; whatever is not 'kaiming' is taken for 'fast'."""
    return "kaiming" if text(value) == "kaiming" else "fast"


@dataclass(frozen=True, kw_only=True)
class PyramidAttributes:
    """Instance attributes of a SpatialPyramidPoolingLayer."""

    pool_dims: tuple[int, ...] = attribute(read_grids)
    mode: str = attribute(read_mode)
    implementation: str = attribute(read_implementation)

    @property
    def covering(self) -> bool:
        """Whether bins are as small as they can be to cover the image."""
        return self.implementation == "kaiming"


def fast_bins(size: int, count: int) -> list[Bin]:
    """Return where Theano's pooling puts its windows along one axis."""
    if size < count:
        raise ValueError(f"{size} places do not make {count} bins")
    window, stride = -(-size // count), size // count
    bins = [(start, start + window) for start in range(0, size - window + 1, stride)]
    if len(bins) != count:
        raise ValueError(
            f"implementation='fast' makes {len(bins)} bins of {size} places, where {count} are "
            "wanted; implementation='kaiming' makes as many as it should"
        )
    return bins


def covering_bins(size: int, count: int) -> list[Bin]:
    """Return the bins of the paper, if all precisions agree on them."""
    exact = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
    for dtype in (np.float32, np.float64):
        # Theano holds the fraction in the net's precision, and multiplies in float64.
        edges = [float(dtype(i / count)) * size for i in range(count + 1)]
        if exact != [(floor(a), ceil(b)) for a, b in pairwise(edges)]:
            raise ValueError(
                f"how {size} places are cut into {count} bins depends on how Theano rounded "
                f"{count}ths in this net's precision"
            )
    return exact


def bins(a: PyramidAttributes, size: int, count: int) -> list[Bin]:
    """Return where the bins of one grid begin and end along an axis."""
    return covering_bins(size, count) if a.covering else fast_bins(size, count)


def output_shape(a: PyramidAttributes, inputs: Sequence[Shape]) -> Shape:
    """Batch, channels, bins."""
    (shape,) = inputs
    if len(shape) != 4:
        raise ValueError(f"(batch, channels, rows, columns) was expected, not {shape}")
    if a.covering and a.mode == "sum":
        raise ValueError("implementation='kaiming' takes maxima or averages, no sums")
    for count in a.pool_dims:
        for size in shape[2:]:
            if size is not None:
                bins(a, size, count)
            elif a.covering and count & (count - 1):
                # Powers of two are exact in any precision.
                raise ValueError(
                    f"how an axis of unknown size is cut into {count} bins depends on how Theano "
                    f"rounded {count}ths in this net's precision"
                )
    return (*shape[:2], sum(count**2 for count in a.pool_dims))


def boxes(a: PyramidAttributes, rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Yield what each bin takes of the rows and of the columns, in the order of the output."""
    for count in a.pool_dims:
        for top, bottom in bins(a, rows, count):
            for left, right in bins(a, columns, count):
                yield slice(top, bottom), slice(left, right)


def reference(
    a: PyramidAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Reduce bin by bin."""
    (x,) = inputs
    pool = FUNCTIONS[MODES[a.mode]]
    pooled = [pool(x[:, :, rows, columns], axis=(2, 3)) for rows, columns in boxes(a, *x.shape[2:])]
    return np.stack(pooled, axis=2)


def translate(
    a: PyramidAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step."""
    (x,) = inputs
    pool = PyramidPool(grids=a.pool_dims, covering=a.covering, mode=MODES[a.mode])
    return builder.add(pool, (x,), output_shape(a, [x.shape]))


PYRAMID = Family(
    attributes=PyramidAttributes,
    params=(),
    output_shape=output_shape,
    reference=reference,
    translate=translate,
)

register(PYRAMID, kinds=["lasagne.layers.pool.SpatialPyramidPoolingLayer"])
# cuDNN pools as Theano does; the class knows nothing else.
register(
    dataclasses.replace(PYRAMID, absent={"implementation": "fast"}),
    kinds=["lasagne.layers.dnn.SpatialPyramidPoolingDNNLayer"],
)

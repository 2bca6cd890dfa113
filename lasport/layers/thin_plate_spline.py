"""TPSTransformerLayer, mirroring ``lasagne.layers.TPSTransformerLayer``.

A square of n source points lies over the output, from -1 to 1 along both axes. The second
incoming layer says how far each is away from its place in the input, all x first; what lies between
them bends like a thin plate::

    (x', y') = C [1, x, y, u(d1), ..., u(dn)]        u(d) = d log d,  u(0) = 0
    C = (source points + offsets) inverse            (2, n) times (n, n + 3)

di is the squared distance of (x, y) from source point i, the inverse is that of the plate's
equations (F. L. Bookstein, "Principal warps", 1989) without its first three columns, transposed.
Lasagne computes it with numpy when a layer is made, in the net's precision, and keeps it. It is
read, not computed again: single precision costs it up to four digits, with each numpy others.

Unless ``precompute_grid`` is on (it is by default where the size of the images is known) Lasagne
takes 0 for every u, by a slip, and moves images without bending them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.inert import Instance
from lasport.layers import sampling
from lasport.layers.sampling import interpolate, read_border_mode, read_downsample_factor, spaced
from lasport.layers.values import boolean, describe, integer
from lasport.operations import SplineSample
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

__all__ = ["bent", "source_points", "spline_inverse"]

# Single precision spoils the inverse for 900 points by a fortieth of this.
TOLERANCE = 0.01


def read_points(value: object) -> int:
    """Read ``control_points``: a square number of them, at least 4."""
    count = integer(value)
    if count < 4 or round(count**0.5) ** 2 != count:
        raise ValueError(f"the square of an integer from 2 on was expected, not {count}")
    return count


def read_constant(value: object) -> Array | None:
    """Read the array that a constant of Theano's holds; None where there is none."""
    if value is None:
        return None
    data = value.get("data") if isinstance(value, Instance) else value
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.dtype.kind != "f":
        raise ValueError(f"a matrix of floats was expected, not {describe(value)}")
    return data


@dataclass(frozen=True, kw_only=True)
class SplineAttributes:
    """Instance attributes of a TPSTransformerLayer.

    Without ``border_mode`` it is from before April 2017, without ``precompute_grid`` from before
    February 2016.
    """

    downsample_factor: tuple[float, float] = attribute(read_downsample_factor)
    border_mode: str = attribute(read_border_mode, absent="nearest")
    control_points: int = attribute(read_points)
    precompute_grid: bool = attribute(boolean, absent=False)
    # Equal up to rounding wherever the rest is.
    L_inv: Array | None = attribute(read_constant, absent=None, compare=False)
    source_points: Array | None = attribute(read_constant, absent=None, compare=False)
    right_mat: Array | None = attribute(read_constant, absent=None, compare=False)

    @property
    def inverse(self) -> Array:
        """(n, n + 3), what makes coefficients of where the points go; as stored, if it is."""
        if self.L_inv is None:
            return spline_inverse(self.control_points)
        return self.L_inv[:, 3:].T


def source_points(count: int) -> Array:
    """Return (2, count): x and y of each point, row by row."""
    line = np.linspace(-1, 1, round(count**0.5))
    return np.stack([axis.ravel() for axis in np.meshgrid(line, line)])


def bent(points: Array, x: Array, y: Array) -> Array:
    """Return (n + 3, m): 1, x, y and u of the distance from each of n points, for m places."""
    squares = (x - points[0][:, None]) ** 2 + (y - points[1][:, None]) ** 2
    tiny = np.finfo(squares.dtype).tiny
    return np.concatenate([[np.ones_like(x), x, y], squares * np.log(np.maximum(squares, tiny))])


def spline_inverse(count: int) -> Array:
    """Solve the plate's equations: (count, count + 3), in double precision."""
    points = source_points(count)
    equations = np.zeros((count + 3, count + 3))
    equations[:, 3:] = bent(points, *points)
    equations[3:, :3] = equations[:3, 3:].T
    return np.linalg.inv(equations)[:, 3:].T


def output_shape(a: SplineAttributes, inputs: Sequence[Shape]) -> Shape:
    """Batch, channels, and rows and columns divided by their factors."""
    count = 2 * a.control_points
    shape = sampling.output_shape(a.downsample_factor, a.border_mode, inputs, count)
    if a.precompute_grid and None in shape[2:]:
        raise ValueError(f"precompute_grid=True needs images of known size, not of {inputs[0]}")
    if not a.precompute_grid and 1 in shape[2:]:
        raise ValueError(
            f"an output of {shape} has a single row or column, for which Lasagne divides by zero "
            "unless precompute_grid=True"
        )
    return shape


def check_constants(a: SplineAttributes, shape: Shape) -> None:
    """Refuse a layer that was given other points, or another grid, than Lasagne gives it."""
    points = source_points(a.control_points)
    computed = {
        "source_points": (a.source_points, points),
        "L_inv": (None if a.L_inv is None else a.inverse, spline_inverse(a.control_points)),
    }
    if a.precompute_grid:
        computed["right_mat"] = (a.right_mat, bent(points, *regular(shape)))
    for name, (stored, expected) in computed.items():
        bound = TOLERANCE * np.abs(expected).max()
        if stored is not None and (
            stored.shape != expected.shape or not np.all(np.abs(stored - expected) <= bound)
        ):
            raise ValueError(
                f"{name} is not what Lasagne makes for {a.control_points} control points and an "
                f"output of {shape}; it was changed, and only lasport's own is ported"
            )


def regular(shape: Shape) -> tuple[Array, Array]:
    """Return x and y of all pixels of an output, row by row, as numpy spaces them."""
    rows, columns = (np.linspace(-1, 1, size or 0) for size in shape[2:])
    x, y = np.meshgrid(columns, rows)
    return x.ravel(), y.ravel()


def reference(
    a: SplineAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Find where the points go, then all the others, then sample."""
    images, offsets = inputs
    dtype, count = images.dtype, a.control_points
    shape = output_shape(a, [images.shape, offsets.shape])
    points = source_points(count).astype(dtype)
    coefficients = (points + offsets.reshape(-1, 2, count)) @ a.inverse.astype(dtype)
    if a.precompute_grid:
        x, y = (axis.astype(dtype) for axis in regular(shape))
        places = coefficients @ bent(points, x, y)
    else:
        y, x = np.meshgrid(*(spaced(size or 0, dtype) for size in shape[2:]), indexing="ij")
        places = coefficients[..., :3] @ np.stack([np.ones_like(x), x, y]).reshape(3, -1)
    across, down = places.reshape(-1, 2, *(size or 0 for size in shape[2:])).swapaxes(0, 1)
    return interpolate(images, across, down, a.border_mode)


def translate(
    a: SplineAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step."""
    shape = output_shape(a, [x.shape for x in inputs])
    check_constants(a, shape)
    sample = SplineSample(
        downsampling=a.downsample_factor,
        border=a.border_mode,
        points=a.control_points,
        bends=a.precompute_grid,
        inverse=tuple(tuple(map(float, row)) for row in a.inverse),
    )
    return builder.add(sample, tuple(inputs), shape)


register(
    Family(
        attributes=SplineAttributes,
        params=(),
        output_shape=output_shape,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.special.TPSTransformerLayer"],
)

"""Layers that only move data: flatten, reshape, pad, shuffle, cut, repeat."""

from __future__ import annotations

from collections.abc import Mapping

from lasport.random_nets.draw import Draw
from lasport.random_nets.recipes.options import any_shape, of_rank, space
from lasport.random_nets.soil import Options, Planting, Recipe, Soil, behind, shape_of
from lasport.spec import Shape


def flatten(draw: Draw, shape: Shape) -> Options:
    """Keep the batch, or some axes behind it too."""
    return {"outdim": draw.between(2, len(shape))}


def reshaped(soil: Soil, shape: Shape) -> Options:
    """Join two axes, or split one, or start from scratch; sizes as numbers, [i] and one -1."""
    draw, start = soil.draw, 0 if not soil.open_sizes and soil.draw.chance(4) else 1
    sizes: list[object] = [[axis] for axis in range(len(shape))]
    axis = draw.between(start, len(shape) - 1)
    size = shape[axis]
    if axis + 1 < len(shape) and draw.chance():
        sizes[axis : axis + 2] = [-1]
    elif size is not None and size > 1:
        factor = draw.among([n for n in range(1, size + 1) if size % n == 0])
        sizes[axis : axis + 1] = draw.among([[factor, -1], [-1, factor], [factor, size // factor]])
    for place, entry in enumerate(sizes):
        known = shape[entry[0]] if isinstance(entry, list) else None
        if known is not None and draw.chance(3):
            sizes[place] = known
    return {"shape": tuple(sizes)}


def reshape(soil: Soil) -> Planting | None:
    """Mix examples only where no size is open: elsewhere a batch would meet one of another size."""
    source = soil.pick(lambda shape: len(shape) >= 2, any_shape())
    if source is None:
        return None
    return Planting(incoming=(source,), options=reshaped(soil, shape_of(source)))


def shuffle(soil: Soil) -> Planting | None:
    """Permute axes, drop those of size 1, insert others; the batch moves in closed nets only."""
    source = soil.pick(lambda shape: len(shape) >= 3, any_shape(3))
    if source is None:
        return None
    draw, shape = soil.draw, shape_of(source)
    moves = not soil.open_sizes and draw.chance(4)
    first = [] if moves else [0]
    rest = [a for a in range(len(first), len(shape)) if shape[a] != 1 or not draw.chance()]
    pattern: list[object] = [*first, *draw.shuffled(rest)]
    if len(pattern) < 5 and draw.chance(3):
        pattern.insert(draw.between(1, len(pattern)), "x")
    return Planting(incoming=(source,), options={"pattern": tuple(pattern)})


def pad(draw: Draw, shape: Shape) -> Options:
    """Draw the same width everywhere, or another on each side."""
    batch_ndim = draw.among((2, 1)) if len(shape) > 2 else 1
    axes = range(len(shape) - batch_ndim)
    each = tuple((draw.between(0, 2), draw.between(0, 2)) for _ in axes)
    widths = (1, tuple(before for before, _ in each), each)
    return {"width": draw.among(widths), "val": draw.among((0, 0.5)), "batch_ndim": batch_ndim}


def cut(draw: Draw, shape: Shape) -> Options:
    """Draw one place, or a range of places, of any axis but the first."""
    axis = draw.between(1, len(shape) - 1)
    size = shape[axis] or 3
    places: object = slice(draw.between(0, size - 1), None)
    if len(shape) > 2 and draw.chance():
        places = draw.between(-size, size - 1)
    elif draw.chance():
        step = draw.among((None, 2, -1, -2))
        places = draw.among((slice(None, None, step), slice(-1, None, step), slice(1, -1, step)))
    return {"slice": places, "axis": axis - len(shape) if draw.chance(3) else axis}


def upscale(axes: int) -> Recipe:
    """Grow by another factor along each axis."""

    def options(draw: Draw, shape: Shape) -> Options:
        """Draw copies or zeros."""
        factors = tuple(draw.between(1, 3) for _ in range(axes))
        return {"scale_factor": factors, "mode": draw.among(("repeat", "dilate"))}

    return behind(of_rank(axes + 2), space(axes), options)


RECIPES: Mapping[str, Recipe] = {
    "shape.FlattenLayer": behind(lambda shape: len(shape) >= 2, any_shape(3), flatten),
    "shape.ReshapeLayer": reshape,
    "shape.PadLayer": behind(lambda shape: len(shape) >= 2, any_shape(3), pad),
    "shape.DimshuffleLayer": shuffle,
    "shape.SliceLayer": behind(lambda shape: len(shape) >= 2, any_shape(), cut),
    **{f"pool.Upscale{axes}DLayer": upscale(axes) for axes in (1, 2, 3)},
}

"""Layers of several inputs: where branches meet, and where they skip others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lasport.inert import Global, Instance
from lasport.random_nets.recipes.options import any_shape
from lasport.random_nets.soil import Planting, Recipe, Soil, shape_of
from lasport.spec import Layer

NONLINEARITY = "lasagne.layers.special.NonlinearityLayer"
SCALAR_OPS = ("Add", "Mul", "Sub", "Maximum", "Minimum", "TrueDiv")
MODES = ("lower", "center", "upper")


def function(scalar_op: str) -> Instance:
    """Return one of Theano's elementwise functions."""
    op = Instance(Global("theano.scalar.basic", scalar_op), state={})
    return Instance(Global("theano.tensor.elemwise", "Elemwise"), state={"scalar_op": op})


def operands(soil: Soil) -> list[Layer]:
    """Return layers of one number of axes, of one shape if there are; the same one may come twice.

    Raises
    ------
    ValueError
        If there is no layer at all.
    """
    first = soil.pick(lambda shape: len(shape) >= 2, any_shape())
    if first is None:
        raise ValueError("there is nothing to merge")
    shape, draw = shape_of(first), soil.draw
    alike = soil.find(lambda other: other[1:] == shape[1:])
    ranked = soil.find(lambda other: len(other) == len(shape))
    others = ranked if draw.chance(3) else alike
    return draw.shuffled([first, *(draw.among(others) for _ in range(draw.between(1, 2)))])


def cropping(soil: Soil, layers: Sequence[Layer], joined: int | None = None) -> list[str | None]:
    """Return a cropping for each axis along which sizes differ or are open, seldom for others."""
    modes: list[str | None] = []
    for axis, sizes in enumerate(zip(*map(shape_of, layers), strict=True)):
        same = len(set(sizes)) == 1 and None not in sizes
        crops = axis not in (0, joined) and (not same or soil.draw.chance(8))
        modes.append(soil.draw.among(MODES) if crops else None)
    return modes


def written(soil: Soil, modes: list[str | None]) -> list[str | None] | None:
    """Return a cropping as somebody may have written it: None, or without its last Nones."""
    if not any(modes):
        return None
    while modes[-1] is None and soil.draw.chance():
        modes = modes[:-1]
    return modes


def concat(soil: Soil) -> Planting | None:
    """Join along any axis behind the batch."""
    layers = operands(soil)
    rank = len(shape_of(layers[0]))
    axis = soil.draw.between(1, rank - 1)
    if any(shape_of(layer)[axis] is None for layer in layers):
        return None
    options = {
        "axis": axis - rank if soil.draw.chance(3) else axis,
        "cropping": cropping(soil, layers, joined=axis),
    }
    return Planting(incoming=layers, options=options)


def merge(soil: Soil) -> Planting | None:
    """Apply any function of two arguments, from left to right."""
    layers = operands(soil)
    scalar_op = soil.draw.among(SCALAR_OPS)
    if scalar_op == "TrueDiv":
        layers[1:] = [positive(soil, layer) for layer in layers[1:]]
    options = {
        "merge_function": function(scalar_op),
        "cropping": written(soil, cropping(soil, layers)),
    }
    return Planting(incoming=layers, options=options)


def positive(soil: Soil, layer: Layer) -> Layer:
    """Add a sigmoid: other data than those seen here might make a divisor 0."""
    options = {"nonlinearity": Global("lasagne.nonlinearities", "sigmoid")}
    return soil.add(NONLINEARITY, Planting(incoming=(layer,), options=options))


def add(soil: Soil) -> Planting | None:
    """Add with a factor for each input."""
    layers = operands(soil)
    options = {
        "merge_function": function("Add"),
        "coeffs": [soil.draw.among((1, 0.5, -2)) for _ in layers],
        "cropping": written(soil, cropping(soil, layers)),
    }
    return Planting(incoming=layers, options=options)


RECIPES: Mapping[str, Recipe] = {
    "merge.ElemwiseSumLayer": add,
    "merge.ElemwiseMergeLayer": merge,
    "merge.ConcatLayer": concat,
}

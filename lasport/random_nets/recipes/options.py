"""What many families have in common: examples of inputs, and some options."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lasport.inert import Global, Instance
from lasport.random_nets.draw import Draw
from lasport.random_nets.soil import Fits
from lasport.spec import Shape

__all__ = ["Example", "any_shape", "channels_of", "distinct", "nonlinearity", "of_rank", "space"]

Example = Callable[[Draw], Shape]

NAMES = ("linear", "rectify", "tanh", "sigmoid", "elu", "softplus")
WITH_CONSTANTS: Sequence[tuple[str, dict[str, float]]] = (
    ("LeakyRectify", {"leakiness": 0.01}),
    ("LeakyRectify", {"leakiness": 1 / 3}),
    ("ScaledTanH", {"scale_in": 0.75, "scale_out": 1.5}),
    ("SELU", {"scale": 1.0507009873554805, "scale_neg": 1.6732632423543772}),
)


def nonlinearity(draw: Draw, shape: Shape = ()) -> Global | Instance:
    """Return one of ``lasagne.nonlinearities``; softmax for matrices of two columns or more."""
    module = "lasagne.nonlinearities"
    matrix = len(shape) == 2 and shape[1] != 1
    if draw.chance(4):
        name, constants = draw.among(WITH_CONSTANTS)
        return Instance(Global(module, name), state=dict(constants))
    return Global(module, draw.among((*NAMES, "softmax") if matrix else NAMES))


def distinct(draw: Draw, count: int, low: int, high: int) -> tuple[int, ...]:
    """Return sizes that all differ."""
    sizes: list[int] = []
    for _ in range(count):
        sizes.append(draw.size(sizes, low, high))
    return tuple(sizes)


def of_rank(rank: int) -> Fits:
    """Return whether an input has so many axes."""
    return lambda shape: len(shape) == rank


def space(axes: int) -> Example:
    """Return a drawer of channels and spatial sizes."""
    high = {1: 9, 2: 8, 3: 5}[axes]

    def example(draw: Draw) -> Shape:
        channels = draw.between(2, 4)
        sizes: list[int] = []
        for _ in range(axes):
            sizes.append(draw.size((channels, *sizes), 4, high))
        return (channels, *sizes)

    return example


def any_shape(least: int = 2) -> Example:
    """Return a drawer of an input with ``least`` axes or more, that of the batch included."""

    def example(draw: Draw) -> Shape:
        rank = draw.among(range(least, 5))
        return space(rank - 2)(draw) if rank > 2 else (draw.size(),)

    return example


def channels_of(shape: Shape) -> int:
    """Return the size of axis 1.

    Raises
    ------
    ValueError
        If it is open.
    """
    if shape[1] is None:
        raise ValueError(f"the channels of {shape} are open")
    return shape[1]

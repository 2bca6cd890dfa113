"""What all layers with filters have in common: attributes, biases and the nonlinearity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.values import at_least, boolean, describe, repeated
from lasport.operations import Shift
from lasport.plan import PlanBuilder, Value
from lasport.registry import attribute
from lasport.spec import Array, Layer, Shape
from lasport.weights import Weight

__all__ = [
    "FilterAttributes",
    "Pad",
    "add_bias",
    "bias_of",
    "bias_shape",
    "finish",
    "pads",
    "widths",
]

Pad = str | tuple[int, ...]


def pads(count: int) -> Callable[[object], Pad]:
    """Return a reader of 'valid', 'same', 'full', ``count`` ints or one for all axes."""
    sizes = repeated(count, least=0)

    def read(value: object) -> Pad:
        if isinstance(value, str):
            if value in ("valid", "same", "full"):
                return value
            raise ValueError(
                f"'valid', 'same', 'full' or sizes were expected, not {describe(value)}"
            )
        return sizes(value)

    return read


def widths(pad: Pad, filter_size: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return the zeros before and behind each spatial axis.

    Lasagne refuses an even filter under 'same' since October 2015; before,
    Conv1DLayer and Conv2DLayer put the odd zero before the data (the other
    classes stored numbers).
    """
    if pad == "valid":
        return tuple((0, 0) for _ in filter_size)
    if pad == "full":
        return tuple((size - 1, size - 1) for size in filter_size)
    if isinstance(pad, str):
        return tuple((size // 2, (size - 1) // 2) for size in filter_size)
    return tuple((width, width) for width in pad)


@dataclass(frozen=True, kw_only=True)
class FilterAttributes:
    """Instance attributes of all layers with filters, over two spatial axes unless overridden."""

    num_filters: int = attribute(at_least(1))
    filter_size: tuple[int, ...] = attribute(repeated(2, least=1))
    untie_biases: bool = attribute(boolean, absent=False)
    flip_filters: bool = attribute(boolean, absent=True)
    nonlinearity: Nonlinearity = attribute(nonlinearities.read)

    def space(self, shape: Shape) -> Shape:
        """Return the sizes of an input's spatial axes, of which each filter axis needs one."""
        space = shape[2:]
        if len(space) != len(self.filter_size):
            raise ValueError(f"a filter of {len(self.filter_size)} axes meets an input of {shape}")
        return space


def bias_shape(a: FilterAttributes, output: Shape) -> Shape:
    """Return (filters,), or (filters, *space) for one bias per place."""
    return (a.num_filters, *(output[2:] if a.untie_biases else ()))


def finish(a: FilterAttributes, params: Mapping[str, Array], y: Array) -> Array:
    """Return ``f(y + b)``; ``f(y)`` where there is no bias."""
    if "b" in params:
        bias = params["b"]
        y = y + (bias if a.untie_biases else bias.reshape(-1, *(1 for _ in y.shape[2:])))
    return nonlinearities.compute(a.nonlinearity, y)


def bias_of(layer: Layer) -> Weight | None:
    """Return a layer's bias, if it has one."""
    return Weight(layer.params["b"]) if "b" in layer.params else None


def add_bias(a: FilterAttributes, bias: Weight | None, y: Value, builder: PlanBuilder) -> Value:
    """Append the step that adds a bias of one value per filter, or per place too."""
    if bias is None:
        return y
    shared = (0,) if a.untie_biases else (0, *range(2, len(y.shape)))
    shift = Shift(weight=bias, shared_axes=shared)
    return builder.add(shift, (y,), y.shape, suffix="bias")

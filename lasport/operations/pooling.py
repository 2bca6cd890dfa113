"""Pooling over windows and over everything."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lasport.layout import Layout
from lasport.operations.base import Operation, Wanted, physical_axes

__all__ = [
    "GlobalReduce",
    "Pool",
    "PoolFeatures",
    "PyramidPool",
    "Reduce",
    "Upscale",
    "WinnerTakesAll",
]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool(Operation):
    """Pooling over space, channels last; modes are Theano's.

    Attributes
    ----------
    mode : {"max", "average_inc_pad", "average_exc_pad", "sum"}
        What becomes of a window.
    padding : tuple of int
        Before and behind each spatial axis; minus infinity or zeros.
    ignore_border : bool
        ``False``: windows that reach beyond the input count too.
    """

    wants: Wanted = field(default="channels_last", init=False)
    mode: str
    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[int, ...]
    ignore_border: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class GlobalReduce(Operation):
    """Reduce all spatial axes: (batch, *space, channels) to (batch, channels)."""

    wants: Wanted = field(default="channels_last", init=False)
    function: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Reduce(Operation):
    """Reduce some axes, which go, or stay with size 1."""

    function: str
    axes: tuple[int, ...]
    keepdims: bool

    def __post_init__(self) -> None:
        # Which axes are left depends on their order, unless all are.
        object.__setattr__(self, "wants", "any" if self.keepdims else "lasagne")

    def arranged(self, layout: Layout) -> Operation:
        """Return the reduction of the physical axes."""
        return replace(self, axes=physical_axes(layout, self.axes))

    @property
    def needs_batch_size(self) -> bool:
        """Whether examples are reduced."""
        return 0 in self.axes


@dataclass(frozen=True, eq=False, kw_only=True)
class Upscale(Operation):
    """Enlarge space by whole factors, channels last.

    Attributes
    ----------
    mode : {"repeat", "dilate"}
        What goes behind each entry: its copies, or zeros.
    """

    wants: Wanted = field(default="channels_last", init=False)
    factors: tuple[int, ...]
    mode: str


@dataclass(frozen=True, eq=False, kw_only=True)
class _Pools(Operation):
    """Pools of neighbours along one axis.

    Attributes
    ----------
    pool_size : int
        A divisor of the axis' size.
    """

    axis: int
    pool_size: int

    def arranged(self, layout: Layout) -> Operation:
        """Return the operation along the physical axis."""
        return replace(self, axis=layout.physical(self.axis))

    @property
    def needs_batch_size(self) -> bool:
        """Whether examples are pooled."""
        return self.axis == 0


@dataclass(frozen=True, eq=False, kw_only=True)
class PoolFeatures(_Pools):
    """Reduce each pool to one entry."""

    function: str


@dataclass(frozen=True, eq=False, kw_only=True)
class WinnerTakesAll(_Pools):
    """Set all but the (first) largest entry of each pool to zero."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PyramidPool(Operation):
    """Pool images into bins: (batch, rows, columns, channels) to (batch, bins, channels).

    Attributes
    ----------
    grids : tuple of int
        How many bins each grid has along either axis.
    covering : bool
        Whether bins are as small as they can be to cover the image; otherwise they are equally
        large and equally far apart.
    mode : {"max", "mean", "sum"}
        What becomes of a bin.
    """

    wants: Wanted = field(default="channels_last", init=False)
    grids: tuple[int, ...]
    covering: bool
    mode: str

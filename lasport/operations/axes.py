"""Axes that come, go and change places, and parts of one axis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lasport.layout import Layout
from lasport.operations.base import Operation, Wanted

__all__ = ["Dimshuffle", "Slice"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Dimshuffle(Operation):
    """Reorder axes, insert and drop those of size 1.

    Attributes
    ----------
    pattern : tuple of int or None
        Which axis of the input each axis of the output is; None for a new one.
    """

    wants: Wanted = field(default="lasagne", init=False)
    pattern: tuple[int | None, ...]

    @property
    def needs_batch_size(self) -> bool:
        """Whether another axis takes the place of the batch."""
        return self.pattern[:1] != (0,)


@dataclass(frozen=True, eq=False, kw_only=True)
class Slice(Operation):
    """Take one place of an axis, which is dropped, or a range of places.

    Attributes
    ----------
    indices : int or (start, stop, step)
        As Python has them.
    """

    indices: int | tuple[int | None, int | None, int | None]
    axis: int

    def __post_init__(self) -> None:
        # Which axes are left depends on their order, unless all are.
        dropping = isinstance(self.indices, int)
        object.__setattr__(self, "wants", "lasagne" if dropping else "any")

    def arranged(self, layout: Layout) -> Operation:
        """Return the slicing of the physical axis."""
        return replace(self, axis=layout.physical(self.axis))

    @property
    def needs_batch_size(self) -> bool:
        """Whether examples are taken out."""
        return self.axis == 0

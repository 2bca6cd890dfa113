"""Where data enters, and where it only moves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

from lasport.layout import Layout
from lasport.operations.base import Operation, Wanted
from lasport.spec import Shape

__all__ = ["Crop", "Flatten", "Input", "Pad", "Permute", "Reshape", "TransposeAxes"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Input(Operation):
    """Where data enters.

    Attributes
    ----------
    shape : Shape
        With ``None`` for sizes left open.
    dtype : str or None
        An integer type where the net declared one; ``None`` for the net's float type.
    """

    shape: Shape
    dtype: str | None = None

    def arranged(self, layout: Layout) -> Operation:
        """Return the input with its shape in physical order."""
        return replace(self, shape=layout.shape(self.shape))


@dataclass(frozen=True, eq=False, kw_only=True)
class TransposeAxes(Operation):
    """Reorder axes; only the layout pass makes these.

    ``axes``: physical axis ``i`` of the output is physical axis ``axes[i]`` of
    the input.
    """

    axes: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Permute(Operation):
    """Reorder Lasagne's axes: axis ``i`` of the output is axis ``axes[i]`` of the input.

    The target's array stays as it is: the layout of the output says which axis is which.
    """

    axes: tuple[int, ...]

    def relabelled(self, layout: Layout) -> Layout:
        """Return the output's layout for an input held in ``layout``."""
        return replace(layout, axes=tuple(self.axes.index(axis) for axis in layout.axes))

    def labelled_before(self, layout: Layout) -> Layout:
        """Return the input's layout for an output held in ``layout``."""
        return replace(layout, axes=tuple(self.axes[axis] for axis in layout.axes))


@dataclass(frozen=True, eq=False, kw_only=True)
class Flatten(Operation):
    """Collapse trailing axes into one, leaving ``ndim`` axes.

    ``shape`` is the input's shape in Lasagne's order.
    """

    wants: Wanted = field(default="lasagne", init=False)
    ndim: int
    shape: Shape

    @property
    def needs_batch_size(self) -> bool:
        """Whether the batch axis is flattened too."""
        return self.ndim == 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Reshape(Operation):
    """Reshape in Lasagne's order of axes.

    Attributes
    ----------
    target : tuple of int or (int,)
        Sizes; -1 for the one that follows from the rest; ``(i,)`` for the size
        of the input's axis ``i``.
    keeps_batch : bool
        Whether the first axis stays what it is.
    """

    wants: Wanted = field(default="lasagne", init=False)
    target: tuple[int | tuple[int], ...]
    keeps_batch: bool

    @property
    def needs_batch_size(self) -> bool:
        """Whether sizes depend on the batch."""
        return not self.keeps_batch


@dataclass(frozen=True, eq=False, kw_only=True)
class Pad(Operation):
    """Surround with a constant; ``widths`` gives (before, behind) for every axis."""

    widths: tuple[tuple[int, int], ...]
    value: float

    def arranged(self, layout: Layout) -> Operation:
        """Return the padding with its widths in physical order."""
        widths = cast("tuple[tuple[int, int], ...]", layout.arrange(self.widths))
        return replace(self, widths=widths)

    @property
    def needs_batch_size(self) -> bool:
        """Whether examples are added."""
        return self.widths[0] != (0, 0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Crop(Operation):
    """Cut known amounts off spatial axes; ``cuts`` gives (before, behind) for each of them."""

    wants: Wanted = field(default="channels_last", init=False)
    cuts: tuple[tuple[int, int], ...]

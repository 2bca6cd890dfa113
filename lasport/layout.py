"""Layouts: in which order a target holds the axes that Lasagne numbers.

Specs, references and plans count axes as Lasagne does: batch, channels, then
space. A target may hold them otherwise; the layout of each value says how, and
converts arrays between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from lasport.spec import Array, Shape
from lasport.weights import Rows

__all__ = ["Layout", "channels_last", "lasagne_order"]


@dataclass(frozen=True)
class Layout:
    """Order of axes, and of the entries of a flattened last axis.

    Attributes
    ----------
    axes : tuple of int
        Physical axis ``i`` holds Lasagne's axis ``axes[i]``.
    rows : Rows or None
        Set where the last axis is a block that was flattened channels last.
    """

    axes: tuple[int, ...]
    rows: Rows | None = None

    def physical(self, axis: int) -> int:
        """Return the physical position of one of Lasagne's axes (may be negative)."""
        return self.axes.index(axis % len(self.axes))

    def arrange(self, entries: Sequence[object]) -> tuple[object, ...]:
        """Return one entry per axis, given in Lasagne's order, in physical order."""
        return tuple(entries[axis] for axis in self.axes)

    def shape(self, shape: Shape) -> Shape:
        """Return the physical shape of a value whose shape Lasagne gives."""
        return tuple(shape[axis] for axis in self.axes)

    def from_lasagne(self, array: Array) -> Array:
        """Return an array of Lasagne's as the target holds it."""
        array = array.transpose(self.axes)
        return array if self._in_order(array) else self._last_axis().apply(array)

    def to_lasagne(self, array: Array) -> Array:
        """Return a target's array as Lasagne holds it."""
        if not self._in_order(array):
            array = self._last_axis().undo(array)
        return array.transpose(np.argsort(self.axes))

    def _in_order(self, array: Array) -> bool:
        # A last axis of size 1 is one that is shared: a dropout mask's, say.
        return self.rows is None or array.shape[-1] == 1

    def _last_axis(self) -> Rows:
        return replace(cast(Rows, self.rows), axis=-1)


def lasagne_order(rank: int) -> Layout:
    """Return the layout that is Lasagne's own."""
    return Layout(tuple(range(rank)))


def channels_last(rank: int) -> Layout:
    """Return batch, space, channels: TensorFlow's layout of images."""
    return Layout((0, *range(2, rank), 1))

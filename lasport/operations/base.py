"""What all operations have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from lasport.layout import Layout
from lasport.spec import Shape
from lasport.weights import Rows, Stack, Transpose, Weight

if TYPE_CHECKING:
    from lasport.plan import Plan

__all__ = ["Operation", "Wanted", "physical_axes", "present", "product", "spread"]

W = TypeVar("W", bound=Weight | Stack)

Wanted = Literal["any", "lasagne", "channels_last"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Operation:
    """Base of all operations.

    Attributes
    ----------
    wants : {"any", "lasagne", "channels_last"}
        The order of axes that the operation can work in.
    """

    wants: Wanted = field(default="any", init=False)

    def weights(self) -> Mapping[str, Weight | Stack]:
        """Return the weights by name, those that are absent left out."""
        return {}

    def nets(self) -> Mapping[str, Plan]:
        """Return the plans of nets inside the operation, by name."""
        return {}

    def with_nets(self, change: Callable[[Plan], Plan]) -> Operation:
        """Return the operation with each of these plans changed."""
        return self

    def arranged(self, layout: Layout) -> Operation:
        """Return the operation for inputs and output held in ``layout``."""
        return self

    def separated(self, rank: int) -> list[Operation]:
        """Return operations that do the same in a row, each trained as a whole or not at all.

        ``rank`` is the number of axes of the output.
        """
        return [self]

    @property
    def frozen(self) -> bool:
        """Whether it has weights and none of them is trained."""
        weights = self.weights().values()
        return bool(weights) and not any(weight.trainable for weight in weights)

    @property
    def needs_batch_size(self) -> bool:
        """Whether the operation is tied to the batch size it was built with."""
        return False


def present(**weights: W | None) -> dict[str, W]:
    """Return the weights that are there."""
    return {name: weight for name, weight in weights.items() if weight is not None}


def physical_axes(layout: Layout, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the physical positions of some of Lasagne's axes, in ascending order."""
    return tuple(sorted(layout.physical(axis) for axis in axes))


def spread(weight: Weight, shared_axes: tuple[int, ...], layout: Layout) -> Weight:
    """Arrange a weight that has one axis for every axis not in ``shared_axes``."""
    rank = len(layout.axes)
    shared = {axis % rank for axis in shared_axes}
    kept = [axis for axis in range(rank) if axis not in shared]
    order = tuple(kept.index(axis) for axis in layout.axes if axis not in shared)
    if order != tuple(range(len(order))):
        weight = weight.then(Transpose(order))
    if layout.rows is not None and rank - 1 not in shared:
        weight = weight.then(Rows(layout.rows.source, layout.rows.axes, axis=len(kept) - 1))
    return weight


def product(shape: Shape) -> int | None:
    """Return the number of entries, or ``None`` if a size is open."""
    if any(size is None for size in shape):
        return None
    return int(np.prod([size for size in shape if size is not None], dtype=np.int64))

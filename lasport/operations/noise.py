"""Operations that draw random numbers in training mode, and keep the shape of their input."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lasport.layout import Layout
from lasport.operations.base import Operation, physical_axes

__all__ = ["AddNoise", "Dropout", "Noise", "RandomRectify"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Dropout(Operation):
    """Multiply by a random mask in training mode.

    Attributes
    ----------
    rate : float
        Probability of a zero.
    rescale : bool
        Divide what is kept by ``1 - rate``.
    shared_axes : tuple of int
        Axes along which the mask has size 1.
    of_ones : bool
        Whether ones take the place of the input: what comes out is the mask itself.
    """

    rate: float
    rescale: bool
    shared_axes: tuple[int, ...]
    of_ones: bool = False

    def arranged(self, layout: Layout) -> Operation:
        """Return the dropout with physical shared axes."""
        return replace(self, shared_axes=physical_axes(layout, self.shared_axes))


@dataclass(frozen=True, eq=False, kw_only=True)
class AddNoise(Operation):
    """Add normally distributed noise in training mode.

    Attributes
    ----------
    sigma : float
        Its standard deviation.
    """

    sigma: float


@dataclass(frozen=True, eq=False, kw_only=True)
class RandomRectify(Operation):
    """Multiply what is negative by a slope: a random one in training mode, else the mean.

    Attributes
    ----------
    lower, upper : float
        Between which slopes are drawn.
    shared_axes : tuple of int
        Axes along which the slopes have size 1.
    """

    lower: float
    upper: float
    shared_axes: tuple[int, ...]

    def arranged(self, layout: Layout) -> Operation:
        """Return the rectifier with physical shared axes."""
        return replace(self, shared_axes=physical_axes(layout, self.shared_axes))


Noise = AddNoise | Dropout | RandomRectify

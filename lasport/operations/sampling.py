"""Images sampled at places that are computed, too."""

from __future__ import annotations

from dataclasses import dataclass, field

from lasport.operations.base import Operation, Wanted

__all__ = ["AffineSample", "SplineSample"]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Sample(Operation):
    """Sample the first input, images with their channels last, where the second says.

    Attributes
    ----------
    downsampling : (float, float)
        What rows and columns are divided by.
    border : {"nearest", "mirror", "wrap"}
        What lies beyond the images.
    """

    wants: Wanted = field(default="channels_last", init=False)
    downsampling: tuple[float, float]
    border: str


@dataclass(frozen=True, eq=False, kw_only=True)
class AffineSample(_Sample):
    """Six numbers per image: the matrix and the offset of an affine map."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SplineSample(_Sample):
    """Offsets of control points per image, all x first, with a thin plate between them.

    Attributes
    ----------
    points : int
        How many, in a square.
    bends : bool
        Whether the plate bends; otherwise it is only moved, turned and sheared.
    inverse : tuple of tuple of float
        (points, points + 3), which makes the plate's coefficients of where the points go.
    """

    points: int
    bends: bool
    inverse: tuple[tuple[float, ...], ...]

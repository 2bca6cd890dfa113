"""Operations on several inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from lasport.layout import Layout
from lasport.operations.base import Operation

__all__ = ["Autocrop", "Combine", "Concat", "PassOn"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Concat(Operation):
    """Join several inputs along one axis."""

    axis: int

    def arranged(self, layout: Layout) -> Operation:
        """Return the concatenation along the physical axis."""
        return replace(self, axis=layout.physical(self.axis))


@dataclass(frozen=True, eq=False, kw_only=True)
class Autocrop(Operation):
    """Crop input number ``index`` to the smallest size that any input has.

    ``modes`` says which part is kept, per axis: None (all), "lower", "center"
    or "upper".
    """

    modes: tuple[str | None, ...]
    index: int

    def arranged(self, layout: Layout) -> Operation:
        """Return the cropping with one entry per physical axis."""
        modes = cast("tuple[str | None, ...]", layout.arrange(self.modes))
        return replace(self, modes=modes)


@dataclass(frozen=True, eq=False, kw_only=True)
class Combine(Operation):
    """Fold several inputs of one shape: ``f(f(x0, x1), x2) ...``.

    ``function`` is "add", "subtract", "multiply", "divide", "maximum" or "minimum".
    """

    function: str


@dataclass(frozen=True, eq=False, kw_only=True)
class PassOn(Operation):
    """Return the second input; the first is computed although nothing else needs it."""

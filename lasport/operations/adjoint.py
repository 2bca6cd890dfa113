"""Going back through a step: the gradient of its input for a gradient of its output."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lasport.layout import Layout
from lasport.operations.base import Operation

__all__ = ["Adjoint"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Adjoint(Operation):
    """Pull a gradient back through another step of the plan.

    Takes that step's input and a gradient of its output. The weights are the
    other step's: this one has none.

    Attributes
    ----------
    operation : Operation
        The other step's.
    of : str
        Its name.
    """

    operation: Operation
    of: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "wants", self.operation.wants)

    def arranged(self, layout: Layout) -> Operation:
        """Return the same for the other operation, which gets its input in the same layout."""
        return replace(self, operation=self.operation.arranged(layout))

    @property
    def needs_batch_size(self) -> bool:
        """Whether the other operation is tied to the batch size."""
        return self.operation.needs_batch_size

"""Loops over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lasport.operations.base import Operation, Wanted, present
from lasport.operations.elementwise import Activation
from lasport.weights import Stack, Weight

if TYPE_CHECKING:
    from lasport.plan import Plan

__all__ = ["GRU", "LSTM", "DenseLoop", "GatedRecurrence", "Loop", "NetLoop", "Recurrence"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Loop:
    """How states are carried from step to step of a sequence (batch, steps, ...).

    Attributes
    ----------
    given : tuple of str
        What the inputs behind the sequence are: "mask" (batch, steps), whose
        zeros leave the states as they are, and initial states by name.
    initial : mapping of str to Weight
        The other initial states, (1, ...).
    backwards : bool
        From the last step to the first; the output is in the input's order.
    only_final : bool
        The output is the state after the last step taken, without an axis of steps.
    clipping : float
        Bound of gradients inside a step; 0 for none.
    gradient_steps : int or None
        How many of the steps taken last the gradient flows through.
    unroll : bool
        Whether the steps are to be written out.
    """

    given: tuple[str, ...]
    initial: Mapping[str, Weight]
    backwards: bool
    only_final: bool
    clipping: float
    gradient_steps: int | None
    unroll: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Recurrence(Operation):
    """States carried through a loop; the first of them is the output."""

    wants: Wanted = field(default="lasagne", init=False)
    loop: Loop

    def weights(self) -> Mapping[str, Weight | Stack]:
        """Return the initial states."""
        return {f"initial_{name}": weight for name, weight in self.loop.initial.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class GatedRecurrence(Recurrence):
    """A recurrence of matrix products, whose kernels have a block of columns for each gate.

    Attributes
    ----------
    kernel, recurrent_kernel, bias : Weight or Stack
        (features, blocks * units), (units, blocks * units), (blocks * units,).
    functions : mapping of str to Activation
        By gate.
    """

    units: int
    kernel: Weight | Stack
    recurrent_kernel: Weight | Stack
    bias: Weight | Stack | None
    functions: Mapping[str, Activation]

    def weights(self) -> Mapping[str, Weight | Stack]:
        """Return kernels, bias and initial states."""
        kernels = {"kernel": self.kernel, "recurrent_kernel": self.recurrent_kernel}
        return {**kernels, **present(bias=self.bias), **super().weights()}


@dataclass(frozen=True, eq=False, kw_only=True)
class LSTM(GatedRecurrence):
    """Long short-term memory: gates input, forget, candidate, output; hidden of the cell.

    ``peepholes``: (3, units) for input, forget and output, or None.
    """

    peepholes: Stack | None

    def weights(self) -> Mapping[str, Weight | Stack]:
        """Return all weights."""
        return {**super().weights(), **present(peepholes=self.peepholes)}


@dataclass(frozen=True, eq=False, kw_only=True)
class GRU(GatedRecurrence):
    """Gated recurrent unit: gates reset, update, candidate; reset behind the matrix product.

    ``clips_features``: whether the gradient of the multiplied input is clipped,
    or that of the input itself.
    """

    clips_features: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class DenseLoop(GatedRecurrence):
    """``hidden(x W + b + h U)``."""


@dataclass(frozen=True, eq=False, kw_only=True)
class NetLoop(Recurrence):
    """``function(hidden_to_hidden(h) + input_to_hidden(x))``, with nets of any kind.

    Attributes
    ----------
    input_to_hidden, hidden_to_hidden : Plan
        With one input and one output each.
    in_advance : bool
        Whether all steps go through ``input_to_hidden`` as one batch, ordered by step, or one by
        one.
    """

    input_to_hidden: Plan
    hidden_to_hidden: Plan
    function: Activation
    in_advance: bool

    def nets(self) -> Mapping[str, Plan]:
        """Return both plans."""
        return {
            "input_to_hidden": self.input_to_hidden,
            "hidden_to_hidden": self.hidden_to_hidden,
        }

    def with_nets(self, change: Callable[[Plan], Plan]) -> NetLoop:
        """Return the loop with both plans changed."""
        return replace(
            self,
            input_to_hidden=change(self.input_to_hidden),
            hidden_to_hidden=change(self.hidden_to_hidden),
        )

    @property
    def frozen(self) -> bool:
        """Never: each layer of the nets is trained or not, and so is the initial state."""
        return False

    @property
    def needs_batch_size(self) -> bool:
        """Whether one of the nets is tied to the batch size it was built with."""
        return any(
            step.operation.needs_batch_size for net in self.nets().values() for step in net.steps
        )

"""Layers that users wrote themselves, in Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lasport.operations.base import Operation
from lasport.weights import Weight

__all__ = ["Own", "OwnCall"]


@dataclass(frozen=True, eq=False)
class OwnCall:
    """One Keras layer of a user's choice.

    Attributes
    ----------
    cls : type
        The layer's class.
    arguments : mapping
        What it is made with, besides name and dtype.
    weights : mapping of str to Weight
        By the attribute that holds the layer's variable; dots lead into layers inside it.
    """

    cls: type
    arguments: Mapping[str, object]
    weights: Mapping[str, Weight]


@dataclass(frozen=True, eq=False, kw_only=True)
class Own(Operation):
    """Some Keras layers of a user's choice, in a row.

    Attributes
    ----------
    calls : tuple of OwnCall
        The first takes the inputs, the others what the one before them gives.
    channels_last : bool
        Whether they take and give channels last, or else Lasagne's order of axes.
    """

    calls: tuple[OwnCall, ...]
    channels_last: bool
    # Which variables are trained is the layers' own business; it is compared when they are built.
    frozen: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wants", "channels_last" if self.channels_last else "lasagne")

    def weights(self) -> Mapping[str, Weight]:
        """Return all weights, numbered by layer."""
        return {
            f"{number}.{name}": weight
            for number, call in enumerate(self.calls)
            for name, weight in call.weights.items()
        }

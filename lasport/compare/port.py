"""What a comparison asks of a port, whatever framework the port is built in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

from lasport.spec import Array

__all__ = ["Activity", "Gradients", "Port", "Session"]


class Activity(Protocol):
    """What a port computed in one pass."""

    @property
    def layers(self) -> Mapping[str, Array]:
        """Outputs of layers by their Lasagne name."""
        ...

    @property
    def outputs(self) -> list[Array]:
        """The net's outputs."""
        ...


class Gradients(Protocol):
    """Gradients of the sum of a port's outputs, each entry times its cotangent."""

    @property
    def params(self) -> list[Array | None] | None:
        """By Lasagne's parameters, None for one that the port does not train; None if unknown."""
        ...

    @property
    def inputs(self) -> list[Array | None]:
        """By input; None for integers."""
        ...


class Session(Protocol):
    """A running copy of a port."""

    @property
    def arrangements(self) -> int:
        """In how many ways the port may hold what stochastic layers draw; 1 where it is known."""
        ...

    def run(
        self,
        inputs: Sequence[Array],
        *,
        training: bool,
        masks: Mapping[str, Sequence[Array]],
        arrangement: int = 0,
    ) -> Activity:
        """Run once; a training pass moves running averages."""
        ...

    def gradients(
        self,
        inputs: Sequence[Array],
        cotangents: Sequence[Array],
        *,
        training: bool,
        masks: Mapping[str, Sequence[Array]],
        arrangement: int = 0,
    ) -> Gradients:
        """Differentiate a run of such arguments."""
        ...

    def params(self) -> list[Array] | None:
        """Return the present weights as Lasagne's parameters; None if unknown."""
        ...

    def variances(self) -> dict[str, Array]:
        """Return running variances, where the port keeps those in place of inv_std."""
        ...


class Port(Protocol):
    """A model that claims to compute a network."""

    @property
    def shown_layers(self) -> tuple[str, ...]:
        """Names of the Lasagne layers whose outputs it shows."""
        ...

    @property
    def dtype(self) -> str:
        """The narrowest float type that the model itself computes in."""
        ...

    @property
    def weights_dtype(self) -> str:
        """The narrowest float type that it keeps weights in."""
        ...

    @property
    def trained(self) -> int:
        """How many numbers the model trains."""
        ...

    def of_profile(self, profile: Literal["stock", "exact"]) -> Port:
        """Return lasport's own port of the same network, in a profile."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of the packages that it runs on, by name."""
        ...

    def weights(self) -> Iterator[Array]:
        """Yield all of its weights, in its own order."""
        ...

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Return the outputs of the model itself, called as nobody training it would."""
        ...

    def start(self, dtype: str) -> Session:
        """Return a fresh copy that computes in a float type of the caller's choice."""
        ...

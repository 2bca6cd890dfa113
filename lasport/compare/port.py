"""What a comparison asks of a port, whatever framework the port is built in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

from lasport.spec import Array

__all__ = ["Gradients", "Port", "Session", "Walk"]


class Walk(Protocol):
    """One pass of a port, in the order of the net's layers, as far as somebody asks."""

    def give(self, layer: str, drawn: Sequence[Array]) -> None:
        """Let a stochastic layer take what the original drew, before its value is asked for.

        Every layer is told of in training mode, most of them that nothing was drawn.
        """
        ...

    def value(self, layer: str) -> Array | None:
        """Return the output of a layer in the pass; to be asked for once, None if unknown."""
        ...

    def strangers(self, layer: str) -> list[str]:
        """Return the layers that feed a shown one in the port, and do not in the net."""
        ...

    def alone(self, layer: str, incoming: Mapping[str, Array]) -> Array:
        """Return what a layer makes of given outputs of its incoming layers; moves nothing."""
        ...

    def outputs(self) -> list[Array]:
        """Return the net's outputs, last."""
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
    ) -> list[Array]:
        """Return the net's outputs; a training pass moves running averages."""
        ...

    def walk(self, inputs: Sequence[Array], *, training: bool) -> Walk:
        """Begin a pass of a port that shows its layers."""
        ...

    def restart(self) -> None:
        """Put the weights back that passes moved."""
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

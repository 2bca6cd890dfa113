"""With respect to what the outputs of a net are differentiated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lasport.compare.port import Gradients
from lasport.oracles.oracle import Oracle
from lasport.spec import Array, Network

__all__ = ["Found", "Place", "found_at", "places_of"]


@dataclass(frozen=True)
class Place:
    """An array that the net's outputs depend on.

    Attributes
    ----------
    name, layer : str
        Such as ``"conv1.W"`` and ``"conv1"``; an input is called like its layer.
    index : int
        In ``get_all_params`` order, or among the inputs.
    is_input : bool
        Which of the two.
    """

    name: str
    layer: str
    index: int
    is_input: bool = False

    @property
    def kind(self) -> str:
        """The part of a subject that says what it is."""
        return "input-grads" if self.is_input else "grads"


Found: TypeAlias = Mapping[Place, Array]


def places_of(network: Network, record: Oracle) -> list[Place]:
    """Return what Lasagne differentiates with respect to, in the order in which gradients arise.

    Trained parameters from the last layer's to the first's, then floating point inputs.
    """
    params = [
        Place(f"{layer.name}.{param.name}", layer.name, n)
        for n, (layer, param) in enumerate(network.owned_params())
        if param.trainable
    ]
    inputs = [
        Place(name, name, i, is_input=True)
        for i, (name, x) in enumerate(zip(network.inputs, record.inputs, strict=True))
        if x.dtype.kind == "f"
    ]
    return params[::-1] + inputs


def found_at(places: list[Place], gradients: Gradients, *, inputs_only: bool) -> Found:
    """Return a port's gradients, as far as it has them."""
    found: dict[Place, Array] = {}
    for place in places:
        arrays = gradients.inputs if place.is_input else gradients.params
        known = arrays is not None and (place.is_input or not inputs_only)
        gradient = arrays[place.index] if arrays is not None and known else None
        if gradient is not None:
            found[place] = gradient
    return found

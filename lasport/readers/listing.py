"""The orders in which Lasagne and nolearn listed parameters before they had today's.

A file of parameters in order is in that of the day on which it was saved. Found in the history of
both, and by running them.
"""

from __future__ import annotations

from typing import TypeAlias

from lasport.spec import Layer, Network, Param

__all__ = ["TOPOLOGICAL_SINCE", "Slot", "from_outputs", "listed_on"]

# Since this day Lasagne's development version lists layers after those that feed them.
TOPOLOGICAL_SINCE = "2015-03-25"
# Until the day before, nolearn saved Lasagne's list backwards.
NOLEARN_FORWARDS_SINCE = "2015-03-12"

Slot: TypeAlias = tuple[Layer, Param]


def listed_on(day: str, network: Network, *, nolearn: bool = False) -> list[Slot]:
    """List parameters as Lasagne, or nolearn, did on a day such as "2015-03-01"."""
    slots = list(network.owned_params()) if day >= TOPOLOGICAL_SINCE else from_outputs(network)
    return slots[::-1] if nolearn and day < NOLEARN_FORWARDS_SINCE else slots


def from_outputs(network: Network) -> list[Slot]:
    """List parameters as Lasagne did before 2015-03-25: from the outputs on, breadth first.

    Returns
    -------
    list of (Layer, Param)
        Each shared variable once, W and b of the last layer first.
    """
    layers = {layer.name: layer for layer in network.layers}
    names = list(network.outputs)
    for name in names:  # which grows meanwhile
        names += [source for source in layers[name].incoming if source not in names]
    variables = [
        id(variable)
        for name in names
        for param in layers[name].params.values()
        for variable in param.variables
    ]
    owned = {id(param.value): (layer, param) for layer, param in network.owned_params()}
    return [owned[variable] for variable in dict.fromkeys(variables)]

"""A plan: the network as a list of target-neutral steps with converted weights.

Translation fills a plan with axes counted as Lasagne counts them; the passes
give each value a layout; targets then map steps to calls, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from lasport.errors import UnsupportedLayersError
from lasport.layout import Layout, lasagne_order
from lasport.operations import Operation
from lasport.spec import Network, Shape

__all__ = ["Plan", "PlanBuilder", "Step", "Value", "unique_name"]


@dataclass(frozen=True)
class Value:
    """What a step computes.

    Attributes
    ----------
    id : int
        Unique within the plan.
    shape : Shape
        In Lasagne's order of axes.
    layout : Layout
        How the target holds it.
    """

    id: int
    shape: Shape
    layout: Layout


@dataclass(frozen=True, eq=False)
class Step:
    """One operation, from values to a value.

    Attributes
    ----------
    name : str
        Unique within the plan; the Lasagne layer's own name for its main step,
        the same with a suffix for the others.
    layer : str
        The Lasagne layer it came from.
    """

    name: str
    layer: str
    operation: Operation
    inputs: tuple[Value, ...]
    output: Value


@dataclass(frozen=True, eq=False)
class Plan:
    """Steps in the order they run.

    Attributes
    ----------
    network : Network
        What was translated.
    inputs, outputs : tuple of Value
        In the order of the network's.
    layers : mapping of str to Value
        What each Lasagne layer computes, for comparing layer by layer.
    """

    network: Network
    steps: tuple[Step, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    layers: Mapping[str, Value]

    def with_nets(self) -> Iterator[Plan]:
        """Yield the plan, then those of all nets inside its operations."""
        yield self
        for step in self.steps:
            for net in step.operation.nets().values():
                yield from net.with_nets()


class PlanBuilder:
    """What a family's ``translate`` writes its steps into.

    One builder serves one Lasagne layer after another; ``begin`` says which.

    Parameters
    ----------
    network : Network
        Its layers' names are kept for the layers' main steps.
    translate : callable
        Makes a plan of a net inside a layer.
    """

    def __init__(self, network: Network, translate: Callable[[Network], Plan]) -> None:
        self._translate = translate
        self.steps: list[Step] = []
        self._layer = ""
        self._names = {layer.name for layer in network.layers}
        self._values = 0

    def begin(self, layer: str) -> None:
        """Let the steps that follow belong to ``layer``."""
        self._layer = layer

    def plan(self, network: Network) -> Plan:
        """Return the plan of a net inside the layer, for an operation to hold.

        Raises
        ------
        ValueError
            Naming all layers in it that have no translation.
        """
        try:
            return self._translate(network)
        except UnsupportedLayersError as error:
            reasons = "; ".join(map(str, error.refusals))
            raise ValueError(f"a net inside has {reasons}") from error

    def add(
        self, operation: Operation, inputs: tuple[Value, ...], shape: Shape, suffix: str = ""
    ) -> Value:
        """Append a step and return what it computes.

        Parameters
        ----------
        operation : Operation
            With axes in Lasagne's order.
        inputs : tuple of Value
            What it is applied to.
        shape : Shape
            Shape of the result, in Lasagne's order.
        suffix : str
            Appended to the layer's name; empty for the layer's main step.
        """
        value = Value(self._values, shape, lasagne_order(len(shape)))
        self._values += 1
        name = self._layer
        if suffix:
            name = unique_name(f"{name}_{suffix}", self._names)
            self._names.add(name)
        self.steps.append(Step(name, self._layer, operation, inputs, value))
        return value


def unique_name(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken: the given one, or that with the first free number."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate

"""A plan: the network as a list of target-neutral steps with converted weights.

Translation fills a plan with axes counted as Lasagne counts them; the passes
give each value a layout; targets then map steps to calls, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

from lasport.errors import UnsupportedLayersError
from lasport.layout import Layout, lasagne_order
from lasport.operations import Operation
from lasport.spec import Network, Shape

__all__ = ["Plan", "PlanBuilder", "Step", "Value", "separate", "unique_name"]


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
        self._ids = count()

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
        step = self._step(self._layer, operation, inputs, shape, suffix)
        self.steps.append(step)
        return step.output

    def separate(self, step: Step) -> list[Step]:
        """Put several steps in the place of an earlier one: see :func:`separate`."""
        steps = separate(step, self._ids, self._names)
        place = self.steps.index(step)
        self.steps[place : place + 1] = steps
        return steps

    def split(self, step: Step, operation: Operation, final: Operation, suffix: str) -> Step:
        """Have an earlier step take its input and what ``operation`` makes of that.

        Parameters
        ----------
        step : Step
            With one input.
        operation : Operation
            For a new step in front of it, with an output of the input's shape.
        final : Operation
            In the place of the step's own.
        suffix : str
            Of the new step's name.

        Returns
        -------
        Step
            What has taken the place of ``step``.
        """
        place = self.steps.index(step)
        (x,) = step.inputs
        inserted = self._step(step.layer, operation, (x,), x.shape, suffix)
        after = replace(step, operation=final, inputs=(x, inserted.output))
        self.steps[place : place + 1] = [inserted, after]
        return after

    def _step(
        self,
        layer: str,
        operation: Operation,
        inputs: tuple[Value, ...],
        shape: Shape,
        suffix: str,
    ) -> Step:
        value = Value(next(self._ids), shape, lasagne_order(len(shape)))
        name = layer
        if suffix:
            name = unique_name(f"{name}_{suffix}", self._names)
            self._names.add(name)
        return Step(name, layer, operation, inputs, value)


def separate(step: Step, ids: Iterator[int], taken: set[str]) -> list[Step]:
    """Return steps that do the same in a row, each trained as a whole or not at all.

    Parameters
    ----------
    step : Step
        Its name goes to the first of them, its output to the last.
    ids : iterator of int
        For the values in between.
    taken : set of str
        Names; those of the new steps are added.
    """
    steps: list[Step] = []
    operations = step.operation.separated(len(step.output.shape))
    inputs, name = step.inputs, step.name
    for number, operation in enumerate(operations, 1):
        if number > 1:
            name = unique_name(f"{step.name}_{type(operation).__name__.lower()}", taken)
            taken.add(name)
        last = number == len(operations)
        output = step.output if last else replace(step.output, id=next(ids))
        steps.append(replace(step, name=name, operation=operation, inputs=inputs, output=output))
        inputs = (output,)
    return steps


def unique_name(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken: the given one, or that with the first free number."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate

"""Passes over a plan: plain functions, in one visible list.

``PASSES`` turns a plan with Lasagne's axes into one with a target's: images
held channels last, no transpose between two operations on space, and the rows
of a dense kernel reordered where an image was flattened channels last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Literal

from lasport.layout import Layout, channels_last, lasagne_order
from lasport.operations import (
    Activation,
    Adjoint,
    BatchNorm,
    Dense,
    Flatten,
    GlobalReduce,
    Input,
    Noise,
    Own,
    ParametricRectifier,
    Permute,
    PyramidPool,
    Recurrence,
    Rescale,
    Scale,
    Shift,
    Standardize,
    TransposeAxes,
)
from lasport.plan import Plan, Step, Value, separate, unique_name
from lasport.weights import Rows

__all__ = ["PASSES", "DataFormat", "lower"]

DataFormat = Literal["channels_first", "channels_last"]
Pass = Callable[[Plan, DataFormat], Plan]

# Operations on a flattened image that do not care about the order of its
# entries, or have weights that can be reordered along.
FOLLOWERS = (
    Activation | BatchNorm | Noise | ParametricRectifier | Rescale | Scale | Shift | Standardize
)


def separate_frozen(plan: Plan, data_format: DataFormat) -> Plan:
    """Give each step weights that are trained all or not at all.

    Lasagne freezes single parameters by taking away their tag; targets freeze
    whole layers, and freezing a whole batch norm would stop its averages.
    """
    steps: list[Step] = []
    ids = count(1 + max(step.output.id for step in plan.steps))
    taken = {step.name for step in plan.steps}
    for step in plan.steps:
        steps += separate(step, ids, taken)
    return replace(plan, steps=tuple(steps))


def assign_layouts(plan: Plan, data_format: DataFormat) -> Plan:
    """Choose every value's layout, and insert transposes where an operation needs another."""
    return _LayoutPass(plan, data_format).run()


def arrange_operations(plan: Plan, data_format: DataFormat) -> Plan:
    """Rewrite each operation and its weights for the layouts that were chosen."""

    def arrange(step: Step) -> Step:
        layout = step.inputs[0].layout if step.inputs else step.output.layout
        return replace(step, operation=step.operation.arranged(layout))

    return replace(plan, steps=tuple(map(arrange, plan.steps)))


def lower_nets(plan: Plan, data_format: DataFormat) -> Plan:
    """Apply all passes to the nets inside operations, which meet them in Lasagne's order."""

    def lowered(step: Step) -> Step:
        operation = step.operation.with_nets(lambda net: lower(net, "channels_first"))
        return replace(step, operation=operation)

    return replace(plan, steps=tuple(map(lowered, plan.steps)))


PASSES: tuple[Pass, ...] = (lower_nets, separate_frozen, assign_layouts, arrange_operations)


def lower(plan: Plan, data_format: DataFormat = "channels_first") -> Plan:
    """Apply all passes.

    Parameters
    ----------
    plan : Plan
        As :func:`lasport.translate.translate` made it.
    data_format : {"channels_first", "channels_last"}
        Order of axes at the inputs and outputs. "channels_first" is Lasagne's
        own; "channels_last" moves the channels of images (4 or 5 axes, or 3
        where an operation on space takes or makes them) to the end.

    Returns
    -------
    Plan
        With axes and weights as the target holds them.
    """
    for apply in PASSES:
        plan = apply(plan, data_format)
    return plan


class _LayoutPass:
    """One walk over the steps, in order; values are renewed with their layouts."""

    def __init__(self, plan: Plan, data_format: DataFormat) -> None:
        self.plan = plan
        self.data_format = data_format
        self.steps: list[Step] = []
        self.producers: dict[int, Step] = {}  # by the id of what they compute
        self.taken = {step.name for step in plan.steps}
        self.values: dict[int, Value] = {}
        self.transposed: dict[tuple[int, Layout], Value] = {}
        self.sequences: set[int] = set()  # values with an axis of steps, where images have channels
        self.next_id = 1 + max(step.output.id for step in plan.steps)
        self.consumers: dict[int, list[Step]] = defaultdict(list)
        for step in plan.steps:
            for value in step.inputs:
                self.consumers[value.id].append(step)

    def run(self) -> Plan:
        for step in self.plan.steps:
            self._place(step)
        outputs = tuple(self._output(value) for value in self.plan.outputs)
        return replace(
            self.plan,
            steps=tuple(self.steps),
            inputs=tuple(self.values[value.id] for value in self.plan.inputs),
            outputs=outputs,
            layers={name: self.values[value.id] for name, value in self.plan.layers.items()},
        )

    def _place(self, step: Step) -> None:
        inputs = tuple(self.values[value.id] for value in step.inputs)
        if isinstance(step.operation, Adjoint):
            self._place_adjoint(step, step.operation, inputs[1])
            return
        wanted = self._wanted(step, inputs)
        if wanted is not None:
            inputs = tuple(
                self._in_layout(value, _of_rank(wanted, value, step), step) for value in inputs
            )
        output = replace(step.output, layout=self._result(step, inputs))
        self.values[output.id] = output
        if self._is_sequence(step):
            self.sequences.add(output.id)
        self._append(replace(step, inputs=inputs, output=output))

    def _place_adjoint(self, step: Step, adjoint: Adjoint, cotangent: Value) -> None:
        """Let it take what the other step takes, and a gradient held as that one's output is."""
        other = next(step for step in self.steps if step.name == adjoint.of)
        (x,) = other.inputs
        output = replace(step.output, layout=x.layout)
        self.values[output.id] = output
        inputs = (x, self._in_layout(cotangent, other.output.layout, step))
        self._append(replace(step, inputs=inputs, output=output))

    def _append(self, step: Step) -> None:
        self.steps.append(step)
        self.producers[step.output.id] = step
        self.taken.add(step.name)

    def _is_sequence(self, step: Step) -> bool:
        if isinstance(step.operation, Recurrence):
            return not step.operation.loop.only_final
        follows = step.operation.wants == "any" and not isinstance(step.operation, Permute)
        return follows and any(value.id in self.sequences for value in step.inputs)

    def _wanted(self, step: Step, inputs: Sequence[Value]) -> Layout | None:
        """Return the layout that all inputs of a step must have; None to take them as they are."""
        if not inputs:
            return None
        rank = len(inputs[0].shape)
        if isinstance(step.operation, Flatten) and self._folds(step, inputs[0]):
            return None
        if step.operation.wants == "channels_last":
            return channels_last(rank)
        if step.operation.wants == "lasagne":
            return lasagne_order(rank)
        if isinstance(step.operation, Dense):
            # The matrix product takes the last axis; a matrix always has it there.
            return None if rank == 2 else lasagne_order(rank)
        layouts = {value.layout for value in inputs}
        if len(layouts) == 1:
            return None
        return channels_last(rank) if channels_last(rank) in layouts else lasagne_order(rank)

    def _result(self, step: Step, inputs: Sequence[Value]) -> Layout:
        operation, rank = step.operation, len(step.output.shape)
        if isinstance(operation, Input):
            return self._input_layout(step)
        if isinstance(operation, Permute):
            return operation.relabelled(inputs[0].layout)
        if isinstance(operation, Flatten):
            source = inputs[0].layout.axes
            if source == tuple(range(len(source))):
                return lasagne_order(rank)
            block = tuple(size or 0 for size in operation.shape[1:])
            return Layout(lasagne_order(rank).axes, Rows(block, tuple(a - 1 for a in source[1:])))
        if isinstance(operation, PyramidPool) or (
            isinstance(operation, Own) and operation.channels_last
        ):
            return channels_last(rank)
        if isinstance(operation, (Dense, GlobalReduce)):
            axes = inputs[0].layout.axes if rank > 2 else lasagne_order(rank).axes
            return Layout(axes)
        return inputs[0].layout if rank == len(inputs[0].shape) else lasagne_order(rank)

    def _input_layout(self, step: Step) -> Layout:
        rank = len(step.output.shape)
        if self.data_format == "channels_first":
            return lasagne_order(rank)
        wanted = self._wanted_in_space(step.output)
        if wanted is None:
            return channels_last(rank) if rank in (4, 5) else lasagne_order(rank)
        return wanted

    def _wanted_in_space(self, value: Value) -> Layout | None:
        """Return how an operation on space wants a value, directly or past elementwise ones."""
        for step in self.consumers[value.id]:
            operation = step.operation
            if operation.wants == "channels_last":
                return channels_last(len(value.shape))
            if isinstance(operation, Recurrence):
                return lasagne_order(len(value.shape))  # steps and features, no channels
            wanted = self._wanted_in_space(step.output) if operation.wants == "any" else None
            if wanted is not None and len(wanted.axes) == len(value.shape):
                if isinstance(operation, Permute):
                    return operation.labelled_before(wanted)
                return wanted
        return None

    def _folds(self, step: Step, value: Value) -> bool:
        """Whether an image can be flattened as it lies, because kernels behind absorb the order."""
        operation = step.operation
        known = isinstance(operation, Flatten) and None not in operation.shape[1:]
        return (
            isinstance(operation, Flatten)
            and known
            and operation.ndim == 2
            and value.layout.axes[0] == 0
            and self._absorbed(step.output)
        )

    def _absorbed(self, value: Value) -> bool:
        if any(value.id == output.id for output in self.plan.outputs):
            return False
        return all(
            isinstance(step.operation, Dense)
            or (isinstance(step.operation, FOLLOWERS) and self._absorbed(step.output))
            for step in self.consumers[value.id]
        )

    def _in_layout(self, value: Value, layout: Layout, step: Step) -> Value:
        """Return the value in another layout, transposed once for all who need it so."""
        if value.layout == layout:
            return value
        key = (value.id, layout)
        if key not in self.transposed:
            axes = tuple(value.layout.axes.index(axis) for axis in layout.axes)
            transposed = Value(self.next_id, value.shape, layout)
            self.next_id += 1
            ending = "channels_last" if layout != lasagne_order(len(axes)) else "channels_first"
            name = unique_name(f"{self.producers[value.id].name}_{ending}", self.taken)
            operation = TransposeAxes(axes=axes)
            self._append(Step(name, step.layer, operation, (value,), transposed))
            self.transposed[key] = transposed
        return self.transposed[key]

    def _output(self, value: Value) -> Value:
        value = self.values[value.id]
        rank = len(value.shape)
        if self.data_format == "channels_first":
            layout = lasagne_order(rank)
        elif rank in (4, 5) and value.layout.axes[0] == 0 and value.id not in self.sequences:
            layout = channels_last(rank)
        else:
            layout = value.layout
        return self._in_layout(value, layout, self.producers[value.id])


def _of_rank(layout: Layout, value: Value, step: Step) -> Layout:
    """Return a layout for one of several inputs: a mask has fewer axes than its sequence."""
    rank = len(value.shape)
    if isinstance(step.operation, Own) and step.operation.channels_last:
        return channels_last(rank)
    return layout if rank == len(layout.axes) else lasagne_order(rank)

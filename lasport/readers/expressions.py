"""Parameters that are Theano expressions: from the graph in a file to a formula.

A layer that was built with ``W=encoder.W.T`` is saved with the graph of that
expression: variables that know the application they come from, which knows its
operation and its inputs. The operations below are understood, others refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lasport.formula import Formula, compute, constant, variable
from lasport.inert import Global, Instance
from lasport.spec import Array

__all__ = ["is_expression", "read_expression"]

# Expressions that people write have a few operations; a file's could have any number.
MOST_OPERATIONS = 64

ELEMENTWISE = {
    "Abs": "absolute",
    "Add": "add",
    "Exp": "exp",
    "Mul": "multiply",
    "Neg": "negative",
    "Sqr": "square",
    "Sub": "subtract",
    "Tanh": "tanh",
    "TrueDiv": "divide",
}


def is_expression(value: object) -> bool:
    """Tell whether a Theano variable is computed from others."""
    return isinstance(value, Instance) and isinstance(value.get("owner", None), Instance)


def read_expression(
    expression: Instance, value_of: Callable[[Instance], Array]
) -> tuple[Formula, tuple[Array, ...], Array]:
    """Return an expression as a formula, with the values of its variables and its own.

    Parameters
    ----------
    expression : Instance
        A variable of Theano's.
    value_of : callable
        Returns the array that a shared variable holds; ValueError if it holds none.

    Returns
    -------
    Formula
    tuple of ndarray
        Values of the shared variables, in the order that Theano finds them.
    ndarray
        The value of the expression.

    Raises
    ------
    ValueError
        If there is an operation that is not understood, naming it.
    """
    reader = _Reader(value_of)
    formula, value = reader.read(expression)
    if not reader.variables:
        raise ValueError("it holds no shared variable")
    result = np.array(value)
    result.setflags(write=False)
    return formula, tuple(reader.variables), result


Read = tuple[Formula, Any]  # with the value: an array, or the number that a constant is


@dataclass
class _Reader:
    value_of: Callable[[Instance], Array]
    variables: list[Array] = field(default_factory=list)
    operations: int = 0

    def read(self, node: object) -> Read:
        """Return a variable of the graph as a formula, with its value."""
        self.operations += 1
        if self.operations > MOST_OPERATIONS:
            raise ValueError(f"it has more than {MOST_OPERATIONS} operations")
        if isinstance(node, (int, float)):  # a build script's, which Theano would wrap
            return constant(float(node)), float(node)
        if not isinstance(node, Instance):
            raise ValueError(f"it holds a {type(node).__name__} in place of a variable")
        if is_expression(node):
            return self._apply(node)
        if "data" in _state(node):
            number = _number(node)
            return constant(number), number
        value = self.value_of(node)
        known = [number for number, other in enumerate(self.variables) if other is value]
        if not known:
            known = [len(self.variables)]
            self.variables.append(value)
        return variable(known[0]), value

    def _apply(self, node: Instance) -> Read:
        owner = node.get("owner")
        op = owner.get("op", None) if isinstance(owner, Instance) else None
        inputs = owner.get("inputs", None) if isinstance(owner, Instance) else None
        if isinstance(op, Global):  # a function, in a build script
            raise ValueError(f"its operation {op.path} is not ported")
        if not isinstance(op, Instance) or not isinstance(inputs, (list, tuple)) or not inputs:
            raise ValueError("it holds an application without an operation or inputs")
        name = _class_name(op)
        if name == "Elemwise":
            return self._elementwise(op, inputs)
        reader = {
            "DimShuffle": self._dimshuffle,
            "Join": self._join,
            "Reshape": self._reshape,
            "Subtensor": self._subtensor,
        }.get(name)
        if reader is None:
            raise ValueError(f"its operation {name} is not ported")
        return reader(op, inputs)

    def _elementwise(self, op: Instance, inputs: Sequence[object]) -> Read:
        name = _class_name(op.get("scalar_op", None))
        if name not in ELEMENTWISE and name != "Pow":
            raise ValueError(f"its operation {name} is not ported")
        read = [self.read(node) for node in inputs]
        if name == "Pow":
            if read[-1][0] != constant(2):
                raise ValueError("its operation Pow is not ported but for squares")
            name, read = "Sqr", read[:1]
        found = _computed(ELEMENTWISE[name], (), read)
        # What grows by broadcasting could grow without bound.
        if not any(np.shape(found[1]) == np.shape(value) for _, value in read):
            raise ValueError(f"its operation {name} spreads arrays over each other")
        return found

    def _dimshuffle(self, op: Instance, inputs: Sequence[object]) -> Read:
        order = op.get("new_order", None)
        formula, value = self.read(inputs[0])
        if formula.operation == "constant":
            return formula, value  # a number meets arrays of any shape
        if not isinstance(order, (list, tuple)):
            raise ValueError("its DimShuffle has no order of axes")
        kept = tuple(int(axis) for axis in order if axis != "x")
        dropped = [axis for axis in range(value.ndim) if axis not in kept]
        axes = (*kept, *dropped)
        if sorted(axes) != list(range(value.ndim)) or any(value.shape[a] != 1 for a in dropped):
            raise ValueError(f"its DimShuffle{tuple(order)} does not fit {value.shape}")
        if axes != tuple(range(value.ndim)):
            formula, value = _computed("transpose", axes, [(formula, value)])
        sizes = iter(value.shape)
        shape = tuple(1 if axis == "x" else next(sizes) for axis in order)
        return (formula, value) if shape == value.shape else _reshaped(formula, value, shape)

    def _reshape(self, op: Instance, inputs: Sequence[object]) -> Read:
        formula, value = self.read(inputs[0])
        shape = _state(inputs[1]).get("data") if len(inputs) == 2 else None
        if not isinstance(shape, np.ndarray) or shape.dtype.kind not in "iu":
            raise ValueError("its Reshape is to a shape that is not constant")
        return _reshaped(formula, value, np.reshape(value, shape.ravel().tolist()).shape)

    def _join(self, op: Instance, inputs: Sequence[object]) -> Read:
        axis = int(_number(inputs[0]))
        return _computed("concatenate", (axis,), [self.read(node) for node in inputs[1:]])

    def _subtensor(self, op: Instance, inputs: Sequence[object]) -> Read:
        indices = op.get("idx_list", None)
        numbers = iter([int(_number(node)) for node in inputs[1:]])
        if not isinstance(indices, (list, tuple)) or not all(
            isinstance(index, slice) for index in indices
        ):
            raise ValueError("its Subtensor takes single entries, which is not ported")
        slices = tuple(_slice(index, numbers) for index in indices)
        return _computed("slice", slices, [self.read(inputs[0])])


def _slice(index: slice, numbers: Iterator[int]) -> tuple[int | None, ...]:
    """Return start, stop and step, in which objects stand for the inputs, in order."""
    parts = (index.start, index.stop, index.step)
    return tuple(part if _is_plain(part) else next(numbers, 0) for part in parts)


def _is_plain(part: object) -> bool:
    return part is None or isinstance(part, int)


def _computed(operation: str, settings: tuple[Any, ...], operands: Sequence[Read]) -> Read:
    """Return an operation on what was read, and its value."""
    formulas, values = zip(*operands, strict=True)
    local = Formula(operation, settings, tuple(map(variable, range(len(values)))))
    with np.errstate(all="ignore"):
        value = compute(local, values)
    return Formula(operation, settings, formulas), value


def _reshaped(formula: Formula, value: Array, shape: tuple[int, ...]) -> Read:
    return _computed("reshape", shape, [(formula, value)])


def _number(node: object) -> float:
    """Return the number that a constant is."""
    data = _state(node).get("data")
    if isinstance(data, (np.ndarray, np.generic)) and data.size == 1 and data.dtype.kind in "fiu":
        return float(data.item())
    if isinstance(data, (int, float)):
        return float(data)
    shape = f" of shape {data.shape}" if isinstance(data, np.ndarray) else ""
    raise ValueError(f"it holds a constant{shape} that is not a number")


def _state(node: object) -> dict[str, Any]:
    state = node.state if isinstance(node, Instance) else None
    return state if isinstance(state, dict) else {}


def _class_name(value: object) -> str:
    path = value.path if isinstance(value, Instance) else None
    return (path or "of an unknown class").rpartition(".")[2]

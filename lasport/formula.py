"""Formulas: how a weight is computed from shared variables.

Lasagne takes any Theano expression for a parameter, such as another layer's
``W.T``. A formula is that expression as data; the same one is computed by
numpy here and by ``keras.ops`` in a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Formula", "FormulaError", "Plain", "compute", "constant", "take_slices", "variable"]

# What a formula is in a file: numbers, and lists of such.
Plain: TypeAlias = "int | float | str | Sequence[Plain] | None"
Namespace: TypeAlias = Any  # numpy or keras.ops: the functions below are called alike in both
Operand: TypeAlias = Any  # an array of numpy's or a tensor


class FormulaError(ValueError):
    """A formula that this module cannot compute."""


@dataclass(frozen=True)
class Formula:
    """An operation on other formulas.

    Attributes
    ----------
    operation : str
        One of ``OPERATIONS``, "variable" or "constant".
    settings : tuple
        The operation's own numbers: new axes, a shape, slices, the number of a variable.
    operands : tuple of Formula
        What it is applied to.

    Examples
    --------
    >>> transposed = Formula("transpose", (1, 0), (variable(0),))
    >>> compute(transposed, [np.array([[1, 2, 3]])]).shape
    (3, 1)
    >>> transposed.spell(["encoder.W"])
    'encoder.W.T'
    """

    operation: str
    settings: tuple[Plain, ...] = ()
    operands: tuple[Formula, ...] = ()

    def to_plain(self) -> list[Plain]:
        """Return the formula as nested lists."""
        settings: list[Plain] = [_as_list(setting) for setting in self.settings]
        return [self.operation, settings, *(operand.to_plain() for operand in self.operands)]

    @staticmethod
    def from_plain(plain: Any) -> Formula:  # whatever a configuration holds
        """Return the formula that nested lists describe.

        Raises
        ------
        FormulaError
            If they describe none.
        """
        try:
            operation, settings, *operands = plain
            settings = tuple(_as_tuple(setting) for setting in settings)
        except (TypeError, ValueError):
            raise FormulaError(f"{plain!r} is no formula") from None
        if operation not in (*OPERATIONS, "variable", "constant"):
            raise FormulaError(f"{operation!r} is none of {', '.join(OPERATIONS)}")
        return Formula(operation, settings, tuple(map(Formula.from_plain, operands)))

    def fed(self, operands: Sequence[Formula]) -> Formula:
        """Return the formula with other formulas in place of its variables, by number."""
        if self.operation == "variable":
            return operands[int(self.settings[0])]  # type: ignore[arg-type]
        return replace(self, operands=tuple(operand.fed(operands) for operand in self.operands))

    def spell(self, names: Sequence[str]) -> str:
        """Return the formula as one would write it in Python, with names for its variables."""
        if self.operation == "variable":
            return names[int(self.settings[0])]  # type: ignore[arg-type]
        if self.operation == "constant":
            return f"{self.settings[0]:g}"
        spelt = [operand.spell(names) for operand in self.operands]
        grouped = [
            f"({text})" if operand.operation in SIGNS else text
            for operand, text in zip(self.operands, spelt, strict=True)
        ]
        if self.operation in SIGNS:
            return f" {SIGNS[self.operation]} ".join(grouped)
        first = grouped[0]
        if self.operation == "transpose":
            reverse = self.settings == tuple(range(len(self.settings)))[::-1]
            return f"{first}.T" if reverse else f"{first}.transpose{self.settings}"
        if self.operation == "slice":
            return f"{first}[{', '.join(_spell_slice(s) for s in self.settings)}]"
        if self.operation == "reshape":
            return f"{first}.reshape{self.settings}"
        settings = [f"axis={self.settings[0]}"] if self.settings else []
        return f"{self.operation}({', '.join([*spelt, *settings])})"


def variable(number: int) -> Formula:
    """Return the formula that is one of the variables."""
    return Formula("variable", (number,))


def constant(value: float) -> Formula:
    """Return the formula that is a number."""
    return Formula("constant", (value,))


def compute(formula: Formula, variables: Sequence[Operand], namespace: Namespace = np) -> Operand:
    """Compute a formula.

    Parameters
    ----------
    formula : Formula
        What to compute.
    variables : sequence of arrays or tensors
        By number.
    namespace : module
        ``numpy``, or ``keras.ops`` for tensors.
    """
    if formula.operation == "variable":
        return variables[int(formula.settings[0])]  # type: ignore[arg-type]
    if formula.operation == "constant":
        return formula.settings[0]
    operands = [compute(operand, variables, namespace) for operand in formula.operands]
    return OPERATIONS[formula.operation](namespace, formula.settings, operands)


def take_slices(x: Operand, places: Sequence[slice], namespace: Namespace) -> Operand:
    """Index the leading axes, some of them backwards: torch takes no negative steps."""
    backwards = tuple(
        axis for axis, place in enumerate(places) if place.step is not None and place.step < 0
    )
    flipped = namespace.flip(x, backwards) if backwards else x
    return flipped[
        tuple(_mirrored(place) if axis in backwards else place for axis, place in enumerate(places))
    ]


def _mirrored(place: slice) -> slice:
    """Return what a slice with a negative step takes, for the axis the other way round."""
    start, stop = (None if end is None else -1 - end for end in (place.start, place.stop))
    return slice(start, stop, -place.step)


def _elementwise(name: str) -> Callable[[Namespace, Any, Any], Operand]:
    return lambda xp, settings, operands: reduce(getattr(xp, name), operands)


def _function(name: str) -> Callable[[Namespace, Any, Any], Operand]:
    return lambda xp, settings, operands: getattr(xp, name)(*operands)


SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
FUNCTIONS = ("absolute", "exp", "negative", "square", "tanh")
OPERATIONS: Mapping[str, Callable[[Namespace, Any, Any], Operand]] = {
    "transpose": lambda xp, settings, operands: xp.transpose(operands[0], settings),
    "reshape": lambda xp, settings, operands: xp.reshape(operands[0], settings),
    "slice": lambda xp, settings, operands: take_slices(
        operands[0], [slice(*setting) for setting in settings], xp
    ),
    "concatenate": lambda xp, settings, operands: xp.concatenate(operands, axis=settings[0]),
    **{name: _elementwise(name) for name in SIGNS},
    **{name: _function(name) for name in FUNCTIONS},
}


def _spell_slice(setting: Any) -> str:
    start, stop, step = ("" if part is None else str(part) for part in setting)
    return f"{start}:{stop}" + (f":{step}" if step else "")


def _as_list(setting: Any) -> Plain:
    return [_as_list(part) for part in setting] if isinstance(setting, tuple) else setting


def _as_tuple(setting: Any) -> Any:
    return tuple(map(_as_tuple, setting)) if isinstance(setting, (list, tuple)) else setting

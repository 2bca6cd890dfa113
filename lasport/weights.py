"""Weights of a plan: a Lasagne parameter and how its array is rearranged.

A conversion knows both directions, so that a trained Keras model can be read
back as Lasagne's parameter list. Rearrangements are exact; only
:class:`InvStdToVariance` computes, and it does so in float64. Each also knows
the formula that a target computes where several layers share the parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from lasport.formula import Formula
from lasport.spec import Array, Param

__all__ = [
    "Conversion",
    "Flip",
    "InvStdToVariance",
    "Reshape",
    "Rows",
    "Stack",
    "Transpose",
    "Weight",
    "inv_std_to_variance",
]


class Conversion(Protocol):
    """A change of an array that can be undone."""

    def apply(self, array: Array) -> Array:
        """Return the array as the target wants it."""
        ...

    def undo(self, array: Array) -> Array:
        """Return the array as Lasagne had it."""
        ...

    def formula(self, operand: Formula, shape: tuple[int, ...]) -> Formula:
        """Return the formula that applies it to an operand of ``shape``."""
        ...


@dataclass(frozen=True)
class Flip:
    """Reverse some axes: Theano's convolution flips its filters, TensorFlow's does not."""

    axes: tuple[int, ...]

    def apply(self, array: Array) -> Array:
        """Return ``array`` reversed along ``axes``."""
        return np.flip(array, self.axes)

    undo = apply

    def formula(self, operand: Formula, shape: tuple[int, ...]) -> Formula:
        """Return slices of step -1."""
        slices = [(None, None, -1 if axis in self.axes else None) for axis in range(len(shape))]
        return Formula("slice", tuple(slices), (operand,))


@dataclass(frozen=True)
class Transpose:
    """Reorder axes: axis ``i`` of the result is axis ``axes[i]`` of the array."""

    axes: tuple[int, ...]

    def apply(self, array: Array) -> Array:
        """Return the transposed array."""
        return array.transpose(self.axes)

    def undo(self, array: Array) -> Array:
        """Return the array with its axes back in place."""
        return array.transpose(np.argsort(self.axes))

    def formula(self, operand: Formula, shape: tuple[int, ...]) -> Formula:
        """Return a transposition."""
        return Formula("transpose", self.axes, (operand,))


@dataclass(frozen=True)
class Reshape:
    """Give the array another shape of the same size, in C order."""

    before: tuple[int, ...]
    after: tuple[int, ...]

    def apply(self, array: Array) -> Array:
        """Return the array as ``after``."""
        return array.reshape(self.after)

    def undo(self, array: Array) -> Array:
        """Return the array as ``before``."""
        return array.reshape(self.before)

    def formula(self, operand: Formula, shape: tuple[int, ...]) -> Formula:
        """Return a reshape."""
        return Formula("reshape", self.after, (operand,))


@dataclass(frozen=True)
class Rows:
    """Reorder the entries of one axis that is a flattened block of several.

    Lasagne flattens (channels, rows, columns); a channels-last net flattens
    (rows, columns, channels).

    Attributes
    ----------
    source : tuple of int
        Shape of the block in Lasagne's order.
    axes : tuple of int
        Order in which the target flattens the block's axes.
    axis : int
        Axis of the array that holds the flattened block.
    """

    source: tuple[int, ...]
    axes: tuple[int, ...]
    axis: int = 0

    def order(self) -> Array:
        """Return Lasagne's index of each of the target's entries, int64 of shape (size,)."""
        size = int(np.prod(self.source, dtype=np.int64))
        return np.arange(size).reshape(self.source).transpose(self.axes).ravel()

    def apply(self, array: Array) -> Array:
        """Return the array with its entries in the target's order."""
        return np.take(array, self.order(), axis=self.axis)

    def undo(self, array: Array) -> Array:
        """Return the array with its entries in Lasagne's order."""
        return np.take(array, np.argsort(self.order()), axis=self.axis)

    def formula(self, operand: Formula, shape: tuple[int, ...]) -> Formula:
        """Return the block taken apart, transposed, and flattened again."""
        axis = self.axis % len(shape)
        apart = (*shape[:axis], *self.source, *shape[axis + 1 :])
        behind = range(axis + len(self.axes), len(apart))
        order = (*range(axis), *(axis + each for each in self.axes), *behind)
        block = Formula("reshape", apart, (operand,))
        return Formula("reshape", shape, (Formula("transpose", order, (block,)),))


@dataclass(frozen=True)
class InvStdToVariance:
    """Turn Lasagne's ``inv_std`` = 1 / sqrt(var + epsilon) into a variance."""

    epsilon: float

    def apply(self, array: Array) -> Array:
        """Return ``inv_std**-2 - epsilon``, float64."""
        return inv_std_to_variance(array, self.epsilon)

    def undo(self, array: Array) -> Array:
        """Return ``1 / sqrt(variance + epsilon)``, float64."""
        return np.asarray(1.0 / np.sqrt(np.asarray(array, np.float64) + self.epsilon))

    def formula(self, operand: Formula, shape: tuple[int, ...]) -> Formula:
        """Refuse: a running average has one layer that moves it."""
        raise ValueError("a running average is shared")


def inv_std_to_variance(inv_std: Array, epsilon: float) -> Array:
    """Return the biased variance that Lasagne's stored ``inv_std`` stands for.

    Parameters
    ----------
    inv_std : ndarray
        1 / sqrt(variance + epsilon), any shape, any float dtype.
    epsilon : float
        The layer's epsilon, inside the root.

    Returns
    -------
    ndarray
        ``inv_std**-2 - epsilon`` in float64, same shape.
    """
    return np.asarray(np.asarray(inv_std, np.float64) ** -2.0 - epsilon)


# Kinds of dtypes; numpy knows bfloat16 as one of kind V only.
FLOATS = "fV"


@dataclass(frozen=True, eq=False)
class Weight:
    """A parameter on its way into a target's variable."""

    param: Param
    conversions: tuple[Conversion, ...] = ()

    def then(self, *conversions: Conversion) -> Weight:
        """Return the weight with more conversions behind its own."""
        return replace(self, conversions=self.conversions + conversions)

    @property
    def trainable(self) -> bool:
        """Whether Lasagne trains the parameter."""
        return self.param.trainable

    def split(self, array: Array) -> list[tuple[Weight, Array]]:
        """Return each parameter's weight with its part of a target's array: all of it."""
        return [(self, array)]

    @property
    def value(self) -> Array:
        """The converted array; float64 where a conversion computes."""
        array = self.param.value
        for conversion in self.conversions:
            array = conversion.apply(array)
        return array

    def formula(self, operands: Mapping[int, tuple[Formula, int]]) -> Formula:
        """Return the formula that computes the converted array from variables.

        Parameters
        ----------
        operands : mapping of int to (Formula, int)
            Each variable, and how many of the conversions it has been through
            already, by the identity of its value.
        """
        own = [operands[id(value)][0] for value in self.param.variables]
        formula, done = own[0], operands[id(self.param.variables[0])][1]
        if self.param.formula is not None:
            formula = self.param.formula.fed(own)
        array = self.param.value
        for place, conversion in enumerate(self.conversions):
            if place >= done:
                formula = conversion.formula(formula, array.shape)
            array = conversion.apply(array)
        return formula

    def undo(self, array: Array) -> Array:
        """Return a target's array in Lasagne's shape and meaning."""
        for conversion in reversed(self.conversions):
            array = conversion.undo(array)
        return array

    def restore(self, array: Array) -> Array:
        """Return a target's array in Lasagne's shape, meaning and dtype.

        An array that still is the converted parameter, rounded to its own
        dtype, gives back the very bits of the parameter.
        """
        if array.dtype == self.value.dtype or array.dtype.kind in FLOATS:
            untouched = np.array_equal(array, self.value.astype(array.dtype))
            if untouched:
                return self.param.value
        return np.ascontiguousarray(self.undo(array).astype(self.param.value.dtype))


@dataclass(frozen=True, eq=False)
class Stack:
    """Several parameters side by side in one variable of a target.

    Attributes
    ----------
    parts : tuple of Weight
        Trained all or not at all.
    axis : int
        Along which they are joined.
    """

    parts: tuple[Weight, ...]
    axis: int = -1

    @property
    def trainable(self) -> bool:
        """Whether Lasagne trains the parameters."""
        return any(part.trainable for part in self.parts)

    def split(self, array: Array) -> list[tuple[Weight, Array]]:
        """Return each parameter's weight with its part of a target's array."""
        sizes = [part.value.shape[self.axis] for part in self.parts]
        pieces = np.split(array, np.cumsum(sizes)[:-1], axis=self.axis)
        return list(zip(self.parts, pieces, strict=True))

    def formula(self, operands: Mapping[int, tuple[Formula, int]]) -> Formula:
        """Return the formula that computes the joined array; see :class:`Weight`."""
        parts = tuple(part.formula(operands) for part in self.parts)
        return Formula("concatenate", (self.axis,), parts)

    @property
    def value(self) -> Array:
        """The converted arrays, joined."""
        return np.concatenate([part.value for part in self.parts], axis=self.axis)

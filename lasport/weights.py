"""Weights of a plan: a Lasagne parameter and how its array is rearranged.

A conversion knows both directions, so that a trained Keras model can be read
back as Lasagne's parameter list. Rearrangements are exact; only
:class:`InvStdToVariance` computes, and it does so in float64.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

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


@dataclass(frozen=True)
class Flip:
    """Reverse some axes: Theano's convolution flips its filters, TensorFlow's does not."""

    axes: tuple[int, ...]

    def apply(self, array: Array) -> Array:
        """Return ``array`` reversed along ``axes``."""
        return np.flip(array, self.axes)

    undo = apply


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

    @property
    def value(self) -> Array:
        """The converted arrays, joined."""
        return np.concatenate([part.value for part in self.parts], axis=self.axis)

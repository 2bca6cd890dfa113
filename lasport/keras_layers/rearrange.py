"""Layers that move entries about, the batch axis included, and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, canonical_axes
from lasport.spec import Shape

__all__ = ["ConstantPad", "FullReshape", "Permutation"]

Tensor: TypeAlias = keras.KerasTensor


class _Rearrangement(keras.layers.Layer):
    """A layer that refuses at once what does not fit, and keeps the dtype, integers included."""

    def build(self, input_shape: Shape) -> None:
        """Refuse inputs that the arguments do not fit."""
        self.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        """Return shape and dtype of the output."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)


@keras.saving.register_keras_serializable(package="lasport")
class FullReshape(_Rearrangement):
    """Reshape all axes; ``keras.layers.Reshape`` leaves the first as it is.

    Parameters
    ----------
    target : sequence
        One entry per axis of the output: a size, ``-1`` (once) for the size
        that follows from the others, or ``["input", i]`` for the size that
        axis ``i`` of the input has.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For another target, and for inputs that cannot take the shape.

    Notes
    -----
    ``lasagne.layers.ReshapeLayer``, whose ``[i]`` is ``["input", i]`` here.

    Examples
    --------
    >>> FullReshape([["input", 0], 5, -1]).compute_output_shape((None, 20, 3))
    (None, 5, 12)
    """

    def __init__(
        self,
        target: Sequence[int | Sequence[str | int]],
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.target = tuple(map(_target_entry, target))
        if self.target.count(-1) > 1:
            raise LayerArgumentError(f"target must hold -1 at most once; got {list(target)}.")

    def call(self, inputs: Tensor) -> Tensor:
        """Reshape."""
        return ops.reshape(inputs, self._sizes(ops.shape(inputs)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the sizes that are known, and ``None`` for the others."""
        references = {entry[1] for entry in self.target if isinstance(entry, tuple)}
        if any(axis >= len(input_shape) for axis in references):
            raise LayerArgumentError(
                f"target {self.target} refers to an axis that an input of shape "
                f"{tuple(input_shape)} does not have."
            )
        sizes = self._sizes(input_shape)
        # An unknown size that is taken over cancels out: the others are then as if both were 1.
        unknown = {axis for axis in references if input_shape[axis] is None}
        wanted = [size for size in sizes if size != -1]
        for _ in unknown:
            wanted.remove(None)
        want = _product(wanted)
        have = _product(size for axis, size in enumerate(input_shape) if axis not in unknown)
        if have is None or want is None:
            return tuple(None if size == -1 else size for size in sizes)
        fits = want != 0 and have % want == 0 if -1 in sizes else have == want
        if not fits:
            raise LayerArgumentError(
                f"An input of shape {tuple(input_shape)} has not the number of entries that "
                f"target {self.target} wants."
            )
        return tuple(have // want if size == -1 else size for size in sizes)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "target": [entry if isinstance(entry, int) else list(entry) for entry in self.target],
        }

    def _sizes(self, shape: Sequence[Any]) -> list[Any]:
        """Return the target with the references looked up in the input's shape."""
        return [shape[entry[1]] if isinstance(entry, tuple) else entry for entry in self.target]


@keras.saving.register_keras_serializable(package="lasport")
class Permutation(_Rearrangement):
    """Transpose all axes; ``keras.layers.Permute`` leaves the first where it is.

    Parameters
    ----------
    axes : sequence of int
        Axis ``i`` of the output is axis ``axes[i]`` of the input.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For axes that are not each of the input's axes once.

    Notes
    -----
    ``lasagne.layers.DimshuffleLayer`` where that neither drops nor inserts axes.

    Examples
    --------
    >>> Permutation([2, 0, 1]).compute_output_shape((None, 5, 3))
    (3, None, 5)
    """

    def __init__(
        self,
        axes: Sequence[int],
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.axes = tuple(int(axis) for axis in axes)

    def call(self, inputs: Tensor) -> Tensor:
        """Transpose."""
        return ops.transpose(inputs, self.axes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the permuted shape."""
        if len(canonical_axes(self.axes, len(input_shape))) != len(input_shape):
            raise LayerArgumentError(
                f"axes must name every axis of the input; got {self.axes} for an input of shape "
                f"{tuple(input_shape)}."
            )
        return tuple(input_shape[axis] for axis in self.axes)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "axes": list(self.axes)}


@keras.saving.register_keras_serializable(package="lasport")
class ConstantPad(_Rearrangement):
    """Surround the input with a constant, along any axes.

    Parameters
    ----------
    widths : sequence of (int, int)
        How much goes before and behind, one entry for each axis of the input.
    value : float
        The constant.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For negative widths, and for inputs of another rank.

    Notes
    -----
    ``lasagne.layers.PadLayer``.

    Examples
    --------
    >>> import numpy as np
    >>> ConstantPad([(0, 0), (2, 1)], value=9.0)(np.ones((1, 2))).numpy().tolist()
    [[9.0, 9.0, 1.0, 1.0, 9.0]]
    """

    def __init__(
        self,
        widths: Sequence[Sequence[int]],
        value: float = 0.0,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.widths = tuple((int(before), int(behind)) for before, behind in widths)
        self.value = float(value)
        if any(width < 0 for pair in self.widths for width in pair):
            raise LayerArgumentError(f"widths must not be negative; got {self.widths}.")

    def call(self, inputs: Tensor) -> Tensor:
        """Pad."""
        value = ops.convert_to_tensor(self.value, dtype=inputs.dtype)
        return ops.pad(inputs, self.widths, constant_values=value)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with the widths added."""
        if len(self.widths) != len(input_shape):
            raise LayerArgumentError(
                f"widths must have an entry for each axis of the input; got {self.widths} for an "
                f"input of shape {tuple(input_shape)}."
            )
        return tuple(
            None if size is None else before + size + behind
            for size, (before, behind) in zip(input_shape, self.widths, strict=True)
        )

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "widths": [list(pair) for pair in self.widths],
            "value": self.value,
        }


def _target_entry(entry: int | Sequence[str | int]) -> int | tuple[str, int]:
    match entry:
        case int(size) if size > 0 or size == -1:
            return size
        case ["input", int(axis)] if axis >= 0:
            return ("input", axis)
    raise LayerArgumentError(
        f'An entry of target must be a positive size, -1 or ["input", axis]; got {entry!r}.'
    )


def _product(sizes: Iterable[int | None]) -> int | None:
    known = list(sizes)
    return None if None in known else math.prod(size for size in known if size is not None)

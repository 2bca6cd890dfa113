"""Layers that take several inputs: cropping them to one size, combining them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, one_of
from lasport.spec import Shape

__all__ = ["Autocrop", "Combine"]

Tensor: TypeAlias = keras.KerasTensor

_MODES = ("lower", "center", "upper")


@keras.saving.register_keras_serializable(package="lasport")
class Autocrop(keras.layers.Layer):
    """Crop one of several tensors to the smallest size that any of them has.

    Parameters
    ----------
    modes : sequence of {None, "lower", "center", "upper"}
        Per axis: leave as it is, or which part to keep. Of an odd surplus the
        center leaves out one more behind than before.
    index : int
        Which of the inputs is cropped and returned.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For other modes, and for inputs that do not fit them.

    Notes
    -----
    ``lasagne.layers.merge.autocrop``.

    Examples
    --------
    >>> import numpy as np
    >>> wide, narrow = np.arange(5.0)[None], np.zeros((1, 2))
    >>> Autocrop([None, "center"], index=0)([wide, narrow]).numpy().tolist()
    [[1.0, 2.0]]
    """

    def __init__(
        self,
        modes: Sequence[str | None],
        index: int,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.modes = tuple(mode and one_of(_MODES, mode, "mode") for mode in modes)
        self.index = int(index)

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Refuse inputs that modes and index do not fit."""
        ranks = {len(shape) for shape in input_shape}
        if ranks != {len(self.modes)} or not 0 <= self.index < len(input_shape):
            raise LayerArgumentError(
                f"Autocrop with modes {list(self.modes)} and index {self.index} does not fit "
                f"inputs of the shapes {[tuple(shape) for shape in input_shape]}."
            )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Crop."""
        shapes = [ops.shape(x) for x in inputs]
        cropped = inputs[self.index]
        for axis, mode in enumerate(self.modes):
            if mode is not None:
                kept = _smallest([shape[axis] for shape in shapes])
                surplus = shapes[self.index][axis] - kept
                begin = {"lower": 0, "center": surplus // 2, "upper": surplus}[mode]
                cropped = cropped[(slice(None),) * axis + (slice(begin, begin + kept),)]
        return cropped

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the smallest sizes along cropped axes, ``None`` where one is unknown."""
        return tuple(
            sizes[self.index] if mode is None else None if None in sizes else min(sizes)
            for mode, *sizes in zip(self.modes, *input_shape, strict=True)
        )

    def compute_output_spec(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return shape and dtype of the output."""
        shape = self.compute_output_shape([x.shape for x in inputs])
        return keras.KerasTensor(shape, dtype=inputs[self.index].dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "modes": list(self.modes), "index": self.index}


_FUNCTIONS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": ops.add,
    "subtract": ops.subtract,
    "multiply": ops.multiply,
    "divide": ops.true_divide,
    "maximum": ops.maximum,
    "minimum": ops.minimum,
}


@keras.saving.register_keras_serializable(package="lasport")
class Combine(keras.layers.Layer):
    """Fold tensors of one shape: ``f(f(x0, x1), x2)`` and so on.

    Parameters
    ----------
    function : {"add", "subtract", "multiply", "divide", "maximum", "minimum"}
        The ``f``.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For an unknown function, and for inputs of different shapes.

    Notes
    -----
    ``lasagne.layers.ElemwiseMergeLayer`` with functions of ``theano.tensor``.
    Where two entries are equally large, the first gets the whole gradient of
    their maximum or minimum: TensorFlow agrees with Theano there.

    Examples
    --------
    >>> import numpy as np
    >>> Combine("subtract")([np.full((1, 1), size) for size in (9.0, 4.0, 3.0)]).numpy().tolist()
    [[2.0]]
    """

    def __init__(
        self,
        function: str,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.function = one_of(_FUNCTIONS, function, "function")
        self.supports_masking = True

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Refuse inputs of different shapes."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Fold."""
        return reduce(_FUNCTIONS[self.function], inputs)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape that all inputs have, each size from an input that knows it."""
        shapes = [tuple(shape) for shape in input_shape]
        if len({len(shape) for shape in shapes}) == 1:
            known = [set(sizes) - {None} for sizes in zip(*shapes, strict=True)]
            if all(len(sizes) <= 1 for sizes in known):
                return tuple(sizes.pop() if sizes else None for sizes in known)
        raise LayerArgumentError(f"Combine takes inputs of one shape; got {shapes}.")

    def compute_mask(
        self,
        inputs: Sequence[Tensor],
        previous_mask: Sequence[Tensor | None],
    ) -> Tensor | None:
        """Keep what no input's mask leaves out."""
        masks = [mask for mask in previous_mask if mask is not None]
        return reduce(ops.logical_and, masks) if masks else None

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "function": self.function}


def _smallest(sizes: Sequence[Any]) -> Any:
    """Return the smallest of sizes that are numbers, or scalar tensors where not known yet."""
    return min(sizes) if all(isinstance(s, int) for s in sizes) else reduce(ops.minimum, sizes)

"""A Keras model that computes by a ``call()`` of its own, as a port of which only the ends show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from lasport.errors import ComparisonError
from lasport.layers.input import InputAttributes
from lasport.passes import DataFormat
from lasport.spec import Array, Layer, Network, Shape
from lasport.targets.keras_port import narrowest
from lasport.targets.keras_session import image_layout, single
from lasport.targets.parts import opaque_parts, repeats, require_ends
from lasport.targets.recognition import DATA_FORMATS

__all__ = ["KerasWhole", "computes_itself"]

DRAWS = "the model draws random numbers in training (dropout, noise) that nobody can repeat"
# What open sizes are, the batch's among them, when the model is tried.
SOME = 3


def computes_itself(model: keras.Model) -> bool:
    """Whether a model is no graph of layers, but has a ``call()`` of its own."""
    x = keras.Input((1,))
    of_keras = (keras.Sequential, type(keras.Model(x, x)))
    return not isinstance(model, of_keras) or type(model).call not in [c.call for c in of_keras]


class KerasWhole:
    """A model as one part, in its own float type; see :class:`lasport.targets.parts.Opaque`.

    Parameters
    ----------
    model : keras.Model
        Which tells nobody what it takes: that is tried out.
    network : Network
        What it should compute.
    data_format : {"channels_first", "channels_last"}, optional
        Order of axes of its inputs, where it computes with both.

    Raises
    ------
    ComparisonError
        If it computes in no order of axes, or in both, has other numbers of
        outputs than the network, or no weights yet.
    """

    unseen = DRAWS

    def __init__(
        self, model: keras.Model, network: Network, data_format: DataFormat | None = None
    ) -> None:
        self.model = model
        if not model.built:
            raise ComparisonError(f"{model.name} has no weights yet: call it once, and set them")
        shapes, outputs = self._try(network, data_format)
        self.inputs = tuple(f"input/{name}" for name in network.inputs)
        self.outputs = tuple(f"output/{place}" for place in range(outputs))
        require_ends("model", self.inputs, self.outputs, network)
        self.parts = opaque_parts(
            model.name, dict(zip(self.inputs, shapes, strict=True)), self.outputs
        )
        self.dtype = narrowest({str(weight.dtype) for weight in model.weights})
        self.trains, self._checked = True, False
        self._before = [(variable, variable.numpy()) for variable in model.variables]

    @property
    def variables(self) -> dict[str, Array]:
        """Its variables by their paths."""
        return {variable.path: value for variable, value in self._before}

    def run(
        self, feeds: Mapping[str, Array], fetch: Sequence[str], *, training: bool
    ) -> list[Array]:
        """Compute its outputs; see :class:`lasport.targets.parts.TakenApart`."""
        found = dict(feeds)
        if any(key not in feeds for key in fetch):
            arrays = [feeds[key] for key in self.inputs]
            if not self._checked:
                self.trains, self._checked = self._repeats(arrays), True
            found.update(zip(self.outputs, self._call(arrays, training=training), strict=True))
        return [found[key] for key in fetch]

    def reset(self) -> None:
        """Set all variables to what they were at first."""
        for variable, value in self._before:
            variable.assign(value)

    def _repeats(self, arrays: Sequence[Array]) -> bool:
        """Whether it computes the same twice in training."""
        try:
            return repeats(lambda: self._call(arrays, training=True))
        finally:
            self.reset()

    def _call(self, arrays: Sequence[Array], *, training: bool) -> list[Array]:
        floats = self.model.compute_dtype
        tensors = [
            keras.ops.convert_to_tensor(x, dtype=floats if x.dtype.kind == "f" else None)
            for x in arrays
        ]
        try:
            found = self.model(single(tensors), **({"training": True} if training else {}))
        except Exception as error:  # what people write raises what it likes
            reason = str(error).strip().partition("\n")[0]
            raise ComparisonError(f"{type(error).__name__}: {reason}") from error
        listed = found if isinstance(found, (list, tuple)) else [found]
        return [np.asarray(y) for y in listed]

    def _try(self, network: Network, data_format: DataFormat | None) -> tuple[list[Shape], int]:
        """Return the shapes in which it takes the net's inputs, and how many outputs it gives."""
        wanted = [network[name] for name in network.inputs]
        found: dict[tuple[Shape, ...], int] = {}
        reason = ""
        for each in DATA_FORMATS if data_format is None else (data_format,):
            shapes = tuple(
                image_layout(len(shape), each).shape(shape)
                for shape in (source.output_shape or () for source in wanted)
            )
            arrays = [
                np.zeros([SOME if size is None else size for size in shape], _dtype(source))
                for shape, source in zip(shapes, wanted, strict=True)
            ]
            try:
                found[shapes] = len(self._call(arrays, training=False))
            except ComparisonError as error:
                reason = reason or str(error)
        if not found:
            raise ComparisonError(f"the model computes with none of the net's inputs: {reason}")
        if len(found) > 1:
            raise ComparisonError(
                f"the model computes with {' and '.join(str(list(s)) for s in found)}; say which "
                "it is with data_format="
            )
        ((shapes, count),) = found.items()
        return list(shapes), count


def _dtype(source: Layer) -> str:
    a = source.attributes
    integer = isinstance(a, InputAttributes) and a.is_integer
    return a.input_var if integer else "float64"  # type: ignore[attr-defined]

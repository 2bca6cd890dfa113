"""Copying a port's Keras model into another float type, its stochastic layers replaced.

Two things are put right where a copy in float64 is to show the structure and
nothing else: weights that are rounded parameters become the parameters, and
layers that TensorFlow computes in float32 only become lasport's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import keras
import numpy as np

from lasport.errors import ComparisonError, UsageError
from lasport.keras_layers import CustomRecurrence, Nonlinearity, Pooling
from lasport.layers.normalization import BatchNormAttributes
from lasport.spec import Network
from lasport.targets.given_noise import GivenNoise, stand_in
from lasport.targets.keras_calls import Calls
from lasport.targets.keras_model import variables_of
from lasport.targets.keras_tape import Tape, read
from lasport.weights import Stack, Weight, inv_std_to_variance

__all__ = ["ModelCopy", "Original", "kept", "single", "weights_of"]

Item = TypeVar("Item")
Pairs = Sequence[tuple[keras.Variable, keras.Variable]]
STOCK_POOLS_3D = (keras.layers.AveragePooling3D, keras.layers.MaxPooling3D)
# So many units in the last place may be lost where somebody computes a variance from inv_std.
FEW = 4


class Original(Protocol):
    """What is copied: a model that is a port of a network.

    ``calls`` says how lasport built it, if it did.
    """

    model: keras.Model
    network: Network
    calls: Calls | None

    @property
    def weights_dtype(self) -> str:
        """The narrowest float type in which it keeps weights."""
        ...


@dataclass
class ModelCopy:
    """A copy of a port's model.

    Attributes
    ----------
    dtype : str
        What it computes in.
    model : keras.Model
        The copy.
    shown : dict of str to KerasTensor
        By name, what each of its layers gives.
    tape : Tape
        The calls of its layers.
    noise : dict of str to GivenNoise
        By name, the stand-ins for its stochastic layers, in the model's order; those in a net of
        a layer by their path: "layer/net/name".
    """

    dtype: str
    model: keras.Model = field(init=False)
    shown: dict[str, keras.KerasTensor] = field(default_factory=dict)
    tape: Tape = field(default_factory=Tape)
    noise: dict[str, GivenNoise] = field(default_factory=dict)

    @classmethod
    def of(cls, port: Original, dtype: str) -> ModelCopy:
        """Copy a port's model, layers and weights.

        Raises
        ------
        ComparisonError
            If one of its layers cannot be copied.
        UsageError
            If Keras does not run on TensorFlow.
        """
        _require_comparable(port.model)
        copy = cls(dtype)
        copy.model = copy._layers(port.model)
        order = [layer.name for layer in copy.model.layers]
        in_order = sorted(copy.noise, key=lambda name: order.index(name.partition("/")[0]))
        copy.noise = {name: copy.noise[name] for name in in_order}
        pairs = list(copy._variables(port.model))
        for before, after in pairs:
            after.assign(keras.ops.cast(before.value, after.dtype))
        if dtype == "float64":
            if port.calls is None:
                _restore_variances(port, pairs)
            else:
                _restore_parameters(port.model, port.calls, copy.model)
        return copy

    def _inputs(self, original: keras.Model) -> list[keras.KerasTensor]:
        return [
            keras.Input(
                batch_shape=x.shape,
                dtype=self.dtype if "float" in x.dtype else x.dtype,
                name=x.name,
            )
            for x in original.inputs
        ]

    def _layers(self, original: keras.Model) -> keras.Model:
        inputs = self._inputs(original)
        # A Lasagne layer that does nothing, such as dropout with p=0, shows what feeds it.
        self.shown.update((x.name, x) for x in inputs)

        def call(layer: keras.layers.Layer, *args: object, **kwargs: object) -> object:
            result = layer(*args, **kwargs)
            self.tape.record(layer, args, kwargs, result)
            # On the way back through a layer that is inverted, another one shows the result.
            if "cotangent" not in kwargs:
                self.shown[layer.name] = result
            return result

        return keras.models.clone_model(
            original,
            input_tensors=single(inputs),
            clone_function=self._layer,
            call_function=call,
        )

    def _layer(self, layer: keras.layers.Layer, inside: str = "") -> keras.layers.Layer:
        given = stand_in(layer, self.dtype)
        if given is not None:
            self.noise[inside + layer.name] = given
            return given
        if isinstance(layer, keras.layers.LeakyReLU) and self.dtype == "float64":
            # TensorFlow keeps the slope in float32 even here.
            constants = {"leakiness": float(layer.negative_slope)}
            return Nonlinearity("leaky_rectify", constants, name=layer.name, dtype=self.dtype)
        if isinstance(layer, CustomRecurrence):
            path = inside + layer.name
            nets = {name: self._net(net, f"{path}/{name}/") for name, net in layer.nets.items()}
            return CustomRecurrence(**{**layer.get_config(), **nets, "dtype": self.dtype})
        if isinstance(layer, STOCK_POOLS_3D) and self.dtype == "float64":
            return _pooling(layer)
        # An operation of keras.ops has no type of its own.
        types = {"dtype": self.dtype} if isinstance(layer, keras.layers.Layer) else {}
        try:
            return type(layer).from_config({**layer.get_config(), **types})
        except (NotImplementedError, TypeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            kind = type(layer).__name__
            raise ComparisonError(f"{layer.name} ({kind}) cannot be copied: {reason}") from error

    def _net(self, original: keras.Model, inside: str) -> keras.Model:
        """Return a copy of a model inside a layer."""

        def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
            return self._layer(layer, inside)

        return keras.models.clone_model(
            original, single(self._inputs(original)), clone_function=clone
        )

    def _variables(self, original: keras.Model) -> Iterator[tuple[keras.Variable, keras.Variable]]:
        for source, target in zip(original.layers, self.model.layers, strict=True):
            yield from zip(kept(source), kept(target), strict=True)


def _require_comparable(model: keras.Model) -> None:
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise UsageError(
            f"models are compared on TensorFlow, and Keras runs on {backend} here: save the model, "
            "and compare the file in a process with KERAS_BACKEND=tensorflow"
        )
    quantized = [
        layer.name
        for layer in model._flatten_layers(include_self=False)
        if layer.dtype_policy.quantization_mode is not None
    ]
    if quantized:
        raise ComparisonError(
            f"{', '.join(quantized)} are quantized, which no copy in another float type can be; "
            "compare the model before quantize(), and what the two predict with each other"
        )


def kept(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Return a layer's variables but the states of random generators, which stand-ins lack."""
    return [variable for variable in layer.variables if variable.name != "seed_generator_state"]


def _restore_parameters(original: keras.Model, calls: Calls, copy: keras.Model) -> None:
    """Let each entry of a weight that is a rounded parameter's be the parameter's."""
    before, after = variables_of(original), variables_of(copy)
    for name, attribute, weight in weights_of(calls):
        stored = np.asarray(read(before(name, attribute)))
        meant = weight.value
        if stored.shape == meant.shape:
            same = stored == meant.astype(stored.dtype)
            unrounded = np.where(same, meant.astype(np.float64), stored)
            after(name, attribute).assign(unrounded)


def _restore_variances(port: Original, pairs: Pairs) -> None:
    """Do the same for the variances of a foreign port, which are rounded where weights are not.

    Nobody knows their places, so whatever has a layer's very variances, up to a
    few units in the last place, is taken for them, whatever their order is:
    images may be flattened in another one.
    """
    for layer in port.network.layers:
        if not isinstance(layer.attributes, BatchNormAttributes):
            continue
        inv_std = layer.params["inv_std"].value
        rounded = inv_std.astype(port.weights_dtype)
        meant = inv_std_to_variance(rounded, layer.attributes.epsilon)
        for before, after in pairs:
            stored = before.numpy()
            if stored.shape == meant.shape and stored.dtype.kind == "f":
                unit = max(float(np.finfo(each.dtype).eps) for each in (stored, inv_std))
                ordered = np.empty_like(meant)
                ordered.flat[np.argsort(stored, axis=None)] = np.sort(meant, axis=None)
                for unrounded in (meant, ordered):
                    if np.allclose(stored, unrounded, rtol=FEW * unit, atol=0):
                        after.assign(unrounded)
                        break


def _pooling(layer: keras.layers.Layer) -> Pooling:
    """Return our layer in the place of one that TensorFlow cannot compute in float64 on a CPU."""
    average = isinstance(layer, keras.layers.AveragePooling3D)
    # Where lasport says 'same', nothing goes before the data: windows reach beyond the border.
    return Pooling(
        layer.pool_size,
        layer.strides,
        (0, 0, 0),
        "average_exc_pad" if average else "max",
        ignore_border=layer.padding == "valid",
        name=layer.name,
        dtype="float64",
    )


def weights_of(calls: Calls) -> list[tuple[str, str, Weight | Stack]]:
    """Return all weights with the names of their layers and attributes."""
    return [
        (call.name, name, weight) for call in calls.calls for name, weight in call.weights.items()
    ]


def single(items: list[Item]) -> Item | list[Item]:
    """Return the only item, or all of them, as Keras takes inputs and gives outputs."""
    return items[0] if len(items) == 1 else items

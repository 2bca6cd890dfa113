"""A Keras model taken apart, so that any piece of it can be run alone, in float64.

The model is left as it is: the parts are those of a copy, in which activations
inside layers are layers of their own and stochastic layers draw what they are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np

from lasport.errors import ComparisonError, LasportError
from lasport.keras_layers import Nonlinearity
from lasport.keras_layers.sharing import Borrowing
from lasport.spec import Array, Network
from lasport.targets.given_noise import (
    GivenAddend,
    GivenMask,
    GivenNoise,
    GivenSlopes,
    noise_states,
)
from lasport.targets.keras_calls import Calls
from lasport.targets.keras_copy import ModelCopy, kept, single
from lasport.targets.keras_port import functional, narrowest
from lasport.targets.parts import Part, between, draws, require_ends

__all__ = ["Dissection"]

# Layers whose arithmetic ends with what they were given as activation=.
ACTIVATED = (
    keras.layers.Conv1D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3D,
    keras.layers.Conv3DTranspose,
    keras.layers.Dense,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
# The slope of keras.activations.leaky_relu.
LEAKINESS = 0.2


class Dissection:
    """A model taken apart.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential, of any origin.
    network : Network
        What it should compute.
    dtype : str
        What its parts compute in.

    Raises
    ------
    ComparisonError
        If it has other numbers of inputs and outputs than the network, or a
        layer that cannot be copied.
    """

    trains = True

    def __init__(self, model: keras.Model, network: Network, dtype: str = "float64") -> None:
        self.network = network
        self.dtype = dtype
        self.model = functional(model)
        self.calls: Calls | None = None  # whoever made it, it is looked at as a stranger's
        require_ends("model", self.model.inputs, self.model.outputs, network)
        try:
            copy = _Separated.of(self, dtype)
        except LasportError:
            raise
        except Exception as error:  # a layer of the user's may compute in one float type only
            reason = str(error).strip().partition("\n")[0]
            raise ComparisonError(f"the model cannot be copied in {dtype}: {reason}") from error
        assert isinstance(copy, _Separated)
        self.copy = copy
        self._tensors: dict[str, keras.KerasTensor] = {}
        self.parts = tuple(self._walk())
        self.inputs = tuple(self._key(x) for x in self.copy.model.inputs)
        self.outputs = tuple(self._key(y) for y in self.copy.model.outputs)
        self._models: dict[tuple[tuple[str, ...], tuple[str, ...]], keras.Model] = {}
        self._state = [(v, v.numpy()) for v in self.copy.model.variables]

    @property
    def weights_dtype(self) -> str:
        """The narrowest float type in which the model keeps weights."""
        return narrowest({str(weight.dtype) for weight in self.model.weights})

    def run(
        self, feeds: Mapping[str, Array], fetch: Sequence[str], *, training: bool
    ) -> list[Array]:
        """Compute tensors from others; see :class:`lasport.targets.parts.TakenApart`."""
        noisy = {
            part.name: part.inputs[0]
            for part in between(self.parts, tuple(feeds), fetch)
            if part.name in self.copy.noise
        }
        if noisy:
            for layer in self.copy.noise.values():
                layer.release()
            # What they draw has the shape of what they take, which only a run tells.
            taken = self._run(feeds, tuple(noisy.values()), training=False)
            for name, x in zip(noisy, taken, strict=True):
                layer = self.copy.noise[name]
                layer.turns = [[_sample(layer, x.shape)]]
        before = noise_states(self.copy.model.layers)
        found = self._run(feeds, tuple(fetch), training=training)
        own = [
            name
            for name, state in noise_states(self.copy.model.layers).items()
            if state != before[name]
        ]
        if own:
            raise ComparisonError(f"{', '.join(own)} drew random numbers that nobody can repeat")
        return found

    def reset(self) -> None:
        """Set all variables to what they were at first."""
        for variable, value in self._state:
            variable.assign(value)

    def _run(
        self, feeds: Mapping[str, Array], fetch: tuple[str, ...], *, training: bool
    ) -> list[Array]:
        ahead = [key for key in dict.fromkeys(fetch) if key not in feeds]
        found = dict(feeds)
        if ahead:
            try:
                model = self._between(tuple(feeds), tuple(ahead))
                arrays = [feeds[key] for key in feeds]
                tensors = [
                    keras.ops.convert_to_tensor(x, dtype=t.dtype)
                    for x, t in zip(arrays, model.inputs, strict=True)
                ]
                # Without a flag, as nobody training the model calls it: only so do flags count
                # that were fixed where layers were called.
                results = model(tensors, training=True) if training else model(tensors)
            except Exception as error:  # Keras and TensorFlow raise what they like
                reason = str(error).strip().partition("\n")[0]
                raise ComparisonError(f"{type(error).__name__}: {reason}") from error
            listed = results if isinstance(results, list) else [results]
            found.update(zip(ahead, map(np.asarray, listed), strict=True))
        return [found[key] for key in fetch]

    def _between(self, feeds: tuple[str, ...], fetch: tuple[str, ...]) -> keras.Model:
        if (feeds, fetch) not in self._models:
            self._models[feeds, fetch] = keras.Model(
                [self._tensors[key] for key in feeds], [self._tensors[key] for key in fetch]
            )
        return self._models[feeds, fetch]

    def _key(self, tensor: keras.KerasTensor) -> str:
        history = tensor._keras_history
        return f"{history.operation.name}/{history.node_index}/{history.tensor_index}"

    def _walk(self) -> Iterator[Part]:
        """Yield the parts in the order in which Lasagne lists layers: depth first."""
        done: set[str] = set()
        waiting = [(y, False) for y in reversed(self.copy.model.outputs)]
        while waiting:
            tensor, ready = waiting.pop()
            key = self._key(tensor)
            if key in done:
                continue
            history = tensor._keras_history
            node = history.operation._inbound_nodes[history.node_index]
            if not ready:
                waiting.append((tensor, True))
                waiting += [(x, False) for x in reversed(node.input_tensors)]
                continue
            done.add(key)
            self._tensors[key] = tensor
            yield self._part(node, key)

    def _part(self, node: keras.Operation, key: str) -> Part:
        layer = node.operation
        known = self.copy.known.get(layer.name)
        kind, config = known or (type(layer).__name__, _config(layer))
        if isinstance(layer, Borrowing):
            kind, config = type(layer.held.layer).__name__, _config(layer.held.layer)
        name = self.copy.owners.get(layer.name, layer.name)
        training = node.arguments.kwargs.get("training")
        return Part(
            name=layer.name,
            label=name,
            kind=kind,
            inputs=tuple(self._key(x) for x in node.input_tensors),
            output=key,
            config=config,
            weights={
                variable.name: variable.numpy()
                for variable in (kept(layer) if isinstance(layer, keras.layers.Layer) else [])
            },
            training=training if isinstance(training, bool) else None,
            own=not type(layer).__module__.startswith(("keras.", "lasport.")),
        )


@dataclass
class _Separated(ModelCopy):
    """A copy whose layers are separated from the activations inside.

    Attributes
    ----------
    known : dict of str to (str, dict)
        By name, class and options of each layer of the original.
    owners : dict of str to str
        By name, the layer that an activation was inside.
    """

    known: dict[str, tuple[str, dict[str, object]]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    activations: dict[str, keras.layers.Layer] = field(default_factory=dict)

    def _layers(self, original: keras.Model) -> keras.Model:
        def call(layer: keras.layers.Layer, *args: object, **kwargs: object) -> object:
            result = layer(*args, **kwargs)
            activation = self.activations.get(layer.name)
            return result if activation is None else activation(result)

        return keras.models.clone_model(
            original,
            input_tensors=single(self._inputs(original)),
            clone_function=self._layer,
            call_function=call,
        )

    def _layer(self, layer: keras.layers.Layer, inside: str = "") -> keras.layers.Layer:
        self.known[layer.name] = (type(layer).__name__, _config(layer))
        function = getattr(layer, "activation", None)
        if type(layer) is keras.layers.Activation:
            return self._activation(function, layer.name)
        if isinstance(layer, keras.layers.ReLU) and _plain_slope(layer):
            return self._slope(float(layer.negative_slope), layer.name)
        copy = super()._layer(layer, inside)
        if type(layer).call not in [known.call for known in ACTIVATED]:
            # A user's subclass may do with its activation what it likes.
            if isinstance(layer, ACTIVATED) and _leaky(function):
                copy.activation = self._activation(function, f"{layer.name}__activation")
            return copy
        self.known[layer.name][1]["activation"] = "linear"
        if function is not keras.activations.linear:
            name = f"{layer.name}__activation"
            copy.activation = keras.activations.linear
            self.activations[layer.name] = self._activation(function, name)
            self.owners[name] = layer.name
            options: dict[str, object] = {"activation": _name(function)}
            self.known[name] = ("Activation", options)
        return copy

    def _activation(self, function: object, name: str) -> keras.layers.Layer:
        if function is keras.activations.leaky_relu:
            return self._slope(LEAKINESS, name)
        if isinstance(function, keras.layers.LeakyReLU):
            return self._slope(float(function.negative_slope), name)
        return keras.layers.Activation(function, name=name, dtype=self.dtype)

    def _slope(self, slope: float, name: str) -> keras.layers.Layer:
        """Return a leaky rectifier whose slope TensorFlow does not round to float32."""
        return Nonlinearity("leaky_rectify", {"leakiness": slope}, name=name, dtype=self.dtype)

    def _variables(self, original: keras.Model) -> Iterator[tuple[keras.Variable, keras.Variable]]:
        for source in original.layers:
            if not kept(source):
                continue
            yield from zip(kept(source), kept(self.model.get_layer(source.name)), strict=True)


def _plain_slope(layer: keras.layers.Layer) -> bool:
    return bool(layer.negative_slope) and layer.max_value is None and not layer.threshold


def _leaky(function: object) -> bool:
    leaky = function is keras.activations.leaky_relu
    return leaky or isinstance(function, keras.layers.LeakyReLU)


def _config(layer: keras.Operation) -> dict[str, object]:
    try:
        return dict(layer.get_config())
    except NotImplementedError:  # an operation that was called on tensors, not a layer
        return {}


def _name(function: object) -> str:
    return str(getattr(function, "__name__", None) or getattr(function, "name", function))


def _sample(layer: GivenNoise, shape: tuple[int, ...]) -> Array:
    """Return what a stochastic layer makes of the numbers that both sides share."""
    uniform, normal = draws(layer.name, shape)
    shared = layer.shared(len(shape))
    cut = tuple(slice(1 if axis in shared else None) for axis in range(len(shape)))
    if isinstance(layer, GivenMask):
        return np.asarray(uniform[cut] < 1 - layer.rate, np.float64)
    if isinstance(layer, GivenAddend):
        return np.asarray(normal[cut] * layer.stddev)
    assert isinstance(layer, GivenSlopes)
    return np.asarray(layer.lower + (layer.upper - layer.lower) * uniform[cut])

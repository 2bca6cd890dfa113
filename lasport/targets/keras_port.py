"""A Keras model seen as a port of a network: run it and show every Lasagne layer.

The model itself is never touched. A session copies it into the dtype that is
asked for, with stochastic layers that multiply by given masks, so that both
sides of a comparison drop the same entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from lasport.errors import ComparisonError
from lasport.keras_layers import Nonlinearity, Pooling, UnscaledDropout
from lasport.layout import Layout, channels_last, lasagne_order
from lasport.operations import BatchNorm
from lasport.passes import DataFormat, lower
from lasport.spec import Array, Network, Shape
from lasport.targets.keras_calls import PROFILES, Calls, keras_calls
from lasport.targets.keras_model import calls_of, value_of, variable_of
from lasport.translate import translate
from lasport.weights import InvStdToVariance, Stack, Weight

__all__ = ["KerasPort", "Session", "recognize"]

STOCK_POOLS_3D = (keras.layers.AveragePooling3D, keras.layers.MaxPooling3D)
DATA_FORMATS: tuple[DataFormat, ...] = ("channels_first", "channels_last")


class KerasPort:
    """A model beside the network that it is a port of.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential. Where its layers are those that lasport makes
        of the network, every layer can be compared; of any other model only
        the outputs.
    network : Network
        What it should compute.
    data_format : {"channels_first", "channels_last"}, optional
        Order of axes of a foreign model's inputs and outputs; by default the
        one that its input shapes fit.

    Attributes
    ----------
    calls : Calls or None
        How lasport builds this very model; None for a foreign one.

    Raises
    ------
    ComparisonError
        If the model's inputs or outputs do not fit the network's.
    """

    def __init__(
        self, model: keras.Model, network: Network, data_format: DataFormat | None = None
    ) -> None:
        self.network = network
        self.model = _functional(model)
        self.calls = calls_of(model) or recognize(self.model, network)
        if self.calls is not None and self.calls.plan.network is not network:
            self.calls = recognize(self.model, network)
        if len(self.model.inputs) != len(network.inputs):
            raise ComparisonError(
                f"the model has {len(self.model.inputs)} inputs, the net {len(network.inputs)}"
            )
        if len(self.model.outputs) != len(network.outputs):
            raise ComparisonError(
                f"the model has {len(self.model.outputs)} outputs, the net {len(network.outputs)}"
            )
        if self.calls is not None:
            plan = self.calls.plan
            self.input_layouts = [value.layout for value in plan.inputs]
            self.output_layouts = [value.layout for value in plan.outputs]
        else:
            self.input_layouts, self.output_layouts = self._foreign_layouts(data_format)

    @property
    def shown_layers(self) -> tuple[str, ...]:
        """Names of the Lasagne layers whose output the model shows."""
        return () if self.calls is None else tuple(self.calls.plan.layers)

    def start(self, dtype: str) -> Session:
        """Return a fresh copy that computes in ``dtype``, with the model's weights."""
        return Session(self, dtype)

    def _foreign_layouts(self, data_format: DataFormat | None) -> tuple[list[Layout], list[Layout]]:
        formats = DATA_FORMATS if data_format is None else (data_format,)
        nets = self.network
        inputs = [nets[name].output_shape or () for name in nets.inputs]
        outputs = [nets[name].output_shape or () for name in nets.outputs]
        fitting = []
        for candidate in formats:
            layouts = [_image_layout(len(shape), candidate) for shape in inputs]
            pairs = zip(layouts, inputs, self.model.inputs, strict=True)
            if all(_fits(layout.shape(shape), x.shape) for layout, shape, x in pairs):
                fitting.append((candidate, layouts))
        if not fitting:
            shapes = ", ".join(str(x.shape) for x in self.model.inputs)
            wanted = ", ".join(map(str, inputs))
            raise ComparisonError(f"the model takes {shapes}, the net {wanted}")
        chosen, layouts = fitting[0]
        return layouts, [_image_layout(len(shape), chosen) for shape in outputs]


@dataclass(frozen=True)
class Activity:
    """What one pass of a session computed, in Lasagne's order of axes.

    Attributes
    ----------
    layers : mapping of str to ndarray
        By name, the Lasagne layers that the model shows.
    outputs : list of ndarray
        The model's outputs.
    """

    layers: Mapping[str, Array]
    outputs: list[Array]


class Session:
    """A running copy of a port's model."""

    def __init__(self, port: KerasPort, dtype: str) -> None:
        self.port = port
        self.dtype = dtype
        self.masked: dict[str, _MaskedDropout] = {}
        self.shown: dict[str, keras.KerasTensor] = {}
        self.model = self._copy_structure()
        self._copy_weights()
        self.names = sorted(self.shown)
        self.all = keras.Model(
            self.model.inputs, [self.model.outputs, [self.shown[name] for name in self.names]]
        )

    def run(
        self, inputs: Sequence[Array], *, training: bool, masks: Mapping[str, Sequence[Array]]
    ) -> Activity:
        """Run the copy once; a training pass moves its running averages.

        Parameters
        ----------
        inputs : sequence of ndarray
            In Lasagne's order of axes.
        training : bool
            Keras' training flag.
        masks : mapping of str to sequence of ndarray
            What stochastic Lasagne layers drew, by layer name.

        Raises
        ------
        ComparisonError
            If masks and stochastic layers do not correspond.
        """
        self._hand_out(masks if training else {}, training)
        physical = [
            keras.ops.convert_to_tensor(
                layout.from_lasagne(x), dtype=self.dtype if x.dtype.kind == "f" else None
            )
            for layout, x in zip(self.port.input_layouts, inputs, strict=True)
        ]
        outputs, shown = self.all(physical if len(physical) > 1 else physical[0], training=training)
        values = dict(zip(self.names, map(np.asarray, shown), strict=True))
        layouts = self.port.output_layouts
        return Activity(
            self._lasagne_layers(values),
            [layout.to_lasagne(np.asarray(y)) for layout, y in zip(layouts, outputs, strict=True)],
        )

    def params(self) -> list[Array] | None:
        """Return the present weights as Lasagne's parameters, unrounded; None if unknown."""
        if self.port.calls is None:
            return None
        found: dict[int, Array] = {}
        for name, attribute, weight in _weights(self.port.calls):
            for part, piece in weight.split(value_of(self.model, name, attribute)):
                found[id(part.param.value)] = part.undo(piece)
        constants = [weight for call in self.port.calls.calls for weight in call.constants]
        found.update((id(weight.param.value), weight.param.value) for weight in constants)
        return [found[id(value)] for value in self.port.network.param_values()]

    def variances(self) -> dict[str, Array]:
        """Return the running variances of stock batch norm, by Lasagne layer."""
        variances: dict[str, Array] = {}
        if self.port.calls is None:
            return variances
        layers = {
            step.name: step.layer
            for step in self.port.calls.plan.steps
            if isinstance(step.operation, BatchNorm)
        }
        for name, attribute, weight in _weights(self.port.calls):
            if attribute == "moving_variance" and isinstance(weight, Weight):
                array = value_of(self.model, name, attribute)
                for conversion in reversed(weight.conversions):
                    if not isinstance(conversion, InvStdToVariance):
                        array = conversion.undo(array)
                variances[layers[name]] = array
        return variances

    def _copy_structure(self) -> keras.Model:
        original = self.port.model
        inputs = [
            keras.Input(
                batch_shape=x.shape,
                dtype=self.dtype if "float" in x.dtype else x.dtype,
                name=x.name,
            )
            for x in original.inputs
        ]

        # A Lasagne layer that does nothing, such as dropout with p=0, shows what feeds it.
        self.shown = {x.name: x for x in inputs}

        def call(layer: keras.layers.Layer, *args: object, **kwargs: object) -> object:
            result = layer(*args, **kwargs)
            self.shown[layer.name] = result
            return result

        return keras.models.clone_model(
            original,
            input_tensors=inputs if len(inputs) > 1 else inputs[0],
            clone_function=self._clone,
            call_function=call,
        )

    def _clone(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, (keras.layers.Dropout, UnscaledDropout)):
            self.masked[layer.name] = _MaskedDropout(layer, self.dtype)
            return self.masked[layer.name]
        if isinstance(layer, keras.layers.LeakyReLU) and self.dtype == "float64":
            # TensorFlow keeps the slope in float32 even here.
            constants = {"leakiness": float(layer.negative_slope)}
            return Nonlinearity("leaky_rectify", constants, name=layer.name, dtype=self.dtype)
        if isinstance(layer, STOCK_POOLS_3D) and self.dtype == "float64":
            return _pooling(layer)
        return type(layer).from_config({**layer.get_config(), "dtype": self.dtype})

    def _copy_weights(self) -> None:
        """Copy all variables; one that is a rounded parameter gets the parameter itself.

        Float64 then judges the structure, not the rounding of what is stored.
        """
        for source, target in zip(self.port.model.layers, self.model.layers, strict=True):
            if isinstance(target, _MaskedDropout):
                continue
            for before, after in zip(source.variables, target.variables, strict=True):
                after.assign(keras.ops.cast(before.value, after.dtype))
        if self.port.calls is None or self.dtype != "float64":
            return
        for name, attribute, weight in _weights(self.port.calls):
            stored = value_of(self.port.model, name, attribute)
            meant = weight.value
            if stored.shape == meant.shape:
                same = stored == meant.astype(stored.dtype)
                unrounded = np.where(same, meant.astype(np.float64), stored)
                variable_of(self.model, name, attribute).assign(unrounded)

    def _hand_out(self, masks: Mapping[str, Sequence[Array]], training: bool) -> None:
        """Give each dropout layer of the copy the mask of its Lasagne layer."""
        for layer in self.masked.values():
            layer.mask = None
        if not training:
            return
        order = [layer.name for layer in self.model.layers if layer.name in self.masked]
        drawn = {layer: arrays for layer, arrays in masks.items() if arrays}
        # A foreign model's dropout layers are taken to come in the order of the net's.
        lasagne, layouts = list(drawn), dict[str, Layout]()
        if self.port.calls is not None:
            steps = [step for step in self.port.calls.plan.steps if step.name in order]
            lasagne = [step.layer for step in steps]
            layouts = {step.layer: step.output.layout for step in steps}
        if sorted(lasagne) != sorted(drawn) or len(lasagne) != len(order):
            raise ComparisonError(
                f"the net draws noise in {', '.join(drawn) or 'no layer'}, the model in "
                f"{', '.join(order) or 'no layer'}"
            )
        for name, source in zip(order, lasagne, strict=True):
            (mask,) = drawn[source]
            layout = layouts.get(source) or _image_layout(mask.ndim, "channels_last")
            self.masked[name].mask = layout.from_lasagne(mask)

    def _lasagne_layers(self, values: Mapping[str, Array]) -> dict[str, Array]:
        if self.port.calls is None:
            return {}
        results, layers = self.port.calls.results, self.port.calls.plan.layers
        return {
            name: value.layout.to_lasagne(values[results[value.id]])
            for name, value in layers.items()
            if results[value.id] in values
        }


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


class _MaskedDropout(keras.layers.Layer):
    """Stands in for a dropout layer: the same scaling, with a mask that is given."""

    def __init__(self, layer: keras.layers.Layer, dtype: str) -> None:
        super().__init__(name=layer.name, dtype=dtype)
        self.rate = layer.rate
        self.rescales = isinstance(layer, keras.layers.Dropout)
        shared = set() if self.rescales else {int(axis) for axis in layer.shared_axes}
        noise_shape = getattr(layer, "noise_shape", None) or ()
        self.shared = shared | {axis for axis, size in enumerate(noise_shape) if size == 1}
        self.mask: Array | None = None

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        if not training or self.mask is None:
            return inputs
        rank = len(inputs.shape)
        shared = {axis % rank for axis in self.shared}
        shape = tuple(1 if axis in shared else size for axis, size in enumerate(inputs.shape))
        if shape != self.mask.shape:
            raise ComparisonError(
                f"{self.name} draws a mask of {shape}, the net one of {self.mask.shape}"
            )
        scale = 1 / (1 - self.rate) if self.rescales else 1.0
        # In float64: a mask of a float32 record would round the scale.
        mask = np.multiply(self.mask, scale, dtype=np.float64)
        return inputs * keras.ops.convert_to_tensor(mask, dtype=self.compute_dtype)


def _functional(model: keras.Model) -> keras.Model:
    """Return a model as a functional one."""
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs, model.outputs)
    if not hasattr(model, "inputs") or not getattr(model, "inputs", None):
        raise ComparisonError("only built functional and Sequential models can be compared")
    return model


def recognize(model: keras.Model, network: Network) -> Calls | None:
    """Return the calls that give this model's layers by name and class, or None."""
    found = {layer.name: type(layer).__name__ for layer in model.layers}
    policy = next((str(layer.dtype_policy.name) for layer in model.layers[1:]), "float32")
    plan = translate(network)
    for data_format in DATA_FORMATS:
        lowered = lower(plan, data_format)
        for profile in PROFILES:
            calls = keras_calls(lowered, profile, policy)
            expected = {
                call.name: "InputLayer" if call.layer == "keras.Input" else _class_name(call.layer)
                for call in calls.calls
            }
            shapes = zip(lowered.inputs, model.inputs, strict=False)
            if expected == found and all(
                _fits(value.layout.shape(value.shape), x.shape) for value, x in shapes
            ):
                return calls
    return None


def _class_name(path: str) -> str:
    return path.rpartition(".")[2]


def _weights(calls: Calls) -> list[tuple[str, str, Weight | Stack]]:
    return [
        (call.name, name, weight) for call in calls.calls for name, weight in call.weights.items()
    ]


def _image_layout(rank: int, data_format: DataFormat) -> Layout:
    images = rank > 3 and data_format == "channels_last"
    return channels_last(rank) if images else lasagne_order(rank)


def _fits(expected: Shape, found: Shape) -> bool:
    """Whether two shapes agree behind the batch axis where both are known."""
    return len(expected) == len(found) and all(
        a is None or b is None or a == b for a, b in zip(expected[1:], found[1:], strict=True)
    )

"""A running copy of a port's Keras model, in a float type and with noise of the caller's choice.

The copy has the model's layers and weights; its stochastic layers multiply by
given masks, so that both sides of a comparison drop the same entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import keras
import numpy as np

from lasport.errors import ComparisonError
from lasport.keras_layers import Nonlinearity, Pooling, UnscaledDropout
from lasport.layers.noise import DropoutAttributes
from lasport.layers.normalization import BatchNormAttributes
from lasport.layout import Layout, channels_last, lasagne_order
from lasport.operations import BatchNorm
from lasport.passes import DataFormat
from lasport.spec import Array
from lasport.targets.keras_calls import Calls
from lasport.targets.keras_model import value_of, variable_of
from lasport.weights import InvStdToVariance, Stack, Weight, inv_std_to_variance

if TYPE_CHECKING:
    from lasport.targets.keras_port import KerasPort

__all__ = ["Activity", "Session", "image_layout", "single"]

Item = TypeVar("Item")
STOCK_POOLS_3D = (keras.layers.AveragePooling3D, keras.layers.MaxPooling3D)
# So many units in the last place may be lost where somebody computes a variance from inv_std.
FEW = 4


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
        shown = [self.shown[name] for name in self.names]
        self.all = keras.Model(single(self.model.inputs), [self.model.outputs, shown])

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
        dtypes = [self.dtype if x.dtype.kind == "f" else x.dtype.name for x in inputs]
        physical = self.port.tensors(inputs, dtypes)
        outputs, shown = self.all(single(physical), training=training)
        for layer in self.masked.values():
            if layer.problem is not None:
                raise ComparisonError(layer.problem)
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
                # A wrong port may hold a negative variance: NaN, which the comparison reports.
                with np.errstate(invalid="ignore", divide="ignore"):
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
            input_tensors=single(inputs),
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
        try:
            return type(layer).from_config({**layer.get_config(), "dtype": self.dtype})
        except (NotImplementedError, TypeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            kind = type(layer).__name__
            raise ComparisonError(f"{layer.name} ({kind}) cannot be copied: {reason}") from error

    def _copy_weights(self) -> None:
        """Copy all variables; one that is a rounded parameter gets the parameter itself.

        Float64 then judges the structure, not the rounding of what is stored.
        """
        pairs: list[tuple[keras.Variable, keras.Variable]] = []
        for source, target in zip(self.port.model.layers, self.model.layers, strict=True):
            if not isinstance(target, _MaskedDropout):
                pairs += zip(source.variables, target.variables, strict=True)
        for before, after in pairs:
            after.assign(keras.ops.cast(before.value, after.dtype))
        if self.dtype != "float64":
            return
        if self.port.calls is None:
            self._copy_variances(pairs)
            return
        for name, attribute, weight in _weights(self.port.calls):
            stored = value_of(self.port.model, name, attribute)
            meant = weight.value
            if stored.shape == meant.shape:
                same = stored == meant.astype(stored.dtype)
                unrounded = np.where(same, meant.astype(np.float64), stored)
                variable_of(self.model, name, attribute).assign(unrounded)

    def _copy_variances(self, pairs: Sequence[tuple[keras.Variable, keras.Variable]]) -> None:
        """Do the same for the variances of a foreign port, which are rounded where weights are not.

        Nobody knows their places, so whatever has a layer's very variances, up
        to a few units in the last place, is taken for them.
        """
        for layer in self.port.network.layers:
            if not isinstance(layer.attributes, BatchNormAttributes):
                continue
            inv_std = layer.params["inv_std"].value
            rounded = inv_std.astype(self.port.weights_dtype)
            meant = inv_std_to_variance(rounded, layer.attributes.epsilon)
            for before, after in pairs:
                stored = before.numpy()
                if stored.shape == meant.shape and stored.dtype.kind == "f":
                    unit = max(float(np.finfo(each.dtype).eps) for each in (stored, inv_std))
                    if np.allclose(stored, meant, rtol=FEW * unit, atol=0):
                        after.assign(meant)

    def _hand_out(self, masks: Mapping[str, Sequence[Array]], training: bool) -> None:
        """Give each dropout layer of the copy the mask of its Lasagne layer."""
        for layer in self.masked.values():
            layer.mask = None
        if not training:
            return
        order = [layer.name for layer in self.model.layers if layer.name in self.masked]
        drawn = {layer: arrays for layer, arrays in masks.items() if arrays}
        # A foreign model's dropout layers are taken to come in the order of the net's.
        sources, layouts = dict(zip(order, drawn, strict=False)), dict[str, Layout]()
        if self.port.calls is not None:
            steps = [step for step in self.port.calls.plan.steps if step.name in order]
            sources = {step.name: step.layer for step in steps}
            layouts = {step.layer: step.output.layout for step in steps}
        if sorted(sources.values()) != sorted(drawn) or len(sources) != len(order):
            raise ComparisonError(
                f"the net draws noise in {', '.join(drawn) or 'no layer'}, the model in "
                f"{', '.join(order) or 'no layer'}"
            )
        for name, source in sources.items():
            if len(drawn[source]) != 1:
                raise ComparisonError(f"{source} drew {len(drawn[source])} masks, {name} draws one")
            mask = drawn[source][0]
            layout = layouts.get(source) or image_layout(mask.ndim, "channels_last")
            self.masked[name].take(layout.from_lasagne(mask), self.port.network[source].attributes)

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
        self.problem: str | None = None

    def take(self, mask: Array, attributes: object) -> None:
        """Multiply by this mask from now on, which a Lasagne layer with these attributes drew."""
        self.mask = mask
        self.problem = None
        # The mask says nothing about the rate, and without rescaling the outputs do not either.
        rate = attributes.p if isinstance(attributes, DropoutAttributes) else self.rate
        if not self.rescales and not np.isclose(self.rate, rate, rtol=1e-6, atol=0):
            raise ComparisonError(f"{self.name} drops {self.rate:g} of it, the net {rate:g}")

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        if not training or self.mask is None:
            return inputs
        rank = len(inputs.shape)
        shared = {axis % rank for axis in self.shared}
        shape = tuple(1 if axis in shared else size for axis, size in enumerate(inputs.shape))
        if shape != self.mask.shape:
            # Not raised here: Keras would wrap it in a page of advice.
            self.problem = f"{self.name} draws a mask of {shape}, the net one of {self.mask.shape}"
            return inputs
        scale = 1 / (1 - self.rate) if self.rescales else 1.0
        # In float64: a mask of a float32 record would round the scale.
        mask = np.multiply(self.mask, scale, dtype=np.float64)
        return inputs * keras.ops.convert_to_tensor(mask, dtype=self.compute_dtype)


def _weights(calls: Calls) -> list[tuple[str, str, Weight | Stack]]:
    return [
        (call.name, name, weight) for call in calls.calls for name, weight in call.weights.items()
    ]


def single(items: list[Item]) -> Item | list[Item]:
    """Return the only item, or all of them, as Keras takes inputs and gives outputs."""
    return items[0] if len(items) == 1 else items


def image_layout(rank: int, data_format: DataFormat) -> Layout:
    """Return how a foreign model of a data format holds a value of ``rank`` axes."""
    images = rank > 3 and data_format == "channels_last"
    return channels_last(rank) if images else lasagne_order(rank)

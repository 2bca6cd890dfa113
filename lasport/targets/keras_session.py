"""A running copy of a port's Keras model, in a float type and with noise of the caller's choice.

The copy has the model's layers and weights; its stochastic layers take given
samples, so that both sides of a comparison draw the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np

from lasport.errors import ComparisonError
from lasport.layout import Layout, channels_last, lasagne_order
from lasport.operations import BatchNorm, Noise
from lasport.passes import DataFormat, lower
from lasport.plan import Plan, Step
from lasport.spec import Array
from lasport.targets.given_noise import drawn_inside, hand_out, noise_states
from lasport.targets.keras_copy import ModelCopy, single, weights_of
from lasport.targets.keras_gradients import Gradients, differentiate
from lasport.targets.keras_model import value_of
from lasport.translate import translate
from lasport.weights import InvStdToVariance, Weight

if TYPE_CHECKING:
    from lasport.targets.keras_port import KerasPort

__all__ = ["Activity", "Session", "image_layout", "single"]


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
        copy = ModelCopy.of(port, dtype)
        self.model, self.noise = copy.model, copy.noise
        self.names = sorted(copy.shown)
        shown = [copy.shown[name] for name in self.names]
        self.all = keras.Model(single(self.model.inputs), [self.model.outputs, shown])

    @property
    def arrangements(self) -> int:
        """In how many ways the model may hold what stochastic layers draw.

        Nobody knows whether a foreign model flattens images channels last or in
        Lasagne's order, and shapes do not tell.
        """
        layouts = [step.output.layout for step in self._noise_steps()]
        known = all(layout == lasagne_order(len(layout.axes)) for layout in layouts)
        return 1 if self.port.calls is not None or known else 2

    def run(
        self,
        inputs: Sequence[Array],
        *,
        training: bool,
        masks: Mapping[str, Sequence[Array]],
        arrangement: int = 0,
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
        arrangement : int
            Of a foreign model: 0 if it holds what they drew channels last, 1 if
            in Lasagne's order, both where the shape permits it.

        Raises
        ------
        ComparisonError
            If what was drawn and the model's stochastic layers do not correspond.
        """
        for layer in self.noise.values():
            layer.release()
        mismatch = self._hand_out(masks, arrangement) if training else None
        before = noise_states(self.model)
        dtypes = [self.dtype if x.dtype.kind == "f" else x.dtype.name for x in inputs]
        physical = self.port.tensors(inputs, dtypes)
        outputs, shown = self.all(single(physical), training=training)
        own = [name for name, state in noise_states(self.model).items() if state != before[name]]
        self._refuse(own, mismatch)
        values = dict(zip(self.names, map(np.asarray, shown), strict=True))
        layouts = self.port.output_layouts
        return Activity(
            self._lasagne_layers(values),
            [layout.to_lasagne(np.asarray(y)) for layout, y in zip(layouts, outputs, strict=True)],
        )

    def gradients(
        self,
        inputs: Sequence[Array],
        cotangents: Sequence[Array],
        *,
        training: bool,
        masks: Mapping[str, Sequence[Array]],
        arrangement: int = 0,
    ) -> Gradients:
        """Differentiate the outputs, weighted by cotangents; the other arguments are those of run.

        The whole net's activations are in memory.
        """
        # Leaves what was drawn in the stand-ins, and refuses what cannot be given any.
        self.run(inputs, training=training, masks=masks, arrangement=arrangement)
        return differentiate(self, inputs, cotangents, training)

    def params(self) -> list[Array] | None:
        """Return the present weights as Lasagne's parameters, unrounded; None if unknown."""
        if self.port.calls is None:
            return None
        found: dict[int, Array] = {}
        for name, attribute, weight in weights_of(self.port.calls):
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
        for name, attribute, weight in weights_of(self.port.calls):
            if attribute.endswith("moving_variance") and isinstance(weight, Weight):
                array = value_of(self.model, name, attribute)
                for conversion in reversed(weight.conversions):
                    if not isinstance(conversion, InvStdToVariance):
                        array = conversion.undo(array)
                variances[layers[name]] = array
        return variances

    def _hand_out(self, masks: Mapping[str, Sequence[Array]], arrangement: int) -> str | None:
        drawn = {name: [[sample] for sample in each] for name, each in masks.items() if each}
        steps = self._noise_steps()
        for step in self._plan().steps:
            for inner, share in drawn_inside(step, masks.get(step.layer, ())):
                drawn.pop(step.layer, None)
                steps.append(inner)
                drawn[inner.layer] = [share] if share else []
        return hand_out(self.port.network, self.noise, self._places(steps, arrangement), drawn)

    def _plan(self) -> Plan:
        """Return the net's plan, arranged as the model is or may be."""
        calls = self.port.calls
        return lower(translate(self.port.network), "channels_last") if calls is None else calls.plan

    def _noise_steps(self) -> list[Step]:
        """Return the steps in which the net draws, but those inside layers."""
        return [step for step in self._plan().steps if isinstance(step.operation, Noise)]

    def _places(
        self, steps: list[Step], arrangement: int
    ) -> dict[str, tuple[Step, Sequence[Layout]]]:
        """Return the steps in which the net draws, by the stand-in that is in their place."""
        if self.port.calls is not None:
            return {step.name: (step, [step.output.layout]) for step in steps}
        # A foreign model's layers of a kind are taken to come in the order of the net's.
        steps.sort(key=lambda step: type(step.operation).__name__)
        names = sorted(self.noise, key=lambda name: self.noise[name].meant.__name__)
        if len(names) != len(steps):
            names = [step.name for step in steps]
        places: dict[str, tuple[Step, Sequence[Layout]]] = {}
        for name, step in zip(names, steps, strict=True):
            layouts = [step.output.layout, lasagne_order(len(step.output.shape))]
            places[name] = (step, layouts[arrangement:] + layouts[:arrangement])
        return places

    def _refuse(self, own: Sequence[str], mismatch: str | None) -> None:
        """Raise if what the copy computed says nothing: it drew otherwise than the net."""
        if own:
            raise ComparisonError(
                f"{', '.join(own)} drew random numbers that no original can have drawn: only "
                "Keras' Dropout, SpatialDropout and GaussianNoise and lasport's own layers can be "
                "given what a net drew, and only in training mode"
            )
        problems = [mismatch, *(layer.problem for layer in self.noise.values())]
        found = [problem for problem in problems if problem is not None]
        if found:
            raise ComparisonError("; ".join(found))

    def _lasagne_layers(self, values: Mapping[str, Array]) -> dict[str, Array]:
        if self.port.calls is None:
            return {}
        results, layers = self.port.calls.results, self.port.calls.plan.layers
        return {
            name: value.layout.to_lasagne(values[results[value.id]])
            for name, value in layers.items()
            if results[value.id] in values
        }


def image_layout(rank: int, data_format: DataFormat) -> Layout:
    """Return how a foreign model of a data format holds a value of ``rank`` axes."""
    images = rank > 3 and data_format == "channels_last"
    return channels_last(rank) if images else lasagne_order(rank)

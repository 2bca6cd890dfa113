"""A running copy of a port's Keras model, in a float type and with noise of the caller's choice.

The copy has the model's layers and weights; its stochastic layers take given
samples, so that both sides of a comparison draw the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import keras
import numpy as np

from lasport.layout import Layout, channels_last, lasagne_order
from lasport.operations import BatchNorm, NetLoop, Noise
from lasport.passes import DataFormat, lower
from lasport.plan import Plan, Step
from lasport.spec import Array
from lasport.targets.given_noise import drawn_inside, hand_out, noise_states
from lasport.targets.keras_copy import ModelCopy, single, weights_of
from lasport.targets.keras_gradients import Gradients, differentiate
from lasport.targets.keras_model import variables_of
from lasport.targets.keras_tape import read
from lasport.targets.keras_walk import Walk
from lasport.translate import translate
from lasport.weights import InvStdToVariance, Weight

if TYPE_CHECKING:
    from lasport.targets.keras_port import KerasPort

__all__ = ["Session", "image_layout", "single"]


class Session:
    """A running copy of a port's model."""

    def __init__(self, port: KerasPort, dtype: str) -> None:
        self.port = port
        self.dtype = dtype
        copy = ModelCopy.of(port, dtype)
        self.model, self.noise, self.tape = copy.model, copy.noise, copy.tape
        self.shown = self._lasagne_layers(copy.shown)
        # Those that draw numbers nobody can give them.
        self.random = [each for each in self.model.layers if any(noise_states([each]).values())]
        self.moved = False
        self._start = [(variable, read(variable)) for variable in self.model.variables]

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
    ) -> list[Array]:
        """Return the copy's outputs; a training pass moves its running averages.

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
        walk = Walk(self, inputs, training, layers=())
        if training:
            walk.mismatch = self._hand_out(masks, arrangement)
        return walk.outputs()

    def walk(self, inputs: Sequence[Array], *, training: bool) -> Walk:
        """Begin a pass in which every layer that the model shows will be asked for once."""
        placed = {step.name for steps in self._noisy.values() for step in steps}
        more = {name: x for name, x in self.noise.items() if name.partition("/")[0] not in placed}
        mismatch = hand_out(self.port.network, more, {}, {}) if training else None
        return Walk(self, inputs, training, self.shown.keys(), mismatch)

    def restart(self) -> None:
        """Put back what passes did to the copy's variables."""
        if self.moved:
            for variable, value in self._start:
                variable.assign(value)
        self.moved = False

    def strangers(self, layer: str) -> list[str]:
        """Return the layers whose values a shown one takes, though they do not feed it in the net.

        The model's inputs are passed over: layers that hold weights take them, to no effect.
        """
        fed = {id(self.shown[name][0]) for name in self.port.network[layer].incoming}
        target = id(self.shown[layer][0])
        if target in fed:
            return []
        _, taken = self.tape.between(self._owners, target)
        inputs = set(map(id, self.model.inputs))
        return sorted(name for x in taken - fed - inputs for name in self._owners[x])

    def hand_out_to(self, layer: str, drawn: Sequence[Array]) -> str | None:
        """Give what one Lasagne layer drew to the stand-ins in its place.

        Returns
        -------
        str or None
            What does not correspond.
        """
        steps = self._noisy.get(layer, [])
        return self._hand_out({layer: drawn}, 0, steps) if steps or len(drawn) else None

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
        walk = Walk(self, inputs, training, layers=())
        if training:
            walk.mismatch = self._hand_out(masks, arrangement)
        found = differentiate(self, inputs, cotangents, training)
        walk.refuse()
        return found

    def params(self) -> list[Array] | None:
        """Return the present weights as Lasagne's parameters, unrounded; None if unknown."""
        if self.port.calls is None:
            return None
        found: dict[int, Array] = {}
        variable = variables_of(self.model)
        for name, attribute, weight in weights_of(self.port.calls):
            for part, piece in weight.split(np.asarray(read(variable(name, attribute)))):
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
        variable = variables_of(self.model)
        for name, attribute, weight in weights_of(self.port.calls):
            if attribute.endswith("moving_variance") and isinstance(weight, Weight):
                array = np.asarray(read(variable(name, attribute)))
                for conversion in reversed(weight.conversions):
                    if not isinstance(conversion, InvStdToVariance):
                        array = conversion.undo(array)
                variances[layers[name]] = array
        return variances

    def _hand_out(
        self,
        masks: Mapping[str, Sequence[Array]],
        arrangement: int,
        among: Sequence[Step] | None = None,
    ) -> str | None:
        """Give what was drawn to the stand-ins, all of them or those in the place of some steps."""
        drawn = {name: [[sample] for sample in each] for name, each in masks.items() if each}
        whole = among is None
        among = self._plan().steps if among is None else among
        steps = [step for step in among if isinstance(step.operation, Noise)]
        for step in among:
            for inner, share in drawn_inside(step, masks.get(step.layer, ())):
                drawn.pop(step.layer, None)
                steps.append(inner)
                drawn[inner.layer] = [share] if share else []
        places = self._places(steps, arrangement)
        stand_ins = self.noise if whole else {n: self.noise[n] for n in places if n in self.noise}
        return hand_out(self.port.network, stand_ins, places, drawn)

    @cached_property
    def _noisy(self) -> dict[str, list[Step]]:
        """By Lasagne layer, the steps in which it draws, or a net inside it does."""
        noisy: dict[str, list[Step]] = defaultdict(list)
        for step in self._plan().steps:
            if isinstance(step.operation, Noise | NetLoop):
                noisy[step.layer].append(step)
        return dict(noisy)

    @cached_property
    def _owners(self) -> dict[int, list[str]]:
        """By symbolic tensor, the Lasagne layers that it is the value of."""
        owners: dict[int, list[str]] = {id(x): [] for x in self.model.inputs}
        for name, (tensor, _) in self.shown.items():
            owners.setdefault(id(tensor), []).append(name)
        return owners

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

    def _lasagne_layers(
        self, values: Mapping[str, keras.KerasTensor]
    ) -> dict[str, tuple[keras.KerasTensor, Layout]]:
        """Return what is the value of each Lasagne layer, and how it is held."""
        if self.port.calls is None:
            return {}
        results, layers = self.port.calls.results, self.port.calls.plan.layers
        return {
            name: (values[results[value.id]], value.layout)
            for name, value in layers.items()
            if results[value.id] in values
        }


def image_layout(rank: int, data_format: DataFormat) -> Layout:
    """Return how a foreign model of a data format holds a value of ``rank`` axes."""
    images = rank > 3 and data_format == "channels_last"
    return channels_last(rank) if images else lasagne_order(rank)

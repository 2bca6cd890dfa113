"""Stand-ins for Keras' stochastic layers: the same arithmetic, on samples that are given.

Two nets can be compared in training mode only if both draw the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import keras
import numpy as np

from lasport.keras_layers import RandomizedRectifier, UnscaledDropout, WideGaussianNoise
from lasport.keras_layers.nonlinearity import apply_function
from lasport.layout import Layout
from lasport.operations import AddNoise, Dropout, NetLoop, Noise, Operation, RandomRectify
from lasport.plan import Step
from lasport.spec import Array, Network

__all__ = ["GivenNoise", "hand_out", "noise_states", "stand_in"]

# Numbers that somebody wrote down in float32 are the same numbers.
SAME = 1e-6


class GivenNoise(keras.layers.Layer):
    """A stochastic layer that does not draw.

    Attributes
    ----------
    turns : sequence of sequence of ndarray
        What it may use in training mode, time after time and then from the
        start again: that of the arrays which has the shape of what it would
        draw. Without any it rests.
    problem : str or None
        Why none of them is its own. Not raised: Keras would wrap an error in
        a page of advice.
    """

    meant: ClassVar[type[Operation]]  # what a net has in the layer's place

    def __init__(self, layer: keras.layers.Layer, dtype: str) -> None:
        super().__init__(name=layer.name, dtype=dtype)
        self.kind = type(layer).__name__
        self.turns: Sequence[Sequence[Array]] = ()
        self.turn = 0
        self.problem: str | None = None

    @property
    def draws(self) -> bool:
        """Whether the layer that is stood in for draws anything."""
        raise NotImplementedError

    def shared(self, rank: int) -> set[int]:
        """Return the axes of an input of ``rank`` axes along which the sample has size 1."""
        return set()

    def contradiction(self, operation: Any) -> str | None:
        """Return how an operation of the kind meant draws otherwise, if no output tells."""
        raise NotImplementedError

    def combine(self, inputs: keras.KerasTensor, sample: Array) -> keras.KerasTensor:
        """Return what training mode makes of a sample."""
        raise NotImplementedError

    def rest(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return what inference mode gives."""
        return inputs

    def release(self) -> None:
        """Let it rest."""
        self.turns, self.turn, self.problem = (), 0, None

    def take(self, turns: Sequence[Sequence[Array]], step: Step) -> None:
        """Use samples from now on, drawn by the net in a step of the kind that is meant."""
        self.turns = turns
        self.problem = self.contradiction(step.operation)

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Use the sample in training mode."""
        if not training or not self.turns:
            return self.rest(inputs)
        samples = self.turns[self.turn]
        self.turn = (self.turn + 1) % len(self.turns)
        shared = self.shared(len(inputs.shape))
        shape = tuple(1 if axis in shared else size for axis, size in enumerate(inputs.shape))
        fitting = [sample for sample in samples if sample.shape == shape]
        if not fitting:
            drawn = samples[0].shape
            self.problem = f"{self.name} draws a sample of {shape}, the net one of {drawn}"
            return self.rest(inputs)
        return self.combine(inputs, fitting[0])

    def tensor(self, sample: Array) -> keras.KerasTensor:
        """Return an array in the float type that the copy computes in."""
        return keras.ops.convert_to_tensor(sample, dtype=self.compute_dtype)


class GivenMask(GivenNoise):
    """In place of dropout."""

    meant = Dropout

    def __init__(self, layer: keras.layers.Layer, dtype: str) -> None:
        super().__init__(layer, dtype)
        self.rate = layer.rate
        self.rescales = not isinstance(layer, UnscaledDropout)
        self.shared_axes = _shared_axes(layer)

    @property
    def draws(self) -> bool:
        return bool(self.rate > 0)

    def shared(self, rank: int) -> set[int]:
        return {axis % rank for axis in self.shared_axes}

    def contradiction(self, operation: Dropout) -> str | None:
        # With rescaling the outputs show another rate.
        if self.rescales or _same(self.rate, operation.rate):
            return None
        return f"{self.name} drops {self.rate:g} of it, the net {operation.rate:g}"

    def combine(self, inputs: keras.KerasTensor, sample: Array) -> keras.KerasTensor:
        if self.rescales:
            # In float64: a mask of a float32 record would round the scale.
            with np.errstate(divide="ignore", invalid="ignore"):
                sample = np.divide(sample, 1 - self.rate, dtype=np.float64)
        return inputs * self.tensor(sample)


class GivenAddend(GivenNoise):
    """In place of Gaussian noise."""

    meant = AddNoise

    def __init__(self, layer: keras.layers.Layer, dtype: str) -> None:
        super().__init__(layer, dtype)
        self.stddev = layer.stddev

    @property
    def draws(self) -> bool:
        return bool(self.stddev > 0)

    def contradiction(self, operation: AddNoise) -> str | None:
        if _same(self.stddev, operation.sigma):
            return None
        return (
            f"{self.name} adds noise of standard deviation {self.stddev:g}, "
            f"the net of {operation.sigma:g}"
        )

    def combine(self, inputs: keras.KerasTensor, sample: Array) -> keras.KerasTensor:
        return inputs + self.tensor(sample)


class GivenSlopes(GivenNoise):
    """In place of a randomized rectifier."""

    meant = RandomRectify

    def __init__(self, layer: keras.layers.Layer, dtype: str) -> None:
        super().__init__(layer, dtype)
        self.lower, self.upper, self.shared_axes = layer.lower, layer.upper, layer.shared_axes

    @property
    def draws(self) -> bool:
        return bool(self.lower < self.upper)

    def shared(self, rank: int) -> set[int]:
        return {axis % rank for axis in self.shared_axes}

    def contradiction(self, operation: RandomRectify) -> str | None:
        if _same(self.lower, operation.lower) and _same(self.upper, operation.upper):
            return None
        return (
            f"{self.name} draws slopes between {self.lower:g} and {self.upper:g}, "
            f"the net between {operation.lower:g} and {operation.upper:g}"
        )

    def combine(self, inputs: keras.KerasTensor, sample: Array) -> keras.KerasTensor:
        return _rectified(inputs, self.tensor(sample))

    def rest(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return _rectified(inputs, (self.lower + self.upper) / 2)


STAND_INS: Mapping[type[keras.layers.Layer], type[GivenNoise]] = {
    keras.layers.Dropout: GivenMask,
    keras.layers.SpatialDropout1D: GivenMask,
    keras.layers.SpatialDropout2D: GivenMask,
    keras.layers.SpatialDropout3D: GivenMask,
    UnscaledDropout: GivenMask,
    keras.layers.GaussianNoise: GivenAddend,
    WideGaussianNoise: GivenAddend,
    RandomizedRectifier: GivenSlopes,
}


def stand_in(layer: keras.layers.Layer, dtype: str) -> GivenNoise | None:
    """Return a stand-in for a layer that draws random numbers of a kind that Lasagne draws.

    Parameters
    ----------
    layer : keras.layers.Layer
        Of any class; a subclass that computes otherwise has no stand-in.
    dtype : str
        What the stand-in computes in.
    """
    for kind, given in STAND_INS.items():
        if isinstance(layer, kind) and type(layer).call is kind.call:
            noise = given(layer, dtype)
            return noise if noise.draws else None
    return None


def hand_out(
    network: Network,
    stand_ins: Mapping[str, GivenNoise],
    steps: Mapping[str, tuple[Step, Sequence[Layout]]],
    drawn: Mapping[str, Sequence[Sequence[Array]]],
) -> str | None:
    """Give each stand-in what the net drew in its place.

    Parameters
    ----------
    network : Network
        Who drew.
    stand_ins : mapping of str to GivenNoise
        By name.
    steps : mapping of str to (Step, sequence of Layout)
        By the name of a stand-in, the net's step in its place, and how the
        model may hold its values. A Lasagne layer draws once in each of its steps.
    drawn : mapping of str to sequence of sequence of ndarray
        By Lasagne layer, for each of its steps, what it drew there time after
        time, in Lasagne's order of axes.

    Returns
    -------
    str or None
        What does not correspond.
    """
    net = [layer for layer, samples in drawn.items() for _ in samples]
    corresponds = (
        sorted(net) == sorted(step.layer for step, _ in steps.values())
        and stand_ins.keys() == steps.keys()
        and all(isinstance(steps[name][0].operation, x.meant) for name, x in stand_ins.items())
    )
    if not corresponds:
        kinds = {layer.name: layer.kind.rpartition(".")[2] for layer in network.layers}
        theirs = ", ".join(
            f"{layer} ({kinds.get(layer.partition('/')[0], 'unknown')})" for layer in net
        )
        ours = ", ".join(f"{name} ({each.kind})" for name, each in stand_ins.items())
        return f"the net draws noise in {theirs or 'no layer'}, the model in {ours or 'no layer'}"
    samples = {layer: iter(each) for layer, each in drawn.items()}
    for name, (step, layouts) in steps.items():
        turns = next(samples[step.layer])
        stand_ins[name].take(
            [[layout.from_lasagne(sample) for layout in layouts] for sample in turns], step
        )
    return None


def drawn_inside(step: Step, samples: Sequence[Array]) -> list[tuple[Step, list[Array]]]:
    """Return what the layers of nets inside a layer drew.

    Parameters
    ----------
    step : Step
        Of any kind; one without nets has nothing inside.
    samples : sequence of ndarray
        All that its layer drew: before the loop, then in each round from the
        state and from the input.

    Returns
    -------
    list of (Step, list of ndarray)
        The steps inside, called after their stand-ins, with their shares;
        these are empty where the numbers do not add up.
    """
    loop = step.operation
    if not isinstance(loop, NetLoop):
        return []
    inside: dict[str, list[tuple[Step, list[Array]]]] = {}
    for net, plan in loop.nets().items():
        noise = [inner for inner in plan.steps if isinstance(inner.operation, Noise)]
        paths = [f"{step.name}/{net}/{inner.name}" for inner in noise]
        inside[net] = [
            (replace(inner, name=path, layer=path), [])
            for inner, path in zip(noise, paths, strict=True)
        ]
    first, each = inside["input_to_hidden"], inside["hidden_to_hidden"]
    order = first if loop.in_advance else []
    each = each if loop.in_advance else each + first
    order = order + each * ((len(samples) - len(order)) // max(len(each), 1))
    if len(order) == len(samples):
        for (_, share), sample in zip(order, samples, strict=True):
            share.append(sample)
    return [place for places in inside.values() for place in places]


def noise_states(layers: Iterable[keras.layers.Layer]) -> dict[str, list[object]]:
    """Return where each layer's random generators stand; one that moved has drawn."""
    return {
        f"{layer.name} ({type(layer).__name__})": [
            variable.numpy().tolist()
            for variable in layer.variables
            if variable.name == "seed_generator_state"
        ]
        for layer in layers
    }


def _same(one: float, other: float) -> bool:
    return bool(np.isclose(one, other, rtol=SAME, atol=0))


def _rectified(x: keras.KerasTensor, slope: keras.KerasTensor | float) -> keras.KerasTensor:
    return apply_function("leaky_rectify", {"leakiness": slope}, x)


def _shared_axes(layer: keras.layers.Layer) -> tuple[int, ...]:
    """Return the axes along which a dropout layer drops all or nothing."""
    if isinstance(layer, UnscaledDropout):
        return layer.shared_axes
    spatial = {
        keras.layers.SpatialDropout1D: 1,
        keras.layers.SpatialDropout2D: 2,
        keras.layers.SpatialDropout3D: 3,
    }
    for kind, count in spatial.items():
        if isinstance(layer, kind):
            first = 2 if getattr(layer, "data_format", None) == "channels_first" else 1
            return tuple(range(first, first + count))
    return tuple(axis for axis, size in enumerate(layer.noise_shape or ()) if size == 1)

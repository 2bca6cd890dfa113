"""What the numpy reference, which has no gradients, says of them: slopes in random directions."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from lasport.compare.metrics import ROUNDING_FACTOR, measure
from lasport.compare.places import Found, Place, places_of
from lasport.compare.report import Comparison
from lasport.compare.slopes import Function, rough_slope_at_0, slope_at_0
from lasport.layers.recurrence import RecurrenceAttributes
from lasport.oracles.forward import Forward
from lasport.oracles.oracle import Oracle
from lasport.oracles.record import Mode
from lasport.oracles.reference import mask_inputs
from lasport.spec import Array, Network

__all__ = ["ReferenceSlopes", "clipping_layers"]

DIRECTIONS = 2
# Nets of more numbers, parameters and outputs of layers, are asked roughly and in one direction
# as long as nothing is wrong: a pass of theirs takes long.
LARGE = 1_000_000
# Of what such a slope may be expected to be: known no better than so, it is no evidence.
UNKNOWN = 1e-5


def clipping_layers(network: Network) -> list[str]:
    """Return the layers whose gradients Lasagne clips or truncates: those are no slopes."""
    return [
        layer.name
        for layer in network.layers
        if isinstance(a := layer.attributes, RecurrenceAttributes)
        and (a.grad_clipping or a.gradient_steps != -1)
    ]


@dataclass
class ReferenceSlopes:
    """The reference along random lines through a record's inputs and the net's parameters.

    Parameters
    ----------
    network : Network
        The original.
    record : Oracle
        Whose inputs, masks and cotangents are used.
    mode : {"inference", "training"}
        Of the passes.
    params : sequence of ndarray or None
        In place of the network's own.
    cotangents : sequence of ndarray
        Weights of the outputs.
    outputs : sequence of ndarray or None
        What the reference gives in float64, if that is known.
    large : bool
        Whether one direction is enough, and as little as is needed.
    resolution : float
        How well the last slopes were known, of what may be expected of them.
    """

    network: Network
    record: Oracle
    mode: Mode
    params: Sequence[Array] | None
    cotangents: Sequence[Array]
    outputs: Sequence[Array] | None = None
    large: bool = field(init=False)
    resolution: float = field(init=False, default=0.0)
    _lines: dict[tuple[Place, ...], list[Function]] = field(default_factory=dict)
    _reaches: dict[Place, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._masks = mask_inputs(self.network)
        self._values = self.network.param_values() if self.params is None else list(self.params)
        parameters = sum(value.size for value in self._values)
        self.large = self.network.size + parameters > LARGE
        self._directions = 1 if self.large else DIRECTIONS

    def known(self, gradients: Found) -> list[Place]:
        """Return those of a port's gradients that are slopes: not what a layer clips."""
        return [place for place in self._smooth() if place in gradients]

    def compare(self, gradients: Found) -> Comparison | None:
        """Compare a port's gradients with slopes in which every array takes part.

        Returns
        -------
        Comparison or None
            Of the array it is found to be about if it fails; None if the
            slopes are not known well enough.
        """
        places = self.known(gradients)
        whole = self._compared("all", "all", places, gradients, roughly=self.large)
        if self.large and (whole is None or not whole.ok):
            whole = self._compared("all", "all", places, gradients)
        if whole is None or whole.ok:
            return whole
        first = self._first_wrong(places, gradients)
        alone = self._compared(first.name, first.layer, [first], gradients)
        return whole if alone is None or alone.ok else alone

    def agrees(self, gradients: Found) -> bool:
        """Whether gradients agree with the slopes."""
        places = self.known(gradients)
        found = self._compared("all", "all", places, gradients)
        return found is not None and found.ok

    def _compared(
        self,
        name: str,
        layer: str,
        places: Sequence[Place],
        gradients: Found,
        *,
        roughly: bool = False,
    ) -> Comparison | None:
        directions, key = range(self._directions), tuple(places)
        if key not in self._lines:
            self._lines[key] = [cache(self._along(places, n)) for n in directions]
        actual = np.array([self._projected(places, gradients, n) for n in directions])
        # A slope may be next to nothing by chance.
        expected = max(self._expected(places, gradients), *np.abs(actual))
        with np.errstate(all="ignore"):
            slopes = [
                rough_slope_at_0(line, UNKNOWN * expected) if roughly else slope_at_0(line)
                for line in self._lines[key]
            ]
        values = np.array([slope.value for slope in slopes])
        error = max(slope.error for slope in slopes)
        expected = max(expected, *np.abs(values))
        if not error <= UNKNOWN * expected:
            return None
        self.resolution = error / expected if expected else 0.0
        ratio = float(np.abs(actual - values).max()) / error
        subject = f"{self.mode}/slopes/{name}"
        difference = measure(actual, values)
        ok = ratio <= ROUNDING_FACTOR
        return Comparison(subject, layer, "float64", ok, difference, ratio, bound=ROUNDING_FACTOR)

    def _first_wrong(self, places: Sequence[Place], gradients: Found) -> Place:
        """Return the array closest to the outputs without which all is well."""
        right, wrong = 0, len(places)
        while wrong - right > 1:
            middle = (right + wrong) // 2
            found = self._compared("some", "", places[:middle], gradients)
            if found is None or found.ok:
                right = middle
            else:
                wrong = middle
        return places[wrong - 1]

    def _smooth(self) -> list[Place]:
        """Return the arrays with respect to which the gradient is a derivative."""
        behind = _upstream(self.network, clipping_layers(self.network))
        variables = [
            id(value)
            for layer in self.network.layers
            if layer.name in behind
            for param in layer.params.values()
            for value in param.variables
        ]
        own = self.network.param_values()
        return [
            place
            for place in places_of(self.network, self.record)
            if (
                place.layer not in behind and place.layer not in self._masks
                if place.is_input
                else id(own[place.index]) not in variables
            )
        ]

    def _along(self, places: Sequence[Place], direction: int) -> Function:
        """Return the outputs, weighted, and the sum of their magnitudes, after a step."""
        steps = {place.index: place for place in places if not place.is_input}

        def value(step: float) -> tuple[float, float]:
            def moved(number: int, value: Array) -> Array:
                place = steps.get(number)
                return value if place is None else self._moved(place, direction, step)

            inputs = list(self.record.inputs)
            for place in places:
                if place.is_input:
                    inputs[place.index] = self._moved(place, direction, step)
            known = self.outputs if step == 0 else None
            outputs = self._forward(inputs, moved) if known is None else known
            terms = [c * y for c, y in zip(self.cotangents, outputs, strict=True)]
            return sum(float(t.sum()) for t in terms), sum(float(np.abs(t).sum()) for t in terms)

        return value

    def _forward(
        self, inputs: Sequence[Array], moved: Callable[[int, Array], Array]
    ) -> list[Array]:
        masks, seed = self.record.draws()
        return Forward(
            self.network,
            inputs,
            training=self.mode == "training",
            params=self.params,
            masks=masks,
            seed=seed,
            moved=moved,
        ).outputs()

    def _moved(self, place: Place, direction: int, step: float) -> Array:
        moved = self._direction(place, direction)
        moved *= step
        moved += self._start(place)
        return moved

    def _projected(self, places: Sequence[Place], gradients: Found, direction: int) -> float:
        return sum(
            float(np.vdot(self._direction(place, direction), gradients[place])) for place in places
        )

    def _expected(self, places: Sequence[Place], gradients: Found) -> float:
        """Return the root mean square of the slopes in all directions, by a port's gradients."""
        squares = (
            self._reach(place) ** 2 / 12 * float(np.vdot(gradients[place], gradients[place]))
            for place in places
        )
        return math.sqrt(sum(squares))

    def _direction(self, place: Place, number: int) -> Array:
        """Return steps of about an array's own size, always the same.

        They are drawn whenever they are needed: all together would take the memory of the net.
        """
        start = self._start(place)
        steps = np.random.default_rng(
            (self.record.meta["seed"], number, int(place.is_input), place.index)
        ).random(start.shape)
        steps -= 0.5
        steps *= self._reach(place)
        return steps

    def _start(self, place: Place) -> Array:
        arrays = self.record.inputs if place.is_input else self._values
        return arrays[place.index]

    def _reach(self, place: Place) -> float:
        """Return how far numbers drawn evenly go that are as large as an array's in RMS."""
        if place not in self._reaches:
            start = self._start(place).astype(np.float64, copy=False)
            square = float(np.vdot(start, start)) / max(start.size, 1)
            self._reaches[place] = math.sqrt(12 * square) or 1.0
        return self._reaches[place]


def _upstream(network: Network, names: Collection[str]) -> set[str]:
    """Return layers and all that feed them."""
    found = set(names)
    for layer in reversed(network.layers):
        if layer.name in found:
            found.update(layer.incoming)
    return found

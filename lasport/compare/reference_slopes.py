"""What the numpy reference, which has no gradients, says of them: slopes in random directions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from lasport.compare.metrics import ROUNDING_FACTOR, measure
from lasport.compare.places import Found, Place, places_of
from lasport.compare.report import Comparison
from lasport.compare.slopes import Slope, slope_at_0
from lasport.layers.recurrence import RecurrenceAttributes
from lasport.oracles.forward import Forward
from lasport.oracles.oracle import Oracle
from lasport.oracles.record import Mode
from lasport.oracles.reference import mask_inputs
from lasport.spec import Array, Network

__all__ = ["ReferenceSlopes", "clipping_layers"]

DIRECTIONS = 2
# Nets of more parameters are asked in one direction: a pass of theirs takes long.
LARGE = 1_000_000
# Of the largest slope: known no better than so, it is no evidence.
UNKNOWN = 1e-5


def clipping_layers(network: Network) -> list[str]:
    """Return the layers whose gradients Lasagne clips or truncates: those are no slopes."""
    return [
        layer.name
        for layer in network.layers
        if isinstance(a := layer.attributes, RecurrenceAttributes)
        and (a.grad_clipping or a.gradient_steps != -1)
    ]


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
    params : sequence of ndarray, optional
        In place of the network's own.
    """

    def __init__(
        self, network: Network, record: Oracle, mode: Mode, params: Sequence[Array] | None
    ) -> None:
        self.network, self.record, self.mode = network, record, mode
        self.params = network.param_values() if params is None else list(params)
        self._masks = mask_inputs(network)
        numbers = sum(value.size for value in self.params)
        self._directions = DIRECTIONS if numbers <= LARGE else 1
        self._known: dict[tuple[Place, ...], list[Slope]] = {}

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
        self, name: str, layer: str, places: Sequence[Place], gradients: Found
    ) -> Comparison | None:
        directions = [self._direction(places, number) for number in range(self._directions)]
        if tuple(places) not in self._known:
            self._known[tuple(places)] = [self._slope(direction) for direction in directions]
        slopes = self._known[tuple(places)]
        values = np.array([slope.value for slope in slopes])
        actual = np.array([_projected(gradients, direction) for direction in directions])
        error = max(slope.error for slope in slopes)
        if not error <= UNKNOWN * max(np.abs(values).max(), np.abs(actual).max()):
            return None
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
        values = self.network.param_values()
        return [
            place
            for place in places_of(self.network, self.record)
            if (
                place.layer not in behind and place.layer not in self._masks
                if place.is_input
                else id(values[place.index]) not in variables
            )
        ]

    def _direction(self, places: Sequence[Place], number: int) -> dict[Place, Array]:
        """Return steps of about each array's own size; the same in every company."""
        seed = self.record.meta["seed"]
        steps: dict[Place, Array] = {}
        for place in places:
            key = (seed, number, int(place.is_input), place.index)
            start = self._start(place)
            size = float(np.sqrt(np.mean(np.square(start)))) if start.size else 0.0
            normal = np.random.default_rng(key).standard_normal(start.shape)
            steps[place] = normal * (size or 1.0)
        return steps

    def _start(self, place: Place) -> Array:
        arrays = self.record.inputs if place.is_input else self.params
        return arrays[place.index].astype(np.float64)

    def _slope(self, direction: Mapping[Place, Array]) -> Slope:
        def value(step: float) -> tuple[float, float]:
            inputs, params = list(self.record.inputs), list(self.params)
            for place, along in direction.items():
                moved = inputs if place.is_input else params
                moved[place.index] = self._start(place) + step * along
            masks, seed = self.record.draws()
            outputs = Forward(
                self.network,
                inputs,
                training=self.mode == "training",
                params=params,
                masks=masks,
                seed=seed,
            ).outputs()
            terms = [c * y for c, y in zip(self.record.cotangents, outputs, strict=True)]
            return sum(float(t.sum()) for t in terms), sum(float(np.abs(t).sum()) for t in terms)

        with np.errstate(all="ignore"):
            return slope_at_0(value)


def _projected(gradients: Found, direction: Mapping[Place, Array]) -> float:
    return sum(float((along * gradients[place]).sum()) for place, along in direction.items())


def _upstream(network: Network, names: Collection[str]) -> set[str]:
    """Return layers and all that feed them."""
    found = set(names)
    for layer in reversed(network.layers):
        if layer.name in found:
            found.update(layer.incoming)
    return found

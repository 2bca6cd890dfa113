"""What a record of the real Lasagne says of gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lasport.compare.judge import judge, judge_recorded
from lasport.compare.metrics import ROUNDING_FACTOR, STRUCTURE_BOUND
from lasport.compare.places import Found, Place
from lasport.compare.report import Comparison
from lasport.oracles.record import Mode, Record
from lasport.spec import Array, Network

__all__ = ["RecordedGradients"]

# Of the largest gradient in the net: a smaller one may be the sum of large terms that cancel out,
# such as that of a bias before normalization, and then is made of their rounding.
CANCELLED = 1e-2
SINGLE = float(np.finfo(np.float32).eps)


@dataclass
class RecordedGradients:
    """A record's gradients in one mode, to judge a port's by."""

    network: Network
    record: Record
    mode: Mode

    @cached_property
    def _arrays(self) -> tuple[dict[int, Array], dict[int, Array]]:
        return self.record.grads(self.mode), self.record.input_grads(self.mode)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        outputs = self.record.layers(self.mode)
        return {x.name: y.size for x, y in zip(self.network.layers, outputs, strict=True)}

    @cached_property
    def _largest(self) -> float:
        arrays = [array for each in self._arrays for array in each.values()]
        return max((float(np.abs(array).max(initial=0)) for array in arrays), default=0.0)

    def judge(self, own: Mapping[str, Found]) -> dict[Place, Comparison]:
        """Judge a port's gradients, by float type, in the float type of the record.

        A float32 record is held against the port's float64 gradients: there
        the slopes of the reference judge those.
        """
        judged: dict[Place, Comparison] = {}
        for place, exact in own["float64"].items():
            subject, recorded = f"{self.mode}/{place.kind}/{place.name}", self._recorded(place)
            if self.record.meta["floatX"] == "float64":
                found = judge(subject, place.layer, "float64", exact, recorded, recorded)
            else:
                # A bias' gradient is a sum over all that it is added to, batch and images.
                terms = max(1, self._sizes[place.layer] // max(recorded.size, 1))
                near = own["float32"][place]
                found = judge_recorded(subject, place.layer, near, recorded, exact, terms)
            judged[place] = self._beside_others(found)
        return judged

    def _beside_others(self, found: Comparison) -> Comparison:
        """Judge again what may have cancelled out, by the size of the net's other gradients."""
        if found.ok or found.difference is None or not self._largest:
            return found
        relative = found.difference.largest / (CANCELLED * self._largest)
        ratio = None if found.ratio is None else relative / (SINGLE / 2)
        ok = relative <= STRUCTURE_BOUND if ratio is None else ratio <= ROUNDING_FACTOR
        difference = replace(found.difference, relative=relative)
        return replace(found, ok=True, difference=difference, ratio=ratio) if ok else found

    def explained(self, place: Place, exact: Array, moved: float) -> bool:
        """Whether an error is no more than what something else moves the gradient, in RMS."""
        apart = float(np.sqrt(np.mean(np.square(self._recorded(place) - exact))))
        return apart <= ROUNDING_FACTOR * moved

    def _recorded(self, place: Place) -> Array:
        params, inputs = self._arrays
        return (inputs if place.is_input else params)[place.index]

"""The ways in which a right port may compute what Lasagne computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lasport.compare.diagnosis.steps import Pass, Step
from lasport.layers.local_response import LocalResponseAttributes
from lasport.layers.normalization import BatchNormAttributes
from lasport.registry import Run
from lasport.spec import Array

__all__ = ["Way", "updated", "ways_of"]


@dataclass(frozen=True)
class Way:
    """One of the ways in which a right port may compute steps."""

    steps: tuple[Step, ...]
    averaged: str = "inv_std"


def ways_of(steps: Sequence[Step]) -> list[Way]:
    """Return all of them for some steps."""
    ways = [Way(tuple(steps))]
    if any(isinstance(step.attributes, LocalResponseAttributes) for step in steps):
        # Lasagne squares in single precision even in a net of double precision.
        ways.append(Way(tuple(map(_squared_in_double, steps))))
    if any(isinstance(step.attributes, BatchNormAttributes) for step in steps):
        # As Keras averages; the report of `verify` says what that makes of further training.
        ways += [replace(way, averaged="inv_std of variance") for way in ways]
    return ways


def updated(step: Step, learned: Pass, averaged: str) -> Step:
    """Return a step with the running averages that a pass made; ``averaged`` is a way's."""
    updates = learned.updates.get(step.name)
    if not updates:
        return step
    new = {"mean": updates["mean"], "inv_std": updates[averaged]}
    return replace(step, params={**step.params, **new})


def _squared_in_double(step: Step) -> Step:
    if not isinstance(step.attributes, LocalResponseAttributes):
        return step
    return replace(step, compute=_normalize_response)


def _normalize_response(
    attributes: object, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    a, (x,) = attributes, inputs
    assert isinstance(a, LocalResponseAttributes)
    half = a.n // 2
    squares = np.pad(x**2, [(0, 0), (half, half), (0, 0), (0, 0)])
    total = sum(squares[:, start : start + x.shape[1]] for start in range(a.n))
    return np.asarray(x / (a.k + a.alpha * total) ** a.beta)

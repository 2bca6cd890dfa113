"""Bounds of single comparisons, derived from what was counted and measured; they only tighten.

Of an array that is made by moving, choosing and multiplying alone, first-order rounding analysis
bounds the error by the number of roundings, whatever the data (Higham, "Accuracy and Stability of
Numerical Algorithms", section 3.1). Sums may cancel: how much is in the data, not in the count. It
shows in the oracle's float32 error, and float64 rounds by a factor of 2**29 less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lasport.compare.metrics import FLOAT_TYPES, Rounding
from lasport.compare.report import Comparison
from lasport.operations import (
    Activation,
    Autocrop,
    Concat,
    Crop,
    Dimshuffle,
    Dropout,
    Embed,
    Flatten,
    GlobalReduce,
    Input,
    Operation,
    Pad,
    PassOn,
    Permute,
    Pool,
    PoolFeatures,
    Rescale,
    Reshape,
    Scale,
    Slice,
    TransposeAxes,
    Upscale,
)
from lasport.oracles.record import MODES, Mode
from lasport.plan import Plan
from lasport.spec import Network
from lasport.translate import translate

__all__ = ["CONDITION_FACTOR", "count_roundings", "tightened"]

# How many times the scaled float32 error a difference in float64 may be. Both are single samples:
# the ratio of two root mean squares of two independent errors each exceeds it once in a million.
CONDITION_FACTOR = 1000.0
FLOAT32_TO_FLOAT64 = 2.0 ** (FLOAT_TYPES["float32"][0] - FLOAT_TYPES["float64"][0])
HALF_UNIT = 2.0 ** -FLOAT_TYPES["float64"][0]

# Operations that give entries of their inputs, or zeros.
MOVES = (
    Autocrop,
    Concat,
    Crop,
    Dimshuffle,
    Flatten,
    PassOn,
    Permute,
    Reshape,
    Slice,
    TransposeAxes,
    Upscale,
)
# What stands behind the mode in the subjects of outputs that one pass computes from the inputs.
PLACES = ("layers", "outputs", "model", "shorter-layers", "shorter-outputs")
# The same of what is compared in both float types with one oracle.
IN_BOTH = ("layers", "outputs", "outputs-after", "params", "single")


def tightened(network: Network, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with their derived bounds, and what these say of them.

    Parameters
    ----------
    network : Network
        The original.
    comparisons : sequence of Comparison
        Each float64 comparison is bounded by the float32 comparison of the same subject, where
        there is one.
    """
    plan = translate(network)
    counts: dict[str, Mapping[str, int]] = {mode: count_roundings(plan, mode) for mode in MODES}
    rounded = {one.subject: one.rounding for one in comparisons if one.dtype == "float32"}
    found = []
    for one in comparisons:
        mode, place = one.subject.split("/")[:2]
        count = counts[mode].get(one.layer) if place in PLACES else None
        rounding = rounded.get(one.subject) if place in IN_BOTH else None
        derived = _derived(one.dtype, count, rounding)
        found.append(_held_against(one, derived))
    return found


def _derived(dtype: str, count: int | None, rounding: Rounding | None) -> list[float]:
    """Return the bounds that follow from a number of roundings, and from float32 errors."""
    if dtype == "float32":
        return [] if count is None else [count + 1.0]
    bounds = []
    if dtype == "float64" and rounding is not None:
        error = max(rounding.oracle, rounding.expected)
        bounds.append(CONDITION_FACTOR * error * FLOAT32_TO_FLOAT64)
    if dtype == "float64" and count is not None:
        # The truth is rounded to float64 as well.
        bounds.append(2 * (count + 1) * HALF_UNIT)
    return bounds


def _held_against(comparison: Comparison, bounds: Sequence[float]) -> Comparison:
    figure = comparison.figure
    if comparison.bound is None or figure is None:
        return comparison
    bound = min([comparison.bound, *bounds])
    return replace(comparison, bound=bound, ok=comparison.ok and figure <= bound)


def count_roundings(plan: Plan, mode: Mode) -> Mapping[str, int]:
    """Return how many roundings lie on the longest way to each layer's output.

    Parameters
    ----------
    plan : Plan
        Of the network.
    mode : {"inference", "training"}
        Dropout multiplies in training mode only.

    Returns
    -------
    mapping of str to int
        Of those layers that entries reach by being moved, chosen or multiplied only. Rounding an
        input or a parameter to float32 counts as well.
    """
    counts: dict[int, int] = {}
    for step in plan.steps:
        before = [counts.get(value.id) for value in step.inputs]
        own = _own_roundings(step.operation, mode)
        if own is not None and all(count is not None for count in before):
            counts[step.output.id] = own + max((count or 0 for count in before), default=0)
    return {name: counts[value.id] for name, value in plan.layers.items() if value.id in counts}


def _own_roundings(operation: Operation, mode: Mode) -> int | None:
    """Return how many roundings an operation adds; None where it may cancel, or nobody knows."""
    match operation:
        case Input():
            return 1
        case Pool(mode="max") | GlobalReduce(function="max") | PoolFeatures(function="max"):
            return 0
        case Activation(function="rectify"):
            return 0
        case Dropout():
            return 2 if mode == "training" else 0
        case Rescale():
            return 2
        case Scale() if operation.weight.param.formula is None:
            return 2
        case Embed() | Pad():
            return 1
        case _ if isinstance(operation, MOVES):
            return 0
    return None

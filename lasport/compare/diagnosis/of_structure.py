"""How the order and the number of layers go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lasport.compare.diagnosis.cutting import Unit
from lasport.compare.diagnosis.edits import Edit, as_stored, passed_on
from lasport.compare.diagnosis.steps import Step, changed
from lasport.layers.normalization import BatchNormAttributes
from lasport.registry import Run
from lasport.spec import Array
from lasport.targets.parts import OPAQUE, Part

__all__ = ["FOLDED", "exchanges", "foldings", "inputs"]

FOLDED = "normalization in the weights"


def exchanges(unit: Unit) -> Iterator[Edit]:
    """Yield the changes of places that the alignment saw."""
    by_name = {step.name: step for step in unit.steps}
    for first, second in unit.exchanged:
        before, behind = by_name[first], by_name[second]
        fix = f"{behind.layer} ({behind.family}) comes behind {before.layer} ({before.family})"

        def rewrite(steps: Sequence[Step], first: str = first, second: str = second) -> list[Step]:
            found = {step.name: step for step in steps}
            early, late = found[first], found[second]
            moved = {
                first: replace(late, name=first, incoming=early.incoming),
                second: replace(early, name=second, incoming=late.incoming),
            }
            return [moved.get(step.name, step) for step in steps]

        yield Edit("order of layers", second, fix, lambda step: [step], rewrite=rewrite)


def foldings(unit: Unit, partners: Mapping[str, Part]) -> Iterator[Edit]:
    """Yield normalizations that are in the weights before them, as they may be in inference."""
    by_name = {step.name: step for step in unit.steps}
    for norm in unit.steps:
        before = by_name.get(norm.incoming[0])
        if norm.name not in unit.missing or not isinstance(norm.attributes, BatchNormAttributes):
            continue
        if before is None or "W" not in before.params or before.name not in partners:
            continue
        folded = _folded(before, norm, partners[before.name].weights)

        def rewrite(steps: Sequence[Step], norm: Step = norm, folded: Step = folded) -> list[Step]:
            moved = {folded.name: folded, norm.name: passed_on(norm)}
            return [moved.get(step.name, step) for step in steps]

        fix = (
            f"it is a layer of its own: it is in the weights of {before.layer}, which is right in "
            "inference, but not in training"
        )
        yield Edit(FOLDED, norm.name, fix, lambda step: [step], rewrite=rewrite)


def _folded(before: Step, norm: Step, weights: Mapping[str, Array]) -> Step:
    W, p = before.params["W"], norm.params
    scale = p["inv_std"] * p.get("gamma", np.ones(()))
    along = (-1, *(1 for _ in W.shape[1:])) if W.ndim > 2 else (1, -1)
    shift = p.get("beta", np.zeros(())) + scale * (before.params.get("b", np.zeros(())) - p["mean"])
    return changed(
        before,
        {
            "W": as_stored(W * scale.reshape(along), weights.get("kernel")),
            "b": as_stored(shift, weights.get("bias")),
        },
    )


# What people do to the net's inputs, and forget or do twice.
OF_INPUTS: Mapping[str, Callable[[Array], Array]] = {
    "it does not divide its input by 255, or divides it once": lambda x: x / 255,
    "its input is divided by 255 as the net's is": lambda x: x * 255,
    "the channels of its input are not reversed (RGB, BGR)": lambda x: x[:, ::-1],
}


def inputs(unit: Unit) -> Iterator[Edit]:
    """Yield changes of what goes into a model of which nothing inside can be seen."""
    if not any(part.kind == OPAQUE for part in unit.parts):
        return
    for fed in unit.feeds:
        for fix, function in OF_INPUTS.items():

            def rewrite(
                steps: Sequence[Step],
                fed: str = fed,
                function: Callable[[Array], Array] = function,
            ) -> list[Step]:
                return [_fed_otherwise(step, fed, function) for step in steps]

            yield Edit("input", fed, fix, lambda step: [step], rewrite=rewrite)


def _fed_otherwise(step: Step, fed: str, function: Callable[[Array], Array]) -> Step:
    if fed not in step.incoming:
        return step

    def compute(a: object, params: Mapping[str, Array], arrays: Sequence[Array], run: Run) -> Array:
        changed = [
            function(x) if name == fed and x.dtype.kind == "f" else x
            for name, x in zip(step.incoming, arrays, strict=True)
        ]
        return step.compute(a, params, changed, run)

    return replace(step, compute=compute)

"""What training passes make of running averages, or of the outputs where nobody knows those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from lasport.compare.averages import DTYPES, Averages
from lasport.compare.original import Outputs
from lasport.compare.port import Session
from lasport.compare.report import Drift
from lasport.compare.stages import Stages
from lasport.errors import ComparisonError
from lasport.layers.normalization import BatchNormAttributes
from lasport.spec import Array

__all__ = ["compare_averages", "compare_outputs_after"]


def compare_averages(stages: Stages, passes: Sequence[int]) -> None:
    """Compare what training passes over the oracle's batches make of the parameters."""
    norms = (isinstance(x.attributes, BatchNormAttributes) for x in stages.network.layers)
    if not stages.shows_layers and not any(norms):
        return
    sessions = {dtype: stages.session(dtype) for dtype in DTYPES}
    averages = Averages(stages.network, stages.oracle, stages.params_given)
    stages.evidence.add_statistics(sessions["float64"], averages)
    record = _Judged(stages, averages, any(s.variances() for s in sessions.values()))
    for number in range(1, max(passes) + 1):
        advance = _advance_layers if stages.shows_layers else _advance_whole
        advance(stages, sessions, averages)
        record.advance()
        if number in passes:
            compare = _compare_params if stages.shows_layers else _compare_outputs
            compare(stages, sessions, averages)
            stages.evidence.add_statistics(sessions["float64"], averages)
            record.compare()


def _advance_layers(stages: Stages, sessions: dict[str, Session], averages: Averages) -> None:
    """Make the next pass on both sides, layer by layer."""
    walks = [session.walk(averages.batch(), training=True) for session in sessions.values()]
    for name, drawn in averages.advance():
        for walk in walks:
            walk.give(name, drawn)
            walk.value(name)
    for walk in walks:
        walk.outputs()


def _advance_whole(stages: Stages, sessions: dict[str, Session], averages: Averages) -> None:
    """Make the next pass on one side after the other."""
    batch = averages.batch()
    drawn = {name: samples for name, samples in averages.advance() if len(samples)}
    for session in sessions.values():
        session.run(batch, training=True, masks=drawn, arrangement=stages.arrangement)


class _Judged:
    """The record of an oracle, which judges the reference where no port's averages do."""

    def __init__(self, stages: Stages, averages: Averages, kept: bool) -> None:
        self.stages = stages
        self.floats = stages.oracle.meta["floatX"]
        recorded = stages.oracle.params_after(1) is not None
        self.needed = recorded and (self.floats == "float32" or not stages.shows_layers or kept)
        own = stages.params_given is None
        self.averages = averages if own else Averages(stages.network, stages.oracle)
        self.shared = own

    def advance(self) -> None:
        """Make the next pass, if the comparison of the port did not."""
        if self.needed and not self.shared:
            self.averages.complete_pass()

    def compare(self) -> None:
        """Compare what was recorded with the reference."""
        recorded = self.stages.oracle.params_after(self.averages.passes)
        if not self.needed or recorded is None:
            return
        for n, (layer, param) in enumerate(self.stages.network.owned_params()):
            place = f"reference/{self.averages.passes}/{layer.name}.{param.name}"
            truth, near = (self.averages.computed[each][n] for each in DTYPES)
            self.stages.add("training", place, layer.name, self.floats, recorded[n], truth, near)


def _compare_params(stages: Stages, sessions: dict[str, Session], averages: Averages) -> None:
    (truth, oracle), passes = averages.expected(), averages.passes
    add = partial(stages.add, "training")
    for dtype, session in sessions.items():
        actual, kept = session.params(), session.variances()
        if actual is None:
            raise ComparisonError("the model's weights do not correspond to the net's parameters")
        for n, (layer, param) in enumerate(stages.network.owned_params()):
            name = layer.name
            if param.name == "inv_std" and name in kept:
                _add_drift(stages, name, passes, actual[n], truth[n])
                true, near = (averages.variances[each][name] for each in DTYPES)
                add(f"params/{passes}/{name}.variance", name, dtype, kept[name], true, near)
            else:
                place = f"params/{passes}/{name}.{param.name}"
                add(place, name, dtype, actual[n], truth[n], oracle[n])


def _compare_outputs(stages: Stages, sessions: dict[str, Session], averages: Averages) -> None:
    inputs = stages.oracle.inputs
    found = {
        dtype: session.run(inputs, training=False, masks={}) for dtype, session in sessions.items()
    }
    compare_outputs_after(stages, averages, found)


def compare_outputs_after(
    stages: Stages, averages: Averages, found: Mapping[str, Sequence[Array]]
) -> None:
    """Compare outputs after training passes, where nobody knows the averages' places.

    Parameters
    ----------
    stages : Stages
        To which it is added.
    averages : Averages
        After the same passes.
    found : mapping of str to sequence of ndarray
        What the port gives for the oracle's inputs, by float type. A port may
        average inv_std, as Lasagne does, or variances, as Keras does.
    """
    place = f"outputs-after/{averages.passes}"
    ways = (averages.computed, averages.with_variances())
    expected: dict[int, Outputs] = {}
    for dtype, outputs in found.items():
        before = len(stages.comparisons)
        for k, way in enumerate(ways):
            del stages.comparisons[before:]
            if k not in expected:
                expected[k] = stages.original.outputs_with(way)
            stages.compare_outputs("training", place, dtype, outputs, expected[k])
            if all(comparison.ok for comparison in stages.comparisons[before:]):
                break


def _add_drift(stages: Stages, layer: str, passes: int, inv_std: Array, expected: Array) -> None:
    if not any(drift.layer == layer and drift.passes == passes for drift in stages.drifts):
        apart = np.abs(inv_std / expected - 1)
        found = Drift(layer, passes, float(np.median(apart)), float(apart.max()))
        stages.drifts.append(found)

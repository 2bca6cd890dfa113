"""Holding a port against a record: every layer, both modes, running averages."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import numpy as np

from lasport.compare.averages import DTYPES
from lasport.compare.bounds import CONDITION_FACTOR, tightened
from lasport.compare.metrics import ROUNDING_FACTOR, STRUCTURE_BOUND
from lasport.compare.port import Port
from lasport.compare.provenance import Provenance
from lasport.compare.report import Report
from lasport.compare.stages import Stages
from lasport.compare.training import compare_averages
from lasport.compare.walks import compare_pass, compare_shorter
from lasport.errors import ComparisonError, UsageError
from lasport.oracles.oracle import Oracle
from lasport.oracles.record import MODES, Mode, Record
from lasport.spec import Network

__all__ = ["begin_comparison", "check_passes", "check_record", "verify_port"]

Progress = Callable[[str], None]


def verify_port(
    network: Network,
    port: Port,
    record: Oracle,
    *,
    oracle: str,
    model: str,
    modes: Sequence[Mode] = MODES,
    passes: Sequence[int] = (1, 5),
    outputs_only: bool = False,
    gradients: bool = True,
    command: str = "lasport.compare.verify.verify_port(network, port, record, ...)",
    progress: Progress = lambda stage: None,
) -> Report:
    """Compare a port with an oracle.

    Parameters
    ----------
    network : Network
        The original.
    port : Port
        The model to judge.
    record : Oracle
        Who says what the original computes: a record, or the reference.
    oracle, model : str
        How the report calls the two.
    modes : sequence of {"inference", "training"}
        What to compare.
    passes : sequence of int
        After how many training passes to compare running averages.
    outputs_only : bool
        Leave layers and parameters out: for models whose layers have other
        names. Running averages are then compared by what the outputs become.
    gradients : bool
        Compare gradients too; that takes the memory of a training step.
    command : str
        What was called; see :class:`lasport.compare.provenance.Provenance`.
    progress : callable
        Told each stage.

    Returns
    -------
    Report

    Raises
    ------
    ComparisonError
        If the record is not one of this network.
    UsageError
        For an unknown mode, or a number of passes below 1.
    """
    passes = check_passes(modes, passes)
    stages = begin_comparison(network, port, record, by_layer=not outputs_only)
    hidden = [layer.name for layer in network.layers if layer.name not in port.shown_layers]
    if hidden and not outputs_only:
        stages.add_problem(
            f"the model has no layers for {', '.join(hidden)}; compare its outputs only"
        )
    for mode in modes:
        progress(mode)
        stages.guarded(compare_pass, stages, mode)
    if "training" in modes:
        progress("running averages")
        stages.guarded(compare_averages, stages, passes)
    # Structure first: in the order of the net within a float type.
    stages.comparisons.sort(key=lambda comparison: DTYPES.index(comparison.dtype))
    if "inference" in modes:
        stages.guarded(stages.params)
        stages.guarded(stages.copies)
        stages.guarded(compare_shorter, stages)
        stages.guarded(stages.model_itself)
    if gradients:
        progress("gradients")
        stages.guarded(stages.gradients, modes)
    settings = {
        "modes": list(modes),
        "passes": passes,
        "seed": record.meta["seed"],
        "structure_bound": STRUCTURE_BOUND,
        "rounding_factor": ROUNDING_FACTOR,
        "condition_factor": CONDITION_FACTOR,
    }
    return Report(
        oracle,
        model,
        tuple(tightened(network, stages.comparisons)),
        tuple(stages.problems),
        tuple(stages.drifts),
        settings,
        tuple(stages.notes),
        Provenance.of(network, port, record, command),
        tuple(stages.evidence.statistics.values()),
        stages.evidence.worst,
    )


def begin_comparison(network: Network, port: Port, truth: Oracle, *, by_layer: bool) -> Stages:
    """Return a comparison in which nothing was compared yet; see :class:`Stages`.

    Raises
    ------
    ComparisonError
        If the oracle is a record, and not one of this network.
    """
    if isinstance(truth, Record):
        check_record(network, truth)
    stages = Stages(network, port, truth, by_layer=by_layer)
    stages.own_classes()
    return stages


def check_passes(modes: Sequence[Mode], passes: Sequence[int]) -> list[int]:
    """Return numbers of passes as JSON has them.

    Raises
    ------
    UsageError
        For an unknown mode, or a number of passes below 1.
    """
    if not modes or not set(modes) <= set(MODES):
        raise UsageError(f"modes must be some of {', '.join(MODES)}, not {modes!r}")
    numbers = [operator.index(number) for number in passes]
    if "training" in modes and (not numbers or min(numbers) < 1):
        raise UsageError(f"passes must be one or more numbers from 1, not {numbers!r}")
    return numbers


def check_record(network: Network, record: Record) -> None:
    """Refuse a record of another network: classes, order and parameters must be the same.

    Raises
    ------
    ComparisonError
        Naming the first thing that differs.
    """
    kinds = [layer.kind for layer in network.layers]
    recorded = [layer["kind"] for layer in record.meta["layers"]]
    if kinds != recorded:
        raise ComparisonError(f"the record has layers {recorded}, the net {kinds}")
    values = network.param_values()
    if len(values) != len(record.params):
        raise ComparisonError(
            f"the record has {len(record.params)} parameters, the net {len(values)}"
        )
    for (layer, param), value in zip(network.owned_params(), record.params, strict=True):
        if not np.array_equal(param.value.astype(value.dtype), value):
            raise ComparisonError(f"parameter {layer.name}.{param.name} is not the recorded one")

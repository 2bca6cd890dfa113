"""Holding a program against an oracle: its outputs, before and after steps of its own training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from lasport.compare.averages import Averages
from lasport.compare.metrics import ROUNDING_FACTOR, STRUCTURE_BOUND
from lasport.compare.port import Port
from lasport.compare.provenance import Provenance
from lasport.compare.report import Report
from lasport.compare.stages import Stages
from lasport.compare.training import compare_outputs_after
from lasport.compare.verify import begin_comparison, check_passes
from lasport.layers.normalization import BatchNormAttributes
from lasport.oracles.oracle import Oracle
from lasport.oracles.record import MODES, Mode
from lasport.spec import Array, Network

__all__ = ["Program", "verify_program"]

ONLY_OUTPUTS = (
    "the outputs alone were compared, in the program's own float type: a program shows no layers, "
    "and its parameters and gradients nobody knows"
)


class Program(Port, Protocol):
    """A port that trains itself."""

    def outputs(self, inputs: Sequence[Array], *, training: bool) -> list[Array]:
        """Return its outputs in one of the modes; moves nothing."""
        ...

    def advance(self, inputs: Sequence[Array]) -> None:
        """Make a training step without what it does to trained variables."""
        ...

    def restart(self) -> None:
        """Put everything back that steps moved."""
        ...


def verify_program(
    network: Network,
    port: Program,
    truth: Oracle,
    *,
    oracle: str,
    model: str,
    modes: Sequence[Mode] = MODES,
    passes: Sequence[int] = (1, 5),
    command: str,
    progress: Callable[[str], None] = lambda stage: None,
) -> Report:
    """Compare a program with an oracle: in both modes, and after steps of its training.

    Parameters
    ----------
    network : Network
        The original.
    port : Program
        The program to judge.
    truth : Oracle
        Who says what the original computes.
    oracle, model, modes, passes, command, progress
        See :func:`lasport.compare.verify.verify_port`.

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
    stages = begin_comparison(network, port, truth, by_layer=False)
    for mode in modes:
        progress(mode)
        stages.guarded(_compare_outputs, stages, port, mode)
    if "training" in modes:
        progress("running averages")
        stages.guarded(_compare_after_steps, stages, port, passes)
    settings = {
        "modes": list(modes),
        "passes": passes,
        "seed": truth.meta["seed"],
        "structure_bound": STRUCTURE_BOUND,
        "rounding_factor": ROUNDING_FACTOR,
    }
    return Report(
        oracle,
        model,
        tuple(stages.comparisons),
        tuple(stages.problems),
        settings=settings,
        notes=(ONLY_OUTPUTS, *stages.notes),
        provenance=Provenance.of(network, port, truth, command),
    )


def _compare_outputs(stages: Stages, port: Program, mode: Mode) -> None:
    expected = stages.original_outputs(mode)
    found = port.outputs(stages.oracle.inputs, training=mode == "training")
    stages.compare_outputs(mode, "outputs", port.dtype, found, expected)


def _compare_after_steps(stages: Stages, port: Program, passes: Sequence[int]) -> None:
    """Compare what the outputs become by the running averages that training steps leave."""
    if not any(isinstance(x.attributes, BatchNormAttributes) for x in stages.network.layers):
        return
    averages = Averages(stages.network, stages.oracle, stages.params_given)
    try:
        for number in range(1, max(passes) + 1):
            port.advance(averages.batch())
            averages.complete_pass()
            if number in passes:
                found = port.outputs(stages.oracle.inputs, training=False)
                compare_outputs_after(stages, averages, {port.dtype: found})
    finally:
        port.restart()

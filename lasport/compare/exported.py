"""Holding the file that a model was exported to against an oracle: its outputs.

In inference, and in training mode where the file has that and draws nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lasport.compare.averages import DTYPES, Averages
from lasport.compare.metrics import ROUNDING_FACTOR
from lasport.compare.port import Port
from lasport.compare.provenance import Provenance
from lasport.compare.report import Report
from lasport.compare.stages import Stages
from lasport.compare.training import compare_outputs_after
from lasport.compare.verify import begin_comparison
from lasport.oracles.oracle import Oracle
from lasport.spec import Array, Network

__all__ = ["ExportedPort", "Loaded", "verify_export"]


class Loaded(Protocol):
    """A file in memory: what a training pass moves stays moved."""

    def run(self, inputs: Sequence[Array], *, training: bool) -> list[Array]:
        """Return the net's outputs, of a net that draws nothing."""
        ...


class ExportedPort(Port, Protocol):
    """A file that claims to compute a network."""

    @property
    def trainable(self) -> bool:
        """Whether the file can be trained."""
        ...

    @property
    def drawing(self) -> list[str]:
        """Names of the layers that draw in training mode, or may."""
        ...

    def loaded(self) -> Loaded:
        """Return the file as if nothing had run on it yet; for one that can be trained."""
        ...


def verify_export(
    network: Network, port: ExportedPort, truth: Oracle, *, oracle: str, model: str, command: str
) -> Report:
    """Compare what a port itself gives, no copy of it, with what an oracle does.

    Parameters
    ----------
    network : Network
        The original.
    port : ExportedPort
        The file to judge.
    truth : Oracle
        Who says what the original computes: a record, say.
    oracle, model, command : str
        How the report calls the two, and what makes it again.

    Returns
    -------
    Report

    Raises
    ------
    ComparisonError
        If the record is not one of this network.
    """
    stages = begin_comparison(network, port, truth, by_layer=False)
    stages.guarded(stages.model_itself)
    unknown = _why_training_is_unknown(port, truth) if port.trainable else None
    trained = port.trainable and unknown is None
    if trained:
        stages.guarded(_compare_training, stages, port)
    elif unknown is not None:
        stages.notes.append(f"training mode was not compared: {unknown}")
    settings = {
        "modes": ["inference", "training"] if trained else ["inference"],
        "seed": truth.meta["seed"],
        "rounding_factor": ROUNDING_FACTOR,
    }
    return Report(
        oracle,
        model,
        tuple(stages.comparisons),
        tuple(stages.problems),
        settings=settings,
        notes=tuple(stages.notes),
        provenance=Provenance.of(network, port, truth, command),
    )


def _why_training_is_unknown(port: ExportedPort, truth: Oracle) -> str | None:
    """Return what keeps anybody from saying what the file gives in training mode."""
    if port.drawing:
        return f"{', '.join(port.drawing)} draws there, and nobody can say what"
    if port.dtype not in DTYPES:
        return f"the file computes in {port.dtype}"
    return None if truth.batch(1) else "the record holds no training pass"


def _compare_training(stages: Stages, port: ExportedPort) -> None:
    """Compare what training mode gives, and what inference gives after one pass in it."""
    given = port.loaded().run(stages.oracle.inputs, training=True)
    expected = stages.original_outputs("training")
    stages.compare_outputs("training", "model", port.dtype, given, expected)
    averages, loaded = Averages(stages.network, stages.oracle, stages.params_given), port.loaded()
    loaded.run(averages.batch(), training=True)
    averages.complete_pass()
    after = loaded.run(stages.oracle.inputs, training=False)
    compare_outputs_after(stages, averages, {port.dtype: after})

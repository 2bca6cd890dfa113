"""Holding the file that a model was exported to against an oracle: its outputs in inference."""

from __future__ import annotations

from lasport.compare.metrics import ROUNDING_FACTOR
from lasport.compare.port import Port
from lasport.compare.provenance import Provenance
from lasport.compare.report import Report
from lasport.compare.stages import Stages
from lasport.compare.verify import check_record
from lasport.oracles.oracle import Oracle
from lasport.oracles.record import Record
from lasport.spec import Network

__all__ = ["verify_export"]


def verify_export(
    network: Network, port: Port, truth: Oracle, *, oracle: str, model: str, command: str
) -> Report:
    """Compare what a port itself gives, no copy of it, with what an oracle does.

    Parameters
    ----------
    network : Network
        The original.
    port : Port
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
    if isinstance(truth, Record):
        check_record(network, truth)
    stages = Stages(network, port, truth, by_layer=False)
    stages.own_classes()
    stages.guarded(stages.model_itself)
    settings = {
        "modes": ["inference"],
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

"""Holding the file that a model was exported to against a record: its outputs in inference mode."""

from __future__ import annotations

from lasport.compare.metrics import ROUNDING_FACTOR
from lasport.compare.port import Port
from lasport.compare.provenance import Provenance
from lasport.compare.report import Report
from lasport.compare.stages import Stages
from lasport.compare.verify import check_record
from lasport.oracles.record import Record
from lasport.spec import Network

__all__ = ["verify_export"]


def verify_export(
    network: Network, port: Port, record: Record, *, oracle: str, model: str, command: str
) -> Report:
    """Compare what a port itself gives, no copy of it, with a record.

    Parameters
    ----------
    network : Network
        The original.
    port : Port
        The file to judge.
    record : Record
        What the original computed.
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
    check_record(network, record)
    stages = Stages(network, port, record, by_layer=False)
    stages.own_classes()
    stages.guarded(stages.model_itself)
    settings = {
        "modes": ["inference"],
        "seed": record.meta["seed"],
        "rounding_factor": ROUNDING_FACTOR,
    }
    return Report(
        oracle,
        model,
        tuple(stages.comparisons),
        tuple(stages.problems),
        settings=settings,
        notes=tuple(stages.notes),
        provenance=Provenance.of(network, port, record, command),
    )

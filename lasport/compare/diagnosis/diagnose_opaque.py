"""Diagnosing a port of which only the ends and the variables show."""

from __future__ import annotations

from collections.abc import Callable

from lasport.compare.diagnosis.apart import agrees, largest
from lasport.compare.diagnosis.bench import Bench
from lasport.compare.diagnosis.diagnose_weights import precision_of, weight_findings
from lasport.compare.diagnosis.edits import apply
from lasport.compare.diagnosis.findings import explained
from lasport.compare.diagnosis.result import Cause, Diagnosis
from lasport.compare.diagnosis.search import explain
from lasport.passes import DataFormat
from lasport.spec import Network
from lasport.targets.parts import Opaque

__all__ = ["diagnose_opaque"]


def diagnose_opaque(
    network: Network,
    port: Opaque,
    *,
    model: str,
    data_format: DataFormat | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda stage: None,
) -> Diagnosis:
    """Say why a port differs of which only the ends and the variables show.

    Its variables are looked at first; what these leave open is searched for in the
    whole net, in the modes that the port has.

    Parameters
    ----------
    network : Network
        The original.
    port : Opaque
        Its port, one part.
    model : str
        What to call it.
    data_format, seed, progress
        See :func:`lasport.diagnose`.
    """
    progress("running net and model")
    bench = Bench(network, port, precision_of(port.variables), data_format, None, seed)
    weights = weight_findings(network, port.variables)
    causes: list[Cause] = []
    left = None
    for unit in bench.units:
        progress("looking for causes")
        results = bench.run(unit)
        before = bench.differences(unit, results, unit.steps)
        if agrees(before):
            continue
        known = [edit for edit in weights.edits if edit.target in {s.name for s in unit.steps}]
        left = bench.differences(unit, results, apply(known, unit.steps))
        causes += [cause for cause in weights.causes if cause not in causes]
        if not agrees(left):
            found = explain(bench, unit, results, known=known)
            finding = explained(unit, left, found) if found else None
            causes.append(
                Cause((), (model,), left, problem=results.problem)
                if finding is None or finding.cause is None
                else finding.cause
            )
            left = None
    unseen = f"training mode, and what only shows there: {port.unseen}"
    notes = () if port.trains else (unseen,)
    together = None if left is None else largest(left)
    pairs = weights.pairs
    return Diagnosis(
        model, tuple(causes), pairs, (*network.notes, *notes), len(bench.units), together
    )

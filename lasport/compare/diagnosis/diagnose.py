"""Diagnosing a port: each piece by itself, then the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lasport.compare.diagnosis.apart import Apart, agrees, largest
from lasport.compare.diagnosis.bench import Bench, Results
from lasport.compare.diagnosis.cutting import Unit
from lasport.compare.diagnosis.findings import Finding, explained, names_of
from lasport.compare.diagnosis.of_merges import FACTORS, MERGE
from lasport.compare.diagnosis.of_structure import FOLDED
from lasport.compare.diagnosis.result import Cause, Diagnosis, Pair, Remedy
from lasport.compare.diagnosis.search import explain
from lasport.passes import DataFormat
from lasport.spec import Network
from lasport.targets.parts import Part, TakenApart, between

__all__ = ["diagnose_parts"]

SHARED = "whether weights that layers of the net share are one in the model, or copies; verify does"
SINGLE = "what single precision rounds away: the model cannot be run in double precision"


def diagnose_parts(
    network: Network,
    port: TakenApart,
    *,
    model: str,
    precision: str,
    data_format: DataFormat | None = None,
    align: Mapping[str, str] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda stage: None,
) -> Diagnosis:
    """Say why a port that was taken apart differs from its net.

    Parameters
    ----------
    network : Network
        The original.
    port : TakenApart
        Its port.
    model : str
        What to call it.
    precision : str
        The narrowest float type in which the port keeps weights.
    data_format, align, seed, progress
        See :func:`lasport.diagnose`.

    Raises
    ------
    ComparisonError
        If the port cannot be run on what the net takes.
    """
    progress("running net and model")
    bench = Bench(network, port, precision, data_format, align, seed)
    found = _findings(bench, range(len(bench.units)), progress)
    edits = [edit for finding in found.values() for edit in finding.edits]
    stuck = [number for number, finding in found.items() if finding.problem is not None]
    if stuck and edits:
        # They may have other sizes because of a mistake before them.
        bench.assume(edits)
        for number in stuck:
            del found[number]
        found |= _findings(bench, stuck, progress)
    findings = [found[number] for number in sorted(found)]
    causes = [finding.cause for finding in findings if finding.cause is not None]
    # What cannot be run because of a mistake before it is none by itself.
    consequences = [cause for cause in causes if cause.problem is not None]
    if len(consequences) < len(causes):
        causes = [cause for cause in causes if cause.problem is None]
    else:
        consequences = []
    edits = [edit for finding in findings for edit in finding.edits]
    modelled = all(finding.modelled for finding in findings)
    progress("the whole")
    whole, problem = bench.whole(edits, as_seen=False)
    seen, _ = bench.whole(edits, as_seen=True)
    if not causes and not agrees(whole):
        causes.append(Cause(network.outputs, ("the whole model",), whole, problem=problem))
    elif agrees(whole) and not agrees(seen):
        fix = "its output is in Lasagne's order (channels before space) where it is flattened"
        remedy = Remedy(network.outputs[-1], "order of the output", fix)
        causes.append(Cause(network.outputs, (), seen, ((remedy,),), largest(whole)))
    return Diagnosis(
        model,
        tuple(causes),
        tuple(_pairs(bench)),
        (
            *network.notes,
            *((SINGLE,) if port.dtype == "float32" else ()),
            *((SHARED,) if network.shares_params else ()),
            *(cause.sentence for cause in consequences),
        ),
        len(bench.units),
        largest(whole) if causes and modelled else None,
    )


def _findings(
    bench: Bench, numbers: Iterable[int], progress: Callable[[str], None]
) -> dict[int, Finding]:
    """Return what is found of those units, by their numbers, that differ by themselves."""
    found: dict[int, Finding] = {}
    settled: set[int] = set()
    for number in numbers:
        progress(f"piece {number + 1} of {len(bench.units)}")
        unit = bench.units[number]
        if number not in settled:
            results = bench.run(unit)
            before = bench.differences(unit, results, unit.steps)
            if not agrees(before):
                finding, used = _with_neighbours(bench, number, settled)
                settled |= used
                found[number] = finding or _judge(bench, unit, results, before)
    return found


def _judge(bench: Bench, unit: Unit, results: Results, before: dict[str, Apart]) -> Finding:
    layers, parts = names_of(unit)
    if results.problem is not None:
        return Finding(Cause(layers, parts, before, problem=results.problem))
    if not unit.steps:
        return Finding(Cause(layers, parts, before, ((_removal(unit.parts[-1]),),), 0.0))
    found = explain(bench, unit, results)
    return explained(unit, before, found) if found else Finding(Cause(layers, parts, before))


def _removal(part: Part) -> Remedy:
    options = {
        name: value
        for name, value in part.config.items()
        if name not in ("name", "trainable", "dtype") and isinstance(value, (str, int, float))
    }
    spelled = ", ".join(f"{name}={value!r}" for name, value in options.items())
    fix = f"its {part.kind}({spelled}), which the net has not, is removed"
    return Remedy("", "layer too many", fix)


def _with_neighbours(
    bench: Bench, number: int, settled: set[int]
) -> tuple[Finding | None, set[int]]:
    """Judge a unit together with a neighbour where one side has what the other lacks.

    A normalization may be part of the weights before it, say: neither is wrong then.

    Returns
    -------
    finding : Finding or None
        None if being together changes nothing.
    settled : set of int
        The units that it is about.
    """
    for first, second in _neighbours(bench.units, number):
        one, other = bench.units[first], bench.units[second]
        gap = any(unit.missing or not unit.steps for unit in (one, other))
        if not gap or {first, second} & settled:
            continue
        unit = _merged(bench, one, other)
        results = bench.run(unit)
        before = bench.differences(unit, results, unit.steps)
        if agrees(before):
            return Finding(None, modelled=True), {first, second}
        if other.steps:
            found = [
                each
                for each in explain(bench, unit, results, 1)
                if each.edits[0].hypothesis in (FOLDED, FACTORS, MERGE)
            ]
            if found:
                return explained(unit, before, found), {first, second}
    return None, set()


def _neighbours(units: Sequence[Unit], number: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of units, one of them the given one, of which the first feeds the second."""
    for first, one in enumerate(units):
        for second, other in enumerate(units):
            fed = dict(other.feeds) == {one.value: one.tensor}
            # What the net lacks may be on the way to one of several inputs.
            scales = not one.steps and one.tensor in other.feeds.values()
            if number in (first, second) and first != second and (fed or scales):
                yield first, second


def _merged(bench: Bench, one: Unit, other: Unit) -> Unit:
    besides = {value: key for value, key in other.feeds.items() if key != one.tensor}
    feeds = {**besides, **one.feeds}
    return replace(
        other,
        steps=(*one.steps, *other.steps),
        feeds=feeds,
        parts=tuple(between(bench.port.parts, tuple(feeds.values()), [other.tensor])),
        exchanged=(*one.exchanged, *other.exchanged),
        missing=one.missing | other.missing,
    )


def _pairs(bench: Bench) -> list[Pair]:
    """Return the alignment by layers, in the order of the net; then what the port has more."""
    found: dict[tuple[str, str], Pair] = {}
    for step in bench.steps:
        part = bench.alignment.partners.get(step.name)
        if part is not None:
            pair = Pair(
                step.layer, bench.network[step.layer].kind.rpartition(".")[2], part.label, part.kind
            )
            found.setdefault((step.layer, part.label), pair)
        elif step in bench.alignment.missing:
            kind = step.family
            found.setdefault((step.layer, ""), Pair(step.layer, kind, "", ""))
    extra = [Pair("", "", part.label, part.kind) for part in bench.alignment.extra]
    return [*found.values(), *extra]

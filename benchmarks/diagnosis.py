"""How often the mistakes of hand-written ports are named: the tables of docs/diagnose.md."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import lasport
from lasport.compare.diagnosis.result import Diagnosis
from tests.compare.diagnosis.mistakes import DOUBLE, SINGLE, Mistake
from tests.compare.diagnosis.ports import STYLES, build, load_net

SECONDS: list[float] = []


def diagnose(net: str, mistakes: tuple[Mistake, ...], style: str) -> Diagnosis:
    changes = {place: what for mistake in mistakes for place, what in mistake.changes.items()}
    port = build(net, changes, style)
    start = time.perf_counter()
    diagnosis = lasport.diagnose(load_net(net), port)
    SECONDS.append(time.perf_counter() - start)
    return diagnosis


def named(mistakes: tuple[Mistake, ...]) -> bool:
    """Whether all of the mistakes are named, nothing else is, and nothing is left over."""
    diagnosis = diagnose(mistakes[0].net, mistakes, mistakes[0].style)
    found = {
        (remedy.layer, remedy.hypothesis)
        for cause in diagnosis.causes
        for alternative in cause.alternatives
        for remedy in alternative
    }
    return diagnosis.explained and found == {(m.layer, m.hypothesis) for m in mistakes}


def table() -> Iterator[str]:
    single, double = {m: named((m,)) for m in SINGLE}, {m: named(m) for m in DOUBLE}
    yield "| port of | right, and called equal | one mistake, named | two mistakes, both named |"
    yield "| --- | --- | --- | --- |"
    for net, styles in STYLES.items():
        right = [bool(diagnose(net, (), style)) for style in styles]
        one = [ok for mistake, ok in single.items() if mistake.net == net]
        two = [ok for (mistake, _), ok in double.items() if mistake.net == net]
        counts = (f"{sum(each)} of {len(each)}" for each in (right, one, two))
        yield f"| {net} | {' | '.join(counts)} |"
    yield ""
    yield "| hypothesis | mistakes that it is to explain | named |"
    yield "| --- | --- | --- |"
    for hypothesis in sorted({mistake.hypothesis for mistake in SINGLE}):
        cases = {m.says: ok for m, ok in single.items() if m.hypothesis == hypothesis}
        yield f"| {hypothesis} | {', '.join(cases)} | {sum(cases.values())} of {len(cases)} |"
    yield ""
    yield f"median {statistics.median(SECONDS):.1f} s, at most {max(SECONDS):.1f} s"


if __name__ == "__main__":
    print("\n".join(table()))

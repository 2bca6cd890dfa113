"""What do right ports give? The tables of docs/exactness.md, from the golden records.

    python -m benchmarks.exactness [--thin N] [--seeds N] [--rows FILE.jsonl]

compares lasport's model of every golden net, in both profiles, with the record and with the numpy
reference under further seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from lasport import to_keras, verify
from lasport.compare.report import Comparison, Report
from lasport.targets.keras_calls import PROFILES
from tests.golden_records import REFUSED, families, load_case

# Rows of the table, and how the subjects begin that belong to them.
ROWS = {
    "layers and outputs, inference": ("inference/layers", "inference/outputs", "inference/shorter"),
    "layers and outputs, training": ("training/layers", "training/outputs"),
    "the model itself": ("inference/model",),
    "layers by themselves": ("inference/single", "training/single"),
    "parameters after 1 and 5 passes": ("training/params",),
    "parameters": ("inference/params",),
    "gradients": ("inference/grads", "training/grads"),
    "slopes": ("inference/slopes", "training/slopes"),
    "reference against record": ("inference/reference", "training/reference"),
}


@dataclass(frozen=True)
class Figure:
    """One comparison: which row it belongs to, what was measured, and its share of the bound."""

    row: str
    dtype: str
    figure: float
    share: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--thin", type=int, default=1, help="take every Nth net only")
    parser.add_argument("--seeds", type=int, default=3, help="of the reference (default: 3)")
    parser.add_argument("--rows", type=Path, help="write every comparison here too, as JSON lines")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    failures: list[str] = []
    lines: list[str] = []
    names = [name for name in sorted(families()) if name not in REFUSED][:: arguments.thin]
    for number, name in enumerate(names, 1):
        print(f"\r{number} of {len(names)} nets", end="", flush=True)
        for source, report in reports(name, arguments.seeds):
            failures += [f"{name}, {source}: {line}" for line in problems(report)]
            figures += [taken for taken in map(figure_of, report.comparisons) if taken]
            lines += [json.dumps([name, source, *row(one)]) for one in report.comparisons]
        keras.backend.clear_session()
    print()
    print(*table(figures), *failures, sep="\n")
    if arguments.rows is not None:
        arguments.rows.write_text("\n".join(lines) + "\n", encoding="utf-8")


def reports(name: str, seeds: int) -> Iterator[tuple[str, Report]]:
    """Yield the reports on a golden net's models, with what they were compared with."""
    case = load_case(name)
    passes = sorted({1, case.record.meta["passes"]})
    for profile in PROFILES:
        model = to_keras(case.network, profile=profile)
        yield f"{profile}, record", verify(case.network, model, case.record, passes=passes)
        for seed in range(1, seeds + 1):
            report = verify(case.network, model, passes=passes, seed=seed)
            yield f"{profile}, seed {seed}", report


def problems(report: Report) -> list[str]:
    return [*report.problems, *map(str, report.failures)]


def figure_of(one: Comparison) -> Figure | None:
    row = next((row for row, begins in ROWS.items() if one.subject.startswith(begins)), None)
    if row is None or one.figure is None or not one.bound:
        return None
    return Figure(row, one.dtype, one.figure, one.figure / one.bound)


def row(one: Comparison) -> Sequence[object]:
    rounding = one.rounding
    errors = None if rounding is None else (rounding.port, rounding.oracle, rounding.expected)
    return one.subject, one.layer, one.dtype, one.figure, one.bound, errors


def table(figures: Sequence[Figure]) -> Iterator[str]:
    yield "| | count | median | 99 % | largest | nearest to its bound |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for dtype in ("float64", "float32"):
        for name in ROWS:
            found = [one for one in figures if (one.row, one.dtype) == (name, dtype)]
            if found:
                values = np.array([one.figure for one in found])
                nearest = max(one.share for one in found)
                yield (
                    f"| {dtype}, {name} | {len(found):,} | {np.median(values):.2g} | "
                    f"{np.quantile(values, 0.99):.2g} | {values.max():.2g} | {nearest:.2g} |"
                )


if __name__ == "__main__":
    main()

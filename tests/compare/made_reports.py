"""Reports that nobody computed, for what shows reports."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from lasport.compare.evidence import Histogram, RunningStatistic, WorstLayer
from lasport.compare.metrics import Difference
from lasport.compare.provenance import Provenance
from lasport.compare.report import Comparison, Drift, Report

# What may be in a file's names: slashes, markup, rich's markup, and what steers a terminal.
HOSTILE = '<script src="//evil">\x1b[2J[red]&amp;\u202e'

BOUNDS = {"float64": 1e-10, "float32": 8.0}


def compared(
    subject: str, dtype: str, size: float = 0.5, *, problem: str | None = None
) -> Comparison:
    """Return a comparison with an error of a size in the unit that is judged."""
    name = re.sub(r"^\w+/(params/\d+|[\w-]+)/", "", subject)
    layer, bound = name.removesuffix(".W"), BOUNDS[dtype]
    if problem is not None:
        return Comparison(subject, layer, dtype, ok=False, problem=problem, bound=bound)
    relative = size if dtype == "float64" else size * 2**-24
    difference = Difference(
        3 * relative, relative, relative / 2, relative, ulp=relative / 2**-52, q99=2 * relative
    )
    ratio = None if dtype == "float64" else size
    return Comparison(subject, layer, dtype, size <= bound, difference, ratio, bound=bound)


def made_report(layers: Sequence[str] = ("conv", "bn", "fc"), **changes: object) -> Report:
    """Return a report in which everything agrees."""
    content: dict[str, object] = {
        "oracle": "the numpy reference",
        "model": "model 'port'",
        "comparisons": tuple(_comparisons(layers)),
        "settings": {"modes": ["inference", "training"], "passes": [1, 5], "seed": 17},
        "drifts": (Drift("bn", 1, 0.01, 0.02), Drift("bn", 5, 0.125, 0.25)),
        "provenance": Provenance(
            "2026-11-21T15:04:05+00:00",
            "lasport verify net.pkl",
            17,
            {"lasport": "0.1", "keras": "3.15.0"},
            {"theano": "1.0.5", "lasagne": ""},
            "a1" * 32,
            "b2" * 32,
            "c3" * 32,
        ),
        "running_statistics": (running_statistic("bn", "mean"), running_statistic("bn", "inv_std")),
        "worst_layer": WorstLayer(
            "fc",
            "training/layers/fc",
            "float32",
            Histogram((-1.0, 0.0, 1.0, 3.0), (2, 5, 1), (2, 4, 2)),
            {"W": Histogram((0.0, 0.5, 1.0), (7, 3), (7, 3), (0, 1))},
        ),
    }
    return Report(**{**content, **changes})


def different_report(name: str = "fc") -> Report:
    """Return a report of a port with a mistake in its last layer."""
    report = made_report(("conv", name))
    wrong = tuple(
        compared(row.subject, row.dtype, 1e-3 if row.dtype == "float64" else math.inf)
        if row.subject.endswith(name)
        else row
        for row in report.comparisons
    )
    return made_report(
        comparisons=(*wrong, compared("inference/model/fc", "float32", problem="missing")),
        problems=(f"the model has no layers for {name}",),
        notes=(f"{name} is taken to be what it says",),
    )


def running_statistic(layer: str, name: str, apart: float = 0.0) -> RunningStatistic:
    """Return a statistic of three entries, over two passes."""
    expected = ((0.0, 1.0, 2.0), (0.5, 1.5, 2.5), (0.75, 1.25, 3.0))
    actual = tuple(tuple(value + apart for value in row) for row in expected)
    return RunningStatistic(layer, name, (0, 1, 2), 3, (0, 1, 2), expected, actual)


def _comparisons(layers: Sequence[str]) -> Iterator[Comparison]:
    for dtype, size in (("float64", 1e-15), ("float32", 0.5)):
        for mode in ("inference", "training"):
            for k, layer in enumerate(layers):
                yield compared(f"{mode}/layers/{layer}", dtype, size * (k + 1))
            for layer in layers:
                yield compared(f"{mode}/single/{layer}", dtype, 0)
        for layer in layers:
            yield compared(f"training/params/5/{layer}.W", dtype, size)
    for mode in ("inference", "training"):
        for k, layer in enumerate(reversed(layers)):
            yield compared(f"{mode}/grads/{layer}.W", "float64", 0.5e-15 * (k + 1))
        yield compared(f"{mode}/input-grads/input", "float64", 2e-15)

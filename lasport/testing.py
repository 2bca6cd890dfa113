"""For the test suites of those who keep a port, and for lasport's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lasport.api import StrPath, load, verify
from lasport.compare.wording import error_text, gaps, walk_remarks
from lasport.errors import UsageError
from lasport.random_nets import random_network
from lasport.spec import Network

if TYPE_CHECKING:
    import keras

    from lasport.compare.report import Comparison, Report
    from lasport.oracles.record import Mode, Record
    from lasport.passes import DataFormat
    from lasport.targets.keras_calls import Profile

__all__ = ["assert_equivalent", "random_network"]

WORST = 5  # layers that a failure names

# Told of every report before it is judged; what pytest's --lasport-report listens to.
observers: list[Callable[[Report], None]] = []


def assert_equivalent(
    net: Network | StrPath,
    model: keras.Model | StrPath | None = None,
    oracle: str | Record = "reference",
    modes: Sequence[Mode] = ("inference", "training"),
    *,
    params: StrPath | None = None,
    kwargs: Mapping[str, object] | None = None,
    profile: Profile = "stock",
    passes: Sequence[int] = (1, 5),
    seed: int = 0,
    outputs_only: bool = False,
    gradients: bool = True,
    data_format: DataFormat | None = None,
    timeout: float | None = None,
) -> Report:
    """Fail unless a model computes what a network does: :func:`lasport.verify` as an assertion.

    Parameters
    ----------
    net : Network or path-like
        The original, or where :func:`lasport.load` finds it: a pickle, or
        ``SCRIPT.py:FUNCTION``.
    model : keras.Model or path-like, optional
        The port, or a file that Keras can load it from; by default the one
        that :func:`lasport.to_keras` makes.
    params, kwargs
        As for :func:`lasport.load`, where ``net`` is a path.
    oracle, modes, profile, passes, seed, outputs_only, gradients, data_format, timeout
        As for :func:`lasport.verify`.

    Returns
    -------
    Report
        For a test that wants to know more, such as how running averages drift.

    Raises
    ------
    AssertionError
        If something differs or was not compared: where it starts, the layers
        that are the furthest off, what was not compared, and all of the report.
    UsageError
        If parameters or arguments are given for a network that is loaded.
    """
    if isinstance(net, (str, os.PathLike)):
        net = load(net, params=params, kwargs=kwargs)
    elif params is not None or kwargs is not None:
        raise UsageError("params and kwargs are for a net that is loaded here, from its path")
    if isinstance(model, (str, os.PathLike)):
        from lasport.targets.keras_file import read_model

        model = read_model(model)
    report = verify(
        net,
        model,
        oracle,
        modes,
        profile=profile,
        passes=passes,
        seed=seed,
        outputs_only=outputs_only,
        gradients=gradients,
        data_format=data_format,
        timeout=timeout,
    )
    for observe in observers:
        observe(report)
    if not report.ok:
        raise AssertionError("\n".join(_explanation(report, given=model is not None)))
    return report


def _explanation(report: Report, *, given: bool) -> Iterator[str]:
    """Yield the lines of a failure of a model, given or lasport's own, the most telling first."""
    yield f"{report.model} does not compute what {report.oracle} does"
    first = report.first_divergence
    if first is not None:
        yield f"first divergence: {first}"
    yield from walk_remarks(report)
    worst = _worst_by_layer(report.failures)
    if worst:
        yield f"furthest off, of {len(worst)} layers that differ:"
        for row in worst[:WORST]:
            yield f"  {row.layer}: {error_text(row)}, in {row.subject} [{row.dtype}]"
    for problem in report.problems:
        yield f"not compared: {problem}"
    for gap in gaps(report):
        yield f"not asked for: {gap}"
    if given:
        yield "hint: lasport.diagnose(net, model) looks for the mistake behind it"
    yield "the whole report:"
    yield report.to_text()


def _worst_by_layer(failures: Sequence[Comparison]) -> list[Comparison]:
    """Return each layer's worst comparison, the worst layer first."""
    worst: dict[str, Comparison] = {}
    for row in sorted(failures, key=lambda row: row.badness):
        worst[row.layer] = row
    return sorted(worst.values(), key=lambda row: row.badness, reverse=True)

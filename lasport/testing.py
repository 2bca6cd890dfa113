"""For the test suites of those who keep a port, and for lasport's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lasport.api import verify
from lasport.random_nets import random_network
from lasport.spec import Network

if TYPE_CHECKING:
    import keras

    from lasport.compare.report import Report
    from lasport.oracles.record import Mode, Record
    from lasport.passes import DataFormat
    from lasport.targets.keras_calls import Profile

__all__ = ["assert_equivalent", "random_network"]


def assert_equivalent(
    net: Network,
    model: keras.Model | None = None,
    oracle: str | Record = "reference",
    modes: Sequence[Mode] = ("inference", "training"),
    *,
    profile: Profile = "stock",
    passes: Sequence[int] = (1, 5),
    seed: int = 0,
    outputs_only: bool = False,
    data_format: DataFormat | None = None,
) -> Report:
    """Fail unless a model computes what a network does: :func:`lasport.verify` as an assertion.

    Parameters
    ----------
    net : Network
        The original.
    model : keras.Model, optional
        The port; by default the one that :func:`lasport.to_keras` makes.
    oracle, modes, profile, passes, seed, outputs_only, data_format
        As for :func:`lasport.verify`.

    Returns
    -------
    Report
        For a test that wants to know more, such as how running averages drift.

    Raises
    ------
    AssertionError
        With the text of the report, if something differs or was not compared.
    """
    report = verify(
        net,
        model,
        oracle,
        modes,
        profile=profile,
        passes=passes,
        seed=seed,
        outputs_only=outputs_only,
        data_format=data_format,
    )
    if not report.ok:
        raise AssertionError(report.to_text())
    return report

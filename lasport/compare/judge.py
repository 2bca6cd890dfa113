"""The verdict on one array: by structure in float64, by rounding in float32."""

from __future__ import annotations

import numpy as np

from lasport.compare.metrics import (
    ROUNDING_FACTOR,
    STRUCTURE_BOUND,
    class_agreement,
    measure,
    rounding_error,
)
from lasport.compare.report import Comparison
from lasport.spec import Array

__all__ = ["judge", "judge_recorded"]


def judge(
    subject: str,
    layer: str,
    dtype: str,
    actual: Array | None,
    truth: Array,
    oracle: Array,
    terms: int = 1,
    *,
    classes: bool = False,
) -> Comparison:
    """Compare one array.

    Parameters
    ----------
    subject, layer, dtype : str
        What it is; see :class:`Comparison`.
    actual : ndarray or None
        The port's; None where it has none.
    truth : ndarray
        The result in float64.
    oracle : ndarray
        The oracle's result in float32; looked at in float32 only.
    terms : int
        How many terms the longest sum on the way to it has.
    classes : bool
        Whether it is an output, which may be a classifier's: (batch, classes). Then the largest
        entries of each row have to be at the same place too.

    Returns
    -------
    Comparison
        Whose problem says what kept the numbers from being compared.
    """
    problem = None
    if actual is None:
        problem = "missing"
    elif actual.shape != truth.shape:
        problem = f"shape {actual.shape}, not {truth.shape}"
    elif truth.size and not np.isfinite(truth).any():
        problem = "the original gives nothing but NaN and infinity, which is no evidence"
    if actual is None or problem is not None:
        return Comparison(subject, layer, dtype, ok=False, problem=problem)
    difference = measure(actual, truth, dtype)
    rounding, bound = None, STRUCTURE_BOUND
    figure, allowed = difference.relative, STRUCTURE_BOUND
    if dtype != "float64":
        rounding, bound = rounding_error(actual, oracle, truth, terms, dtype), ROUNDING_FACTOR
        figure, allowed = rounding.ratio, bound * max(rounding.oracle, rounding.expected)
    agreement = None
    if classes and truth.ndim == 2 and truth.shape[1] > 1:
        agreement = class_agreement(actual, truth, allowed)
    return Comparison(
        subject,
        layer,
        dtype,
        figure <= bound and (agreement is None or not agreement.others),
        difference,
        None if rounding is None else rounding.ratio,
        bound=bound,
        rounding=rounding,
        agreement=agreement,
    )


def judge_recorded(
    subject: str, layer: str, rounded: Array, recorded: Array, exact: Array, terms: int
) -> Comparison:
    """Compare a float32 result of the original with a port's, neither of which is the truth.

    Parameters
    ----------
    subject, layer, terms
        As for :func:`judge`.
    rounded, recorded : ndarray
        The port's result in float32, and the original's.
    exact : ndarray
        The port's in float64. Each of the others may be off from it by a small
        multiple of what the other is.
    """
    if rounded.shape != recorded.shape:
        problem = f"shape {rounded.shape}, not {recorded.shape}"
        return Comparison(subject, layer, "float32", ok=False, problem=problem)
    both = ((rounded, recorded), (recorded, rounded))
    errors = [rounding_error(one, other, exact, terms) for one, other in both]
    worse = max(errors, key=lambda error: error.ratio)
    return Comparison(
        subject,
        layer,
        "float32",
        worse.ratio <= ROUNDING_FACTOR,
        measure(rounded, recorded),
        worse.ratio,
        bound=ROUNDING_FACTOR,
        rounding=worse,
    )

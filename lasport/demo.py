"""The whole way, on a net that ships with the package.

Lasagne trained the net on Theano and pickled it; what Theano computed with it
for every digit is packaged too, so each figure below is a comparison with the
original.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from lasport.api import load, to_keras, verify
from lasport.compare.table import show_report
from lasport.spec import Array
from lasport.targets.keras_calls import PROFILES, Profile

if TYPE_CHECKING:
    import keras

    from lasport.compare.report import Report

__all__ = ["DemoPaths", "paths", "run"]

NEXT = """
Next:
  lasport inspect NET.pkl                   what is in a net of yours, and what it becomes
  lasport convert NET.pkl -o NET.keras      its Keras model
  lasport verify NET.pkl NET.keras          the evidence that nothing changed"""


@dataclass(frozen=True)
class DemoPaths:
    """Where the packaged files lie.

    Attributes
    ----------
    net : Path
        The pickled output layer.
    digits : Path
        npz of ``X``, float32 (1797, 1, 8, 8), and ``y``, int32 (1797,).
    expected : Path
        npz of ``probabilities`` (1797, 10), as Theano computed them, and
        ``test``, the indices of the digits that were held out.
    """

    net: Path
    digits: Path
    expected: Path


@dataclass(frozen=True)
class _Score:
    """How well somebody's probabilities do."""

    right: int  # of the held-out digits
    held_out: int
    same: int  # classes that are Theano's
    digits: int
    apart: float  # largest difference from Theano's probabilities


def paths() -> DemoPaths:
    """Return where the packaged net, digits and expected probabilities are."""
    data = Path(str(files("lasport"))) / "data"
    return DemoPaths(data / "digits_bn.pkl", data / "digits.npz", data / "digits_bn_expected.npz")


def run(
    stream: TextIO,
    progress: Callable[[str], None] = lambda stage: None,
    html: Path | None = None,
) -> bool:
    """Convert, verify and use the packaged net, and print what comes out.

    Parameters
    ----------
    stream : text stream
        Where to print.
    progress : callable
        Told each stage.
    html : Path, optional
        Where to write the report on the stock model as a page.

    Returns
    -------
    bool
        Whether the models of both profiles agree with the original: in all that
        :func:`lasport.verify` compares, and in the class of every digit.
    """
    net = load(paths().net)
    print(f"{paths().net.name}, trained and pickled by Lasagne:\n\n{net.summary()}\n", file=stream)

    models, reports = {}, {}
    for profile in PROFILES:
        progress(f"building the model of profile {profile}")
        models[profile] = to_keras(net, profile=profile, name=profile)
        reports[profile] = verify(net, models[profile], progress=progress)
        if profile == "stock":
            show_report(reports[profile], stream)
        else:
            print(_brief(reports[profile]), file=stream)
        print(file=stream)

    if html is not None:
        reports["stock"].made_by(f"lasport demo --html {html.name}").to_html(html)

    progress("classifying the digits")
    scores = _scores(models)
    print(*_table(scores), sep="\n", file=stream)

    ok = all(reports.values()) and all(score.same == score.digits for score in scores.values())
    print(NEXT if ok else "\nThe models do not compute what the net computes.", file=stream)
    return ok


def _brief(report: Report) -> str:
    """Return the report in two lines; all of it if something differs."""
    text = str(report)
    if not report:
        return text
    averages = [
        comparison.difference.relative
        for comparison in report.comparisons
        if comparison.subject.startswith("training/params/")
        and comparison.dtype == "float64"
        and comparison.difference is not None
    ]
    return (
        f"{text.splitlines()[0]}\n  running averages after training passes, inv_std included "
        f"[float64]: relative difference {max(averages):.2g}"
    )


def _scores(models: Mapping[Profile, keras.Model]) -> dict[str, _Score]:
    """Return how Theano and each model classify the packaged digits."""
    with np.load(paths().digits) as digits, np.load(paths().expected) as expected:
        images, labels = digits["X"], digits["y"]
        theano, held_out = expected["probabilities"], expected["test"]

    def score(probabilities: Array) -> _Score:
        classes = probabilities.argmax(axis=1)
        return _Score(
            right=int((classes == labels)[held_out].sum()),
            held_out=len(held_out),
            same=int((classes == theano.argmax(axis=1)).sum()),
            digits=len(labels),
            apart=float(np.abs(probabilities - theano).max()),
        )

    computed = {
        f"Keras, {profile}": np.asarray(model.predict(images, verbose=0))
        for profile, model in models.items()
    }
    return {name: score(values) for name, values in {"Theano": theano, **computed}.items()}


def _table(scores: Mapping[str, _Score]) -> Iterator[str]:
    """Yield one line per figure, with a column for each who computed it."""
    rows = {
        "": list(scores),
        "held-out digits right": [f"{s.right} of {s.held_out}" for s in scores.values()],
        "same class as Theano": [f"{s.same} of {s.digits}" for s in scores.values()],
        "largest difference of probabilities": [f"{s.apart:.2g}" for s in scores.values()],
    }
    for name, cells in rows.items():
        yield f"{name:<35}" + "".join(f"{cell:>16}" for cell in cells)

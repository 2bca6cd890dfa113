"""How ports of dropout and noise go wrong."""

from __future__ import annotations

from collections.abc import Iterator

from lasport.compare.diagnosis.edits import Case, Edit, Hypothesis, flagged, passed_on
from lasport.compare.diagnosis.steps import changed
from lasport.layers.noise import DropoutAttributes, GaussianNoiseAttributes

__all__ = ["HYPOTHESES"]


# What dropout drops, by its shared axes, of images.
DROPPED = {(): "single entries", (2, 3): "whole channels", (1,): "whole pixels"}


def rate(case: Case) -> Iterator[Edit]:
    """Another rate, such as the probability of keeping."""
    a = case.step.attributes
    assert isinstance(a, DropoutAttributes)
    known = None if case.part is None else case.part.config.get("rate")
    theirs = float(known) if isinstance(known, (int, float)) else 1 - a.p
    if abs(theirs - a.p) > 1e-9 and theirs < 1:
        keeps = " (p is the probability of dropping)" if abs(theirs + a.p - 1) < 1e-9 else ""
        yield case.edit(f"rate {theirs:g} becomes {a.p:g}{keeps}", lambda s: changed(s, p=theirs))


def rescale(case: Case) -> Iterator[Edit]:
    """Division by the probability of keeping, or none."""
    a = case.step.attributes
    assert isinstance(a, DropoutAttributes)
    fix = (
        "what it keeps is divided by 1 - p"
        if a.rescale
        else "what it keeps is not divided by 1 - p"
    )
    yield case.edit(fix, lambda s: changed(s, rescale=not a.rescale))
    for axes, drops in DROPPED.items():
        if axes != a.shared(4):
            ours = DROPPED.get(a.shared(4), f"all or nothing along axes {a.shared_axes}")
            fix = f"it drops {ours}, not {drops}"
            yield case.edit(fix, lambda s, axes=axes: changed(s, shared_axes=axes))  # type: ignore[misc]


def mode(case: Case) -> Iterator[Edit]:
    """One mode in the place of both."""
    if not case.missing:
        yield case.edit(
            "it rests in inference, where it draws (training=True where it is called; predict() "
            "overrides that)",
            lambda step: flagged(step, training=True),
        )
        yield case.edit(
            "it draws in training, where it rests too (training=False)",
            lambda step: flagged(step, training=False),
        )


def none(case: Case) -> Iterator[Edit]:
    """No such layer."""
    if case.missing or case.part is None:
        yield case.edit(f"the layer ({case.step.family}) is added", passed_on)


def deviation(case: Case) -> Iterator[Edit]:
    """Another standard deviation, such as the variance."""
    a = case.step.attributes
    assert isinstance(a, GaussianNoiseAttributes)
    known = None if case.part is None else case.part.config.get("stddev")
    theirs = float(known) if isinstance(known, (int, float)) else a.sigma**2
    if theirs != a.sigma:
        fix = f"stddev {theirs:g} becomes {a.sigma:g}"
        yield case.edit(fix, lambda s: changed(s, sigma=theirs))


HYPOTHESES = (
    Hypothesis("dropout rate", ("dropout",), rate),
    Hypothesis("dropout rescaling", ("dropout",), rescale),
    Hypothesis("noise deviation", ("noise",), deviation),
    Hypothesis("training flag", ("dropout", "noise"), mode),
    Hypothesis("layer missing", ("dropout", "noise", "normalization", "response", "prelu"), none),
)

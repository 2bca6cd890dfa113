"""All hypotheses: data, one entry each, in the files of the kinds of layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lasport.compare.diagnosis import (
    of_activations,
    of_filters,
    of_merges,
    of_noise,
    of_normalization,
    of_sampling,
    of_sequences,
    of_windows,
)
from lasport.compare.diagnosis.edits import Case, Edit, Hypothesis
from lasport.compare.diagnosis.roles import role_of_step

__all__ = ["HYPOTHESES", "edits_of"]

HYPOTHESES: tuple[Hypothesis, ...] = (
    *of_filters.HYPOTHESES,
    *of_windows.HYPOTHESES,
    *of_normalization.HYPOTHESES,
    *of_activations.HYPOTHESES,
    *of_noise.HYPOTHESES,
    *of_sequences.HYPOTHESES,
    *of_merges.HYPOTHESES,
    *of_sampling.HYPOTHESES,
)


def edits_of(case: Case) -> Iterator[Edit]:
    """Yield all changes of a step that may explain what its port does."""
    role = role_of_step(case.step)
    for hypothesis in HYPOTHESES:
        if role in hypothesis.roles:
            for edit in hypothesis.edits(case):
                yield replace(edit, hypothesis=hypothesis.name)

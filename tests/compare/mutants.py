"""All wrong ports, by topic and mistake."""

from __future__ import annotations

from tests.compare import (
    mutants_of_gradients,
    mutants_of_inverses,
    mutants_of_noise,
    mutants_of_normalization,
    mutants_of_sampling,
    mutants_of_sequences,
    mutants_of_sharing,
    mutants_of_special,
    mutants_of_structure,
    mutants_of_weights,
)
from tests.compare.mutant import Mutant

__all__ = ["MUTANTS"]

TOPICS = {
    "filters": mutants_of_weights.FILTERS,
    "dense": mutants_of_weights.DENSE,
    "batch norm": mutants_of_normalization.NORMALIZATION,
    "geometry": mutants_of_structure.GEOMETRY,
    "functions": mutants_of_structure.FUNCTIONS,
    "dropout": mutants_of_noise.DROPOUT,
    "noise": mutants_of_noise.NOISE,
    "wiring": mutants_of_structure.WIRING,
    "sequences": mutants_of_sequences.SEQUENCES,
    "volumes and others": mutants_of_sequences.VOLUMES,
    "inverses": mutants_of_inverses.INVERSES,
    "rectifiers": mutants_of_special.RECTIFIERS,
    "transformers": mutants_of_sampling.SAMPLING,
    "expressions": mutants_of_special.EXPRESSIONS,
    "shared weights": mutants_of_sharing.SHARING,
    "gradients": mutants_of_gradients.GRADIENTS,
    "rounding": mutants_of_weights.ROUNDING,
    "demo net": mutants_of_weights.DEMO,
}

MUTANTS: dict[str, Mutant] = {
    f"{topic}: {name}": mutant for topic, table in TOPICS.items() for name, mutant in table.items()
}

"""How each class grows: one table, by class path.

A new family is an entry in the file where it belongs: where it can stand
(``behind``), and which options an instance may hold. Options are drawn so that
the first choice is the simplest one, and are checked by the family itself:
what it refuses does not grow.
"""

from __future__ import annotations

from collections.abc import Mapping

from lasport.random_nets.recipes import (
    anywhere,
    cuda_convnet,
    images,
    inverses,
    merges,
    nets,
    sequences,
    shapes,
    transformers,
    vectors,
)
from lasport.random_nets.soil import Recipe

__all__ = ["RECIPES"]

# The simplest first.
FAMILIES = (
    vectors,
    anywhere,
    shapes,
    merges,
    images,
    transformers,
    sequences,
    nets,
    cuda_convnet,
    inverses,
)
RECIPES: Mapping[str, Recipe] = {
    f"lasagne.layers.{name}": recipe
    for family in FAMILIES
    for name, recipe in family.RECIPES.items()
}

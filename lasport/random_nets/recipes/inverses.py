"""Layers that go back through another one."""

from __future__ import annotations

from collections.abc import Mapping

from lasport.layers.theano_functions import REDUCTION_ADJOINTS
from lasport.random_nets.recipes.vectors import RECIPES as VECTORS
from lasport.random_nets.soil import Planting, Recipe, Soil, shape_of
from lasport.registry import require_family
from lasport.spec import Layer

DENSE = "dense.DenseLayer"


def inverse(soil: Soil) -> Planting | None:
    """Invert one of the layers so far, or a dense one, for anything of its output's shape."""
    found = [layer for layer in reversed(soil.layers) if _invertible(layer)]
    if not found or soil.draw.chance(4):
        planting = VECTORS[DENSE](soil)
        if planting is None:
            return None
        found = [soil.add(f"lasagne.layers.{DENSE}", planting)]
    inverted = soil.draw.among(found)
    holds = soil.apart.get(inverted.name, "")
    alike = soil.find(lambda shape: shape == shape_of(inverted), holds)
    (source,) = (layer for layer in soil.layers if layer.name == inverted.incoming[0])
    return Planting(
        incoming=(soil.draw.among(alike), inverted, source),
        options={},
        holds=soil.apart.get(source.name, ""),
    )


def _invertible(layer: Layer) -> bool:
    function = getattr(layer.attributes, "pool_function", "sum")
    differentiable = function in REDUCTION_ADJOINTS
    return len(layer.incoming) == 1 and differentiable and require_family(layer).adjoint is not None


RECIPES: Mapping[str, Recipe] = {"special.InverseLayer": inverse}

"""Spatial transformers: images, and an input of the numbers that move them.

Other layers' values would be too large: a place far away is known to few digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lasport.random_nets.draw import Draw
from lasport.random_nets.recipes.options import of_rank, space
from lasport.random_nets.soil import Options, Planting, Recipe, Soil, shape_of
from lasport.spec import Shape

FACTORS = ((1, 1), (2, 1), (1, 1.5), (0.5, 1))
BORDERS = ("nearest", "mirror", "wrap")


def moved(numbers: Callable[[Draw], int], options: Callable[[Draw, Shape, int], Options]) -> Recipe:
    """Return the recipe of a layer that takes so many numbers per image."""

    def plant(soil: Soil) -> Planting | None:
        images = soil.pick(of_rank(4), space(2))
        count = numbers(soil.draw)
        steering = soil.pick(lambda shape: shape[1:] == (count,), lambda draw: (count,), "places")
        if images is None or steering is None:
            return None
        chosen = {
            "downsample_factor": soil.draw.among(FACTORS),
            "border_mode": soil.draw.among(BORDERS),
            **options(soil.draw, shape_of(images), count),
        }
        return Planting(incoming=(images, steering), options=chosen)

    return plant


def spline(draw: Draw, shape: Shape, count: int) -> Options:
    """Bend or do not; images of open size Lasagne never bends."""
    bends = None not in shape[2:] and not draw.chance(3)
    return {"control_points": count // 2, "precompute_grid": bends}


RECIPES: Mapping[str, Recipe] = {
    "special.TransformerLayer": moved(lambda draw: 6, lambda draw, shape, count: {}),
    "special.TPSTransformerLayer": moved(lambda draw: draw.among((8, 18)), spline),
}

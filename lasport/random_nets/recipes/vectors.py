"""Layers that multiply vectors: dense, over channels, over rows of a table."""

from __future__ import annotations

from collections.abc import Mapping

from lasport.random_nets.draw import Draw
from lasport.random_nets.recipes.options import any_shape, nonlinearity, space
from lasport.random_nets.soil import Options, Recipe, behind
from lasport.spec import Shape


def dense(draw: Draw, shape: Shape) -> Options:
    """Sum over all axes but the first, or over the last ones."""
    rank = len(shape)
    leading = draw.among([*range(1, rank), *range(-1, -rank, -1)])
    units = draw.size(shape)
    return {
        "num_units": units,
        "num_leading_axes": leading,
        "nonlinearity": nonlinearity(draw, (*shape[: leading % rank], units)),
    }


def over_channels(draw: Draw, shape: Shape) -> Options:
    """Draw one bias per unit, or per place too."""
    return {
        "num_units": draw.size(shape),
        "untie_biases": draw.chance(3),
        "nonlinearity": nonlinearity(draw),
    }


def embedding(draw: Draw, shape: Shape) -> Options:
    """Draw a table of a few rows."""
    return {"input_size": draw.size(shape, 2, 9), "output_size": draw.size(shape)}


def indices(draw: Draw) -> Shape:
    """Draw a number of indices per example, in one row or several."""
    return draw.among([(draw.size(),), (draw.between(2, 4), draw.between(5, 6))])


RECIPES: Mapping[str, Recipe] = {
    "dense.DenseLayer": behind(lambda shape: len(shape) >= 2, any_shape(), dense, lacks=["b"]),
    "dense.NINLayer": behind(lambda shape: len(shape) >= 3, space(2), over_channels, lacks=["b"]),
    "embedding.EmbeddingLayer": behind(lambda shape: True, indices, embedding, takes="indices"),
}

"""Layers that draw random numbers in training mode."""

from __future__ import annotations

from lasport.operations import AddNoise, Dropout, RandomRectify
from lasport.targets.keras_calls.call import Context, Made, Mappings

__all__ = ["MAPPINGS"]

# keras.layers.GaussianNoise takes no larger standard deviation.
WIDEST_STOCK_NOISE = 1.0


def _dropout(op: Dropout, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"rate": op.rate}
    ones = [Made("lasport.keras_layers.OnesLike")] if op.of_ones else []
    if not op.rescale:
        if op.shared_axes:
            arguments["shared_axes"] = op.shared_axes
        return [*ones, Made("lasport.keras_layers.UnscaledDropout", arguments)]
    if op.shared_axes:
        shape = tuple(1 if axis in op.shared_axes else None for axis in range(context.rank))
        arguments["noise_shape"] = shape
    return [*ones, Made("keras.layers.Dropout", arguments)]


def _add_noise(op: AddNoise, context: Context) -> list[Made]:
    stock = op.sigma <= WIDEST_STOCK_NOISE
    layer = "keras.layers.GaussianNoise" if stock else "lasport.keras_layers.WideGaussianNoise"
    return [Made(layer, {"stddev": op.sigma})]


def _random_rectify(op: RandomRectify, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"lower": op.lower, "upper": op.upper}
    if op.shared_axes:
        arguments["shared_axes"] = op.shared_axes
    return [Made("lasport.keras_layers.RandomizedRectifier", arguments)]


MAPPINGS: Mappings = {
    AddNoise: _add_noise,
    Dropout: _dropout,
    RandomRectify: _random_rectify,
}

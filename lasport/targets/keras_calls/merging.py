"""Layers of several inputs."""

from __future__ import annotations

from lasport.operations import Autocrop, Combine, Concat, PassOn
from lasport.targets.keras_calls.call import Context, Made, Mappings

__all__ = ["MAPPINGS"]


def _concat(op: Concat, context: Context) -> list[Made]:
    if op.axis == context.rank - 1:
        return [Made("keras.layers.Concatenate")]
    return [Made("keras.layers.Concatenate", {"axis": op.axis})]


def _autocrop(op: Autocrop, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"modes": op.modes, "index": op.index}
    return [Made("lasport.keras_layers.Autocrop", arguments)]


STOCK_MERGES = {"add": "Add", "multiply": "Multiply", "maximum": "Maximum", "minimum": "Minimum"}


def _combine(op: Combine, context: Context) -> list[Made]:
    if op.function in STOCK_MERGES:
        return [Made(f"keras.layers.{STOCK_MERGES[op.function]}")]
    return [Made("lasport.keras_layers.Combine", {"function": op.function})]


def _pass_on(op: PassOn, context: Context) -> list[Made]:
    return [Made("lasport.keras_layers.PassOn")]


MAPPINGS: Mappings = {
    Autocrop: _autocrop,
    Combine: _combine,
    Concat: _concat,
    PassOn: _pass_on,
}

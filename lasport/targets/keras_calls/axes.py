"""Axes that come, go and change places, and parts of one axis."""

from __future__ import annotations

from lasport.operations import Dimshuffle, Slice
from lasport.targets.keras_calls.call import Context, Made, Mappings

__all__ = ["MAPPINGS", "slice_arguments"]


def _dimshuffle(op: Dimshuffle, context: Context) -> list[Made]:
    kept = tuple(axis for axis in op.pattern if axis is not None)
    dropped = tuple(axis for axis in range(context.rank) if axis not in kept)
    # Axes of size 1 come and go in the reshape, wherever they are.
    moves = kept != tuple(sorted(kept))
    order = kept + dropped if moves else tuple(range(context.rank))
    made: list[Made] = []
    if moves and order[0] != 0:
        made.append(Made("lasport.keras_layers.Permutation", {"axes": order}))
    elif moves:
        made.append(Made("keras.layers.Permute", {"dims": order[1:]}))
    if not dropped and None not in op.pattern:
        return made
    rest = context.output_shape[1:]
    if op.pattern[:1] == (0,) and rest.count(None) <= 1:
        shape = tuple(-1 if size is None else size for size in rest)
        return [*made, Made("keras.layers.Reshape", {"target_shape": shape})]
    target = tuple(1 if axis is None else ("input", order.index(axis)) for axis in op.pattern)
    return [*made, Made("lasport.keras_layers.FullReshape", {"target": target})]


def slice_arguments(op: Slice, context: Context) -> dict[str, object]:
    """Return the arguments of the layer that slices, and of the one that goes back."""
    arguments: dict[str, object] = {"indices": op.indices}
    if op.axis != context.rank - 1:
        arguments["axis"] = op.axis
    return arguments


def _slice(op: Slice, context: Context) -> list[Made]:
    return [Made("lasport.keras_layers.Slice", slice_arguments(op, context))]


MAPPINGS: Mappings = {
    Dimshuffle: _dimshuffle,
    Slice: _slice,
}

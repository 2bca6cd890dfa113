"""Gradients of other steps' inputs, for gradients of their outputs.

Layers with weights are called once more; the others have a layer of their own
for the way back.
"""

from __future__ import annotations

from lasport.operations import (
    Activation,
    Adjoint,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dimshuffle,
    Flatten,
    GlobalReduce,
    Operation,
    Pool,
    PoolFeatures,
    Reshape,
    Scale,
    Slice,
    WinnerTakesAll,
)
from lasport.targets.keras_calls import axes, pooling
from lasport.targets.keras_calls.call import Context, Made, Mappings

__all__ = ["MAPPINGS"]

OWN = "lasport.keras_layers."


def _adjoint(op: Adjoint, context: Context) -> list[Made]:
    if isinstance(op.operation, CALLED_AGAIN):
        # A layer of its own for the result, which would otherwise be the other layer's second one.
        shown = Made("keras.layers.Activation", {"activation": "linear"})
        return [Made("", back_through=op.of), shown]
    return ADJOINTS[type(op.operation)](op.operation, context)


def _activation(op: Activation, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"function": op.function}
    if op.constants:
        arguments["constants"] = dict(op.constants)
    return [Made(OWN + "NonlinearityGradient", arguments)]


def _shape(op: Operation, context: Context) -> list[Made]:
    return [Made(OWN + "ShapeGradient")]


def _dimshuffle(op: Dimshuffle, context: Context) -> list[Made]:
    kept = [(axis, place) for place, axis in enumerate(op.pattern) if axis is not None]
    new = [place for place, axis in enumerate(op.pattern) if axis is None]
    back = (*(place for _, place in sorted(kept)), *new)
    moves = [place for _, place in sorted(kept)] != [place for _, place in kept]
    return [Made(OWN + "ShapeGradient", {"axes": back} if moves else {})]


def _slice(op: Slice, context: Context) -> list[Made]:
    return [Made(OWN + "SliceGradient", axes.slice_arguments(op, context))]


def _pool(op: Pool, context: Context) -> list[Made]:
    return [Made(OWN + "PoolingGradient", pooling.pool_arguments(op))]


def _global_reduce(op: GlobalReduce, context: Context) -> list[Made]:
    return [Made(OWN + "GlobalReduceGradient", {"function": op.function})]


def _pool_features(op: PoolFeatures, context: Context) -> list[Made]:
    return [Made(OWN + "FeaturePoolingGradient", pooling.feature_arguments(op, context))]


def _winner_takes_all(op: WinnerTakesAll, context: Context) -> list[Made]:
    return [Made(OWN + "WinnerTakesAllGradient", pooling.feature_arguments(op, context))]


CALLED_AGAIN = (BatchNorm, Conv, ConvTranspose, Dense, Scale)
ADJOINTS: Mappings = {
    Activation: _activation,
    Dimshuffle: _dimshuffle,
    Flatten: _shape,
    GlobalReduce: _global_reduce,
    Pool: _pool,
    PoolFeatures: _pool_features,
    Reshape: _shape,
    Slice: _slice,
    WinnerTakesAll: _winner_takes_all,
}
MAPPINGS: Mappings = {Adjoint: _adjoint}

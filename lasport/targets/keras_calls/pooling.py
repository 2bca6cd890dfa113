"""Pooling."""

from __future__ import annotations

from lasport.operations import (
    GlobalReduce,
    Pool,
    PoolFeatures,
    PyramidPool,
    Reduce,
    Upscale,
    WinnerTakesAll,
)
from lasport.targets.keras_calls.call import Context, Made, Mappings

__all__ = ["MAPPINGS", "feature_arguments", "pool_arguments"]


STOCK_POOLS = {
    "max": "MaxPooling",
    "average_inc_pad": "AveragePooling",
    "average_exc_pad": "AveragePooling",
}


def _pool(op: Pool, context: Context) -> list[Made]:
    tied = context.profile == "exact" and op.mode == "max"
    # TensorFlow has no float64 kernels for pooling over three axes on a CPU.
    missing = len(op.pool_size) == 3 and context.dtype == "float64"
    own = tied or missing or op.mode not in STOCK_POOLS
    padding = None if own else _stock_padding(op, context)
    if padding is not None:
        arguments: dict[str, object] = {"pool_size": op.pool_size}
        if op.strides != op.pool_size:
            arguments["strides"] = op.strides
        if padding != "valid":
            arguments["padding"] = padding
        return [Made(f"keras.layers.{STOCK_POOLS[op.mode]}{len(op.pool_size)}D", arguments)]
    return [Made("lasport.keras_layers.Pooling", pool_arguments(op))]


def pool_arguments(op: Pool) -> dict[str, object]:
    """Return the arguments of the own layer that pools, and of the one that goes back."""
    return {
        "pool_size": op.pool_size,
        "strides": op.strides,
        "padding": op.padding,
        "mode": op.mode,
        "ignore_border": op.ignore_border,
    }


def _stock_padding(op: Pool, context: Context) -> str | None:
    """Return the padding under which TensorFlow's windows are Theano's, or None.

    TensorFlow's 'same' makes ``ceil(size / stride)`` windows and puts half of
    what they lack before the data: it is Theano's ceil mode where that half is
    nothing. Both leave the padding out of averages.
    """
    if op.ignore_border:
        return None if any(op.padding) else "valid"
    sizes, counts = context.input_shape[1:-1], context.output_shape[1:-1]
    fitting = {"valid", "same"}
    for size, count, window, stride in zip(sizes, counts, op.pool_size, op.strides, strict=True):
        if size is None or count is None:
            # Pairs lack one place at most, whatever the size.
            fitting &= {"same"} if window == stride == 2 else set()
            continue
        lacking = max((count - 1) * stride + window - size, 0)
        if lacking or count != (size - window) // stride + 1:
            fitting -= {"valid"}
        if lacking > 1 or count != -(-size // stride):
            fitting -= {"same"}
    return next((padding for padding in ("valid", "same") if padding in fitting), None)


def _global_reduce(op: GlobalReduce, context: Context) -> list[Made]:
    stock = {"mean": "Average"} | ({"max": "Max"} if context.profile == "stock" else {})
    if op.function in stock and context.spatial <= 3:
        layer = f"keras.layers.Global{stock[op.function]}Pooling{context.spatial}D"
        return [Made(layer)]
    return [Made("lasport.keras_layers.GlobalReduce", {"function": op.function})]


def _upscale(op: Upscale, context: Context) -> list[Made]:
    if op.mode == "dilate":
        return [Made("lasport.keras_layers.Dilate", {"factors": op.factors})]
    size: object = op.factors[0] if len(op.factors) == 1 else op.factors
    return [Made(f"keras.layers.UpSampling{len(op.factors)}D", {"size": size})]


def _pool_features(op: PoolFeatures, context: Context) -> list[Made]:
    return [Made("lasport.keras_layers.FeaturePooling", feature_arguments(op, context))]


def _winner_takes_all(op: WinnerTakesAll, context: Context) -> list[Made]:
    return [Made("lasport.keras_layers.WinnerTakesAll", feature_arguments(op, context))]


def feature_arguments(op: PoolFeatures | WinnerTakesAll, context: Context) -> dict[str, object]:
    """Return the arguments of the layers over pools of features, and of those that go back."""
    arguments: dict[str, object] = {"pool_size": op.pool_size}
    if isinstance(op, PoolFeatures):
        arguments["function"] = op.function
    # Layers take the last axis without being told.
    return arguments if op.axis == context.rank - 1 else {**arguments, "axis": op.axis}


def _pyramid_pool(op: PyramidPool, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"grids": op.grids}
    if op.mode != "max":
        arguments["mode"] = op.mode
    if not op.covering:
        arguments["covering"] = False
    return [Made("lasport.keras_layers.PyramidPooling", arguments)]


def _reduce(op: Reduce, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"function": op.function, "axes": op.axes}
    if op.keepdims:
        arguments["keepdims"] = True
    return [Made("lasport.keras_layers.Reduce", arguments)]


MAPPINGS: Mappings = {
    GlobalReduce: _global_reduce,
    Pool: _pool,
    PoolFeatures: _pool_features,
    PyramidPool: _pyramid_pool,
    Reduce: _reduce,
    Upscale: _upscale,
    WinnerTakesAll: _winner_takes_all,
}

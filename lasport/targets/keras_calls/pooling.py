"""Pooling."""

from __future__ import annotations

from lasport.operations import GlobalReduce, Pool
from lasport.targets.keras_calls.call import Context, Made, Mappings

__all__ = ["MAPPINGS"]


STOCK_POOLS = {
    "max": "MaxPooling",
    "average_inc_pad": "AveragePooling",
    "average_exc_pad": "AveragePooling",
}


def _pool(op: Pool, context: Context) -> list[Made]:
    tied = context.profile == "exact" and op.mode == "max"
    if op.complete and not any(op.padding) and not tied and op.mode in STOCK_POOLS:
        arguments: dict[str, object] = {"pool_size": op.pool_size}
        if op.strides != op.pool_size:
            arguments["strides"] = op.strides
        return [Made(f"keras.layers.{STOCK_POOLS[op.mode]}{len(op.pool_size)}D", arguments)]
    arguments = {
        "pool_size": op.pool_size,
        "strides": op.strides,
        "padding": op.padding,
        "mode": op.mode,
        "ignore_border": op.ignore_border,
    }
    return [Made("lasport.keras_layers.Pooling", arguments)]


def _global_reduce(op: GlobalReduce, context: Context) -> list[Made]:
    stock = {"mean": "Average"} | ({"max": "Max"} if context.profile == "stock" else {})
    if op.function in stock:
        layer = f"keras.layers.Global{stock[op.function]}Pooling{context.spatial}D"
        return [Made(layer)]
    return [Made("lasport.keras_layers.GlobalReduce", {"function": op.function})]


MAPPINGS: Mappings = {
    GlobalReduce: _global_reduce,
    Pool: _pool,
}

"""What Keras' half-precision policies store, in numpy: rounded inputs, parameters and outputs.

Under ``mixed_float16`` and its like a Keras layer casts inputs and variables to the narrow type and
gives its output in it; what it sums, it sums in float32. Batch normalization keeps its variables,
and computes, in float32. So the reference computes each layer in float32 and rounds what goes
from layer to layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from lasport.layers.normalization import BatchNormAttributes
from lasport.spec import Array, Layer

__all__ = ["NARROW", "Narrow", "round_params"]

# Rounds an array to a narrow type, and gives the result in float32; integers as they are.
Narrow = Callable[[Array], Array]


def _to_float16(array: Array) -> Array:
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):
        return array.astype(np.float16).astype(np.float32)


def _to_bfloat16(array: Array) -> Array:
    """Round to the upper half of a float32, to the nearest and of two such to the even one."""
    if array.dtype.kind != "f":
        return array
    single = np.ascontiguousarray(array, np.float32)
    bits = single.view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    found = rounded.astype(np.uint32).view(np.float32).reshape(array.shape)
    # Rounding the bits of NaN may carry into its exponent.
    return np.where(np.isnan(single), np.float32(np.nan), found)


# By the name of the narrow type.
NARROW: Mapping[str, Narrow] = {"float16": _to_float16, "bfloat16": _to_bfloat16}


def round_params(narrow: Narrow, layer: Layer, params: Mapping[str, Array]) -> dict[str, Array]:
    """Return a layer's parameters as its Keras layer uses them under the policy."""
    if isinstance(layer.attributes, BatchNormAttributes):
        return dict(params)
    return {name: narrow(value) for name, value in params.items()}

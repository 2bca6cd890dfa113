"""One file per family of Lasagne layers; importing this package registers them all."""

from lasport.layers import (
    conv,
    dense,
    input,
    merge,
    nin,
    noise,
    nonlinearities,
    normalization,
    pool,
    refused,
    shape,
    special,
)

__all__ = [
    "conv",
    "dense",
    "input",
    "merge",
    "nin",
    "noise",
    "nonlinearities",
    "normalization",
    "pool",
    "refused",
    "shape",
    "special",
]

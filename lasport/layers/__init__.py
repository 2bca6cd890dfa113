"""One file per family of Lasagne layers; importing this package registers them all."""

from lasport.layers import (
    conv,
    cuda_convnet,
    dense,
    dilated_conv,
    input,
    local,
    merge,
    nin,
    noise,
    nonlinearities,
    normalization,
    pool,
    refused,
    shape,
    special,
    transposed_conv,
)

__all__ = [
    "conv",
    "cuda_convnet",
    "dense",
    "dilated_conv",
    "input",
    "local",
    "merge",
    "nin",
    "noise",
    "nonlinearities",
    "normalization",
    "pool",
    "refused",
    "shape",
    "special",
    "transposed_conv",
]

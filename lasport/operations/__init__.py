"""The closed set of operations that a plan is made of.

Each is a frozen record of constants and weights. ``arranged`` returns the same
operation for inputs that a target holds in another order of axes: before the
layout pass axes are Lasagne's, behind it they are the target's. An operation
says in ``wants`` what order it can work in.
"""

from lasport.operations.adjoint import Adjoint
from lasport.operations.axes import Dimshuffle, Slice
from lasport.operations.base import Operation, product
from lasport.operations.elementwise import (
    Activation,
    BatchNorm,
    NormalizeResponse,
    ParametricRectifier,
    Rescale,
    Scale,
    Shift,
    Standardize,
)
from lasport.operations.linear import Conv, ConvTranspose, Dense, Embed, LocallyConnected
from lasport.operations.merging import Autocrop, Combine, Concat, PassOn
from lasport.operations.noise import AddNoise, Dropout, Noise, RandomRectify
from lasport.operations.own import Own, OwnCall
from lasport.operations.pooling import (
    GlobalReduce,
    Pool,
    PoolFeatures,
    PyramidPool,
    Reduce,
    Upscale,
    WinnerTakesAll,
)
from lasport.operations.recurrent import (
    GRU,
    LSTM,
    DenseLoop,
    GatedRecurrence,
    Loop,
    NetLoop,
    Recurrence,
)
from lasport.operations.sampling import AffineSample, SplineSample
from lasport.operations.shaping import Crop, Flatten, Input, Pad, Permute, Reshape, TransposeAxes

__all__ = [
    "GRU",
    "LSTM",
    "Activation",
    "AddNoise",
    "Adjoint",
    "AffineSample",
    "Autocrop",
    "BatchNorm",
    "Combine",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Crop",
    "Dense",
    "DenseLoop",
    "Dimshuffle",
    "Dropout",
    "Embed",
    "Flatten",
    "GatedRecurrence",
    "GlobalReduce",
    "Input",
    "LocallyConnected",
    "Loop",
    "NetLoop",
    "Noise",
    "NormalizeResponse",
    "Operation",
    "Own",
    "OwnCall",
    "Pad",
    "ParametricRectifier",
    "PassOn",
    "Permute",
    "Pool",
    "PoolFeatures",
    "PyramidPool",
    "RandomRectify",
    "Recurrence",
    "Reduce",
    "Rescale",
    "Reshape",
    "Scale",
    "Shift",
    "Slice",
    "SplineSample",
    "Standardize",
    "TransposeAxes",
    "Upscale",
    "WinnerTakesAll",
    "product",
]

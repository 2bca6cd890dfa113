"""The Keras layers that stock Keras lacks.

Each computes what a Lasagne layer computes, in training mode too, and has
Theano's gradient where the function has a kink. They are written in
``keras.ops`` alone and registered as serializable in the package ``lasport``:
a saved model that holds one loads wherever ``lasport.keras_layers`` has been
imported. Axes are those of the Keras tensor, the batch axis included.
"""

from lasport.keras_layers.arguments import LayerArgumentError
from lasport.keras_layers.custom_recurrent import CustomRecurrence
from lasport.keras_layers.dropout import UnscaledDropout
from lasport.keras_layers.feature_pool import FeaturePooling, WinnerTakesAll
from lasport.keras_layers.global_reduce import GlobalReduce
from lasport.keras_layers.gradients import (
    FeaturePoolingGradient,
    GlobalReduceGradient,
    NonlinearityGradient,
    OnesLike,
    PassOn,
    ShapeGradient,
    SliceGradient,
    WinnerTakesAllGradient,
)
from lasport.keras_layers.invertible import (
    InvertibleBatchNormalization,
    InvertibleConvolution,
    InvertibleConvolutionTranspose,
    InvertibleDense,
    InvertibleScale,
)
from lasport.keras_layers.local_response import LocalResponseNormalization
from lasport.keras_layers.locally_connected import LocallyConnected2D
from lasport.keras_layers.merge import Autocrop, Combine
from lasport.keras_layers.noise import WideGaussianNoise
from lasport.keras_layers.nonlinearity import Nonlinearity
from lasport.keras_layers.normalization import InvStdBatchNormalization
from lasport.keras_layers.parametric_rectifier import ParametricRectifier
from lasport.keras_layers.pooling import Pooling, PoolingGradient
from lasport.keras_layers.pyramid import PyramidPooling
from lasport.keras_layers.randomized_rectifier import RandomizedRectifier
from lasport.keras_layers.rearrange import ConstantPad, FullReshape, Permutation
from lasport.keras_layers.recurrent import DenseRecurrence, GRURecurrence, LSTMRecurrence
from lasport.keras_layers.reduce import Reduce
from lasport.keras_layers.sharing import Borrowing, Derived, Parameter
from lasport.keras_layers.shift_scale import Scale, Shift
from lasport.keras_layers.slice import Slice
from lasport.keras_layers.transformer import AffineTransformer, ThinPlateSplineTransformer
from lasport.keras_layers.upscale import Dilate

__all__ = [
    "AffineTransformer",
    "Autocrop",
    "Borrowing",
    "Combine",
    "ConstantPad",
    "CustomRecurrence",
    "DenseRecurrence",
    "Derived",
    "Dilate",
    "FeaturePooling",
    "FeaturePoolingGradient",
    "FullReshape",
    "GRURecurrence",
    "GlobalReduce",
    "GlobalReduceGradient",
    "InvStdBatchNormalization",
    "InvertibleBatchNormalization",
    "InvertibleConvolution",
    "InvertibleConvolutionTranspose",
    "InvertibleDense",
    "InvertibleScale",
    "LSTMRecurrence",
    "LayerArgumentError",
    "LocalResponseNormalization",
    "LocallyConnected2D",
    "Nonlinearity",
    "NonlinearityGradient",
    "OnesLike",
    "Parameter",
    "ParametricRectifier",
    "PassOn",
    "Permutation",
    "Pooling",
    "PoolingGradient",
    "PyramidPooling",
    "RandomizedRectifier",
    "Reduce",
    "Scale",
    "ShapeGradient",
    "Shift",
    "Slice",
    "SliceGradient",
    "ThinPlateSplineTransformer",
    "UnscaledDropout",
    "WideGaussianNoise",
    "WinnerTakesAll",
    "WinnerTakesAllGradient",
]

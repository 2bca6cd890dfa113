"""Activation functions with Theano's formulas, and so with Theano's gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, one_of
from lasport.spec import Shape

__all__ = ["Nonlinearity", "apply_function", "check_function", "pull_back_function"]

Tensor: TypeAlias = keras.KerasTensor


def _rectify(x: Tensor) -> Tensor:
    return _leaky_rectify(x, leakiness=0.0)


def _leaky_rectify(x: Tensor, *, leakiness: float) -> Tensor:
    # The derivative of |x| is 0 at 0, so that of the sum is the mean of both slopes.
    return 0.5 * (1 + leakiness) * x + 0.5 * (1 - leakiness) * ops.absolute(x)


def _elu(x: Tensor) -> Tensor:
    return _selu(x, scale=1.0, scale_neg=1.0)


def _selu(x: Tensor, *, scale: float, scale_neg: float) -> Tensor:
    positive = x > 0
    # Large inputs are kept from expm1: its overflow would turn their gradient into NaN.
    negative = scale_neg * ops.expm1(ops.where(positive, ops.zeros_like(x), x))
    return scale * ops.where(positive, x, negative)


def _scaled_tanh(x: Tensor, *, scale_in: float, scale_out: float) -> Tensor:
    return scale_out * ops.tanh(scale_in * x)


def _softmax(x: Tensor) -> Tensor:
    return ops.softmax(x, axis=-1)


def _log_softmax(x: Tensor) -> Tensor:
    return ops.log_softmax(x, axis=-1)


def _hard_sigmoid(x: Tensor) -> Tensor:
    # Keras' own has a slope of 1/6.
    return ops.clip(0.2 * x + 0.5, 0, 1)


def _softsign(x: Tensor) -> Tensor:
    return x / (1 + ops.absolute(x))


def _ultra_fast_sigmoid(x: Tensor) -> Tensor:
    # Three pieces that approximate tanh(x / 2).
    half = 0.5 * x
    size = ops.absolute(half)
    line = 0.935409070603099 + 0.0458812946797165 * (size - 1.7)
    outer = ops.sign(x) * ops.where(size < 3, line, ops.cast(0.99505475368673, x.dtype))
    return 0.5 * (ops.where(size < 1.7, 1.5 * half / (1 + size), outer) + 1)


def _linear(x: Tensor) -> Tensor:
    return x


# The keyword-only arguments of each function are the constants that the layer asks for.
_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "abs": ops.absolute,
    "cos": ops.cos,
    "elu": _elu,
    "exp": ops.exp,
    "expm1": ops.expm1,
    "hard_sigmoid": _hard_sigmoid,
    "inv": ops.reciprocal,
    "leaky_rectify": _leaky_rectify,
    "linear": _linear,
    "log": ops.log,
    "log1p": ops.log1p,
    "log_softmax": _log_softmax,
    "neg": ops.negative,
    "rectify": _rectify,
    "scaled_tanh": _scaled_tanh,
    "selu": _selu,
    "sgn": ops.sign,
    "sigmoid": ops.sigmoid,
    "sin": ops.sin,
    "softmax": _softmax,
    "softplus": ops.softplus,
    "softsign": _softsign,
    "sqr": ops.square,
    "sqrt": ops.sqrt,
    "tanh": ops.tanh,
    "ultra_fast_sigmoid": _ultra_fast_sigmoid,
}


def _softmax_gradient(x: Tensor, g: Tensor) -> Tensor:
    y = _softmax(x)
    return y * (g - ops.sum(g * y, axis=-1, keepdims=True))


def _selu_slope(x: Tensor, *, scale: float, scale_neg: float) -> Tensor:
    positive = x > 0
    negative = scale_neg * ops.exp(ops.where(positive, ops.zeros_like(x), x))
    return scale * ops.where(positive, ops.ones_like(x), negative)


def _leaky_slope(x: Tensor, *, leakiness: float) -> Tensor:
    return 0.5 * (1 + leakiness) + 0.5 * (1 - leakiness) * ops.sign(x)


def _sigmoid_slope(x: Tensor) -> Tensor:
    y = ops.sigmoid(x)
    return y * (1 - y)


def _tanh_slope(x: Tensor, *, scale_in: float = 1.0, scale_out: float = 1.0) -> Tensor:
    return scale_in * scale_out * (1 - ops.square(ops.tanh(scale_in * x)))


# Derivatives, of all functions that work entry by entry; Theano's at kinks.
_SLOPES: Mapping[str, Callable[..., Tensor]] = {
    "elu": partial(_selu_slope, scale=1.0, scale_neg=1.0),
    "leaky_rectify": _leaky_slope,
    "linear": ops.ones_like,
    "rectify": partial(_leaky_slope, leakiness=0.0),
    "scaled_tanh": _tanh_slope,
    "selu": _selu_slope,
    "sigmoid": _sigmoid_slope,
    "softplus": ops.sigmoid,
    "tanh": _tanh_slope,
}


def pull_back_function(
    function: str, constants: Mapping[str, float], x: Tensor, g: Tensor
) -> Tensor:
    """Return the gradient of the input x of a function, for the gradient g of its output."""
    if function == "softmax":
        return _softmax_gradient(x, g)
    return g * _SLOPES[function](x, **constants)


def check_function(function: str, constants: Mapping[str, float]) -> dict[str, float]:
    """Return a function's constants as floats.

    Raises
    ------
    LayerArgumentError
        For an unknown function, and for constants that are not the function's.
    """
    one_of(_FUNCTIONS, function, "function")
    wanted = inspect.getfullargspec(_FUNCTIONS[function]).kwonlyargs
    if sorted(constants) != sorted(wanted):
        raise LayerArgumentError(f"{function} has the constants {wanted}; got {list(constants)}.")
    return {name: float(value) for name, value in constants.items()}


def apply_function(function: str, constants: Mapping[str, float], x: Tensor) -> Tensor:
    """Apply one of the functions of :class:`Nonlinearity` by its name."""
    return _FUNCTIONS[function](x, **constants)


@keras.saving.register_keras_serializable(package="lasport")
class Nonlinearity(keras.layers.Layer):
    """A function from ``lasagne.nonlinearities``, or one of Theano's own.

    ================= ============================================ ===============
    function          value                                        gradient at 0
    ================= ============================================ ===============
    ``rectify``       (x + abs(x)) / 2                             0.5
    ``leaky_rectify`` leakiness * x below 0, x above               (1+leakiness)/2
    ``elu``           expm1(x) up to 0, x above                    1
    ``selu``          scale * (scale_neg * expm1(x) up to 0, or x) scale*scale_neg
    ``softplus``      log(1 + exp(x))                              0.5
    ``tanh``          tanh(x)                                      1
    ``scaled_tanh``   scale_out * tanh(scale_in * x)
    ``sigmoid``       1 / (1 + exp(-x))
    ``softmax``       exp(x) / sum(exp(x)) over rows of a matrix
    ``linear``        x
    ``softsign``      x / (1 + abs(x))                             1
    ``hard_sigmoid``  0.2 * x + 0.5, but at least 0 and at most 1  0.2
    ``log_softmax``   log(softmax(x))
    ================= ============================================ ===============

    ``ultra_fast_sigmoid`` is Theano's approximation in three pieces, of which Theano
    itself knows no gradient. ``abs``, ``cos``, ``exp``, ``expm1``, ``inv`` (1 / x),
    ``log``, ``log1p``, ``neg``, ``sgn``, ``sin``, ``sqr`` and ``sqrt`` are what
    ``theano.tensor`` calls so.

    Parameters
    ----------
    function : str
        One of the above.
    constants : mapping of str to float, optional
        A value for each constant in the function's formula; there are no defaults.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For an unknown function, for constants that are not the function's, and
        for softmax and log_softmax of anything but a matrix, which Theano refuses as well.

    Notes
    -----
    Formulas of ``lasagne.nonlinearities`` and ``theano.tensor.nnet``. Two of
    Theano's roundings are not copied: it cuts softplus and sigmoid off at
    thresholds that differ between its compiled and its interpreted mode (at
    most 4e-7 away), and its gradient of elu is NaN where ``exp(x)`` overflows.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Nonlinearity("leaky_rectify", {"leakiness": 0.5})
    >>> layer(np.array([-2.0, 0.0, 3.0])).numpy().tolist()
    [-1.0, 0.0, 3.0]
    """

    def __init__(
        self,
        function: str,
        constants: Mapping[str, float] | None = None,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**kwargs)
        self.function = function
        self.constants = check_function(function, constants or {})
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Refuse what the function is not defined for."""
        if self.function in ("softmax", "log_softmax") and len(input_shape) != 2:
            raise LayerArgumentError(
                f"{self.function} takes a matrix, as in Theano; got an input of shape "
                f"{tuple(input_shape)}. Reshape it to (rows, classes) first."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """Apply the function."""
        return apply_function(self.function, self.constants, inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "function": self.function,
            "constants": dict(self.constants),
        }

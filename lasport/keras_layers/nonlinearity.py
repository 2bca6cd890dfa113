"""Activation functions with Theano's formulas, and so with Theano's gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, one_of
from lasport.spec import Shape

__all__ = ["Nonlinearity", "apply_function", "check_function"]

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


def _linear(x: Tensor) -> Tensor:
    return x


# The keyword-only arguments of each function are the constants that the layer asks for.
_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "elu": _elu,
    "leaky_rectify": _leaky_rectify,
    "linear": _linear,
    "rectify": _rectify,
    "scaled_tanh": _scaled_tanh,
    "selu": _selu,
    "sigmoid": ops.sigmoid,
    "softmax": _softmax,
    "softplus": ops.softplus,
    "tanh": ops.tanh,
}


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
    """A function from ``lasagne.nonlinearities``.

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
    ================= ============================================ ===============

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
        for softmax of anything but a matrix, which Theano refuses as well.

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
        if self.function == "softmax" and len(input_shape) != 2:
            raise LayerArgumentError(
                f"softmax takes a matrix, as in Theano; got an input of shape "
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

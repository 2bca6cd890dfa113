"""Every function and class of ``lasagne.nonlinearities``, Theano's own, and NonlinearityLayer.

A nonlinearity is a name and its constants. The table below gives, for each
name, Theano's formula in numpy; ``FUNCTIONS`` and ``CLASSES`` say what a file calls
Lasagne's, :mod:`lasport.layers.theano_functions` what it calls Theano's own.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from lasport.inert import Global, Instance
from lasport.layers import theano_functions
from lasport.layers.values import describe, number
from lasport.operations import Activation
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

__all__ = [
    "Nonlinearity",
    "apply",
    "compute",
    "leaky",
    "name_of",
    "pull_back",
    "pull_back_from",
    "read",
]


@dataclass(frozen=True)
class Nonlinearity:
    """A function by name, with the constants it was built with."""

    function: str
    constants: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value:g}" for name, value in self.constants.items())
        return f"{self.function}({values})" if values else self.function

    def __call__(self, x: Array) -> Array:
        """Apply the function to a numpy array, keeping its dtype."""
        return compute(self, x)


class Activated(Protocol):
    """Attributes of a layer that ends with a nonlinearity."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def nonlinearity(self) -> Nonlinearity:
        """What the layer ends with."""
        ...


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _softmax(x: Array) -> Array:
    if x.ndim != 2:
        raise ValueError(f"softmax takes a matrix, not an array of {x.ndim} axes")
    e = np.exp(x - x.max(axis=1, keepdims=True))
    normalized: Array = e / e.sum(axis=1, keepdims=True)
    return normalized


def _log_softmax(x: Array) -> Array:
    if x.ndim != 2:
        raise ValueError(f"log_softmax takes a matrix, not an array of {x.ndim} axes")
    shifted = x - x.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _ultra_fast_sigmoid(x: Array) -> Array:
    # Three pieces that approximate tanh(x / 2), from Theano's UltraFastScalarSigmoid.
    half = 0.5 * x
    size = np.abs(half)
    line = 0.935409070603099 + 0.0458812946797165 * (size - 1.7)
    outer = np.sign(x) * np.where(size < 3, line, 0.99505475368673)
    return np.asarray(0.5 * (np.where(size < 1.7, 1.5 * half / (1 + size), outer) + 1))


def leaky(x: Array, leakiness: float | Array) -> Array:
    """Apply leaky rectification; slopes may differ from entry to entry."""
    return np.add(0.5 * (1 + leakiness) * x, 0.5 * (1 - leakiness) * np.abs(x))


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


FORMULAS: Mapping[str, Callable[..., Array]] = {
    "linear": lambda x: x,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "tanh": np.tanh,
    "scaled_tanh": lambda x, scale_in, scale_out: np.tanh(x * scale_in) * scale_out,
    "rectify": lambda x: 0.5 * (x + np.abs(x)),
    "leaky_rectify": leaky,
    "elu": _elu,
    "selu": lambda x, scale, scale_neg: scale * np.where(x > 0, x, scale_neg * _elu(x)),
    "softplus": lambda x: np.logaddexp(x, np.zeros((), x.dtype)),
    "abs": np.abs,
    "cos": np.cos,
    "exp": np.exp,
    "expm1": np.expm1,
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "inv": np.reciprocal,
    "log": np.log,
    "log1p": np.log1p,
    "log_softmax": _log_softmax,
    "neg": np.negative,
    "sgn": np.sign,
    "sin": np.sin,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sqr": np.square,
    "sqrt": np.sqrt,
    "ultra_fast_sigmoid": _ultra_fast_sigmoid,
}

# What the functions make of a gradient g: their derivatives as Theano has them, at kinks too.
PULL_BACKS: Mapping[str, Callable[..., Array]] = {
    "linear": lambda x, g: g,
    "sigmoid": lambda x, g: g * _sigmoid(x) * (1 - _sigmoid(x)),
    "softmax": lambda x, g: _softmax(x) * (g - (g * _softmax(x)).sum(axis=1, keepdims=True)),
    "tanh": lambda x, g: g * (1 - np.tanh(x) ** 2),
    "scaled_tanh": lambda x, g, scale_in, scale_out: (
        g * (scale_in * scale_out * (1 - np.tanh(x * scale_in) ** 2))
    ),
    "rectify": lambda x, g: g * (0.5 * (1 + np.sign(x))),
    "leaky_rectify": lambda x, g, leakiness: (
        g * (0.5 * (1 + leakiness) + 0.5 * (1 - leakiness) * np.sign(x))
    ),
    "elu": lambda x, g: g * np.exp(np.minimum(x, 0)),
    "selu": lambda x, g, scale, scale_neg: (
        g * (scale * np.where(x > 0, 1, scale_neg * np.exp(np.minimum(x, 0))))
    ),
    "softplus": lambda x, g: g * _sigmoid(x),
}

_MODULE = "lasagne.nonlinearities."

# What a file calls a function: a global that pickle stores by name.
FUNCTIONS: Mapping[str, str] = {
    _MODULE + "sigmoid": "sigmoid",
    _MODULE + "softmax": "softmax",
    _MODULE + "tanh": "tanh",
    _MODULE + "rectify": "rectify",
    _MODULE + "elu": "elu",
    _MODULE + "softplus": "softplus",
    _MODULE + "linear": "linear",
    _MODULE + "identity": "linear",
}

# Classes whose instances are functions: name, then constants with the defaults
# that an instance of an older Lasagne stands for. Instances of Softmax were what
# old Theanos called T.nnet.softmax.
CLASSES: Mapping[str, tuple[str, Mapping[str, float]]] = {
    _MODULE + "ScaledTanH": ("scaled_tanh", {"scale_in": 1.0, "scale_out": 1.0}),
    _MODULE + "LeakyRectify": ("leaky_rectify", {"leakiness": 0.01}),
    _MODULE + "SELU": ("selu", {"scale": 1.0, "scale_neg": 1.0}),
    "theano.tensor.nnet.nnet.LogSoftmax": ("log_softmax", {}),
    "theano.tensor.nnet.nnet.Softmax": ("softmax", {}),
}


def read(value: object) -> Nonlinearity:
    """Read a layer's ``nonlinearity``: None, a function by name, or an instance.

    Raises
    ------
    ValueError
        For any function that is neither Lasagne's nor one of Theano's in the tables.
    """
    if value is None:
        return Nonlinearity("linear")
    path = _path(value)
    if isinstance(value, Global) and path in FUNCTIONS:
        return Nonlinearity(FUNCTIONS[path])
    if isinstance(value, Global) and path in theano_functions.FUNCTIONS:
        return Nonlinearity(*theano_functions.FUNCTIONS[path])
    if isinstance(value, Instance):
        if path in CLASSES:
            function, defaults = CLASSES[path]
            constants = {name: number(value.get(name, given)) for name, given in defaults.items()}
            return Nonlinearity(function, constants)
        operation = theano_functions.scalar_op(value)
        if operation is not None and operation in theano_functions.SCALAR_OPS:
            return Nonlinearity(theano_functions.SCALAR_OPS[operation])
    raise ValueError(
        f"the function {name_of(value)} is not one of lasagne.nonlinearities, nor one of Theano's "
        "that lasport knows; rebuild the layer with one of those, or with a linear layer and the "
        "function applied in TensorFlow"
    )


def name_of(function: object) -> str:
    """Return what an error calls a function."""
    operation = theano_functions.scalar_op(function)
    return operation or _path(function) or describe(function)


def _path(value: object) -> str:
    """Return the path of a function or class, under Lasagne's name since December 2014."""
    return re.sub(r"^nntools\.", "lasagne.", theano_functions.path_of(value) or "")


def compute(nonlinearity: Nonlinearity, x: Array) -> Array:
    """Apply a nonlinearity to a numpy array, keeping its dtype."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        y = FORMULAS[nonlinearity.function](x, **nonlinearity.constants)
    return y.astype(x.dtype, copy=False)


def pull_back(nonlinearity: Nonlinearity, x: Array, cotangent: Array) -> Array:
    """Return the gradient of the input x of a nonlinearity, for a gradient of its output."""
    if nonlinearity.function not in PULL_BACKS:
        raise ValueError(f"the derivative of {nonlinearity.function} is not computed")
    pulled = PULL_BACKS[nonlinearity.function](x, cotangent, **nonlinearity.constants)
    return pulled.astype(x.dtype, copy=False)


def pull_back_from(
    reference: Callable[..., Array],
    a: Activated,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Do the same for the nonlinearity that a layer ends with, which ``reference`` computes."""
    if a.nonlinearity.function == "linear":
        return cotangent
    linear = dataclasses.replace(a, nonlinearity=Nonlinearity("linear"))
    return pull_back(a.nonlinearity, reference(linear, params, inputs, run), cotangent)


def apply(
    nonlinearity: Nonlinearity, x: Value, builder: PlanBuilder, suffix: str = "nonlinearity"
) -> Value:
    """Append the step of a nonlinearity; none for a linear one."""
    if nonlinearity.function == "linear":
        return x
    if nonlinearity.function in ("softmax", "log_softmax") and len(x.shape) != 2:
        raise ValueError(
            f"{nonlinearity.function} is defined for matrices only (Theano refuses it too), the "
            f"input has {len(x.shape)} axes"
        )
    activation = Activation(function=nonlinearity.function, constants=nonlinearity.constants)
    return builder.add(activation, (x,), x.shape, suffix=suffix)


@dataclass(frozen=True, kw_only=True)
class NonlinearityAttributes:
    """Instance attributes of a NonlinearityLayer."""

    nonlinearity: Nonlinearity = attribute(read)


def output_shape(a: NonlinearityAttributes, inputs: Sequence[Shape]) -> Shape:
    """Unchanged."""
    return inputs[0]


def reference(
    a: NonlinearityAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """``f(x)``."""
    return compute(a.nonlinearity, inputs[0])


def adjoint(
    a: NonlinearityAttributes,
    params: Mapping[str, Array],
    inputs: Sequence[Array],
    cotangent: Array,
    run: Run,
) -> Array:
    """Multiply by the derivative at x."""
    return pull_back(a.nonlinearity, inputs[0], cotangent)


def translate(
    a: NonlinearityAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One activation step that carries the layer's name."""
    return apply(a.nonlinearity, inputs[0], builder, suffix="")


register(
    Family(
        attributes=NonlinearityAttributes,
        params=(),
        output_shape=output_shape,
        reference=reference,
        adjoint=adjoint,
        translate=translate,
    ),
    kinds=[
        "lasagne.layers.special.NonlinearityLayer",
        "lasagne.layers.dense.NonlinearityLayer",  # Lasagne 0.1
    ],
)

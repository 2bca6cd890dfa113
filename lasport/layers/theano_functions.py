"""Theano's own functions, by what a file calls them.

A pickle stores ``T.nnet.relu`` and ``T.mean`` by name. ``T.tanh`` and the other
elementwise ones are ``Elemwise`` instances around a scalar operation, whose class
says which they are. Names are the same from Theano 0.7 to Theano-PyMC 1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from lasport.inert import Global, Instance
from lasport.layers.values import describe
from lasport.spec import Array

__all__ = [
    "FUNCTIONS",
    "REDUCTIONS",
    "REDUCTION_ADJOINTS",
    "SCALAR_OPS",
    "is_reduction",
    "path_of",
    "pull_back",
    "read_reduction",
    "scalar_op",
]

_SCALAR = "theano.scalar.basic."
_NNET = "theano.tensor.nnet."

# What an elementwise function of one argument computes, by its scalar operation.
SCALAR_OPS: Mapping[str, str] = {
    _SCALAR + "Abs": "abs",
    _SCALAR + "Cos": "cos",
    _SCALAR + "Exp": "exp",
    _SCALAR + "Expm1": "expm1",
    _SCALAR + "Identity": "linear",
    _SCALAR + "Inv": "inv",
    _SCALAR + "Log": "log",
    _SCALAR + "Log1p": "log1p",
    _SCALAR + "Neg": "neg",
    _SCALAR + "Sgn": "sgn",
    _SCALAR + "Sin": "sin",
    _SCALAR + "Sqr": "sqr",
    _SCALAR + "Sqrt": "sqrt",
    _SCALAR + "Tanh": "tanh",
    _NNET + "nnet.ScalarSoftsign": "softsign",
    _NNET + "sigm.ScalarSigmoid": "sigmoid",
    _NNET + "sigm.ScalarSoftplus": "softplus",
    _NNET + "sigm.UltraFastScalarSigmoid": "ultra_fast_sigmoid",
}

# Functions of one argument that are stored by name, with the constants they imply.
FUNCTIONS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    _NNET + "nnet.elu": ("elu", {}),
    _NNET + "nnet.logsoftmax": ("log_softmax", {}),
    _NNET + "nnet.relu": ("rectify", {}),
    _NNET + "nnet.selu": (
        "selu",
        {"scale": 1.0507009873554804934, "scale_neg": 1.6732632423543772848},
    ),
    _NNET + "nnet.softmax": ("softmax", {}),
    _NNET + "sigm.hard_sigmoid": ("hard_sigmoid", {}),
}

# var and std are the biased ones.
REDUCTIONS: Mapping[str, Callable[..., Array]] = {
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "sum": np.sum,
    "prod": np.prod,
    "var": np.var,
    "std": np.std,
}


# Gradients of their inputs: x, the axis reduced over, the gradient of the result with that axis.
# Every entry that is the largest has all of it.
REDUCTION_ADJOINTS: Mapping[str, Callable[[Array, int, Array], Array]] = {
    "mean": lambda x, axis, g: np.ones_like(x) * g / x.shape[axis],
    "max": lambda x, axis, g: np.where(x == x.max(axis, keepdims=True), g, 0),
    "min": lambda x, axis, g: np.where(x == x.min(axis, keepdims=True), g, 0),
    "sum": lambda x, axis, g: np.ones_like(x) * g,
    "var": lambda x, axis, g: 2 / x.shape[axis] * g * (x - x.mean(axis, keepdims=True)),
    "std": lambda x, axis, g: (
        g * (x - x.mean(axis, keepdims=True)) / (x.shape[axis] * x.std(axis, keepdims=True))
    ),
}


def pull_back(function: str, x: Array, axis: int, cotangent: Array) -> Array:
    """Return the gradient of what one of the reductions was applied to, along one axis."""
    if function not in REDUCTION_ADJOINTS:
        raise ValueError(f"the derivative of {function} is not computed")
    return REDUCTION_ADJOINTS[function](x, axis, np.expand_dims(cotangent, axis))


def path_of(value: object) -> str | None:
    """Return the path of a function, or of an object's class; None for anything else."""
    return value.path if isinstance(value, (Global, Instance)) else None


def scalar_op(value: object) -> str | None:
    """Return the path of the scalar operation that an elementwise function applies, or None."""
    if isinstance(value, Instance) and value.path == "theano.tensor.elemwise.Elemwise":
        return path_of(value.get("scalar_op"))
    return None


def is_reduction(value: object) -> bool:
    """Whether a function is one of ``theano.tensor``'s reductions."""
    return (
        isinstance(value, Global)
        and value.module.startswith("theano.tensor")
        and value.name in REDUCTIONS
    )


def read_reduction(value: object) -> str:
    """Read ``pool_function``: one of Theano's reductions, by name."""
    if isinstance(value, Global) and is_reduction(value):
        return value.name
    raise ValueError(
        f"the function {path_of(value) or describe(value)} is none of theano.tensor's "
        f"{', '.join(REDUCTIONS)}; rebuild the layer with one of those"
    )

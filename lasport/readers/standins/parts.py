"""Lasagne's initializers, nonlinearities and utilities."""

from __future__ import annotations

import numpy as np

from lasport.readers.standins.symbols import CONFIG, Function, Symbol, shared
from lasport.spec import Array

__all__ = [
    "INIT",
    "NONLINEARITIES",
    "UTILS",
    "Constant",
    "Initializer",
    "as_tuple",
    "nonlinearity",
    "or_linear",
]


class Initializer:
    """How a parameter would begin: its values are drawn in Lasagne, here only its shape counts."""

    __module__ = "lasagne.init"

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.args, self.kwargs = args, kwargs

    def __call__(self, shape: tuple[int, ...]) -> Array:
        """Return an array of the shape that takes no memory."""
        return np.broadcast_to(np.zeros((), CONFIG.floatX), shape)

    sample = __call__


class Constant(Initializer):
    """The one initializer that draws nothing."""

    __module__ = "lasagne.init"

    def __init__(self, val: float = 0.0) -> None:
        super().__init__(val)
        self.val = val

    def __call__(self, shape: tuple[int, ...]) -> Array:
        """Return the constant in the shape."""
        return np.full(shape, self.val, CONFIG.floatX)

    sample = __call__


def _initializer(name: str) -> type[Initializer]:
    return type(name, (Initializer,), {"__module__": "lasagne.init"})


INIT: dict[str, object] = {
    "Initializer": Initializer,
    "Constant": Constant,
    **{
        name: _initializer(name)
        for name in (
            *("Normal", "Uniform", "Glorot", "GlorotNormal", "GlorotUniform"),
            *("He", "HeNormal", "HeUniform", "Orthogonal", "Sparse"),
        )
    },
}


class _Parametrized:
    """A nonlinearity with constants."""

    def __call__(self, x: object) -> Symbol:
        return Function(f"lasagne.nonlinearities.{type(self).__name__}")(x)


class LeakyRectify(_Parametrized):
    """``lasagne.nonlinearities.LeakyRectify``."""

    __module__ = "lasagne.nonlinearities"

    def __init__(self, leakiness: float = 0.01) -> None:
        self.leakiness = leakiness


class ScaledTanH(_Parametrized):
    """``lasagne.nonlinearities.ScaledTanH``."""

    __module__ = "lasagne.nonlinearities"

    def __init__(self, scale_in: float = 1, scale_out: float = 1) -> None:
        self.scale_in, self.scale_out = scale_in, scale_out


class SELU(_Parametrized):
    """``lasagne.nonlinearities.SELU``."""

    __module__ = "lasagne.nonlinearities"

    def __init__(self, scale: float = 1, scale_neg: float = 1) -> None:
        self.scale, self.scale_neg = scale, scale_neg


def nonlinearity(name: str) -> Function:
    """Return a function of ``lasagne.nonlinearities``."""
    return Function(f"lasagne.nonlinearities.{name}")


LINEAR = nonlinearity("linear")


def or_linear(function: object) -> object:
    """Return a layer's nonlinearity, for which None says linear."""
    return LINEAR if function is None else function


# The constants of selu are those of Klambauer et al. 2017, https://arxiv.org/abs/1706.02515.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

NONLINEARITIES: dict[str, object] = {
    "LeakyRectify": LeakyRectify,
    "ScaledTanH": ScaledTanH,
    "ScaledTanh": ScaledTanH,
    "SELU": SELU,
    "leaky_rectify": LeakyRectify(),
    "very_leaky_rectify": LeakyRectify(1 / 3),
    "selu": SELU(scale=SELU_SCALE, scale_neg=SELU_ALPHA),
    "identity": LINEAR,
    **{
        name: nonlinearity(name)
        for name in ("linear", "rectify", "tanh", "sigmoid", "softmax", "softplus", "elu")
    },
}


def float_x(array: object) -> Array:
    """Stand in for ``lasagne.utils.floatX``."""
    return np.asarray(array, CONFIG.floatX)


def as_tuple(value: object, count: int, kind: type | None = None) -> tuple[object, ...]:
    """Stand in for ``lasagne.utils.as_tuple``: one value stands for several."""
    several = isinstance(value, (tuple, list, np.ndarray))
    entries = tuple(value) if several else (value,) * count  # type: ignore[arg-type]
    if len(entries) != count:
        raise ValueError(f"{count} values are expected, not {value!r}")
    if kind is not None and not all(isinstance(entry, kind) for entry in entries):
        raise TypeError(f"values of {kind.__name__} are expected, not {value!r}")
    return entries


# Those that are not here are functions that note down their calls.
UTILS: dict[str, object] = {
    "floatX": float_x,
    "as_tuple": as_tuple,
    "shared_empty": lambda dim=2, dtype=None: shared(np.zeros((1,) * dim, dtype or CONFIG.floatX)),
    "int_types": (int, np.integer),
    "unique": lambda values: list(dict.fromkeys(values)),
}

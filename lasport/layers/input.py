"""InputLayer, mirroring ``lasagne.layers.InputLayer``: the shape of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.inert import Instance
from lasport.layers import values
from lasport.layers.values import describe
from lasport.operations import Input
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

# Theano's. Numpy understands more, and gives parts of what it is asked to Python's compiler.
DTYPES = (
    {"bool", "complex64", "complex128"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    | {f"float{bits}" for bits in (16, 32, 64)}
)


def read_dtype(value: object) -> str:
    """Read the dtype of a symbolic input variable, such as 'float32' or 'int64'."""
    kind = value.get("type", None) if isinstance(value, Instance) else None
    dtype = kind.get("dtype", None) if isinstance(kind, Instance) else None
    if not isinstance(dtype, str):
        raise ValueError(f"a Theano variable was expected, not {describe(value)}")
    if dtype not in DTYPES:
        raise ValueError(f"the dtype {dtype!r} is unknown")
    return dtype


@dataclass(frozen=True, kw_only=True)
class InputAttributes:
    """Instance attributes of an InputLayer."""

    shape: Shape = attribute(values.shape)
    input_var: str = attribute(read_dtype)
    """Name of the variable's dtype."""

    @property
    def is_integer(self) -> bool:
        """Whether the layer takes indices rather than measurements."""
        return np.dtype(self.input_var).kind in "iub"


def output_shape(a: InputAttributes, inputs: Sequence[Shape]) -> Shape:
    """Return the declared shape."""
    return a.shape


def reference(
    a: InputAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Return the data itself, given as the only input."""
    return inputs[0]


def translate(
    a: InputAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One input step."""
    dtype = a.input_var if a.is_integer else None
    return builder.add(Input(shape=a.shape, dtype=dtype), (), a.shape)


register(
    Family(
        attributes=InputAttributes,
        params=(),
        output_shape=output_shape,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.input.InputLayer"],
)

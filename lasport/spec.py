"""What a Lasagne network is: layers, parameters, shapes, in Lasagne's own terms.

Every reader produces a :class:`Network`; everything after it (reference,
translation, comparison) starts from one. Names, axis order (batch, channels,
spatial axes) and parameter shapes are Lasagne's. Only numpy is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lasport.errors import UsageError
from lasport.formula import Formula, compute

__all__ = [
    "Array",
    "Layer",
    "Network",
    "Param",
    "Shape",
    "columns",
    "format_shape",
    "params_of_nets",
]

Array = NDArray[Any]  # any dtype: floats of each width, and indices
Shape = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Param:
    """One parameter of a layer.

    Two layers that share a Theano variable hold the same ``value`` object, so
    identity of the array is identity of the variable.

    Attributes
    ----------
    name : str
        Lasagne's attribute name, such as ``"W"`` or ``"inv_std"``.
    value : ndarray
        Read-only, in Lasagne's shape and the dtype it was stored with.
    tags : frozenset of str
        Lasagne's tags: ``trainable``, ``regularizable``, ``batch_norm_stat``, ...
        Those of all layers where several have the variable.
    formula : Formula or None
        How ``value`` is computed from ``sources``, where a layer was given an
        expression such as another layer's ``W.T`` for a parameter.
    sources : tuple of ndarray
        Values of the shared variables in that expression, in Theano's order.
    """

    name: str
    value: Array
    tags: frozenset[str]
    formula: Formula | None = None
    sources: tuple[Array, ...] = ()

    @property
    def trainable(self) -> bool:
        """Whether ``get_all_params(trainable=True)`` would return it."""
        return "trainable" in self.tags

    @property
    def variables(self) -> tuple[Array, ...]:
        """Values of the shared variables behind it, as ``unwrap_shared=True`` finds them."""
        return (self.value,) if self.formula is None else self.sources

    def current(self, values: Mapping[int, Array]) -> Array:
        """Return the parameter's value when its variables have others.

        Parameters
        ----------
        values : mapping of int to ndarray
            By the identity of the variables' present values.
        """
        variables = [values[id(variable)] for variable in self.variables]
        return (
            variables[0] if self.formula is None else np.asarray(compute(self.formula, variables))
        )

    def renewed(self, values: Mapping[int, Array]) -> Param:
        """Return the parameter with other values of its variables; see :meth:`current`."""
        if self.formula is None:
            return replace(self, value=values[id(self.value)])
        value = np.array(self.current(values))
        value.flags.writeable = False
        return replace(self, value=value, sources=tuple(values[id(v)] for v in self.sources))


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a network.

    Attributes
    ----------
    name : str
        Unique within the network; Lasagne's name where it had one.
    kind : str
        Full path of the Lasagne class.
    incoming : tuple of str
        Names of the layers that feed it, in order.
    attributes : object
        The family's frozen dataclass of attributes, or the raw mapping of a
        class that no family declares.
    params : mapping of str to Param
        By attribute name, in the order Lasagne registered them.
    input_shapes : tuple of Shape
        One per incoming layer.
    output_shape : Shape or None
        ``None`` where it cannot be known (an unknown class, or behind one).
    problem : str or None
        Why the layer cannot be translated, where reading it already showed that.
    made_at : str or None
        The line of the user's own source that made it, where its file tells.
    """

    name: str
    kind: str
    incoming: tuple[str, ...]
    attributes: object
    params: Mapping[str, Param]
    input_shapes: tuple[Shape | None, ...]
    output_shape: Shape | None
    problem: str | None = None
    made_at: str | None = None


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in the order of Lasagne's ``get_all_layers``, with named outputs.

    Attributes
    ----------
    layers : tuple of Layer
        Topologically ordered.
    outputs : tuple of str
        Names of the output layers.
    origin : object
        Where it came from: the path of a file, a build script or the live
        output layers; what the Theano oracles run.
    notes : tuple of str
        What its source left open, and how that was taken.
    floats : str, optional
        The float type to compute in, where parameters are held in a wider one.
    """

    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    origin: object = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    floats: str | None = None

    def __post_init__(self) -> None:
        known: set[str] = set()
        for layer in self.layers:
            if layer.name in known:
                raise UsageError(f"two layers are called {layer.name!r}")
            missing = [name for name in layer.incoming if name not in known]
            if missing:
                raise UsageError(f"layer {layer.name!r} is listed before its input {missing[0]!r}")
            known.add(layer.name)
        unknown = [name for name in self.outputs if name not in known]
        if unknown:
            raise UsageError(f"no layer is called {unknown[0]!r}; there are: {', '.join(known)}")

    def __getitem__(self, name: str) -> Layer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input layers, in order."""
        return tuple(layer.name for layer in self.layers if not layer.incoming)

    @property
    def size(self) -> int:
        """How many numbers all layers give, open sizes counting as 1."""
        shapes = (layer.output_shape or () for layer in self.layers)
        return sum(math.prod(size or 1 for size in shape) for shape in shapes)

    def owned_params(self) -> Iterator[tuple[Layer, Param]]:
        """Each distinct shared variable with the first layer that registered it.

        Yields
        ------
        (Layer, Param)
            In the order of Lasagne's ``get_all_params``. A variable that is
            found in an expression is called like the parameter it is part of.
        """
        seen: set[int] = set()
        for layer in self.layers:
            for param in layer.params.values():
                for value in param.variables:
                    if id(value) not in seen:
                        seen.add(id(value))
                        plain = param.formula is None
                        yield (
                            layer,
                            param
                            if plain
                            else replace(param, value=value, formula=None, sources=()),
                        )

    @property
    def shares_params(self) -> bool:
        """Whether a shared variable serves as, or in, more than one parameter."""
        params = [param for layer in self.layers for param in layer.params.values()]
        variables = [id(value) for param in params for value in param.variables]
        return len(variables) > len(set(variables))

    def param_values(self) -> list[Array]:
        """Return what ``lasagne.layers.get_all_param_values`` would."""
        return [param.value for _, param in self.owned_params()]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The float type to compute in: the widest of the parameters'; float32 without any."""
        if self.floats is not None:
            return np.dtype(self.floats)
        floats = [value.dtype for value in self.param_values() if value.dtype.kind == "f"]
        return max(floats, key=lambda dtype: dtype.itemsize, default=np.dtype(np.float32))

    def summary(self) -> str:
        """Return a table of the layers: name, class, output shape, parameters."""
        rows: list[tuple[str, ...]] = [("layer", "class", "output shape", "parameters", "fed by")]
        owned = {id(p.value): f"{layer.name}.{p.name}" for layer, p in self.owned_params()}
        rows.extend(_describe(layer, owned) for layer in self.layers)
        values = self.param_values()
        total = sum(value.size for value in values)
        totals = (
            f"{len(self.layers)} layers, {len(values)} parameter arrays with {total} values, "
            f"{self.dtype}; outputs: {', '.join(self.outputs)}"
        )
        return "\n".join([*columns(rows), totals, *(f"note: {note}" for note in self.notes)])


def params_of_nets(nets: Mapping[str, Network]) -> dict[str, Param]:
    """Return the parameters of nets inside a layer, which count as the layer's own.

    Parameters
    ----------
    nets : mapping of str to Network
        By the attribute that holds each of them.

    Returns
    -------
    dict of str to Param
        In the order of ``get_params``, called by their places: "hidden_to_hidden.1.W".
    """
    named = {
        f"{attribute}.{place}.{param.name}": param
        for attribute, net in nets.items()
        for place, layer in enumerate(net.layers)
        for param in layer.params.values()
    }
    return {name: replace(param, name=name) for name, param in named.items()}


def format_shape(shape: Shape) -> str:
    """Return a shape as ``(None, 3, 8)``, the way Lasagne's users write it."""
    inner = ", ".join(map(str, shape))
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def _describe(layer: Layer, owned: Mapping[int, str]) -> tuple[str, ...]:
    params = (_describe_param(layer, param, owned) for param in layer.params.values())
    return (
        layer.name,
        layer.kind.rpartition(".")[2],
        "unknown" if layer.output_shape is None else format_shape(layer.output_shape),
        ", ".join(params),
        ", ".join(layer.incoming),
    )


def _describe_param(layer: Layer, param: Param, owned: Mapping[int, str]) -> str:
    """Return name and shape, and what it is where the variable is another's: W = encoder.W.T."""
    names = [owned[id(value)] for value in param.variables]
    meaning = names[0] if param.formula is None else param.formula.spell(names)
    same = "" if meaning == f"{layer.name}.{param.name}" else f" = {meaning}"
    return f"{param.name}{same} {format_shape(param.value.shape)}"


def columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield a line for each row, with cells of one column below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()

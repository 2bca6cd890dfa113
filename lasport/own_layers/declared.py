"""What a user declares of a class, and the family that the rest of lasport sees of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias, cast

import numpy as np

from lasport.errors import LasportError, RegistrationError
from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity
from lasport.operations import Own, OwnCall
from lasport.own_layers.saved import OwnAttributes, SavedLayer, saved_layer
from lasport.passes import DataFormat
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run
from lasport.spec import Array, Layer, Param, Shape
from lasport.weights import Conversion, Weight

__all__ = ["Build", "Declaration", "KerasLayer", "OutputShape", "OwnFamily", "Reference"]

Source: TypeAlias = "str | tuple[str | Conversion, ...]"


@dataclass(frozen=True, eq=False)
class KerasLayer:
    """A Keras layer that is to be made, with the parameters that it shall start from.

    Parameters
    ----------
    cls : type
        A subclass of ``keras.layers.Layer``: your own, or one that Keras ships.
    arguments : mapping, optional
        Keyword arguments to make it with. ``name`` and ``dtype`` are lasport's.
    weights : mapping, optional
        For each variable of the layer, by the attribute that holds it, the name of the Lasagne
        parameter that it is: ``{"kernel": "W"}``. Where the variable holds the parameter in
        another arrangement, its name and the conversions on the way, in order:
        ``{"kernel": ("W", Transpose((1, 0)))}``; :mod:`lasport.weights` has some, and any object
        with ``apply`` and ``undo`` will do. By default the layer has a variable for each
        parameter, under the parameter's own name.
    """

    cls: type
    arguments: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, Source] | None = None


Made: TypeAlias = "KerasLayer | Sequence[KerasLayer | Nonlinearity]"
Build: TypeAlias = Callable[[SavedLayer], Made]
OutputShape: TypeAlias = Callable[[SavedLayer], Shape]
Reference: TypeAlias = Callable[[SavedLayer, Sequence[Array], Run], Array]


@dataclass(frozen=True)
class OwnFamily(Family):
    """The family of one class that a user registered.

    Attributes
    ----------
    declaration : Declaration
        What he said of it.
    """

    declaration: Declaration = field(kw_only=True)

    def read(
        self,
        values: Mapping[str, object],
        params: Mapping[str, Param] = MappingProxyType({}),
        name: str = "",
    ) -> object:
        """Keep everything: what it means is the registered functions' business."""
        return OwnAttributes(name, values, params)


@dataclass(frozen=True)
class Declaration:
    """What a user said of one class, called the way families are."""

    kind: str
    build: Build
    shape: OutputShape | None
    numpy: Reference | None
    data_format: DataFormat

    def output_shape(self, a: OwnAttributes, inputs: Sequence[Shape]) -> Shape:
        """Ask the user's function; without one, as in Lasagne, the only input's shape."""
        if self.shape is not None:
            shape = self._call(self.shape, saved_layer(self.kind, a, a.params, inputs))
            if isinstance(shape, (tuple, list)):
                return tuple(None if size is None else int(size) for size in shape)
            raise ValueError(f"output_shape= of {self.kind} gives {shape!r}, not a tuple")
        if len(inputs) > 1:
            raise ValueError(f"{self.kind} takes several inputs: register it with output_shape=")
        return inputs[0]

    def reference(
        self,
        a: OwnAttributes,
        params: Mapping[str, Array],
        inputs: Sequence[Array],
        run: Run,
    ) -> Array:
        """Ask the user's function, for a layer with the parameters of this pass."""
        layer = saved_layer(self.kind, a, a.params, [x.shape for x in inputs], params)
        result = self._call(cast(Reference, self.numpy), layer, inputs, run)
        dtype = next((x.dtype for x in inputs if x.dtype.kind == "f"), None)
        return np.asarray(result, dtype)

    def calls(
        self, a: OwnAttributes, params: Mapping[str, Param], inputs: Sequence[Shape]
    ) -> tuple[list[OwnCall], list[Nonlinearity]]:
        """Return the Keras layers, and the nonlinearities behind them."""
        made = self._call(self.build, saved_layer(self.kind, a, params, inputs))
        parts = list(made) if isinstance(made, (list, tuple)) else [made]
        layers = [part for part in parts if isinstance(part, KerasLayer)]
        behind = parts[len(layers) :]
        if not layers or not all(isinstance(part, Nonlinearity) for part in behind):
            raise RegistrationError(
                f"the function registered for {self.kind} returned {made!r}; a KerasLayer is "
                "expected, or several in a list, with nonlinearities at its end"
            )
        calls = [_call(layer, params, alone=len(layers) == 1) for layer in layers]
        used = [part.param.name for call in calls for part in call.weights.values()]
        wrong = [name for name in params if used.count(name) != 1]
        if wrong:
            times = f"for {used.count(wrong[0])} variables" if used.count(wrong[0]) else "nowhere"
            raise ValueError(
                f"parameter {wrong[0]} is used {times} by the function registered for "
                f"{self.kind}; weights= of a KerasLayer must name each parameter once"
            )
        return calls, [part for part in behind if isinstance(part, Nonlinearity)]

    def translate(
        self, a: OwnAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
    ) -> Value:
        """Add a step of the user's layers, and one for each nonlinearity."""
        shapes = [value.shape for value in inputs]
        calls, behind = self.calls(a, layer.params, shapes)
        own = Own(calls=tuple(calls), channels_last=self.data_format == "channels_last")
        value = builder.add(own, tuple(inputs), self.output_shape(a, shapes))
        for nonlinearity in behind:
            value = nonlinearities.apply(nonlinearity, value, builder)
        return value

    def family(self) -> OwnFamily:
        """Return the family of the class."""
        return OwnFamily(
            attributes=OwnAttributes,
            params=None,
            output_shape=self.output_shape,
            reference=self.reference,
            has_reference=self.numpy is not None,
            translate=self.translate,
            declaration=self,
        )

    def _call(self, function: Callable[..., object], *arguments: object) -> Any:
        try:
            return function(*arguments)
        except (ValueError, LasportError):
            raise
        except Exception as error:  # it is the user's code, and raises whatever it likes
            name = getattr(function, "__name__", "a function")
            raise RegistrationError(
                f"{name}, registered for {self.kind}: {type(error).__name__}: {error}"
            ) from error


def _call(layer: KerasLayer, params: Mapping[str, Param], *, alone: bool) -> OwnCall:
    if not isinstance(layer.cls, type):
        raise RegistrationError(f"KerasLayer takes a class, and its arguments, not {layer.cls!r}")
    sources = layer.weights
    if sources is None:
        if not alone and params:
            raise ValueError("of several Keras layers each must say its weights=, {} for none")
        sources = {name: name for name in params}
    weights = {name: _weight(name, source, params) for name, source in sources.items()}
    return OwnCall(layer.cls, dict(layer.arguments), weights)


def _weight(variable: str, source: Source, params: Mapping[str, Param]) -> Weight:
    name, *conversions = (source,) if isinstance(source, str) else source
    if not isinstance(name, str) or name not in params:
        known = ", ".join(params) or "none"
        raise ValueError(f"variable {variable} shall be {name!r}; the parameters are: {known}")
    weight = Weight(params[name], tuple(cast("Sequence[Conversion]", conversions)))
    value = params[name].value
    back = weight.undo(weight.value)
    if back.shape != value.shape or not np.allclose(back, value, rtol=1e-6, atol=0, equal_nan=True):
        raise ValueError(f"the conversions of parameter {name} do not undo what they apply")
    return weight

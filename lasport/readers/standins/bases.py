"""What all stand-ins for Lasagne's layers are: shapes, parameters, inputs.

A layer takes what the real one takes, keeps it under the names that the real one is pickled with,
and knows its shapes and parameters. It computes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lasport.errors import ScriptError
from lasport.readers.live import inert, read_layers
from lasport.readers.standins.declarations import Gate
from lasport.readers.standins.parts import Constant, Initializer
from lasport.readers.standins.symbols import SharedVariable, Symbol, new_tensor, shared_variables
from lasport.registry import Family, family_of
from lasport.spec import Shape

__all__ = ["LAYERS", "Layer", "MergeLayer", "Source", "attributes_of", "make_param", "source_of"]


class Layer:
    """``lasagne.layers.Layer``, the base of all layers and of users' own."""

    __module__ = "lasagne.layers.base"
    kind: ClassVar[str] = "lasagne.layers.base.Layer"
    name: str | None

    def __init__(self, incoming: Any, name: str | None = None) -> None:
        self.input_layer, self.input_shape = source_of(incoming)
        self._begin(name)

    def _begin(self, name: str | None) -> None:
        self.name = name
        self.params: OrderedDict[Symbol, set[str]] = OrderedDict()
        self.get_output_kwargs: list[str] = []

    @property
    def output_shape(self) -> Shape:
        """The shape of what the layer gives; None for open sizes."""
        return self.get_output_shape_for(self.input_shape)

    def get_output_shape(self) -> Shape:
        """Return the same; before 0.1 it was no property."""
        return self.output_shape

    def get_output(self, *args: Any, **kwargs: Any) -> Symbol:
        """Return a variable that stands for the output, as before 0.1."""
        return self.get_output_for()

    def get_output_shape_for(self, input_shape: Any) -> Shape:
        """Return the shape for inputs of a shape; users' own layers say theirs."""
        family = family_of(self.kind)
        if family is None:
            shape: Shape = input_shape
            return shape
        shapes = input_shape if isinstance(self, MergeLayer) else [input_shape]
        return family.output_shape(attributes_of(self, family), shapes)

    def get_output_for(self, *args: Any, **kwargs: Any) -> Symbol:
        """Return a variable that stands for the layer's output."""
        return new_tensor(len(self.output_shape))

    def get_params(self, unwrap_shared: bool = True, **tags: bool) -> list[Symbol]:
        """Return the layer's parameters that have, or have not, the tags."""
        params = [
            param
            for param, found in self.params.items()
            if all((tag in found) == wanted for tag, wanted in tags.items())
        ]
        if not unwrap_shared:
            return params
        unwrapped: dict[Symbol, None] = {}
        for param in params:
            # What is no shared variable, and holds none, is refused when the net is read.
            variables: list[Symbol] = [*shared_variables(param)]
            unwrapped |= dict.fromkeys(variables or [param])
        return list(unwrapped)

    def add_param(
        self, spec: Any, shape: Sequence[int | None], name: str | None = None, **tags: bool
    ) -> Symbol:
        """Return a new parameter, or the given variable as one."""
        tags = {"trainable": True, "regularizable": True, **tags}
        if name is not None and self.name is not None:
            name = f"{self.name}.{name}"
        variable = make_param(spec, tuple(shape), name)
        self.params[variable] = {tag for tag, given in tags.items() if given}
        return variable


class MergeLayer(Layer):
    """``lasagne.layers.MergeLayer``, the base of layers with several inputs."""

    __module__ = "lasagne.layers.base"
    kind: ClassVar[str] = "lasagne.layers.base.MergeLayer"

    def __init__(self, incomings: Any, name: str | None = None) -> None:
        sources = [source_of(incoming) for incoming in incomings]
        self.input_layers = [layer for layer, _ in sources]
        self.input_shapes = [shape for _, shape in sources]
        self._begin(name)

    @property
    def output_shape(self) -> Shape:
        """The shape of what the layer gives."""
        return self.get_output_shape_for(self.input_shapes)


class Source(Layer):
    """What InputLayer has and other layers have not."""

    @property
    def output_shape(self) -> Shape:
        """The declared shape."""
        shape: Shape = self.shape  # type: ignore[attr-defined]
        return shape


def source_of(incoming: Any) -> tuple[Layer | None, Shape]:
    """Return the layer, if it is one, and the shape that a layer is built on."""
    if isinstance(incoming, Layer):
        return incoming, incoming.output_shape
    if isinstance(incoming, tuple) and all(
        size is None or isinstance(size, (int, np.integer)) for size in incoming
    ):
        return None, tuple(None if size is None else int(size) for size in incoming)
    raise ScriptError(f"a layer or a shape is expected, not {type(incoming).__name__}")


def make_param(spec: Any, shape: tuple[int | None, ...], name: str | None = None) -> Symbol:
    """Return a variable of a shape: the given one, or a new one of an array or an initializer."""
    if isinstance(spec, Symbol):
        return spec
    if None in shape:
        raise ScriptError(f"parameter {name} would have the open shape {shape}")
    drawn = isinstance(spec, Initializer) and not isinstance(spec, Constant)
    value = np.asarray(spec(shape) if callable(spec) else spec)
    if value.shape != shape:
        raise ScriptError(f"parameter {name} is given values of {value.shape}, not {shape}")
    return SharedVariable(value, name, drawn=drawn)


def attributes_of(layer: Layer, family: Family) -> Any:
    """Return a layer's attributes as its family reads them."""
    left_out = {"input_layer", "input_layers", "params", "name", *family.nets}
    state = {
        name: inert(value)
        for name, value in vars(layer).items()
        if name not in left_out and not isinstance(value, Layer)
    }
    nets = {name: read_layers(getattr(layer, name)) for name in family.nets}
    return family.read(state | nets)


# What ``lasagne.layers`` has, by its name; the module "layers" fills in the layers.
LAYERS: dict[str, Any] = {"Layer": Layer, "MergeLayer": MergeLayer, "Gate": Gate}

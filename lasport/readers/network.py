"""From saved objects to a network.

The pickle reader and the live reader both end in graphs of
:class:`~lasport.inert.Instance`: objects with a class path and attributes.
:mod:`lasport.readers.layer_graph` finds the layers in such a graph, in the
order of Lasagne's ``get_all_layers``; here each class's family reads its
attributes, and each parameter becomes an array.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np

from lasport import layers as _families_are_registered  # noqa: F401 - importing registers
from lasport.errors import InvalidNetworkError, UsageError
from lasport.inert import Instance
from lasport.readers.expressions import is_expression, read_expression
from lasport.readers.layer_graph import all_layers, find_layers, incoming, is_layer
from lasport.readers.traces import made_at
from lasport.registry import Family, family_of
from lasport.spec import Array, Layer, Network, Param, Shape, params_of_nets

__all__ = ["build_network", "shared_array"]

# No recurrent layer of Lasagne's has another one inside; a file could have any number.
MAX_NESTING = 4

# Tags that Lasagne gave before layers kept them (May 2015), by attribute name.
DEFAULT_TAGS = {
    "W": frozenset({"trainable", "regularizable"}),
    "b": frozenset({"trainable"}),
}


def build_network(
    root: object, outputs: Sequence[str] | None = None, origin: object = None
) -> Network:
    """Build a network from a layer, a list or tuple of layers, or a dict name -> layer.

    Parameters
    ----------
    root : object
        Inert objects. A collection that holds an InputLayer is taken to be the
        whole net, and its outputs are the layers that feed no other; any other
        collection lists the outputs.
    outputs : sequence of str, optional
        Names of the output layers, in place of that rule.
    origin : object
        Kept as the network's origin.

    Returns
    -------
    Network
        Unknown classes included; translation refuses them.

    Raises
    ------
    UnreadableFileError
        If there are no layers, saying what there is.
    InvalidNetworkError
        If layers and parameters contradict each other.
    """
    layers, listed = find_layers(root)
    if outputs is not None:
        missing = [name for name in outputs if name not in layers]
        if missing:
            raise UsageError(f"no layer is called {missing[0]!r}; there are: {', '.join(layers)}")
        listed = list(outputs)
    builder = _LayerBuilder({id(layer): name for name, layer in layers.items()}, {})
    built = list(map(builder.build, all_layers([layers[name] for name in listed])))
    return Network(
        layers=tuple(_with_common_tags(built)),
        outputs=tuple(dict.fromkeys(listed)),
        origin=origin,
    )


class _LayerBuilder:
    """Builds layers one after another, in order, remembering shapes and shared variables."""

    def __init__(self, names: Mapping[int, str], read: dict[int, Param], nesting: int = 0) -> None:
        self.names = names
        self.shapes: dict[int, Shape | None] = {}
        self.read = read  # shared variables and expressions by their identity
        self.nesting = nesting

    def build(self, layer: Instance) -> Layer:
        name, kind = self.names[id(layer)], layer.path or "an object of an unknown class"
        state = layer.state if isinstance(layer.state, dict) else {}
        sources = incoming(layer)
        inputs = tuple(
            shape if shape is not None else stored
            for shape, stored in zip(
                (self.shapes[id(source)] for source in sources),
                _stored_shapes(layer, len(sources)),
                strict=True,
            )
        )
        family = family_of(kind)
        attributes: object = state
        params: Mapping[str, Param] = {}
        shape: Shape | None = None
        problem: str | None = None
        try:
            nets = {net: self._net(layer, net) for net in family.nets} if family else {}
            params = self._params(layer, family, nets)
            if family is not None:
                attributes = family.read({**state, **nets}, params, name)
                shape = _output_shape(family, attributes, inputs)
        except ValueError as error:
            problem = str(error)
        if family is not None and problem is None and None not in inputs:
            _check_params(f"{name} ({kind})", family, attributes, inputs, params)
        self.shapes[id(layer)] = shape
        return Layer(
            name=name,
            kind=kind,
            incoming=tuple(self.names[id(source)] for source in sources),
            attributes=attributes,
            params=MappingProxyType(dict(params)),
            input_shapes=inputs,
            output_shape=shape,
            problem=problem,
            made_at=made_at(v for v in state.values() if id(v) in self.read),
        )

    def _params(
        self, layer: Instance, family: Family | None, nets: Mapping[str, Network]
    ) -> dict[str, Param]:
        """Return a layer's parameters by attribute name, in the order of its ``get_params``."""
        registered = layer.get("params", None)
        if not isinstance(registered, Mapping):
            names = () if family is None else family.params
            if names is None:
                raise ValueError(
                    "it does not say what its parameters are, having been saved by a Lasagne from "
                    "before May 2015; save it again with a later one"
                )
            variables = {name: layer.get(name, None) for name in names}
            registered = {
                variable: DEFAULT_TAGS.get(name, frozenset())
                for name, variable in variables.items()
                if variable is not None
            }
        state = layer.state if isinstance(layer.state, dict) else {}
        params: dict[str, Param] = {}
        for position, (variable, tags) in enumerate(registered.items()):
            found = [str(key) for key, value in state.items() if value is variable]
            called = found[:1] or [f"parameter {position}"]
            if family is not None and family.params is not None:
                called = [name for name in family.params if name in found] or called
                if called[0] not in family.params:
                    raise ValueError(f"{called[0]} is a parameter that this class does not have")
            # One variable may serve as several parameters of a layer.
            params |= {name: self._param(name, variable, _tags(tags)) for name in called}
        params |= self._params_of_nets(layer, nets)
        if family is not None and family.params is not None:
            # A recurrent layer's initial state is a parameter or another layer.
            kept = {n: layer.get(n, None) for n in family.params if n not in params}
            lost = [n for n, value in kept.items() if value is not None and not is_layer(value)]
            if lost:
                raise ValueError(f"{lost[0]} is set but not among the layer's parameters")
            missing = [n for n in family.params if n not in params and n not in family.optional]
            if missing:
                raise ValueError(f"parameter {missing[0]} is missing")
        return params

    def _net(self, layer: Instance, attribute: str) -> Network:
        """Return the net that a layer holds in an attribute."""
        if self.nesting == MAX_NESTING:
            raise InvalidNetworkError(f"{layer.path}: nets inside nets, {MAX_NESTING} deep")
        root = layer.get(attribute, None)
        if not is_layer(root):
            raise ValueError(f"attribute {attribute!r} is not a layer")
        layers, outputs = find_layers(root)
        names = {id(inner): name for name, inner in layers.items()}
        builder = _LayerBuilder(names, self.read, self.nesting + 1)
        net = Network(tuple(map(builder.build, layers.values())), tuple(outputs))
        for inner in net.layers:
            if inner.problem is not None:
                raise ValueError(f"{attribute}, {inner.name} ({inner.kind}): {inner.problem}")
        return net

    def _params_of_nets(self, layer: Instance, nets: Mapping[str, Network]) -> dict[str, Param]:
        """Return the parameters of nets inside a layer, in order.

        They are called as the layer's own attributes are, or by their place in
        the net, such as "hidden_to_hidden.1.W".
        """
        state = layer.state if isinstance(layer.state, dict) else {}
        own: dict[int, list[str]] = defaultdict(list)
        for key, variable in state.items():
            if id(variable) in self.read:
                own[id(self.read[id(variable)].value)].append(str(key))
        params: dict[str, Param] = {}
        for name, param in params_of_nets(nets).items():
            called = own.get(id(param.value), [name])
            params |= {each: replace(param, name=each) for each in called}
        return params

    def _param(self, name: str, variable: object, tags: frozenset[str]) -> Param:
        if id(variable) not in self.read:
            self.read[id(variable)] = self._read(name, variable)
        return replace(self.read[id(variable)], name=name, tags=tags)

    def _read(self, name: str, variable: object) -> Param:
        if not isinstance(variable, Instance) or not is_expression(variable):
            return Param(name, _shared_value(name, variable), frozenset())
        variables = partial(self._variable, name)
        try:
            formula, sources, value = read_expression(variable, variables)
        except ValueError as error:
            raise ValueError(f"parameter {name} is an expression, and {error}") from None
        return Param(name, value, frozenset(), formula, sources)

    def _variable(self, name: str, variable: object) -> Array:
        """Return the value of a variable in the expression that a parameter is."""
        return self._param(name, variable, frozenset()).value


def _with_common_tags(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Give each parameter the tags that its variables have in any layer.

    A variable is trained where one of the layers that have it says so.
    """
    params = [param for layer in layers for param in layer.params.values()]
    tags: dict[int, frozenset[str]] = defaultdict(frozenset)
    for param in params:
        for value in param.variables:
            tags[id(value)] |= param.tags

    def common(param: Param) -> Param:
        found = frozenset[str]().union(*(tags[id(value)] for value in param.variables))
        return param if found == param.tags else replace(param, tags=found)

    for layer in layers:
        params_of_layer = {name: common(param) for name, param in layer.params.items()}
        yield replace(layer, params=MappingProxyType(params_of_layer))


def shared_array(variable: Instance) -> Array | None:
    """Return the array of a Theano shared variable, in ``container.storage[0]``, or None."""
    container = variable.get("container", None)
    storage = container.get("storage", None) if isinstance(container, Instance) else None
    value = storage[0] if isinstance(storage, list) and storage else None
    numbers = isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiub"
    return np.asarray(value) if numbers else None


def _shared_value(name: str, variable: object) -> Array:
    value = shared_array(variable) if isinstance(variable, Instance) else None
    if value is None:
        what = variable.path if isinstance(variable, Instance) else type(variable).__name__
        raise ValueError(
            f"parameter {name} is a {what} without an array of numbers; a parameter must be a "
            "shared variable on the CPU, not an expression"
        )
    # What nobody can write to needs no copy: a file's arrays, and those that only have a shape.
    array = np.array(value) if value.flags.writeable else value
    array.setflags(write=False)
    return array


def _tags(tags: object) -> frozenset[str]:
    if isinstance(tags, (set, frozenset, list, tuple)):
        return frozenset(str(tag) for tag in tags)
    raise ValueError(f"the tags of a parameter are a {type(tags).__name__}")


def _stored_shapes(layer: Instance, count: int) -> tuple[Shape | None, ...]:
    """Return the input shapes that the layer remembers from when it was built."""
    stored = layer.get("input_shapes", None)
    if stored is None:
        stored = [layer.get("input_shape", None)] * count
    if not isinstance(stored, (list, tuple)) or len(stored) != count:
        return (None,) * count
    return tuple(
        tuple(None if size is None else int(size) for size in shape)
        if isinstance(shape, (list, tuple))
        and all(size is None or isinstance(size, (int, np.integer)) for size in shape)
        else None
        for shape in stored
    )


def _output_shape(
    family: Family, attributes: object, inputs: Sequence[Shape | None]
) -> Shape | None:
    known = [shape for shape in inputs if shape is not None]
    if len(known) != len(inputs):
        return None
    shape = family.output_shape(attributes, known)
    if any(size is not None and size < 1 for size in shape):
        raise ValueError(f"inputs of {', '.join(map(str, known))} leave an output of {shape}")
    return shape


def _check_params(
    layer: str,
    family: Family,
    attributes: object,
    inputs: Sequence[Shape | None],
    params: Mapping[str, Param],
) -> None:
    expected = family.param_shapes(attributes, inputs)
    for name, shape in expected.items():
        if name not in params:
            continue
        actual = params[name].value.shape
        fits = len(shape) == len(actual) and all(
            size is None or size == found for size, found in zip(shape, actual, strict=True)
        )
        if not fits:
            raise InvalidNetworkError(
                f"{layer}: parameter {name} has shape {actual}, the layer's attributes and its "
                f"input {', '.join(map(str, inputs))} ask for {shape}"
            )

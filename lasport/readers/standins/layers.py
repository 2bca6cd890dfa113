"""Lasagne's layers, made of their declared families.

A layer takes what the real one takes, keeps it under the names that the real one is pickled with,
and knows its shapes and parameters. It computes nothing.
"""

from __future__ import annotations

import inspect
import operator
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any, ClassVar

import numpy as np

from lasport.errors import ScriptError
from lasport.readers.live import inert, read_layers
from lasport.readers.standins.choices import CEILED_BEFORE, CHOICES
from lasport.readers.standins.declarations import DECLARATIONS, Gate
from lasport.readers.standins.parts import Constant, Initializer, as_tuple, or_linear
from lasport.readers.standins.symbols import (
    Apply,
    SharedVariable,
    Subtensor,
    Symbol,
    function_named,
    new_tensor,
    resolve_sizes,
    shared_variables,
)
from lasport.registry import Family, family_of
from lasport.spec import Shape

__all__ = ["LAYERS", "Layer", "MergeLayer", "make_param"]

STATISTICS = ("mean", "inv_std")
STATES = ("hid_init", "cell_init")
# Parameters that a regularizer counts, by the beginning of their names.
REGULARIZED = ("W", "gamma")


class Layer:
    """``lasagne.layers.Layer``, the base of all layers and of users' own."""

    __module__ = "lasagne.layers.base"
    kind: ClassVar[str] = "lasagne.layers.base.Layer"
    name: str | None

    def __init__(self, incoming: Any, name: str | None = None) -> None:
        self.input_layer, self.input_shape = _source(incoming)
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
        return family.output_shape(_attributes(self, family), shapes)

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
        sources = [_source(incoming) for incoming in incomings]
        self.input_layers = [layer for layer, _ in sources]
        self.input_shapes = [shape for _, shape in sources]
        self._begin(name)

    @property
    def output_shape(self) -> Shape:
        """The shape of what the layer gives."""
        return self.get_output_shape_for(self.input_shapes)


class _Source(Layer):
    """What InputLayer has and other layers have not."""

    @property
    def output_shape(self) -> Shape:
        """The declared shape."""
        shape: Shape = self.shape  # type: ignore[attr-defined]
        return shape


def _source(incoming: Any) -> tuple[Layer | None, Shape]:
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


def _attributes(layer: Layer, family: Family) -> Any:
    """Return a layer's attributes as its family reads them."""
    left_out = {"input_layer", "input_layers", "params", "name", *family.nets}
    state = {
        name: inert(value)
        for name, value in vars(layer).items()
        if name not in left_out and not isinstance(value, Layer)
    }
    nets = {name: read_layers(getattr(layer, name)) for name in family.nets}
    return family.read(state | nets)


# --- what the constructors do beyond keeping their arguments

Arguments = dict[str, Any]


def _axes(kind: str, axes: Any, rank: int) -> Any:
    """Return the axes that a word for them, or a single one, stands for."""
    each = kind.endswith(".StandardizationLayer")  # of each example, not of the batch
    words = {
        "auto": tuple(range(min(2, rank - 1), rank)) if each else (0, *range(2, rank)),
        "all": tuple(range(rank)),
        "spatial": tuple(range(2, rank)),
        "features": tuple(range(1, rank)),
    }
    if isinstance(axes, str):
        return words.get(axes, axes)
    return (axes,) if isinstance(axes, int) else axes


def _resolve(kind: str, arguments: Arguments, rank: int) -> None:
    """Replace what a constructor replaces: None, and names for axes."""
    if arguments.get("stride", ...) is None:
        arguments["stride"] = arguments["pool_size"]
    if "nonlinearity" in arguments:
        arguments["nonlinearity"] = or_linear(arguments["nonlinearity"])
    if arguments.get("convolution", ...) is None:
        arguments["convolution"] = function_named("theano.tensor.nnet.conv3d")
    for name in ("pad", "crop"):
        if arguments.get(name) == "valid":
            arguments[name] = 0
    for name in ("axes", "shared_axes"):
        if name in arguments:
            arguments[name] = _axes(kind, arguments[name], rank)
    if "indices" in arguments:
        arguments["slice"] = arguments.pop("indices")


def _tags(name: str, learn_init: bool) -> dict[str, bool]:
    if name in STATISTICS:
        return {"trainable": False, "regularizable": False, "batch_norm_stat": True}
    trainable = learn_init if name in STATES else True
    return {"trainable": trainable, "regularizable": name.startswith(REGULARIZED)}


def _fill(layer: Layer, family: Family, arguments: Arguments) -> None:
    """Give a layer its attributes, then its parameters in the family's order."""
    learn_init = bool(arguments.get("learn_init", False))
    specs = {name: arguments.pop(name) for name in family.params or () if name in arguments}
    for name, value in arguments.items():
        setattr(layer, name, value)
    attributes = _attributes(layer, family)
    shapes = layer.input_shapes if isinstance(layer, MergeLayer) else [layer.input_shape]
    expected = family.param_shapes(attributes, shapes)
    for name, spec in specs.items():
        given = spec is None or isinstance(spec, Layer)
        param = (
            None
            if given
            else layer.add_param(spec, expected[name], name, **_tags(name, learn_init))
        )
        setattr(layer, name, spec if isinstance(spec, Layer) else param)


def _build_plain(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    if isinstance(layer, MergeLayer):
        MergeLayer.__init__(layer, arguments.pop("incomings"), **options)
        rank = len(layer.input_shapes[0])
    else:
        Layer.__init__(layer, arguments.pop("incoming"), **options)
        rank = len(layer.input_shape)
    _resolve(layer.kind, arguments, rank)
    _fill(layer, family, arguments)


def _build_input(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    layer._begin(arguments["name"])
    layer.shape = tuple(arguments["shape"])  # type: ignore[attr-defined]
    variable = arguments["input_var"]
    rank = len(arguments["shape"])
    layer.input_var = new_tensor(rank) if variable is None else variable  # type: ignore[attr-defined]
    if isinstance(layer.input_var, Symbol):  # type: ignore[attr-defined]
        layer.input_var.sizes = layer.output_shape  # type: ignore[attr-defined]


def _build_reshape(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    arguments["shape"] = resolve_sizes(arguments["shape"])
    _build_plain(layer, family, arguments, options)


def _build_inverse(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    inverted = arguments["layer"]
    source = inverted.input_layer or inverted.input_shape
    _build_plain(layer, family, {"incomings": [arguments["incoming"], inverted, source]}, options)


def _build_sum(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    count = len(arguments["incomings"])
    coeffs = arguments["coeffs"]
    arguments["coeffs"] = list(coeffs) if isinstance(coeffs, (list, tuple)) else [coeffs] * count
    arguments["merge_function"] = function_named("theano.tensor.add")
    _build_plain(layer, family, arguments, options)


def _build_concat(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    cropping, axis = arguments["cropping"], arguments["axis"]
    if cropping is not None and -len(cropping) <= axis < len(cropping):
        # What is joined along an axis is not cropped along it.
        arguments["cropping"] = list(cropping)
        arguments["cropping"][axis] = None
    _build_plain(layer, family, arguments, options)


def _build_transformer(
    layer: Layer, family: Family, arguments: Arguments, options: Arguments
) -> None:
    arguments["incomings"] = [arguments.pop("incoming"), arguments.pop("localization_network")]
    arguments["downsample_factor"] = as_tuple(arguments["downsample_factor"], 2)
    if arguments.get("precompute_grid", ...) == "auto":
        _, shape = _source(arguments["incomings"][0])
        arguments["precompute_grid"] = None not in shape[2:]
    _build_plain(layer, family, arguments, options)


def _traced(function: Any, incoming: Any) -> Any:
    """Return what a script's own function does with its argument, where that is one known thing.

    Files cannot hold such functions, so Lasagne has no other form for them.
    """
    if not isinstance(function, FunctionType):
        return function
    argument = new_tensor(len(_source(incoming)[1]))
    result = function(argument)
    match getattr(result, "owner", None):
        case Apply(op=Subtensor(idx_list=places), inputs=[only]) if only is argument:
            return operator.itemgetter(tuple(places))
        case Apply(op=op, inputs=[only]) if only is argument:
            return op
    return function


def _build_expression(
    layer: Layer, family: Family, arguments: Arguments, options: Arguments
) -> None:
    said = arguments.pop("output_shape")
    arguments["function"] = _traced(arguments["function"], arguments["incoming"])
    if callable(said):
        arguments["get_output_shape_for"] = said
    else:
        arguments["_output_shape"] = said if said in (None, "auto") else tuple(said)
    _build_plain(layer, family, arguments, options)


def _join_states(layer: Layer, arguments: Arguments, options: Arguments) -> None:
    """Begin a recurrent layer: mask and initial states that are layers become inputs."""
    incomings = [arguments.pop("incoming")]
    places = {}
    for name in ("mask_input", *STATES):
        given = arguments.get(name, None)
        if name == "mask_input":
            arguments.pop(name)
        if isinstance(given, Layer):
            incomings.append(given)
            places[name.removesuffix("_input")] = len(incomings) - 1
    MergeLayer.__init__(layer, incomings, **options)  # type: ignore[arg-type]
    for name in ("mask", *(state for state in STATES if state in arguments)):
        setattr(layer, f"{name}_incoming_index", places.get(name, -1))


GATES: Mapping[str, Mapping[str, str]] = {
    "LSTMLayer": {g: g for g in ("ingate", "forgetgate", "cell", "outgate")},
    "GRULayer": {"updategate": "updategate", "resetgate": "resetgate", "hidden_update": "hid"},
}


def _build_gated(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    _join_states(layer, arguments, options)
    if "nonlinearity" in arguments:  # a GRU has none
        arguments["nonlinearity"] = or_linear(arguments["nonlinearity"])
    if arguments.get("peepholes", False) and not CHOICES.get().peephole_inside:
        # By this the family knows those LSTMs.
        arguments.pop("only_return_final")
    for gate, suffix in GATES[layer.kind.rpartition(".")[2]].items():
        given: Gate = arguments.pop(gate)
        arguments[f"nonlinearity_{suffix}"] = or_linear(given.nonlinearity)
        arguments[f"W_in_to_{gate}"] = given.W_in
        arguments[f"W_hid_to_{gate}"] = given.W_hid
        arguments[f"b_{gate}"] = given.b
        if gate != "cell" and arguments.get("peepholes", False):
            arguments[f"W_cell_to_{gate}"] = given.W_cell
    _fill(layer, family, arguments)


def _build_recurrent(
    layer: Layer, family: Family, arguments: Arguments, options: Arguments
) -> None:
    shape = arguments["incoming"]
    shape = shape.output_shape if isinstance(shape, Layer) else shape
    dense, source = LAYERS["DenseLayer"], LAYERS["InputLayer"]
    units, name = arguments.pop("num_units"), options.get("name") or ""
    prefix = f"{name}." if name else ""
    nets = {
        "input_to_hidden": dense(
            source((None, *shape[2:])),
            units,
            W=arguments.pop("W_in_to_hid"),
            b=arguments.pop("b"),
            nonlinearity=None,
            name=f"{prefix}input_to_hidden",
        ),
        "hidden_to_hidden": dense(
            source((None, units)),
            units,
            W=arguments.pop("W_hid_to_hid"),
            b=None,
            nonlinearity=None,
            name=f"{prefix}hidden_to_hidden",
        ),
    }
    layer.W_in_to_hid, layer.b = nets["input_to_hidden"].W, nets["input_to_hidden"].b  # type: ignore[attr-defined]
    layer.W_hid_to_hid = nets["hidden_to_hidden"].W  # type: ignore[attr-defined]
    _build_custom(layer, family, {**arguments, **nets}, options)


def _build_custom(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    _join_states(layer, arguments, options)
    arguments["nonlinearity"] = or_linear(arguments["nonlinearity"])
    state = arguments.pop("hid_init")
    for name, value in arguments.items():
        setattr(layer, name, value)
    if not isinstance(state, Layer):
        shape = (1, *arguments["hidden_to_hidden"].output_shape[1:])
        state = layer.add_param(
            state, shape, "hid_init", **_tags("hid_init", arguments["learn_init"])
        )
    layer.hid_init = state  # type: ignore[attr-defined]


Builder = Callable[[Layer, Family, Arguments, Arguments], None]
BUILDERS: Mapping[str, Builder] = {
    "InputLayer": _build_input,
    "ReshapeLayer": _build_reshape,
    "ConcatLayer": _build_concat,
    "ElemwiseSumLayer": _build_sum,
    "TransformerLayer": _build_transformer,
    "TPSTransformerLayer": _build_transformer,
    "ExpressionLayer": _build_expression,
    "InverseLayer": _build_inverse,
    "LSTMLayer": _build_gated,
    "GRULayer": _build_gated,
    "RecurrentLayer": _build_recurrent,
    "CustomRecurrentLayer": _build_custom,
}


def _declare(kind: str, base: type[Layer], signature: inspect.Signature) -> type[Layer]:
    """Return the class that stands in for one of Lasagne's."""
    module, _, name = kind.rpartition(".")
    build = BUILDERS.get(name, _build_plain)
    inherited = _inherited(base, signature)

    def initialize(self: Layer, *args: Any, **kwargs: Any) -> None:
        choices = CHOICES.get()
        bound = signature.bind(*args, **choices.renamed(name, signature.parameters, kwargs))
        said = set(bound.arguments) | set(bound.arguments.get("kwargs", ()))
        former = choices.defaults(kind, bound.arguments)
        bound.arguments |= former
        bound.apply_defaults()
        arguments = inherited | bound.arguments
        options = arguments.pop("kwargs", {})
        arguments |= {option: options.pop(option) for option in inherited.keys() & options.keys()}
        family = family_of(kind)
        if family is None:  # refused later, with all others
            base.__init__(self, next(iter(arguments.values())), **options)
            return
        build(self, family, arguments, options)
        _note_version(self, family, "ignore_border" in said)

    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    full = signature.replace(parameters=[me, *signature.parameters.values()])
    initialize.__signature__ = full  # type: ignore[attr-defined]
    return type(name, (base,), {"__init__": initialize, "__module__": module, "kind": kind})


def _note_version(layer: Layer, family: Family, says_border: bool) -> None:
    """Note a layer that computes what it does by the version alone."""
    undecided, name = CHOICES.get().undecided, layer.kind.rpartition(".")[2]
    if getattr(layer, "peepholes", False):
        undecided["peephole"].append(name)
    # Padded ones were never other than floored.
    if name in CEILED_BEFORE and not says_border and not np.any(layer.pad):  # type: ignore[attr-defined]
        attributes = _attributes(layer, family)
        shapes = {
            family.output_shape(replace(attributes, ignore_border=border), [layer.input_shape])
            for border in (True, False)
        }
        if len(shapes) > 1:
            undecided["pool"].append(name)


def _inherited(base: type[Layer], signature: inspect.Signature) -> Arguments:
    """Return what a base class takes beyond a signature, with its defaults."""
    if base in (Layer, MergeLayer, _Source):
        return {}
    return {
        name: parameter.default
        for name, parameter in inspect.signature(base).parameters.items()
        if parameter.default is not parameter.empty and name not in signature.parameters
    }


LAYERS: dict[str, Any] = {"Layer": Layer, "MergeLayer": MergeLayer, "Gate": Gate}
_KINDS = {kind.rpartition(".")[2]: kind for kind in DECLARATIONS}


def _stand_in(name: str) -> type[Layer]:
    """Return the class that stands in for a layer class of Lasagne's, made after its base."""
    if name not in LAYERS:
        named, signature = DECLARATIONS[_KINDS[name]]
        base = _Source if name == "InputLayer" else _stand_in(named)
        LAYERS[name] = _declare(_KINDS[name], base, signature)
    made: type[Layer] = LAYERS[name]
    return made


for _name in _KINDS:
    _stand_in(_name)

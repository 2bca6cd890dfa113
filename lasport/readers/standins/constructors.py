"""What the constructors of Lasagne's layers do beyond keeping their arguments."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from lasport.readers.standins.bases import LAYERS, Layer, MergeLayer, attributes_of, source_of
from lasport.readers.standins.choices import CHOICES
from lasport.readers.standins.declarations import Gate
from lasport.readers.standins.parts import as_tuple, or_linear
from lasport.readers.standins.symbols import (
    Apply,
    Subtensor,
    Symbol,
    function_named,
    new_tensor,
    resolve_sizes,
)
from lasport.registry import Family

__all__ = ["BUILDERS", "Arguments", "build_plain"]

STATISTICS = ("mean", "inv_std")
STATES = ("hid_init", "cell_init")
# Parameters that a regularizer counts, by the beginning of their names.
REGULARIZED = ("W", "gamma")

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
    attributes = attributes_of(layer, family)
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


def build_plain(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    """Keep the arguments, and make parameters of those that are specifications of some."""
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
    build_plain(layer, family, arguments, options)


def _build_inverse(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    inverted = arguments["layer"]
    source = inverted.input_layer or inverted.input_shape
    build_plain(layer, family, {"incomings": [arguments["incoming"], inverted, source]}, options)


def _build_sum(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    count = len(arguments["incomings"])
    coeffs = arguments["coeffs"]
    arguments["coeffs"] = list(coeffs) if isinstance(coeffs, (list, tuple)) else [coeffs] * count
    arguments["merge_function"] = function_named("theano.tensor.add")
    build_plain(layer, family, arguments, options)


def _build_concat(layer: Layer, family: Family, arguments: Arguments, options: Arguments) -> None:
    cropping, axis = arguments["cropping"], arguments["axis"]
    if cropping is not None and -len(cropping) <= axis < len(cropping):
        # What is joined along an axis is not cropped along it.
        arguments["cropping"] = list(cropping)
        arguments["cropping"][axis] = None
    build_plain(layer, family, arguments, options)


def _build_transformer(
    layer: Layer, family: Family, arguments: Arguments, options: Arguments
) -> None:
    arguments["incomings"] = [arguments.pop("incoming"), arguments.pop("localization_network")]
    arguments["downsample_factor"] = as_tuple(arguments["downsample_factor"], 2)
    if arguments.get("precompute_grid", ...) == "auto":
        _, shape = source_of(arguments["incomings"][0])
        arguments["precompute_grid"] = None not in shape[2:]
    build_plain(layer, family, arguments, options)


def _traced(function: Any, incoming: Any) -> Any:
    """Return what a script's own function does with its argument, where that is one known thing.

    Files cannot hold such functions, so Lasagne has no other form for them.
    """
    if not isinstance(function, FunctionType):
        return function
    argument = new_tensor(len(source_of(incoming)[1]))
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
    build_plain(layer, family, arguments, options)


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

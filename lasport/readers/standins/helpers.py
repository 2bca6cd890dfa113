"""The functions of ``lasagne.layers``: walks over layers, and combinations of several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lasport.errors import ScriptError
from lasport.readers.listing import TOPOLOGICAL_SINCE
from lasport.readers.standins.bases import Layer, MergeLayer
from lasport.readers.standins.choices import CHOICES
from lasport.readers.standins.layers import LAYERS
from lasport.readers.standins.parts import or_linear
from lasport.readers.standins.symbols import CONFIG, SharedVariable, Symbol
from lasport.spec import Array, Shape

__all__ = ["ALIASES", "HELPERS"]

ALIASES = {
    "Deconv2DLayer": "TransposedConv2DLayer",
    "Deconv3DLayer": "TransposedConv3DLayer",
    "DilatedConvLayer": "DilatedConv2DLayer",
    "bc01_to_c01b": "ShuffleBC01ToC01BLayer",
    "c01b_to_bc01": "ShuffleC01BToBC01Layer",
    "concat": "ConcatLayer",
    "MultipleInputsLayer": "MergeLayer",
    "dimshuffle": "DimshuffleLayer",
    "dropout": "DropoutLayer",
    "flatten": "FlattenLayer",
    "pad": "PadLayer",
    "reshape": "ReshapeLayer",
}


def get_all_layers(layer: Any, treat_as_input: Iterable[Layer] | None = None) -> list[Layer]:
    """Return all layers below one or several, as Lasagne's version orders them."""
    if CHOICES.get().day < TOPOLOGICAL_SINCE:
        return _from_outputs(layer)
    closed = set(treat_as_input or ())
    ordered: dict[Layer, None] = {}
    opened: set[Layer] = set()
    stack = list(reversed(layer)) if isinstance(layer, (list, tuple)) else [layer]
    while stack:
        top = stack[-1]
        if top in opened or top in ordered:
            ordered.setdefault(stack.pop())
            continue
        opened.add(top)
        if top not in closed:
            stack.extend(reversed(_sources(top)))
    return list(ordered)


def _from_outputs(layer: Any) -> list[Layer]:
    listed = list(layer) if isinstance(layer, (list, tuple)) else [layer]
    for each in listed:  # which grows meanwhile
        listed += [source for source in dict.fromkeys(_sources(each)) if source not in listed]
    return listed


def _sources(layer: Layer) -> list[Layer]:
    if isinstance(layer, MergeLayer):
        return [source for source in layer.input_layers if source is not None]
    source = getattr(layer, "input_layer", None)
    return [] if source is None else [source]


def get_all_params(layer: Any, unwrap_shared: bool = True, **tags: bool) -> list[Symbol]:
    """Return the parameters of all layers, each once."""
    found: dict[Symbol, None] = {}
    for each in get_all_layers(layer):
        for net in ("input_to_hidden", "hidden_to_hidden"):
            inner = getattr(each, net, None)
            if inner is not None:
                own = dict.fromkeys(each.get_params(**tags))
                found.update(own | dict.fromkeys(get_all_params(inner, **tags)))
        found.update(dict.fromkeys(each.get_params(**tags)))
    return list(found)


def get_all_param_values(layer: Any, **tags: bool) -> list[Array]:
    """Return the values of all parameters."""
    params = get_all_params(layer, **tags)
    return [param.get_value() for param in params if isinstance(param, SharedVariable)]


def set_all_param_values(layer: Any, values: Any, **tags: bool) -> None:
    """Set the values of all parameters, in order, after checking all shapes."""
    params = [p for p in get_all_params(layer, **tags) if isinstance(p, SharedVariable)]
    values = [np.asarray(value) for value in values]
    if len(params) != len(values):
        raise ScriptError(f"{len(values)} values are set for {len(params)} parameters")
    for param, value in zip(params, values, strict=True):
        if param.get_value().shape != value.shape:
            raise ScriptError(
                f"parameter {param.name} of shape {param.get_value().shape} is set to values of "
                f"{value.shape}"
            )
    for param, value in zip(params, values, strict=True):
        param.set_value(value)


def get_all_bias_params(layer: Any) -> list[Symbol]:
    """Return the parameters that no regularizer counts, as before 0.1."""
    return get_all_params(layer, regularizable=False)


def get_all_non_bias_params(layer: Any) -> list[Symbol]:
    """Return the parameters that a regularizer counts, as before 0.1."""
    return get_all_params(layer, regularizable=True)


def count_params(layer: Any, **tags: bool) -> int:
    """Return the number of values in all parameters."""
    return sum(value.size for value in get_all_param_values(layer, **tags))


def get_output_shape(layer_or_layers: Any, input_shapes: Any = None) -> Any:
    """Return the output shape, or the list of them."""
    if input_shapes is not None:
        return _output_shape(layer_or_layers, input_shapes)
    if isinstance(layer_or_layers, (list, tuple)):
        return [layer.output_shape for layer in layer_or_layers]
    shape: Shape = layer_or_layers.output_shape
    return shape


def _output_shape(layer_or_layers: Any, input_shapes: Any) -> Any:
    """Return the output shape for another one of the input layer, or others of any layers."""
    shapes: dict[Layer, Any] = dict(input_shapes) if isinstance(input_shapes, Mapping) else {}
    for layer in get_all_layers(layer_or_layers):
        given = [shapes[source] for source in _sources(layer)]
        if layer in shapes:
            continue
        if not given:
            shapes[layer] = layer.output_shape if shapes else tuple(input_shapes)
        else:
            shapes[layer] = layer.get_output_shape_for(
                given if isinstance(layer, MergeLayer) else given[0]
            )
    if isinstance(layer_or_layers, (list, tuple)):
        return [shapes[layer] for layer in layer_or_layers]
    return shapes[layer_or_layers]


def get_output(layer_or_layers: Any, inputs: Any = None, **kwargs: Any) -> Any:
    """Return variables that stand for outputs; nothing is computed."""
    if isinstance(layer_or_layers, (list, tuple)):
        return [layer.get_output_for() for layer in layer_or_layers]
    return layer_or_layers.get_output_for()


def _take_nonlinearity(layer: Layer) -> object:
    """Take the nonlinearity off a layer, leaving it linear."""
    function = getattr(layer, "nonlinearity", None)
    if function is not None:
        layer.nonlinearity = or_linear(None)  # type: ignore[attr-defined]
    return function


def _drop_bias(layer: Layer) -> None:
    """Take away a bias that normalization makes useless."""
    bias = getattr(layer, "b", None)
    if bias is not None:
        del layer.params[bias]
        layer.b = None  # type: ignore[attr-defined]


def _name(layer: Layer, kwargs: dict[str, Any], suffix: str) -> str | None:
    given: str | None = kwargs.pop("name", None)
    return given or (f"{layer.name}_{suffix}" if layer.name else None)


def _put_nonlinearity(layer: Layer, function: object, name: str | None) -> Layer:
    if function is None:
        return layer
    suffixed = name and f"{name}_nonlin"
    made: Layer = LAYERS["NonlinearityLayer"](layer, function, name=suffixed)
    return made


def batch_norm(layer: Layer, **kwargs: Any) -> Layer:
    """Put batch normalization between a layer and its nonlinearity."""
    return _batch_norm(layer, "BatchNormLayer", kwargs)


def batch_norm_dnn(layer: Layer, **kwargs: Any) -> Layer:
    """Do the same with cuDNN's layer."""
    return _batch_norm(layer, "BatchNormDNNLayer", kwargs)


def _batch_norm(layer: Layer, kind: str, kwargs: dict[str, Any]) -> Layer:
    function = _take_nonlinearity(layer)
    _drop_bias(layer)
    name = _name(layer, kwargs, "bn")
    return _put_nonlinearity(LAYERS[kind](layer, name=name, **kwargs), function, name)


def _of_features(make: str, **fixed: Any) -> Any:
    def build(incoming: Any, *args: Any, **kwargs: Any) -> Layer:
        rank = len(incoming if isinstance(incoming, tuple) else incoming.output_shape)
        shared = tuple(range(2, rank)) if make == "channels" else (1,)
        made: Layer = LAYERS["DropoutLayer"](incoming, *args, shared_axes=shared, **kwargs)
        return made

    return build


def prelu(layer: Layer, **kwargs: Any) -> Layer:
    """Put a parametric rectifier in the place of a layer's nonlinearity."""
    _take_nonlinearity(layer)
    made: Layer = LAYERS["ParametricRectifierLayer"](layer, **kwargs)
    return made


def rrelu(layer: Layer, **kwargs: Any) -> Layer:
    """Put a randomized rectifier in the place of a layer's nonlinearity."""
    _take_nonlinearity(layer)
    made: Layer = LAYERS["RandomizedRectifierLayer"](layer, **kwargs)
    return made


def instance_norm(
    layer: Layer, learn_scale: bool = True, learn_bias: bool = True, **kwargs: Any
) -> Layer:
    """Standardize each example's maps between a layer and its nonlinearity."""
    function = _take_nonlinearity(layer)
    _drop_bias(layer)
    name = _name(layer, kwargs, "in")
    made = _standardized(layer, "spatial", name, kwargs, scale=learn_scale, bias=learn_bias)
    return _put_nonlinearity(made, function, name)


def layer_norm(layer: Layer, **kwargs: Any) -> Layer:
    """Standardize each example's features between a layer and its nonlinearity."""
    function = _take_nonlinearity(layer)
    _drop_bias(layer)
    name = _name(layer, kwargs, "ln")
    made = _standardized(layer, "features", name, kwargs, scale=True, bias=True)
    return _put_nonlinearity(made, function, name)


def _standardized(
    layer: Layer, axes: str, name: str | None, kwargs: dict[str, Any], *, scale: bool, bias: bool
) -> Layer:
    made: Layer = LAYERS["StandardizationLayer"](layer, axes=axes, name=name, **kwargs)
    if scale:
        made = LAYERS["ScaleLayer"](made, name=name and f"{name}_scale")
    if bias:
        made = LAYERS["BiasLayer"](made, name=name and f"{name}_bias")
    return made


def standardize(layer: Any, offset: Any, scale: Any, shared_axes: Any = "auto") -> Layer:
    """Subtract an offset and divide by a scale, neither of them trained."""
    shifted = LAYERS["BiasLayer"](layer, -np.asarray(offset), shared_axes)
    shifted.params[shifted.b].remove("trainable")
    inverse = np.asarray(1, CONFIG.floatX) / np.asarray(scale)
    scaled: Layer = LAYERS["ScaleLayer"](shifted, inverse, shared_axes)
    scaled.params[scaled.scales].remove("trainable")  # type: ignore[attr-defined]
    return scaled


HELPERS: Mapping[str, Any] = {
    function.__name__: function
    for function in (
        *(get_all_layers, get_all_params, get_all_param_values, set_all_param_values),
        *(count_params, get_output, get_output_shape),
        *(get_all_bias_params, get_all_non_bias_params),
        *(batch_norm, batch_norm_dnn, instance_norm, layer_norm, standardize, prelu, rrelu),
    )
} | {
    "dropout_channels": _of_features("channels"),
    "spatial_dropout": _of_features("channels"),
    "dropout_locations": _of_features("locations"),
}

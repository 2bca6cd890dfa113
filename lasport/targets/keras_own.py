"""Keras layers that users wrote: made, given their weights, and held to what was said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import cast

import keras
import numpy as np

from lasport.errors import RegistrationError
from lasport.layout import channels_last, lasagne_order
from lasport.own_layers import OwnAttributes, OwnFamily
from lasport.registry import Run, require_family
from lasport.spec import Array, Layer, Shape
from lasport.weights import Stack, Weight

__all__ = ["compute", "make", "require_shape"]


def make(
    cls: type[keras.layers.Layer],
    name: str,
    arguments: Mapping[str, object],
    weights: Mapping[str, Weight | Stack],
    dtype: str,
    inputs: object,
) -> tuple[keras.layers.Layer, object]:
    """Make a layer, build it, and give it its weights.

    Parameters
    ----------
    cls, name, arguments, weights
        As in :class:`lasport.targets.keras_calls.Call`.
    dtype : str
        The type or dtype policy that it computes in, by name: Keras writes down the arguments of a
        layer without ``get_config`` by itself, as long as they are plain.
    inputs : KerasTensor or list of KerasTensor
        What it is built for.

    Returns
    -------
    Layer, KerasTensor
        The layer, and its symbolic output.

    Raises
    ------
    RegistrationError
        Where it cannot be made or called, has no such variables, or trains others.
    """
    try:
        layer = cls(**{**arguments, "name": name, "dtype": dtype})
        output = layer(inputs)
    except Exception as error:  # it is the user's code, and raises whatever it likes
        reason = next(iter(str(error).strip().splitlines()), "")
        raise RegistrationError(
            f"{name}: {cls.__name__}({_spell(arguments)}) cannot be made, or called: "
            f"{type(error).__name__}: {reason}"
        ) from error
    variables = {path: _variable(layer, path) for path in weights}
    for path, weight in weights.items():
        if tuple(variables[path].shape) != weight.value.shape:
            raise RegistrationError(
                f"{name}: variable {path} of {cls.__name__} has shape "
                f"{tuple(variables[path].shape)}, its parameter {weight.value.shape}"
            )
        variables[path].assign(weight.value)
    _require_alike_trained(layer, variables, weights)
    return layer, output


def require_shape(name: str, found: Shape, expected: Shape) -> None:
    """Refuse an output that has another shape than was said."""
    fits = len(found) == len(expected) and all(
        a is None or b is None or a == b for a, b in zip(found, expected, strict=True)
    )
    if not fits:
        raise RegistrationError(
            f"{name}: its Keras layer gives {tuple(found)}, where {tuple(expected)} was expected; "
            "register the class with the output_shape= that its get_output_shape_for computes"
        )


def compute(layer: Layer, params: Mapping[str, Array], inputs: Sequence[Array], run: Run) -> Array:
    """Compute a layer by its own Keras layers, where nobody said its arithmetic otherwise.

    Parameters
    ----------
    layer : Layer
        Of a class that a user registered.
    params : mapping of str to ndarray
        In place of its own.
    inputs : sequence of ndarray
        In Lasagne's order of axes.
    run : Run
        The pass that it takes part in.

    Returns
    -------
    ndarray
        In Lasagne's order of axes.
    """
    declared = cast(OwnFamily, require_family(layer)).declaration
    current = {name: replace(p, value=params[name]) for name, p in layer.params.items()}
    shapes = [cast(Shape, shape) for shape in layer.input_shapes]
    calls, behind = declared.calls(cast(OwnAttributes, layer.attributes), current, shapes)
    ordered = channels_last if declared.data_format == "channels_last" else lasagne_order
    arrays = [ordered(x.ndim).from_lasagne(x) for x in inputs]
    floats = [x.dtype.name for x in (*arrays, *params.values()) if x.dtype.kind == "f"]
    for call in calls:
        specs = [keras.KerasTensor(x.shape, x.dtype.name) for x in arrays]
        made, _ = make(
            call.cls, layer.name, call.arguments, call.weights, floats[0], _single(specs)
        )
        tensors = [keras.ops.convert_to_tensor(x) for x in arrays]
        arrays = [np.asarray(made(_single(tensors), training=run.training))]
        for path, weight in call.weights.items():
            value = np.asarray(_variable(made, path).numpy())
            if not np.array_equal(value, weight.value.astype(value.dtype), equal_nan=True):
                run.update(weight.param.name, weight.undo(value))
    result = ordered(arrays[0].ndim).to_lasagne(arrays[0])
    for nonlinearity in behind:
        result = nonlinearity(result)
    return result


def _variable(layer: keras.layers.Layer, path: str) -> keras.Variable:
    variable = attrgetter(path)(layer) if _has(layer, path) else None
    if not isinstance(variable, keras.Variable):
        raise RegistrationError(
            f"{layer.name}: {type(layer).__name__} has no variable {path!r}; say in weights= of "
            "the KerasLayer which variable each parameter goes to"
        )
    return variable


def _has(layer: keras.layers.Layer, path: str) -> bool:
    try:
        attrgetter(path)(layer)
    except AttributeError:
        return False
    return True


def _require_alike_trained(
    layer: keras.layers.Layer,
    variables: Mapping[str, keras.Variable],
    weights: Mapping[str, Weight | Stack],
) -> None:
    """Freeze a layer whose parameters are all frozen; refuse whatever else is trained otherwise."""
    if weights and not any(weight.trainable for weight in weights.values()):
        layer.trainable = False
    trained = {id(variable) for variable in layer.trainable_variables}
    for path, variable in variables.items():
        wanted = weights[path].trainable
        if (id(variable) in trained) != wanted:
            raise RegistrationError(
                f"{layer.name}: parameter and variable {path} of {type(layer).__name__} must both "
                f"be trained or not; Lasagne {'trains' if wanted else 'does not train'} it: "
                f"add_weight(..., trainable={wanted})"
            )
        trained.discard(id(variable))
    if trained:
        extra = [v.path for v in layer.trainable_variables if id(v) in trained]
        raise RegistrationError(
            f"{layer.name}: {', '.join(extra)} would be trained, and is no parameter of the layer"
        )


def _spell(arguments: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _single(items: list[object]) -> object:
    return items[0] if len(items) == 1 else items

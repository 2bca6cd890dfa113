"""Executing Keras calls: the model itself.

Weights are handed to each layer as it is built, through the layer's own
initializers, so nothing random is drawn only to be overwritten.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np

from lasport.errors import ComparisonError, UsageError
from lasport.operations import Own
from lasport.spec import Array
from lasport.targets.keras_calls import Call, Calls
from lasport.targets.keras_own import make, require_shape

__all__ = ["build_model", "calls_of", "read_weights", "restore"]

# Which calls a model was built from, for reading its weights back.
_built: WeakKeyDictionary[keras.Model, Calls] = WeakKeyDictionary()

# Variables that Keras' layers call otherwise than their initializers.
INITIALIZERS = {"recurrent_kernel": "recurrent_initializer"}


def build_model(calls: Calls, name: str | None = None) -> keras.Model:
    """Build a functional model.

    Parameters
    ----------
    calls : Calls
        What to execute.
    name : str, optional
        The model's name.

    Returns
    -------
    keras.Model

    Raises
    ------
    UsageError
        If the calls' dtype is no float dtype or policy of Keras, or what Keras
        runs on does not compute in it.
    """
    policy = _policy(calls.dtype)
    tensors: dict[str, keras.KerasTensor] = {}
    layers: dict[str, keras.layers.Layer] = {}
    for call in calls.calls:
        tensors[call.name] = _execute(call, tensors, layers, policy)
    plan = calls.plan
    for step in plan.steps:
        if isinstance(step.operation, Own):
            found = tensors[calls.results[step.output.id]].shape
            require_shape(step.name, found, step.output.layout.shape(step.output.shape))
    model = keras.Model(
        single([tensors[calls.results[value.id]] for value in plan.inputs]),
        single([tensors[calls.results[value.id]] for value in plan.outputs]),
        **({} if name is None else {"name": name}),
    )
    # compile() scales the loss where the model itself computes in float16.
    model.dtype_policy = policy
    _built[model] = calls
    return model


def calls_of(model: keras.Model) -> Calls | None:
    """Return the calls a model was built from in this process, or None."""
    return _built.get(model)


def read_weights(model: keras.Model, calls: Calls) -> list[Array]:
    """Return a model's weights as Lasagne's parameter list.

    Parameters
    ----------
    model : keras.Model
        With the layer names that the calls gave.
    calls : Calls
        How each weight was made from a parameter.

    Returns
    -------
    list of ndarray
        In ``get_all_params`` order and Lasagne's shapes and dtypes.

    Raises
    ------
    ComparisonError
        If a layer or a weight is missing, or has another shape.
    """
    found = variables_of(model)
    return restore(calls, lambda layer, name: np.asarray(found(layer, name).numpy()))


def restore(calls: Calls, value_of: Callable[[str, str], Array]) -> list[Array]:
    """Return the values of variables, by call and name, as :func:`read_weights` does."""
    restored: dict[int, Array] = {}
    for call in calls.calls:
        for name, weight in call.weights.items():
            value = value_of(call.name, name)
            if value.dtype.kind in "iu" and weight.value.dtype.kind == "f":
                raise ComparisonError(
                    f"{call.name}.{name} is {value.dtype}: a quantized model has lost the "
                    "parameters; take them from it before quantize()"
                )
            if value.shape != weight.value.shape:
                raise ComparisonError(
                    f"{call.name}.{name} has shape {value.shape}, not {weight.value.shape}"
                )
            for part, piece in weight.split(value):
                restored[id(part.param.value)] = part.restore(piece)
        restored.update(
            (id(constant.param.value), constant.param.value) for constant in call.constants
        )
    return [restored[id(value)] for value in calls.plan.network.param_values()]


def variables_of(model: keras.Model) -> Callable[[str, str], keras.Variable]:
    """Return a function that finds a variable by a layer's name and its own.

    The latter may lead into layers inside, see `Call`. What the function does not find it
    refuses with a ComparisonError.
    """
    layers = {layer.name: layer for layer in model.layers}

    def found(layer: str, name: str) -> keras.Variable:
        net, _, inner = name.partition("/")
        try:
            if inner:
                return variables_of(getattr(layers[layer], net))(*inner.split("/", 1))
            variable = attrgetter(name)(layers[layer])
        except (KeyError, AttributeError):
            problem = f"the model has no layer {layer!r} with a weight {name!r}"
            raise ComparisonError(problem) from None
        if variable is None:
            raise ComparisonError(f"layer {layer!r} has no weight {name!r}")
        return variable

    return found


def _policy(name: str) -> keras.DTypePolicy:
    try:
        policy = keras.dtype_policies.get(name)
    except ValueError as error:
        raise UsageError(f"dtype {name!r}: {error}") from error
    if "float" not in policy.compute_dtype:
        raise UsageError(f"dtype {name!r}: a net computes in a float type")
    probe = keras.ops.zeros((1, 1), dtype=policy.compute_dtype)
    given = keras.backend.standardize_dtype(keras.ops.matmul(probe, probe).dtype)
    if given != policy.compute_dtype:
        raise UsageError(
            f"dtype {name!r}: Keras on {keras.backend.backend()} computes in {given}; "
            f"pass dtype={given!r} (JAX has float64 where JAX_ENABLE_X64=1 is set)"
        )
    return policy


def _execute(
    call: Call,
    tensors: Mapping[str, keras.KerasTensor],
    layers: dict[str, keras.layers.Layer],
    policy: keras.DTypePolicy,
) -> keras.KerasTensor:
    if call.layer == "keras.Input":
        return keras.Input(**{"dtype": policy.compute_dtype, "name": call.name, **call.arguments})
    inputs = single([tensors[name] for name in call.inputs])
    if call.reuses is not None:
        back = {} if call.cotangent is None else {"cotangent": tensors[call.cotangent]}
        return layers[call.reuses](inputs, **back)
    if call.own is not None:
        layers[call.name], output = make(
            call.own, call.name, call.arguments, call.weights, policy.name, inputs
        )
        return output
    nets = {name: build_model(calls, f"{call.name}_{name}") for name, calls in call.nets.items()}
    layer = layers[call.name] = _layer_class(call.layer)(
        name=call.name, dtype=policy, **nets, **_with_data_format(call.layer, call.arguments)
    )
    # The nets have their weights already.
    own = {name: weight.value for name, weight in call.weights.items() if "/" not in name}
    with _initialized_with(own, layer):
        return layer(inputs)


def _layer_class(path: str) -> type[keras.layers.Layer]:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


def _with_data_format(path: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say channels last where the user's Keras configuration says otherwise."""
    if keras.config.image_data_format() == "channels_last":
        return arguments
    if "borrowed" in arguments:
        inner = arguments["layer"]
        path = f"{inner['module']}.{inner['class_name']}"
        return {**arguments, "layer": {**inner, "config": _with_data_format(path, inner["config"])}}
    if "data_format" in inspect.signature(_layer_class(path)).parameters:
        return {**arguments, "data_format": "channels_last"}
    return arguments


def single(items: list[keras.KerasTensor]) -> object:
    """Return the only item, or all of them, as Keras takes inputs and gives outputs."""
    return items[0] if len(items) == 1 else items


@contextmanager
def _initialized_with(weights: Mapping[str, Array], layer: keras.layers.Layer) -> Iterator[None]:
    """Let a layer's variables start as the given arrays, and keep its configuration as it is."""
    original = []
    for path, value in weights.items():
        inside, _, name = path.rpartition(".")
        owner = attrgetter(inside)(layer) if inside else layer
        attribute = INITIALIZERS.get(name, f"{name}_initializer")
        original.append((owner, attribute, getattr(owner, attribute)))
        setattr(owner, attribute, _Given(value))
    try:
        yield
    finally:
        for owner, attribute, initializer in original:
            setattr(owner, attribute, initializer)


class _Given(keras.initializers.Initializer):
    """An initializer that returns one array, and refuses any other shape."""

    def __init__(self, value: Array) -> None:
        self.value = value

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> object:
        if tuple(shape) != self.value.shape:
            raise UsageError(f"a weight of shape {self.value.shape} meets a variable of {shape}")
        return keras.ops.convert_to_tensor(self.value, dtype=dtype)

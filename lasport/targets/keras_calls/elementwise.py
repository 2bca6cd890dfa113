"""Layers that keep the shape of their input."""

from __future__ import annotations

from lasport.operations import (
    Activation,
    BatchNorm,
    NormalizeResponse,
    ParametricRectifier,
    Rescale,
    Scale,
    Shift,
    Standardize,
)
from lasport.targets.keras_calls.call import Context, Made, Mappings, Profile
from lasport.weights import InvStdToVariance, Reshape

__all__ = ["MAPPINGS", "stock_activation"]

# Keras' name of each function, where forward results are equal; gradients differ
# at 0 for the second group.
SMOOTH_ACTIVATIONS = {
    "exp": "exponential",
    "log_softmax": "log_softmax",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "softsign": "softsign",
    "tanh": "tanh",
}
STOCK_ACTIVATIONS = SMOOTH_ACTIVATIONS | {
    "softplus": "softplus",
    "rectify": "relu",
    "elu": "elu",
}
# lasagne.nonlinearities.selu; other instances of its class have no Keras name.
SELU = {"scale": 1.0507009873554804934, "scale_neg": 1.6732632423543772848}


def stock_activation(op: Activation, profile: Profile) -> str | None:
    """Return Keras' name of an activation, or None where the profile takes an own layer."""
    if op.function == "selu" and profile == "stock" and dict(op.constants) == SELU:
        return "selu"
    known = STOCK_ACTIVATIONS if profile == "stock" else SMOOTH_ACTIVATIONS
    return known.get(op.function)


def _activation(op: Activation, context: Context) -> list[Made]:
    function = stock_activation(op, context.profile)
    if function is not None:
        return [Made("keras.layers.Activation", {"activation": function})]
    # TensorFlow keeps the slope in float32, which float64 would notice.
    if op.function == "leaky_rectify" and context.profile == "stock" and context.dtype != "float64":
        return [Made("keras.layers.LeakyReLU", {"negative_slope": op.constants["leakiness"]})]
    arguments: dict[str, object] = {"function": op.function}
    if op.constants:
        arguments["constants"] = dict(op.constants)
    return [Made("lasport.keras_layers.Nonlinearity", arguments)]


def _batch_norm(op: BatchNorm, context: Context) -> list[Made]:
    kept = [axis for axis in range(context.rank) if axis not in op.axes]
    arguments: dict[str, object] = {}
    if op.gamma is None:
        arguments["scale"] = False
    if op.beta is None:
        arguments["center"] = False
    if context.synchronized:
        arguments["synchronized"] = True
    weights = {"gamma": op.gamma, "beta": op.beta, "moving_mean": op.mean}
    if context.inverted or context.profile == "exact" or len(kept) != 1 or kept == [0]:
        weights["moving_inv_std"] = op.inv_std
        arguments = {"axes": op.axes, "epsilon": op.epsilon, "alpha": op.alpha, **arguments}
        kind = "Invertible" if context.inverted else "InvStd"
        layer = f"lasport.keras_layers.{kind}BatchNormalization"
    else:
        weights["moving_variance"] = op.inv_std.then(InvStdToVariance(op.epsilon))
        axis = -1 if kept == [context.rank - 1] else kept[0]
        place: dict[str, object] = {} if axis == -1 else {"axis": axis}
        arguments = {**place, "momentum": 1 - op.alpha, "epsilon": op.epsilon, **arguments}
        layer = "keras.layers.BatchNormalization"
    return [Made(layer, arguments, {n: w for n, w in weights.items() if w is not None})]


def _shift(op: Shift, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"shared_axes": op.shared_axes}
    return [Made("lasport.keras_layers.Shift", arguments, dict(op.weights()))]


def _scale(op: Scale, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"shared_axes": op.shared_axes}
    kind = "InvertibleScale" if context.inverted else "Scale"
    return [Made(f"lasport.keras_layers.{kind}", arguments, dict(op.weights()))]


def _parametric_rectifier(op: ParametricRectifier, context: Context) -> list[Made]:
    if context.profile == "exact" or 0 not in op.shared_axes:
        arguments: dict[str, object] = {"shared_axes": op.shared_axes}
        return [Made("lasport.keras_layers.ParametricRectifier", arguments, op.weights())]
    # Keras takes the batch for shared, and keeps axes of size 1 for the others that are.
    shared = tuple(axis for axis in op.shared_axes if axis != 0)
    before = op.weight.value.shape
    sizes = iter(before)
    after = tuple(1 if axis in shared else next(sizes) for axis in range(1, context.rank))
    alpha = op.weight if after == before else op.weight.then(Reshape(before, after))
    return [Made("keras.layers.PReLU", {"shared_axes": shared} if shared else {}, {"alpha": alpha})]


def _rescale(op: Rescale, context: Context) -> list[Made]:
    return [Made("keras.layers.Rescaling", {"scale": op.factor})]


def _standardize(op: Standardize, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"axis": op.axes, "epsilon": op.epsilon}
    arguments |= {"center": False, "scale": False}
    return [Made("keras.layers.LayerNormalization", arguments)]


def _normalize_response(op: NormalizeResponse, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"size": op.size, "alpha": op.alpha, "k": op.k, "beta": op.beta}
    if op.axis != context.rank - 1:
        arguments["axis"] = op.axis
    return [Made("lasport.keras_layers.LocalResponseNormalization", arguments)]


MAPPINGS: Mappings = {
    Activation: _activation,
    BatchNorm: _batch_norm,
    NormalizeResponse: _normalize_response,
    ParametricRectifier: _parametric_rectifier,
    Rescale: _rescale,
    Scale: _scale,
    Shift: _shift,
    Standardize: _standardize,
}

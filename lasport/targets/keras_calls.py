"""From steps to Keras calls, as data.

Each step becomes one call or a few: a layer class, its arguments, its weights.
Nothing here imports Keras; executing the calls gives a model, printing them
gives a script. Which layers a call may name depends on the profile:

stock
    Layers that Keras ships, wherever they compute the same in inference and in
    the forward pass of training.
exact
    Own layers wherever stock ones part company in training: averages of
    inv_std, gradients of rectifiers at 0 and of maxima at ties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from lasport.errors import UsageError
from lasport.operations import (
    Activation,
    Autocrop,
    BatchNorm,
    Combine,
    Concat,
    Conv,
    Crop,
    Dense,
    Dropout,
    Flatten,
    GlobalReduce,
    Input,
    Operation,
    Pad,
    Pool,
    Rescale,
    Reshape,
    Scale,
    Shift,
    TransposeAxes,
)
from lasport.plan import Plan, Step
from lasport.spec import Shape
from lasport.weights import InvStdToVariance, Weight

__all__ = ["Call", "Calls", "Profile", "keras_calls"]

Profile = Literal["stock", "exact"]
PROFILES: tuple[Profile, ...] = ("stock", "exact")


@dataclass(frozen=True, eq=False)
class Call:
    """One Keras layer and what it is called on.

    Attributes
    ----------
    layer : str
        Path of the class, such as ``"keras.layers.Dense"``.
    name : str
        Unique within the model.
    arguments : mapping
        Keyword arguments, without ``name`` and ``dtype``; plain Python values.
    weights : mapping of str to Weight
        By the name of the layer's variable.
    inputs : tuple of str
        Names of the calls whose results it takes.
    """

    layer: str
    name: str
    inputs: tuple[str, ...]
    arguments: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, Weight] = field(default_factory=dict)


@dataclass(frozen=True)
class Calls:
    """All calls of a model, in the order they run.

    Attributes
    ----------
    dtype : str
        Float dtype or Keras dtype policy of all layers.
    results : mapping of int to str
        For each value of the plan, the call that computes it.
    """

    plan: Plan
    profile: Profile
    dtype: str
    calls: tuple[Call, ...]
    results: Mapping[int, str]


@dataclass(frozen=True)
class _Context:
    """What a mapping may look at besides the operation."""

    profile: Profile
    dtype: str
    input_shape: Shape  # physical, of the first input
    output_shape: Shape

    @property
    def rank(self) -> int:
        return len(self.input_shape)

    @property
    def spatial(self) -> int:
        return self.rank - 2


# A layer path, its arguments, its weights; several where a step takes several calls.
_Made = tuple[str, dict[str, object], dict[str, Weight]]


def keras_calls(plan: Plan, profile: Profile = "stock", dtype: str = "float32") -> Calls:
    """Map a lowered plan to Keras calls.

    Parameters
    ----------
    plan : Plan
        After the passes.
    profile : {"stock", "exact"}
        Which layers to prefer, see the module.
    dtype : str
        Float dtype or Keras dtype policy of all layers, such as "float32" or
        "mixed_float16".

    Returns
    -------
    Calls

    Raises
    ------
    UsageError
        For an unknown profile.
    """
    if profile not in PROFILES:
        raise UsageError(f"profile must be one of {', '.join(PROFILES)}, not {profile!r}")
    calls: list[Call] = []
    results: dict[int, str] = {}
    uses: dict[int, int] = {}
    for step in plan.steps:
        for value in step.inputs:
            uses[value.id] = uses.get(value.id, 0) + 1
    for step in plan.steps:
        activation = _fusable_activation(step, calls, results, uses, profile)
        if activation is not None:
            calls[-1] = replace(
                calls[-1], arguments={**calls[-1].arguments, "activation": activation}
            )
        else:
            inputs = [results[value.id] for value in step.inputs]
            calls.extend(_calls_of(step, inputs, profile, dtype))
        results[step.output.id] = calls[-1].name
    return Calls(plan, profile, dtype, tuple(calls), results)


def _fusable_activation(
    step: Step,
    calls: Sequence[Call],
    results: Mapping[int, str],
    uses: Mapping[int, int],
    profile: Profile,
) -> str | None:
    """Return the activation that the dense layer or convolution just called can take over.

    Only within one Lasagne layer, so that every layer of the net keeps a Keras
    layer that computes it.
    """
    if not isinstance(step.operation, Activation) or not calls:
        return None
    before = calls[-1]
    source = step.inputs[0].id
    fits = (
        before.layer.startswith(("keras.layers.Dense", "keras.layers.Conv"))
        and "activation" not in before.arguments
        and before.name == step.layer
        and results[source] == before.name
        and uses[source] == 1
    )
    return _stock_activation(step.operation, profile) if fits else None


def _calls_of(step: Step, inputs: list[str], profile: Profile, dtype: str) -> list[Call]:
    source = step.inputs[0] if step.inputs else step.output
    context = _Context(
        profile,
        dtype,
        source.layout.shape(source.shape),
        step.output.layout.shape(step.output.shape),
    )
    made = MAPPINGS[type(step.operation)](step.operation, context)
    calls: list[Call] = []
    for number, (layer, arguments, weights) in enumerate(made, 1):
        last = number == len(made)
        name = step.name if last else f"{step.name}_{layer.rpartition('.')[2].lower()}"
        calls.append(Call(layer, name, tuple(inputs), arguments, weights))
        inputs = [name]
    return calls


# --- one function per operation


def _input(op: Input, context: _Context) -> list[_Made]:
    batch, *shape = op.shape
    arguments: dict[str, object] = {"shape": tuple(shape)}
    if batch is not None:
        arguments["batch_size"] = batch
    if op.dtype is not None:
        arguments["dtype"] = op.dtype
    return [("keras.Input", arguments, {})]


def _transpose(op: TransposeAxes, context: _Context) -> list[_Made]:
    if op.axes[0] == 0:
        return [("keras.layers.Permute", {"dims": op.axes[1:]}, {})]
    return [("lasport.keras_layers.Permutation", {"axes": op.axes}, {})]


def _dense(op: Dense, context: _Context) -> list[_Made]:
    arguments: dict[str, object] = {"units": op.units}
    if op.bias is None:
        arguments["use_bias"] = False
    return [("keras.layers.Dense", arguments, dict(op.weights()))]


def _conv(op: Conv, context: _Context) -> list[_Made]:
    rank = len(op.kernel_size)
    arguments: dict[str, object] = {"filters": op.filters, "kernel_size": op.kernel_size}
    if any(stride != 1 for stride in op.strides):
        arguments["strides"] = op.strides
    made: list[_Made] = []
    halves = tuple((size // 2, size // 2) for size in op.kernel_size)
    odd = all(size % 2 for size in op.kernel_size)
    if any(map(any, op.padding)):
        # TensorFlow's own 'same' is symmetric only for odd filters at stride 1.
        if op.padding == halves and odd and all(stride == 1 for stride in op.strides):
            arguments["padding"] = "same"
        else:
            made.append(_zero_padding(op.padding))
    if op.groups != 1:
        arguments["groups"] = op.groups
    if op.bias is None:
        arguments["use_bias"] = False
    made.append((f"keras.layers.Conv{rank}D", arguments, dict(op.weights())))
    return made


def _zero_padding(widths: tuple[tuple[int, int], ...]) -> _Made:
    argument: object = widths[0] if len(widths) == 1 else widths
    return (f"keras.layers.ZeroPadding{len(widths)}D", {"padding": argument}, {})


def _pool(op: Pool, context: _Context) -> list[_Made]:
    exact = context.profile == "exact" and op.mode == "max"
    stock = {"max": "MaxPooling", "average_inc_pad": "AveragePooling"}
    stock["average_exc_pad"] = "AveragePooling"
    if op.complete and not any(op.padding) and not exact and op.mode in stock:
        arguments: dict[str, object] = {"pool_size": op.pool_size}
        if op.strides != op.pool_size:
            arguments["strides"] = op.strides
        return [(f"keras.layers.{stock[op.mode]}{len(op.pool_size)}D", arguments, {})]
    arguments = {
        "pool_size": op.pool_size,
        "strides": op.strides,
        "padding": op.padding,
        "mode": op.mode,
        "ignore_border": op.ignore_border,
    }
    return [("lasport.keras_layers.Pooling", arguments, {})]


def _global_reduce(op: GlobalReduce, context: _Context) -> list[_Made]:
    stock = {"mean": "Average"} | ({"max": "Max"} if context.profile == "stock" else {})
    if op.function in stock:
        layer = f"keras.layers.Global{stock[op.function]}Pooling{context.spatial}D"
        return [(layer, {}, {})]
    return [("lasport.keras_layers.GlobalReduce", {"function": op.function}, {})]


# Keras' name of each function, where forward results are equal; gradients differ
# at 0 for the second group.
SMOOTH_ACTIVATIONS = {"sigmoid": "sigmoid", "softmax": "softmax", "tanh": "tanh"}
STOCK_ACTIVATIONS = SMOOTH_ACTIVATIONS | {
    "softplus": "softplus",
    "rectify": "relu",
    "elu": "elu",
}

# lasagne.nonlinearities.selu; other instances of its class have no Keras name.
SELU = {"scale": 1.0507009873554804934, "scale_neg": 1.6732632423543772848}


def _stock_activation(op: Activation, profile: Profile) -> str | None:
    if op.function == "selu" and profile == "stock" and dict(op.constants) == SELU:
        return "selu"
    known = STOCK_ACTIVATIONS if profile == "stock" else SMOOTH_ACTIVATIONS
    return known.get(op.function)


def _activation(op: Activation, context: _Context) -> list[_Made]:
    function = _stock_activation(op, context.profile)
    if function is not None:
        return [("keras.layers.Activation", {"activation": function}, {})]
    # TensorFlow keeps the slope in float32, which float64 would notice.
    if op.function == "leaky_rectify" and context.profile == "stock" and context.dtype != "float64":
        arguments: dict[str, object] = {"negative_slope": op.constants["leakiness"]}
        return [("keras.layers.LeakyReLU", arguments, {})]
    arguments = {"function": op.function}
    if op.constants:
        arguments["constants"] = dict(op.constants)
    return [("lasport.keras_layers.Nonlinearity", arguments, {})]


def _dropout(op: Dropout, context: _Context) -> list[_Made]:
    if not op.rescale:
        arguments: dict[str, object] = {"rate": op.rate}
        if op.shared_axes:
            arguments["shared_axes"] = op.shared_axes
        return [("lasport.keras_layers.UnscaledDropout", arguments, {})]
    arguments = {"rate": op.rate}
    if op.shared_axes:
        shape = tuple(1 if axis in op.shared_axes else None for axis in range(context.rank))
        arguments["noise_shape"] = shape
    return [("keras.layers.Dropout", arguments, {})]


def _batch_norm(op: BatchNorm, context: _Context) -> list[_Made]:
    kept = [axis for axis in range(context.rank) if axis not in op.axes]
    arguments: dict[str, object] = {}
    if op.gamma is None:
        arguments["scale"] = False
    if op.beta is None:
        arguments["center"] = False
    weights = {"gamma": op.gamma, "beta": op.beta, "moving_mean": op.mean}
    if context.profile == "exact" or len(kept) != 1 or kept == [0]:
        weights["moving_inv_std"] = op.inv_std
        arguments = {
            "axes": op.axes,
            "epsilon": op.epsilon,
            "alpha": op.alpha,
            **arguments,
        }
        layer = "lasport.keras_layers.InvStdBatchNormalization"
    else:
        weights["moving_variance"] = op.inv_std.then(InvStdToVariance(op.epsilon))
        axis = -1 if kept == [context.rank - 1] else kept[0]
        place: dict[str, object] = {} if axis == -1 else {"axis": axis}
        arguments = {**place, "momentum": 1 - op.alpha, "epsilon": op.epsilon, **arguments}
        layer = "keras.layers.BatchNormalization"
    return [(layer, arguments, {n: w for n, w in weights.items() if w is not None})]


def _shift(op: Shift, context: _Context) -> list[_Made]:
    arguments: dict[str, object] = {"shared_axes": op.shared_axes}
    return [("lasport.keras_layers.Shift", arguments, dict(op.weights()))]


def _scale(op: Scale, context: _Context) -> list[_Made]:
    arguments: dict[str, object] = {"shared_axes": op.shared_axes}
    return [("lasport.keras_layers.Scale", arguments, dict(op.weights()))]


def _rescale(op: Rescale, context: _Context) -> list[_Made]:
    return [("keras.layers.Rescaling", {"scale": op.factor}, {})]


def _flatten(op: Flatten, context: _Context) -> list[_Made]:
    if op.ndim == 2:
        return [("keras.layers.Flatten", {}, {})]
    if op.ndim > 2 and context.output_shape[-1] is not None:
        kept = context.output_shape[1:-1]
        if all(size is not None for size in kept):
            target: object = context.output_shape[1:]
            return [("keras.layers.Reshape", {"target_shape": target}, {})]
    full = (*(("input", axis) for axis in range(op.ndim - 1)), -1)
    return [("lasport.keras_layers.FullReshape", {"target": full}, {})]


def _reshape(op: Reshape, context: _Context) -> list[_Made]:
    rest = context.output_shape[1:]
    if op.keeps_batch and sum(size is None for size in rest) <= 1:
        target = tuple(-1 if size is None else size for size in rest)
        return [("keras.layers.Reshape", {"target_shape": target}, {})]
    full = tuple(("input", e[0]) if isinstance(e, tuple) else e for e in op.target)
    if op.keeps_batch:
        full = (("input", 0), *full[1:])
    return [("lasport.keras_layers.FullReshape", {"target": full}, {})]


def _pad(op: Pad, context: _Context) -> list[_Made]:
    space = op.widths[1:-1]
    edges = (op.widths[0], op.widths[-1])
    if op.value == 0 and edges == ((0, 0), (0, 0)) and len(space) in (1, 2, 3):
        return [_zero_padding(space)]
    arguments: dict[str, object] = {"widths": op.widths, "value": op.value}
    return [("lasport.keras_layers.ConstantPad", arguments, {})]


def _concat(op: Concat, context: _Context) -> list[_Made]:
    if op.axis == context.rank - 1:
        return [("keras.layers.Concatenate", {}, {})]
    return [("keras.layers.Concatenate", {"axis": op.axis}, {})]


def _crop(op: Crop, context: _Context) -> list[_Made]:
    argument: object = op.cuts[0] if len(op.cuts) == 1 else op.cuts
    return [(f"keras.layers.Cropping{len(op.cuts)}D", {"cropping": argument}, {})]


def _autocrop(op: Autocrop, context: _Context) -> list[_Made]:
    arguments: dict[str, object] = {"modes": op.modes, "index": op.index}
    return [("lasport.keras_layers.Autocrop", arguments, {})]


STOCK_MERGES = {"add": "Add", "multiply": "Multiply", "maximum": "Maximum", "minimum": "Minimum"}


def _combine(op: Combine, context: _Context) -> list[_Made]:
    if op.function in STOCK_MERGES:
        return [(f"keras.layers.{STOCK_MERGES[op.function]}", {}, {})]
    return [("lasport.keras_layers.Combine", {"function": op.function}, {})]


MAPPINGS: Mapping[type[Operation], Callable[..., list[_Made]]] = {
    Activation: _activation,
    Autocrop: _autocrop,
    BatchNorm: _batch_norm,
    Combine: _combine,
    Concat: _concat,
    Conv: _conv,
    Crop: _crop,
    Dense: _dense,
    Dropout: _dropout,
    Flatten: _flatten,
    GlobalReduce: _global_reduce,
    Input: _input,
    Pad: _pad,
    Pool: _pool,
    Rescale: _rescale,
    Reshape: _reshape,
    Scale: _scale,
    Shift: _shift,
    TransposeAxes: _transpose,
}

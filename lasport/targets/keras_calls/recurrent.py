"""Loops over time."""

from __future__ import annotations

from collections.abc import Mapping

from lasport.operations import (
    GRU,
    LSTM,
    Activation,
    DenseLoop,
    GatedRecurrence,
    NetLoop,
    Recurrence,
)
from lasport.targets.keras_calls.call import Context, Made, Mappings
from lasport.targets.keras_calls.elementwise import stock_activation

__all__ = ["MAPPINGS"]


def _lstm(op: LSTM, context: Context) -> list[Made]:
    names = {gate: stock_activation(f, context.profile) for gate, f in op.functions.items()}
    inner = {names[gate] for gate in ("input", "forget", "output")}
    outer = {names[gate] for gate in ("candidate", "hidden")}
    if _is_stock(op, context) and op.peepholes is None and len(inner) == len(outer) == 1:
        names = {"activation": outer.pop(), "recurrent_activation": inner.pop()}
        if None not in names.values():
            # What Keras adds to the forget gate's bias by itself is in the parameter already.
            return [_stock("LSTM", op, {**names, "unit_forget_bias": False})]
    return [_own("LSTMRecurrence", op, {} if op.peepholes is not None else {"peepholes": False})]


def _gru(op: GRU, context: Context) -> list[Made]:
    # Keras' GRU with reset_after has a second bias, which training would move.
    arguments = {} if op.clips_features or not op.loop.clipping else {"clip_features": False}
    return [_own("GRURecurrence", op, arguments)]


def _dense_loop(op: DenseLoop, context: Context) -> list[Made]:
    activation = stock_activation(op.functions["hidden"], context.profile)
    if _is_stock(op, context) and activation is not None:
        return [_stock("SimpleRNN", op, {"activation": activation})]
    return [_own("DenseRecurrence", op, {})]


def _is_stock(op: GatedRecurrence, context: Context) -> bool:
    """Whether Keras' own layers go through a sequence as the operation does.

    They start at zero, leave what they computed backwards reversed, and clip nothing; all their
    weights are trained, or none.
    """
    trained = {weight.trainable for weight in (op.kernel, op.recurrent_kernel, op.bias) if weight}
    starts = all(
        not weight.trainable and not weight.value.any() for weight in op.loop.initial.values()
    )
    return (
        context.rank == 3
        and not op.loop.given
        and starts
        and (op.loop.only_final or not op.loop.backwards)
        and not op.loop.clipping
        and op.loop.gradient_steps is None
        and len(trained) == 1
    )


def _stock(layer: str, op: GatedRecurrence, arguments: Mapping[str, object]) -> Made:
    loop: dict[str, object] = {}
    if not op.loop.only_final:
        loop["return_sequences"] = True
    if op.loop.backwards:
        loop["go_backwards"] = True
    if op.loop.unroll:
        loop["unroll"] = True
    if op.bias is None:
        loop["use_bias"] = False
    weights = {
        f"cell.{name}": weight
        for name, weight in op.weights().items()
        if not name.startswith("initial_")
    }
    return Made(
        f"keras.layers.{layer}",
        {"units": op.units, **arguments, **loop},
        weights,
        tuple(op.loop.initial.values()),
    )


# What own layers take without being told.
DEFAULTS = {
    "LSTMRecurrence": {
        "input": "sigmoid",
        "forget": "sigmoid",
        "candidate": "tanh",
        "output": "sigmoid",
        "hidden": "tanh",
    },
    "GRURecurrence": {"reset": "sigmoid", "update": "sigmoid", "candidate": "tanh"},
    "DenseRecurrence": {"hidden": "rectify"},
}


def _own(layer: str, op: GatedRecurrence, arguments: Mapping[str, object]) -> Made:
    functions = {
        gate: _function(activation)
        for gate, activation in op.functions.items()
        if _function(activation) != DEFAULTS[layer][gate]
    }
    if functions:
        arguments = {**arguments, "functions": functions}
    if op.bias is None:
        arguments = {**arguments, "use_bias": False}
    path = f"lasport.keras_layers.{layer}"
    return Made(path, {"units": op.units, **arguments, **_loop(op)}, op.weights())


def _net_loop(op: NetLoop, context: Context) -> list[Made]:
    arguments: dict[str, object] = {}
    function = _function(op.function)
    if function != "rectify":
        arguments["function"] = function
    if not op.in_advance:
        arguments["in_advance"] = False
    layer = "lasport.keras_layers.CustomRecurrence"
    return [Made(layer, {**arguments, **_loop(op)}, op.weights())]


def _loop(op: Recurrence) -> dict[str, object]:
    """Return the arguments that all own layers have in common, where they are not the defaults."""
    frozen = [name for name, weight in op.weights().items() if not weight.trainable]
    loop: dict[str, object] = {
        "given": list(op.loop.given),
        "backwards": op.loop.backwards,
        "gradient_clipping": op.loop.clipping,
        "unroll": op.loop.unroll,
        "frozen": [] if op.frozen else frozen,
    }
    loop = {name: value for name, value in loop.items() if value}
    if op.loop.only_final:
        loop["return_sequences"] = False
    if op.loop.gradient_steps is not None:
        loop["gradient_steps"] = op.loop.gradient_steps
    return loop


def _function(activation: Activation) -> object:
    constants = dict(activation.constants)
    return [activation.function, constants] if constants else activation.function


MAPPINGS: Mappings = {
    DenseLoop: _dense_loop,
    GRU: _gru,
    LSTM: _lstm,
    NetLoop: _net_loop,
}

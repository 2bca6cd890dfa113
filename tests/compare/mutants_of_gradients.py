"""Ports that compute all that they should, and would be trained otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lasport.targets.keras_calls import Call
from tests.compare.edits import Edit, arguments, behind, each
from tests.compare.mutant import D, Mutant, R, T, foreign

WRONG = "tests.compare.wrong_gradients"
INPUT = "inference/input-grads"


def own(name: str) -> Edit:
    """Take the layer of the same name and a wrong gradient."""

    def change(call: Call) -> Call:
        return replace(call, layer=f"{WRONG}.{call.layer.rpartition('.')[2]}")

    return each(name, change)


def backward(net: str, layer: str, change: str, at: str) -> Mutant:
    """Let something get a gradient wrong behind a layer, so that nobody knows the layers."""
    return foreign(net, f"{INPUT}/{at}", behind(layer, f"{WRONG}.Backward", change=change))


def trainable(layer: str, variable: str | None, *, flag: bool) -> Callable[[Any], Any]:
    """Return a function that freezes or thaws a layer, or one of its variables."""

    def remake(model: Any) -> Any:
        owner = model.get_layer(layer)
        target = owner if variable is None else getattr(owner, variable)
        assert target.trainable is not flag
        target.trainable = flag
        return model

    return remake


GRADIENTS = {
    "a dense kernel behind stop_gradient": Mutant(D, "inference/grads/prob.W", own("prob")),
    "half of a convolution's gradient": Mutant(D, "inference/grads/conv1_bn.gamma", own("conv2")),
    "batch statistics taken for constants": Mutant(D, "training/grads/conv3.W", own("conv3_bn")),
    "a rectifier with gradient 1 everywhere": Mutant(
        D, "inference/grads/conv1_bn.gamma", own("conv1_bn_nonlin")
    ),
    "tanh with gradient 1 everywhere": Mutant(
        D, "inference/grads/hidden_bn.gamma", own("hidden_bn_nonlin")
    ),
    "a frozen layer": Mutant(
        D, "inference/grads/conv3.W", remake=trainable("conv3", None, flag=False)
    ),
    "a frozen bias": Mutant(
        D, "inference/grads/prob.b", remake=trainable("prob", "bias", flag=False)
    ),
    "a frozen scale": Mutant(
        D, "inference/grads/conv2_bn.gamma", remake=trainable("conv2_bn", "gamma", flag=False)
    ),
    "gradients stopped": backward(D, "conv2", "stopped", "input"),
    "gradients doubled": backward(D, "conv2", "doubled", "input"),
    "gradients reversed": backward(R, "a", "reversed", "input"),
    "gradients clipped": backward(D, "conv3", "clipped", "input"),
    "gradients rounded to half precision": backward(
        D, "hidden", "rounded to half precision", "input"
    ),
    "gradients rounded to single precision": backward(
        D, "hidden", "rounded to single precision", "input"
    ),
    "gradients averaged": backward(R, "a", "averaged", "input"),
    "gradient of one channel lost": backward(T, "gate", "without the last channel", "vector"),
    "gradients off by a millionth": backward(D, "prob", "off by a millionth", "input"),
    "clipping left out": Mutant(
        "lstm_clipped",
        "inference/grads/layer.W_cell_to_outgate",
        arguments("layer", gradient_clipping=0.0),
    ),
    "clipping wider": Mutant(
        "gru_clipped",
        "inference/grads/layer.b_hidden_update",
        arguments("layer", gradient_clipping=1.0),
    ),
    "truncation left out": Mutant(
        "recurrent_steps_3_backwards",
        "inference/grads/layer.b",
        arguments("layer", gradient_steps=None),
    ),
    "truncated a step later": Mutant(
        "lstm_steps_2_learned",
        "inference/grads/layer.b_outgate",
        arguments("layer", gradient_steps=3),
    ),
}

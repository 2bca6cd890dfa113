"""Ports whose geometry, functions or wiring is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.compare.edits import arguments, become, behind, fed_by, renamed
from tests.compare.mutant import INFER, OUT, A, D, F, Mutant, P, R, T, V, foreign


def patched(layer: str) -> Callable[[Any], Any]:
    """Return a function that replaces a method of one layer object, which no copy takes over."""

    def remake(model: Any) -> Any:
        one = model.get_layer(layer)
        original = one.call
        one.call = lambda x: original(x) * 1.001
        return model

    return remake


GEOMETRY = {
    "TensorFlow's 'same' at stride 2": Mutant(
        R,
        f"{INFER}/a",
        lambda calls: arguments("a_zeropadding2d", padding=0)(
            arguments("a", padding="same")(calls)
        ),
    ),
    "pad shifted": Mutant(R, f"{INFER}/a", arguments("a_zeropadding2d", padding=((2, 0), (1, 1)))),
    "pad shifted the other way": Mutant(
        D, f"{INFER}/conv2", arguments("conv2_zeropadding2d", padding=((0, 2), (0, 0)))
    ),
    "pad on the other sides": Mutant(
        F, f"{INFER}/pad", arguments("pad", widths=((0, 0), (0, 0), (0, 1), (2, 0)))
    ),
    "pad of another value": Mutant(F, f"{INFER}/pad", arguments("pad", value=1e-3)),
    "kernel dilated": foreign(
        R,
        f"{OUT}/pooled",
        lambda calls: renamed(arguments("b", dilation_rate=2)(calls)),
    ),
    "pool: average in place of max": Mutant(
        P, f"{INFER}/pool", arguments("pool", mode="average_inc_pad")
    ),
    "pool: average in place of max, stock": foreign(
        V, f"{OUT}/prob", become("pool1", "keras.layers.AveragePooling2D", pool_size=2)
    ),
    "pool: max in place of average": foreign(
        F, f"{OUT}/prob", become("mean", "keras.layers.MaxPooling2D", pool_size=2, strides=1)
    ),
    "pool: sum in place of average": Mutant(
        "pool2d_inc_pad", f"{INFER}/layer", arguments("layer", mode="sum")
    ),
    "pool: pads counted": Mutant(
        "pool2d_exc_pad", f"{INFER}/layer", arguments("layer", mode="average_inc_pad")
    ),
    "pool: pads not counted": Mutant(
        "pool2d_inc_pad", f"{INFER}/layer", arguments("layer", mode="average_exc_pad")
    ),
    "pool: floor in place of ceil": Mutant(
        "pool2d_sum_ceil", f"{INFER}/layer", arguments("layer", ignore_border=True)
    ),
    "pool: 'same' in place of its pad": foreign(
        P,
        f"{OUT}/flat",
        become("pool", "keras.layers.AveragePooling2D", pool_size=3, strides=1, padding="same"),
    ),
    "global pool: max in place of mean": foreign(
        R, f"{OUT}/pooled", become("pooled", "keras.layers.GlobalMaxPooling2D")
    ),
}

FUNCTIONS = {
    "rectifier missing": Mutant(
        D, f"{INFER}/conv1_bn_nonlin", arguments("conv1_bn_nonlin", activation="linear")
    ),
    "leakiness off by 1 %": Mutant(
        D,
        f"{INFER}/conv2_bn_nonlin",
        arguments("conv2_bn_nonlin", constants={"leakiness": 0.0101}),
    ),
    "leakiness of Keras": foreign(
        D,
        f"{OUT}/prob",
        become("conv2_bn_nonlin", "keras.layers.LeakyReLU", negative_slope=0.3),
    ),
    "elu's alpha off by 1 %": foreign(
        D,
        f"{OUT}/prob",
        become(
            "conv3_bn_nonlin",
            "lasport.keras_layers.Nonlinearity",
            function="selu",
            constants={"scale": 1.0, "scale_neg": 1.01},
        ),
    ),
    "selu for elu": Mutant(
        D, f"{INFER}/conv3_bn_nonlin", arguments("conv3_bn_nonlin", activation="selu")
    ),
    "sigmoid for tanh": Mutant(
        D, f"{INFER}/hidden_bn_nonlin", arguments("hidden_bn_nonlin", activation="sigmoid")
    ),
    "hard sigmoid for sigmoid": Mutant(
        T, f"{INFER}/gate", arguments("gate", activation="hard_sigmoid")
    ),
    "tanh's scales exchanged": Mutant(
        A,
        f"{INFER}/code",
        arguments("code_nonlinearity", constants={"scale_in": 2.4, "scale_out": 0.5}),
    ),
    "softmax missing": Mutant(D, f"{INFER}/prob", arguments("prob", activation="linear")),
    "softmax twice": foreign(D, f"{OUT}/prob", behind("prob", "keras.layers.Softmax")),
    "softmax over the batch": foreign(
        D,
        f"{OUT}/prob",
        lambda calls: behind("prob", "keras.layers.Softmax", axis=0)(
            arguments("prob", activation="linear")(calls)
        ),
    ),
}

WIRING = {
    "residual sum turned maximum": foreign(D, f"{OUT}/prob", become("sum", "keras.layers.Maximum")),
    "residual branch left out": Mutant(
        D, f"{INFER}/sum", fed_by("sum", "conv3_bn_nonlin", "conv3_bn_nonlin")
    ),
    "shortcut taken before the pool's input": Mutant(
        D, f"{INFER}/sum", fed_by("sum", "conv3_bn_nonlin", "conv3_bn")
    ),
    "product turned sum": foreign(T, f"{OUT}/refined", become("gated", "keras.layers.Add")),
    "concatenated in another order": Mutant(T, f"{INFER}/merged", fed_by("merged", "vector", "bn")),
    "three branches in another order": Mutant(
        P, f"{INFER}/concat", fed_by("concat", "3x3", "1x1", "pool_proj_nonlinearity")
    ),
    "outputs exchanged": Mutant(
        T, f"{OUT}/refined", remake=lambda model: type(model)(model.inputs, model.outputs[::-1])
    ),
    "a layer object that computes otherwise": Mutant(
        D, "inference/model/prob", remake=patched("conv3_bn_nonlin")
    ),
}

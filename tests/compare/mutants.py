"""Ports with one mistake each, as people make them when they port by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lasport.targets.keras_calls import Call
from lasport.weights import Rows
from tests.compare.edits import (
    Edit,
    arguments,
    become,
    behind,
    conversions,
    fed_by,
    nudged,
    renamed,
    unchanged,
    weights,
)

__all__ = ["MUTANTS", "Mutant"]


@dataclass(frozen=True)
class Mutant:
    """A mistake, and the subject (or a part of the problem) that must be reported first.

    ``at`` names the layer with the mistake wherever the model still shows
    lasport's layers, and otherwise an output.
    """

    net: str
    at: str
    edit: Edit = unchanged
    profile: str = "stock"
    outputs_only: bool = False
    remake: Callable[[Any], Any] | None = None


def foreign(net: str, at: str, edit: Edit = unchanged, **options: Any) -> Mutant:
    """Return a mutant whose layers are not lasport's any more."""
    return Mutant(net, at, edit, outputs_only=True, **options)


def exact(net: str, at: str, edit: Edit) -> Mutant:
    """Return a mutant of the exact profile."""
    return Mutant(net, at, edit, profile="exact")


def called(layer: str, *, training: bool) -> Callable[[Any], Any]:
    """Return a function that copies a model with one layer's training flag fixed."""

    def remake(model: Any) -> Any:
        import keras

        def call(one: Any, *args: Any, **kwargs: Any) -> Any:
            fixed = {"training": training} if one.name == layer else {}
            return one(*args, **{**kwargs, **fixed})

        copy = keras.models.clone_model(model, call_function=call)
        copy.set_weights(model.get_weights())
        return copy

    return remake


def patched(layer: str) -> Callable[[Any], Any]:
    """Return a function that replaces a method of one layer object, which no copy takes over."""

    def remake(model: Any) -> Any:
        one = model.get_layer(layer)
        original = one.call
        one.call = lambda x: original(x) * 1.001
        return model

    return remake


def one_flipped(kernel: Any) -> Any:
    flipped = kernel.copy()
    flipped[..., 0] = kernel[::-1, ::-1, :, 0]
    return flipped


def half(array: Any) -> Any:
    return array.astype(np.float16).astype(array.dtype)


def one_unit_off(array: Any) -> Any:
    changed = array.copy()
    changed.flat[5] = np.nextafter(array.flat[5], np.float32(9))
    return changed


def rectified_before(calls: list[Call]) -> list[Call]:
    """Let normalization come behind the rectifier in place of before it."""
    swapped = {"conv1_bn_nonlin": ("conv1",), "conv1_bn": ("conv1_bn_nonlin",)}
    swapped["conv2_zeropadding2d"] = ("conv1_bn",)
    edited = [replace(call, inputs=swapped.get(call.name, call.inputs)) for call in calls]
    names = [call.name for call in edited]
    here, there = names.index("conv1_bn"), names.index("conv1_bn_nonlin")
    edited[here], edited[there] = edited[there], edited[here]
    return edited


# The nets: convolutions of all kinds, normalization, residual sums, dropout, dense layers.
D, R, V, P = "net_digits", "net_residual_block", "net_vgg_block", "net_inception"
N, F, A = "net_dropout_before_batchnorm", "net_fully_convolutional", "net_autoencoder"
T, S = "net_two_inputs_two_outputs", "net_digits_float32"
INFER, TRAIN, AFTER = "inference/layers", "training/layers", "training/params/1"
OUT = "inference/outputs"

FILTERS = {
    "one filter flipped": Mutant(D, f"{INFER}/conv1", weights("conv1", kernel=one_flipped)),
    "filters flipped": Mutant(
        D, f"{INFER}/conv1", weights("conv1", kernel=lambda k: k[::-1, ::-1])
    ),
    "filters flipped along rows only": Mutant(
        D, f"{INFER}/conv3", weights("conv3", kernel=lambda k: k[::-1])
    ),
    "correlation flipped": Mutant(
        D, f"{INFER}/conv2", weights("conv2", kernel=lambda k: k[::-1, ::-1])
    ),
    "second correlation flipped": Mutant(
        V, f"{INFER}/conv1_2", weights("conv1_2", kernel=lambda k: k[::-1, ::-1])
    ),
    "square filters transposed": Mutant(
        D, f"{INFER}/conv1", weights("conv1", kernel=lambda k: k.swapaxes(0, 1))
    ),
    "channel axes of a kernel swapped": Mutant(
        D, f"{INFER}/conv3", weights("conv3", kernel=lambda k: k.swapaxes(2, 3))
    ),
    "output channels permuted": Mutant(
        D, f"{INFER}/conv1", weights("conv1", kernel=lambda k: k[..., ::-1])
    ),
    "input channels permuted": Mutant(
        D, f"{INFER}/conv2", weights("conv2", kernel=lambda k: k[:, :, ::-1])
    ),
    "channels of a projection permuted": Mutant(
        R, f"{INFER}/projection", weights("projection", kernel=lambda k: k[:, :, ::-1])
    ),
    "kernel reshaped in place of transposed": Mutant(
        D,
        f"{INFER}/conv2",
        weights("conv2", kernel=lambda k: k.transpose(3, 2, 0, 1).reshape(k.shape)),
    ),
}

DENSE = {
    "rows in channels-first order": Mutant(D, f"{INFER}/hidden", conversions("hidden", drop=Rows)),
    "rows in channels-first order, 2": Mutant(
        N, f"{INFER}/hidden", conversions("hidden", drop=Rows)
    ),
    "image flattened channels last": foreign(P, f"{OUT}/flat", fed_by("flat", "concat")),
    "rows reversed": Mutant(T, f"{INFER}/gate", weights("gate", kernel=lambda k: k[::-1])),
    "kernel reshaped to its transpose": Mutant(
        D, f"{INFER}/prob", weights("prob", kernel=lambda k: k.T.reshape(k.shape))
    ),
    "bias dropped": Mutant(D, f"{INFER}/prob", weights("prob", bias=np.zeros_like)),
    "one bias off by 1e-6": Mutant(D, f"{INFER}/prob", weights("prob", bias=nudged(3, 1e-6))),
    "bias dropped from a merged branch": Mutant(
        T, f"{INFER}/gate", weights("gate", bias=np.zeros_like)
    ),
}

NORMALIZATION = {
    "epsilon of Keras": Mutant(D, f"{INFER}/conv1_bn", arguments("conv1_bn", epsilon=1e-3)),
    "epsilon of Lasagne where it was another": Mutant(
        D, f"{INFER}/conv2_bn", arguments("conv2_bn", epsilon=1e-4)
    ),
    "epsilon of 1e-5 ten times as large": Mutant(
        R, f"{INFER}/b_bn", arguments("b_bn", epsilon=1e-4)
    ),
    "epsilon off by 1 %": Mutant(D, f"{INFER}/conv3_bn", arguments("conv3_bn", epsilon=1.01e-4)),
    "another epsilon, made up for in the variance": Mutant(
        D,
        f"{TRAIN}/conv1_bn",
        lambda calls: weights("conv1_bn", moving_variance=lambda v: v + 1e-4 - 1e-3)(
            arguments("conv1_bn", epsilon=1e-3)(calls)
        ),
    ),
    "momentum = alpha": Mutant(D, f"{AFTER}/conv1_bn.mean", arguments("conv1_bn", momentum=0.1)),
    "momentum = alpha, seen by outputs only": foreign(
        D,
        "training/outputs-after/1/prob",
        lambda calls: renamed(arguments("conv1_bn", momentum=0.1)(calls)),
    ),
    "alpha 0.11": Mutant(D, f"{AFTER}/conv1_bn.mean", arguments("conv1_bn", momentum=0.89)),
    "alpha 0.05 taken for 0.1": Mutant(
        D, f"{AFTER}/conv2_bn.mean", arguments("conv2_bn", momentum=0.9)
    ),
    "momentum of Keras": Mutant(R, f"{AFTER}/a_bn.mean", arguments("a_bn", momentum=0.99)),
    "averages never updated": Mutant(
        D, f"{AFTER}/conv3_bn.mean", arguments("conv3_bn", momentum=1.0)
    ),
    "averages never updated, seen by outputs only": foreign(
        R,
        "training/outputs-after/1/pooled",
        lambda calls: renamed(arguments("projection_bn", momentum=1.0)(calls)),
    ),
    "not trainable": Mutant(D, f"{TRAIN}/conv1_bn", arguments("conv1_bn", trainable=False)),
    "called in training mode": Mutant(
        D, "inference/model/prob", remake=called("conv2_bn", training=True)
    ),
    "inv_std taken for the variance": Mutant(
        D, f"{INFER}/conv1_bn", weights("conv1_bn", moving_variance=lambda v: (v + 1e-4) ** -0.5)
    ),
    "standard deviation taken for the variance": Mutant(
        D, f"{INFER}/conv1_bn", weights("conv1_bn", moving_variance=lambda v: (v + 1e-4) ** 0.5)
    ),
    "epsilon not subtracted": Mutant(
        D, f"{INFER}/conv1_bn", weights("conv1_bn", moving_variance=lambda v: v + 1e-4)
    ),
    "gamma and beta exchanged": Mutant(
        D, f"{INFER}/conv1_bn", weights("conv1_bn", gamma="beta", beta="gamma")
    ),
    "mean and variance exchanged": Mutant(
        N,
        f"{INFER}/conv_bn",
        weights("conv_bn", moving_mean="moving_variance", moving_variance="moving_mean"),
    ),
    "gamma left at one": Mutant(
        A, f"{INFER}/decoder_bn", weights("decoder_bn", gamma=np.ones_like)
    ),
    "beta left at zero": Mutant(T, f"{INFER}/bn", weights("bn", beta=np.zeros_like)),
    "mean left at zero": Mutant(F, f"{INFER}/bn", weights("bn", moving_mean=np.zeros_like)),
    "channels of one parameter permuted": Mutant(
        D, f"{INFER}/conv2_bn", weights("conv2_bn", beta=lambda b: b[::-1])
    ),
    "behind the rectifier": Mutant(D, f"{INFER}/conv1_bn", rectified_before),
    "own layer: alpha for 1 - alpha": exact(
        D, f"{AFTER}/conv1_bn.mean", arguments("conv1_bn", alpha=0.9)
    ),
    "own layer: epsilon": exact(D, f"{TRAIN}/conv1_bn", arguments("conv1_bn", epsilon=1e-3)),
    "own layer: averages never updated": exact(
        D, f"{AFTER}/hidden_bn.mean", arguments("hidden_bn", alpha=0.0)
    ),
    "own layer: variance for inv_std": exact(
        D, f"{INFER}/conv3_bn", weights("conv3_bn", moving_inv_std=lambda v: v**-2)
    ),
    "own layer: not trainable": exact(
        D, f"{TRAIN}/hidden_bn", arguments("hidden_bn", trainable=False)
    ),
}

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

DROPOUT = {
    "rate off": Mutant(D, f"{TRAIN}/drop", arguments("drop", rate=0.3)),
    "what is kept for what is dropped": Mutant(D, f"{TRAIN}/drop", arguments("drop", rate=0.75)),
    "not rescaled": foreign(
        D,
        "training/outputs/prob",
        become("drop", "lasport.keras_layers.UnscaledDropout", rate=0.25),
    ),
    "rescaled though it should not": foreign(
        N, "training/outputs/out", become("drop", "keras.layers.Dropout", rate=0.5)
    ),
    "rate off where nothing is rescaled": Mutant(
        N, "drop drops 0.4 of it, the net 0.5", arguments("drop", rate=0.4)
    ),
    "missing": foreign(
        D,
        "the model in no layer",
        become("drop", "keras.layers.Activation", activation="linear"),
    ),
    "channels dropped pixel by pixel": Mutant(
        N, "dropout_2 draws a mask of", arguments("dropout_2", noise_shape=None)
    ),
    "pixels dropped in place of channels": Mutant(
        N,
        "dropout_2 draws a mask of",
        arguments("dropout_2", noise_shape=(None, None, None, 1)),
    ),
    "active in inference mode": Mutant(
        D, "inference/model/prob", remake=called("drop", training=True)
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

ROUNDING = {
    "one weight off by 1e-5": Mutant(D, f"{INFER}/conv3", weights("conv3", kernel=nudged(7, 1e-5))),
    "one weight off by 1e-8": Mutant(D, f"{INFER}/conv3", weights("conv3", kernel=nudged(7, 1e-8))),
    "weights scaled by 1 + 1e-7": Mutant(
        D, f"{INFER}/conv1", weights("conv1", kernel=lambda k: k * (1 + 1e-7))
    ),
    "output scaled by 1 + 1e-7": foreign(
        D, f"{OUT}/prob", behind("conv1", "keras.layers.Rescaling", scale=1 + 1e-7)
    ),
    "weights rounded to half precision": Mutant(
        D, f"{INFER}/hidden", weights("hidden", kernel=half)
    ),
    "variance rounded to float32": Mutant(
        D,
        f"{INFER}/conv1_bn",
        weights("conv1_bn", moving_variance=lambda v: v.astype(np.float32).astype(v.dtype)),
    ),
    "one float32 weight one unit off": Mutant(
        S, f"{INFER}/conv3", weights("conv3", kernel=one_unit_off)
    ),
    "float32 weights rounded to half precision": Mutant(
        "demo", f"{INFER}/conv2", weights("conv2", kernel=half)
    ),
}


def exchanged(first: int, second: int, units: int = 2) -> Callable[[Any], Any]:
    """Return a function that exchanges two gates' columns."""

    def exchange(array: Any) -> Any:
        gates = np.split(array, array.shape[-1] // units, axis=-1)
        gates[first], gates[second] = gates[second], gates[first]
        return np.concatenate(gates, axis=-1)

    return exchange


AT = f"{INFER}/layer"
SEQUENCES = {
    "input and forget gate exchanged": Mutant(
        "lstm_default", AT, weights("layer", kernel=exchanged(0, 1))
    ),
    "cell and output gate exchanged": Mutant(
        "lstm_default", AT, weights("layer", recurrent_kernel=exchanged(2, 3))
    ),
    "peepholes left out": Mutant("lstm_default", AT, weights("layer", peepholes=np.zeros_like)),
    "peepholes exchanged": Mutant(
        "lstm_default", AT, weights("layer", peepholes=lambda p: p[::-1])
    ),
    "recurrent kernel transposed": Mutant(
        "recurrent_default", AT, weights("layer", recurrent_kernel=np.transpose)
    ),
    "initial state left out": Mutant(
        "recurrent_hid_init", AT, weights("layer", initial_hidden=np.zeros_like)
    ),
    "read forwards": Mutant(
        "recurrent_linear_backwards_final", AT, arguments("layer", backwards=False)
    ),
    "Keras' LSTM read forwards": Mutant(
        "lstm_bare_backwards_final", AT, arguments("layer", go_backwards=False)
    ),
    "reset and update gate exchanged": Mutant(
        "gru_default", AT, weights("layer", kernel=exchanged(0, 1))
    ),
    "update gate the other way round": Mutant(
        "gru_default",
        AT,
        weights("layer", kernel=np.negative, recurrent_kernel=np.negative, bias=np.negative),
    ),
    "stride-2 'same' in one dimension": Mutant(
        "conv1d_same_stride_2",
        AT,
        arguments("layer_zeropadding1d", padding=(2, 0)),
    ),
    "filters over time flipped": Mutant(
        "conv1d_default", AT, weights("layer", kernel=lambda k: k[::-1])
    ),
}

VOLUMES = {
    "filters flipped in three dimensions": Mutant(
        "conv3d_default", AT, weights("layer", kernel=lambda k: k[::-1, ::-1, ::-1])
    ),
    "depth and width exchanged": Mutant(
        "conv3d_default", AT, weights("layer", kernel=lambda k: k.swapaxes(0, 2).reshape(k.shape))
    ),
    "transposed filters flipped": Mutant(
        "transposed2d_default", AT, weights("layer", kernel=lambda k: k[::-1, ::-1])
    ),
    "not dilated": Mutant("dilated2d_dilation_2", AT, arguments("layer", dilation_rate=1)),
    "untied filters permuted": Mutant(
        "local2d_default", AT, weights("layer", kernel=lambda k: k[::-1])
    ),
    "mean of features in place of maximum": Mutant(
        "featurepool_default", AT, arguments("layer", function="mean")
    ),
    "images enlarged smoothly": Mutant(
        "upscale2d_repeat", AT, arguments("layer", interpolation="bilinear")
    ),
    "rows of an embedding exchanged": Mutant(
        "embedding_matrix", AT, weights("layer", embeddings=lambda e: e[::-1])
    ),
}

DEMO = {
    "demo: filters flipped": Mutant(
        "demo", f"{INFER}/conv1", weights("conv1", kernel=lambda k: k[::-1, ::-1])
    ),
    "demo: epsilon of Keras": Mutant("demo", f"{INFER}/fc_bn", arguments("fc_bn", epsilon=1e-3)),
    "demo: rows in channels-first order": Mutant(
        "demo", f"{INFER}/fc", conversions("fc", drop=Rows)
    ),
    "demo: averages never updated": Mutant(
        "demo", f"{AFTER}/fc_bn.mean", arguments("fc_bn", momentum=1.0)
    ),
    "demo: dropout off": Mutant("demo", f"{TRAIN}/dropout", arguments("dropout", rate=0.0)),
}

MUTANTS: dict[str, Mutant] = {
    f"{topic}: {name}": mutant
    for topic, table in {
        "filters": FILTERS,
        "dense": DENSE,
        "batch norm": NORMALIZATION,
        "geometry": GEOMETRY,
        "functions": FUNCTIONS,
        "dropout": DROPOUT,
        "wiring": WIRING,
        "rounding": ROUNDING,
        "sequences": SEQUENCES,
        "volumes and others": VOLUMES,
        "demo net": DEMO,
    }.items()
    for name, mutant in table.items()
}

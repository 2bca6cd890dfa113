"""Ports of recurrent nets, and of other layers than images have, that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from lasport.targets.keras_calls import Call
from tests.compare.edits import Edit, arguments, renamed, weights
from tests.compare.mutant import AFTER, INFER, OUT, TRAIN, Mutant, foreign


def exchanged(first: int, second: int, units: int = 2) -> Callable[[Any], Any]:
    """Return a function that exchanges two gates' columns."""

    def exchange(array: Any) -> Any:
        gates = np.split(array, array.shape[-1] // units, axis=-1)
        gates[first], gates[second] = gates[second], gates[first]
        return np.concatenate(gates, axis=-1)

    return exchange


def unmasked(calls: list[Call]) -> list[Call]:
    """Let all steps of a recurrent layer count."""
    ones = Call("keras.layers.Rescaling", "ones", ("mask",), {"scale": 0.0, "offset": 1.0})
    *others, layer = calls
    return [*others, ones, replace(layer, inputs=("input", "ones"))]


def exchanged_nets(calls: list[Call]) -> list[Call]:
    """Exchange the nets of a recurrent layer; its weights are found no more."""
    *others, layer = calls
    nets = dict(zip(layer.nets, reversed(layer.nets.values()), strict=True))
    return renamed([*others, replace(layer, nets=nets)])


def inside(net: str, edit: Edit) -> Edit:
    """Get a net of the last layer wrong."""

    def spoil(calls: list[Call]) -> list[Call]:
        *others, layer = calls
        spoilt = replace(layer.nets[net], calls=tuple(edit(list(layer.nets[net].calls))))
        return [*others, replace(layer, nets={**layer.nets, net: spoilt})]

    return spoil


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
        "recurrent_hid_init", AT, weights("layer", recurrent_kernel=np.transpose)
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
    "nets exchanged": foreign("custom_input_only", f"{OUT}/layer", exchanged_nets),
    "mask left out": foreign("custom_unrolled_mask", f"{OUT}/layer", unmasked),
    "nets read forwards": Mutant("custom_mask_backwards", AT, arguments("layer", backwards=False)),
    "kernel of a net transposed": Mutant(
        "custom_merging", AT, inside("hidden_to_hidden", weights("dense_1", kernel=np.transpose))
    ),
    "noise of a net scaled": Mutant(
        "custom_dropping_unrolled",
        f"{TRAIN}/layer",
        inside("hidden_to_hidden", arguments("dropout_1", rate=0.45)),
    ),
    "averages of a net not updated": Mutant(
        "custom_normalized",
        f"{AFTER}/layer.input_to_hidden.3.mean",
        inside("input_to_hidden", arguments("batchnorm_3", alpha=0.0)),
    ),
    "statistics of each step": Mutant(
        "custom_normalized", f"{TRAIN}/layer", arguments("layer", in_advance=False)
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

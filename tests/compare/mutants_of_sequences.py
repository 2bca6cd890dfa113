"""Ports of recurrent nets, and of other layers than images have, that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.compare.edits import arguments, weights
from tests.compare.mutant import INFER, Mutant


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

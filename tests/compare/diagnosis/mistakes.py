"""The mistakes that a diagnosis has to name: what goes wrong where, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from keras import layers

from tests.compare.diagnosis.ports import ForgetfulDense, TurnedDense, _kernel

__all__ = ["DOUBLE", "SINGLE", "Mistake"]


@dataclass(frozen=True, eq=False)
class Mistake:
    """One mistake.

    Attributes
    ----------
    net : str
        Whose port it is in.
    says : str
        What somebody did.
    changes : mapping
        What the port is built with.
    layer : str
        The Lasagne layer to be named; "" for a layer that the net lacks.
    hypothesis : str
        What it is to be called.
    style : str
        Of the port.
    """

    net: str
    says: str
    changes: Mapping[str, Any]
    layer: str
    hypothesis: str
    style: str = "apart"


def _random(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.RandomState(7).normal(scale=0.2, size=shape).astype(np.float32)


def _swapped(first: int, second: int) -> Any:
    def swap(weights: list[np.ndarray]) -> list[np.ndarray]:
        weights = list(weights)
        weights[first], weights[second] = weights[second], weights[first]
        return weights

    return swap


def _replaced(place: int, value: float) -> Any:
    def replace(weights: list[np.ndarray]) -> list[np.ndarray]:
        weights = list(weights)
        weights[place] = np.full_like(weights[place], value)
        return weights

    return replace


def _fresh(weights: list[np.ndarray]) -> list[np.ndarray]:
    return [*weights[:2], np.zeros_like(weights[2]), np.ones_like(weights[3])]


OF_DIGITS = (
    ("epsilon 1e-3", {"hidden1 epsilon": 1e-3}, "hidden1_bn", "epsilon"),
    ("momentum = alpha", {"hidden1 momentum": 0.1}, "hidden1_bn", "momentum"),
    ("momentum 0.99", {"hidden3 momentum": 0.99}, "hidden3_bn", "momentum"),
    ("inv_std for the variance", {"hidden1 variance": lambda s: s}, "hidden1_bn", "variance"),
    (
        "1 / inv_std for the variance",
        {"hidden3 variance": lambda s: 1 / s},
        "hidden3_bn",
        "variance",
    ),
    ("epsilon not subtracted", {"hidden3 variance": lambda s: s**-2.0}, "hidden3_bn", "variance"),
    (
        "gamma and beta exchanged",
        {"hidden3 weights": _swapped(0, 1)},
        "hidden3_bn",
        "exchanged parameters",
    ),
    (
        "mean and variance exchanged",
        {"hidden3 weights": _swapped(2, 3)},
        "hidden3_bn",
        "exchanged parameters",
    ),
    ("gamma left out", {"hidden1 weights": _replaced(0, 1.0)}, "hidden1_bn", "parameter left out"),
    ("beta left out", {"hidden3 weights": _replaced(1, 0.0)}, "hidden3_bn", "parameter left out"),
    ("averages not copied", {"hidden1 weights": _fresh}, "hidden1_bn", "parameter left out"),
    ("normalization frozen", {"hidden1 trainable": False}, "hidden1_bn", "training flag"),
    (
        "normalization always training",
        {"hidden1 call": {"training": True}},
        "hidden1_bn",
        "training flag",
    ),
    ("averages not updated", {"hidden3 momentum": 1.0}, "hidden3_bn", "momentum"),
    (
        "activation before normalization",
        {"hidden1 order": "activation first"},
        "hidden1_bn_nonlin",
        "order of layers",
    ),
    ("activation missing", {"hidden1 activation": None}, "hidden1_bn_nonlin", "activation missing"),
    ("slope 0.3", {"hidden2 activation": 0.3}, "hidden2", "activation"),
    ("slope 0.123", {"hidden2 activation": 0.123}, "hidden2", "activation"),
    ("relu for leaky relu", {"hidden2 activation": "relu"}, "hidden2", "activation"),
    ("sigmoid for tanh", {"hidden3 activation": "sigmoid"}, "hidden3_bn_nonlin", "activation"),
    ("rate is what is kept", {"drop1 rate": 0.8}, "drop1", "dropout rate"),
    ("dropout missing", {"drop1": False}, "drop1", "layer missing"),
    ("dropout in inference", {"drop1 call": {"training": True}}, "drop1", "training flag"),
    ("kernel transposed", {"hidden3 W": lambda W: W.T}, "hidden3", "order of the kernel"),
    (
        "kernel reshaped",
        {"hidden2 W": lambda W: W.T.reshape(W.shape)},
        "hidden2",
        "order of the kernel",
    ),
    (
        "kernel not copied",
        {"hidden2 W": lambda W: _random(W.shape)},
        "hidden2",
        "weights not copied",
    ),
    ("bias not copied", {"hidden2 b": np.zeros_like}, "hidden2", "bias"),
    ("softmax missing", {"softmax": "linear"}, "probabilities", "activation missing"),
    ("softmax twice", {"softmax twice": True}, "", "layer too many"),
    ("sigmoid for softmax", {"softmax": "sigmoid"}, "probabilities", "activation"),
    ("input scaled", {"input scale": 1 / 255}, "", "layer too many"),
)
OF_IMAGES = (
    (
        "filters not flipped",
        {"conv1 W": lambda W: W.transpose(2, 3, 1, 0)},
        "conv1",
        "order of the kernel",
    ),
    (
        "filters flipped along rows only",
        {"conv2 W": lambda W: W[:, :, ::-1].transpose(2, 3, 1, 0)},
        "conv2",
        "order of the kernel",
    ),
    (
        "filters' rows and columns exchanged",
        {"conv1 W": lambda W: _kernel(W.transpose(0, 1, 3, 2))},
        "conv1",
        "order of the kernel",
    ),
    (
        "filters and channels exchanged",
        {"conv2 W": lambda W: _kernel(W.transpose(1, 0, 2, 3))},
        "conv2",
        "order of the kernel",
    ),
    (
        "filters reshaped",
        {"conv1 W": lambda W: W.reshape(3, 3, 3, 6)},
        "conv1",
        "order of the kernel",
    ),
    (
        "channels reversed",
        {"conv1 W": lambda W: _kernel(W[:, ::-1])},
        "conv1",
        "order of the kernel",
    ),
    (
        "filters scaled by 1 / 255",
        {"conv1 W": lambda W: _kernel(W) / np.float32(255)},
        "conv1",
        "weights not copied",
    ),
    (
        "filters not copied",
        {"conv2 W": lambda W: _random((3, 3, 6, 6))},
        "conv2",
        "weights not copied",
    ),
    ("dense rows as in Lasagne", {"fc rows": "as they are"}, "fc", "order of the kernel"),
    ("bias not copied", {"conv2 b": np.zeros_like}, "conv2", "bias"),
    ("padding same at stride 2", {"conv2 padding": "same"}, "conv2", "padding"),
    ("average pool", {"pool1": layers.AveragePooling2D}, "pool1", "pool mode"),
    ("alpha divided by n", {"norm1": {"alpha": 0.01}}, "norm1", "response normalization"),
    ("k = 1", {"norm1": {"k": 1.0}}, "norm1", "response normalization"),
    ("n for the radius", {"norm1": {"n": 11}}, "norm1", "response normalization"),
    ("epsilon 1e-3", {"conv1 epsilon": 1e-3}, "conv1_bn", "epsilon"),
    ("momentum = alpha", {"fc momentum": 0.1}, "fc_bn", "momentum"),
    ("inv_std for the variance", {"fc variance": lambda s: s}, "fc_bn", "variance"),
    ("relu for elu", {"fc activation": "relu"}, "fc_bn_nonlin", "activation"),
    ("rate is what is kept", {"drop rate": 0.75}, "drop", "dropout rate"),
    ("softmax missing", {"softmax": "linear"}, "probabilities", "activation missing"),
)
OF_TEXT = (
    (
        "gates as in another library",
        {"lstm gates": ("ingate", "forgetgate", "outgate", "cell")},
        "lstm",
        "order of gates",
    ),
    (
        "gates exchanged",
        {"lstm gates": ("forgetgate", "ingate", "cell", "outgate")},
        "lstm",
        "order of gates",
    ),
    (
        "forget bias",
        {"lstm weights": lambda w: [*w[:2], w[2] + np.repeat(np.float32([0, 1, 0, 0]), 8)]},
        "lstm",
        "forget bias",
    ),
    ("backwards", {"lstm": {"go_backwards": True}}, "lstm", "direction"),
    ("relu in the gates", {"lstm": {"recurrent_activation": "relu"}}, "lstm", "activation"),
    (
        "bias of the LSTM not copied",
        {"lstm weights": lambda w: [*w[:2], np.zeros_like(w[2])]},
        "lstm",
        "weights not copied",
    ),
    ("update gate not negated", {"gru update": np.positive}, "gru", "order of gates"),
    (
        "gates in Lasagne's order",
        {"gru gates": ("resetgate", "updategate", "hidden_update"), "gru update": np.positive},
        "gru",
        "order of gates",
    ),
    ("reset before", {"gru reset_after": False}, "gru", "reset_after"),
    (
        "recurrent kernel not copied",
        {"gru weights": lambda w: [w[0], _random(w[1].shape), w[2]]},
        "gru",
        "weights not copied",
    ),
    ("words shifted", {"words W": lambda W: np.roll(W, 1, axis=0)}, "words", "embedding"),
    ("words not copied", {"words W": lambda W: _random(W.shape)}, "words", "embedding"),
    ("rate is what is kept", {"drop rate": 0.7}, "drop", "dropout rate"),
    ("softmax missing", {"softmax": "linear"}, "probabilities", "activation missing"),
)
OF_BRANCHES = (
    (
        "rows for y first",
        {"transformer": {"order": [4, 3, 5, 1, 0, 2]}},
        "transformer",
        "transformation",
    ),
    (
        "theta reshaped",
        {"transformer": {"order": [0, 2, 4, 1, 3, 5]}},
        "transformer",
        "transformation",
    ),
    ("zeros beyond the image", {"transformer": {"border": "zeros"}}, "transformer", "border mode"),
    ("edges not aligned", {"transformer": {"corners": False}}, "transformer", "pixels"),
    ("padded with zeros", {"pad": {}}, "pad", "padding"),
    ("padded by reflection", {"pad": {"mode": "reflect"}}, "pad", "padding"),
    ("sides exchanged", {"padding": ((0, 0), (2, 1), (1, 1), (0, 0))}, "pad", "padding"),
    ("dilation missing", {"dilation": 1}, "dilated", "dilation"),
    (
        "filters flipped",
        {"dilated W": lambda W: _kernel(W).swapaxes(2, 3)},
        "dilated",
        "order of the kernel",
    ),
    ("slopes not copied", {"alpha": np.zeros_like}, "prelu", "slopes"),
    ("slopes reversed", {"alpha": lambda alpha: alpha[::-1]}, "prelu", "slopes"),
    ("slope 0.25 for all", {"prelu": layers.LeakyReLU(0.25)}, "prelu", "slopes"),
    ("relu for prelu", {"prelu": layers.ReLU()}, "prelu", "slopes"),
    ("product for sum", {"sum": layers.Multiply}, "sum", "merge"),
    ("maximum for sum", {"sum": layers.Maximum}, "sum", "merge"),
    ("average for product", {"product": layers.Average}, "product", "merge"),
    ("factors left out", {"factors": (1, 1)}, "sum", "factors of a merge"),
    ("factors exchanged", {"factors": (0.5, 1)}, "sum", "factors of a merge"),
    ("inputs joined the other way round", {"joined": -1}, "joined", "order of inputs"),
    ("softmax missing", {"softmax": "linear"}, "probabilities", "activation missing"),
)
OTHER_STYLES = (
    Mistake(
        "digits",
        "own layer that adds no bias",
        {"hidden2 class": ForgetfulDense},
        "hidden2",
        "bias",
        "inside",
    ),
    Mistake(
        "digits",
        "own layer that transposes its kernel",
        {"hidden3 class": TurnedDense},
        "hidden3",
        "order of the kernel",
        "inside",
    ),
    Mistake(
        "images",
        "images reshaped",
        {"input axes": layers.Reshape((12, 10, 3))},
        "conv1",
        "order of the image",
        "channels first",
    ),
    Mistake(
        "images",
        "filters not flipped",
        {"conv1 W": lambda W: W.transpose(2, 3, 1, 0)},
        "conv1",
        "order of the kernel",
        "permuted",
    ),
    Mistake(
        "digits",
        "softmax missing",
        {"softmax": "linear"},
        "probabilities",
        "activation missing",
        "inside",
    ),
    Mistake("digits", "softmax twice", {"softmax twice": True}, "", "layer too many", "inside"),
)
SINGLE = (
    *(Mistake("digits", *each) for each in OF_DIGITS),
    *(Mistake("images", *each) for each in OF_IMAGES),
    *(Mistake("text", *each) for each in OF_TEXT),
    *(Mistake("branches", *each) for each in OF_BRANCHES),
    *OTHER_STYLES,
)


def _doubles() -> list[tuple[Mistake, Mistake]]:
    """Return pairs of mistakes in one port, of all kinds, drawn once for all."""
    rng = np.random.RandomState(0)
    found: list[tuple[Mistake, Mistake]] = []
    for net, count in (("digits", 24), ("images", 16), ("text", 8), ("branches", 8)):
        plain = [each for each in SINGLE if each.net == net and each.style == "apart"]
        pairs = [
            (one, other)
            for one, other in combinations(plain, 2)
            if not one.changes.keys() & other.changes.keys()
            and (one.layer, one.hypothesis) != (other.layer, other.hypothesis)
        ]
        chosen = rng.choice(len(pairs), size=count, replace=False)
        found += [pairs[number] for number in sorted(chosen)]
    return found


DOUBLE = _doubles()

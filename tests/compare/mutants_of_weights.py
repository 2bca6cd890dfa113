"""Ports whose weights are wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from lasport.weights import Rows
from tests.compare.edits import arguments, behind, conversions, fed_by, nudged, weights
from tests.compare.mutant import AFTER, INFER, OUT, D, Mutant, N, P, R, S, T, V, foreign


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
    "demo: dropout off": Mutant("demo", "the model in no layer", arguments("dropout", rate=0.0)),
}

"""Ports that normalize otherwise, or average otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lasport.targets.keras_calls import Call
from tests.compare.edits import arguments, renamed, weights
from tests.compare.mutant import (
    AFTER,
    INFER,
    TRAIN,
    A,
    D,
    F,
    Mutant,
    N,
    R,
    T,
    called,
    exact,
    foreign,
)


def rectified_before(calls: list[Call]) -> list[Call]:
    """Let normalization come behind the rectifier in place of before it."""
    swapped = {"conv1_bn_nonlin": ("conv1",), "conv1_bn": ("conv1_bn_nonlin",)}
    swapped["conv2_zeropadding2d"] = ("conv1_bn",)
    edited = [replace(call, inputs=swapped.get(call.name, call.inputs)) for call in calls]
    names = [call.name for call in edited]
    here, there = names.index("conv1_bn"), names.index("conv1_bn_nonlin")
    edited[here], edited[there] = edited[there], edited[here]
    return edited


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
    "epsilon of Keras, without averages": Mutant(
        "layer_norm_dense", f"{INFER}/layer_ln", arguments("layer_ln", epsilon=1e-3)
    ),
    "standardized over channels in place of space": Mutant(
        "instance_norm_scale", f"{INFER}/norm", arguments("norm", axis=(3,))
    ),
    "standardized over space and channels": Mutant(
        "instance_norm_scale", f"{INFER}/norm", arguments("norm", axis=(1, 2, 3))
    ),
    "alpha divided by the number of channels": Mutant(
        "lrn_n_3", f"{INFER}/layer", arguments("layer", alpha=0.1)
    ),
    "responses of three channels in place of five": Mutant(
        "lrn_default", f"{INFER}/layer", arguments("layer", size=3)
    ),
    "responses along the rows": Mutant(
        "lrn_single_default", f"{INFER}/layer", arguments("layer", axis=2)
    ),
    "bias of TensorFlow": Mutant("lrn_alpha", f"{INFER}/layer", arguments("layer", k=1.0)),
    "exponent of TensorFlow": Mutant("lrn_alpha", f"{INFER}/layer", arguments("layer", beta=0.5)),
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
    "behind the rectifier": Mutant(
        D, f"{INFER}/conv1_bn", rectified_before, also=("conv1_bn_nonlin", "conv2")
    ),
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

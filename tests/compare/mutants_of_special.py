"""Ports of the layers of lasagne.layers.special that are wrong."""

from __future__ import annotations

import numpy as np

from lasport.weights import Rows
from tests.compare.edits import arguments, become, conversions, weights
from tests.compare.mutant import INFER, OUT, Mutant, exact, foreign

AT = f"{INFER}/layer"

RECTIFIERS = {
    "slopes of other channels": Mutant("prelu_auto_4d", AT, weights("layer", alpha=np.flip)),
    "slopes of Keras' layer as it starts": Mutant(
        "prelu_auto_2d", AT, weights("layer", alpha=np.zeros_like)
    ),
    "one slope for all": Mutant(
        "prelu_auto_2d", AT, weights("layer", alpha=lambda a: np.full_like(a, a.mean()))
    ),
    "slopes of the positive half": exact(
        "prelu_shared_0_3", AT, weights("layer", alpha=np.negative)
    ),
    "slopes in channels-first order": Mutant(
        "prelu_of_flattened", AT, conversions("layer", drop=Rows, weight="alpha")
    ),
}

EXPRESSIONS = {
    "hard sigmoid of Keras": foreign(
        "nonlinearity_theano_hard_sigmoid",
        f"{OUT}/layer",
        become("layer", "keras.layers.Activation", activation="hard_sigmoid"),
    ),
    "sigmoid in place of its approximation": foreign(
        "nonlinearity_theano_ultra_fast_sigmoid",
        f"{OUT}/layer",
        become("layer", "keras.layers.Activation", activation="sigmoid"),
    ),
    "log in place of log1p": Mutant(
        "expression_chain", f"{INFER}/layer6", arguments("layer6", function="log")
    ),
    "magnitude in place of square": Mutant(
        "expression_sqr", AT, arguments("layer", function="abs")
    ),
    "standard deviation in place of variance": Mutant(
        "expression_var", AT, arguments("layer", function="std")
    ),
    "mean in place of sum": Mutant("expression_sum", AT, arguments("layer", function="mean")),
}

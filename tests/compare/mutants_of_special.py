"""Ports of the layers of lasagne.layers.special that are wrong."""

from __future__ import annotations

import numpy as np

from lasport.weights import Rows
from tests.compare.edits import conversions, weights
from tests.compare.mutant import INFER, Mutant, exact

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

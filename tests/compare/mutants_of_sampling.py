"""Ports of spatial transformers that are wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from lasport.keras_layers import AffineTransformer
from tests.compare.edits import Edit, arguments, become, weights
from tests.compare.mutant import INFER, OUT, Mutant, foreign

AT = f"{INFER}/layer"
OUTPUT = f"{OUT}/layer"


class Exchanged(AffineTransformer):
    """Takes the first three numbers for rows."""

    def _places(self, numbers: Any, x: Any, y: Any) -> Any:
        across, down = super()._places(numbers, x, y)
        return down, across


class FromEdges(AffineTransformer):
    """Lets the output run from edge to edge, and not between the middles of its outer pixels."""

    def _places(self, numbers: Any, x: Any, y: Any) -> Any:
        return super()._places(numbers, x * (1 - 1 / x.shape[0]), y * (1 - 1 / y.shape[0]))


class Ending(AffineTransformer):
    """Has one pixel too many between -1 and 1, as Lasagne had in August 2015."""

    def _places(self, numbers: Any, x: Any, y: Any) -> Any:
        places = super()._places(numbers, x, y)
        return tuple((at + 1) * 1.25 - 1 for at in places)


class Rounded(AffineTransformer):
    """Takes the nearest pixel of four."""

    def _places(self, numbers: Any, x: Any, y: Any) -> Any:
        across, down = super()._places(numbers, x, y)
        return ops.round((across + 1) * 1.5) / 1.5 - 1, ops.round((down + 1) * 2) / 2 - 1


def replaced(layer: type, **options: Any) -> Edit:
    """Put a wrong layer in the place of the right one."""
    return become("layer", f"{__name__}.{layer.__name__}", **options)


def inverse(change: Any) -> Edit:
    """Get the inverse of a plate's equations wrong."""

    def edit(calls: Any) -> Any:
        [call] = [call for call in calls if call.name == "layer"]
        changed = change(np.array(call.arguments["inverse"]))
        return arguments("layer", inverse=changed.tolist())(calls)

    return edit


SAMPLING = {
    "border in place of mirror": Mutant(
        "transformer_far_mirror", AT, arguments("layer", border="nearest")
    ),
    "mirror in place of border": Mutant(
        "transformer_far_nearest", AT, arguments("layer", border="mirror")
    ),
    "wrapped in place of mirrored": Mutant(
        "transformer_far_mirror", AT, arguments("layer", border="wrap")
    ),
    "mirrored in place of wrapped": Mutant(
        "transformer_far_wrap", AT, arguments("layer", border="mirror")
    ),
    "border of a spline": Mutant("tps_wrap", AT, arguments("layer", border="nearest")),
    "rows and columns exchanged": foreign("transformer_default", OUTPUT, replaced(Exchanged)),
    "the output's pixels run from edge to edge": foreign(
        "transformer_default", OUTPUT, replaced(FromEdges)
    ),
    "the image is a pixel too large": foreign("transformer_default", OUTPUT, replaced(Ending)),
    "the nearest pixel": foreign("transformer_default", OUTPUT, replaced(Rounded)),
    "numbers transposed": Mutant(
        "transformer_localized",
        f"{INFER}/localization",
        weights("localization", kernel=lambda k: k[:, [0, 3, 1, 4, 2, 5]]),
    ),
    "bent where Lasagne does not bend": Mutant(
        "tps_not_precomputed", AT, arguments("layer", bends=True)
    ),
    "not bent": Mutant("tps_default", AT, arguments("layer", bends=False)),
    "inverse in the wrong order": Mutant("tps_default", AT, inverse(lambda m: m[::-1])),
    "inverse a little off": Mutant("tps_default", AT, inverse(lambda m: m * (1 + 1e-7))),
    "inverse in another precision": Mutant(
        "tps_default", AT, inverse(lambda m: m.astype("float32"))
    ),
}

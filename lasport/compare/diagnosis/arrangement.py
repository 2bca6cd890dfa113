"""In which order a port's tensors hold what Lasagne numbers, followed through the port.

Convolutions and pools say by their data format how they hold images. Flattening,
reshaping and permuting move numbers in known ways, and most other parts leave them
where they are. So each tensor has an order of entries that is known without a search.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from lasport.errors import ComparisonError
from lasport.spec import Array
from lasport.targets.parts import Part

__all__ = ["Arrangement", "arrange", "as_image", "is_channels_last", "plain"]

Sizes = tuple[int, ...]
IMAGES = re.compile(
    r"(Depthwise|Separable)?Conv[123]D(Transpose)?"
    r"|(Max|Average)Pooling[123]D|ZeroPadding[123]D|Cropping[123]D|UpSampling[123]D|Pooling"
)
# Sequences are (batch, steps, features) on both sides.
SEQUENCES = re.compile(r".*(LSTM|GRU|RNN|Recurren|Bidirectional|Embedding).*")


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Where one example's entries are.

    Attributes
    ----------
    order : ndarray of int
        Of the tensor's shape without the batch axis: each entry's place in
        Lasagne's value, flattened.
    sizes : tuple of int
        Of Lasagne's value without the batch axis.
    """

    order: Array
    sizes: Sizes

    def to_lasagne(self, array: Array) -> Array:
        """Return a tensor's array in Lasagne's order."""
        flat = array.reshape(len(array), -1)
        result = np.empty_like(flat)
        result[:, self.order.ravel()] = flat
        return result.reshape(len(array), *self.sizes)

    def from_lasagne(self, value: Array, batch: int) -> Array:
        """Return a value of Lasagne's as the tensor holds it.

        Raises
        ------
        ComparisonError
            If it has another size.
        """
        if value.size != batch * self.order.size:
            raise ComparisonError(
                f"the model holds {self.order.shape} there, the net {value.shape[1:]}"
            )
        return value.reshape(batch, -1)[:, self.order.ravel()].reshape(batch, *self.order.shape)


def plain(sizes: Sizes) -> Arrangement:
    """Return Lasagne's own order."""
    return Arrangement(np.arange(int(np.prod(sizes))).reshape(sizes), sizes)


def as_image(sizes: Sizes, *, channels_last: bool) -> Arrangement:
    """Return how images are held whose sizes a tensor shows."""
    if not channels_last:
        return plain(sizes)
    lasagne = (sizes[-1], *sizes[:-1])
    order = np.arange(int(np.prod(sizes))).reshape(lasagne)
    return Arrangement(np.moveaxis(order, 0, -1), lasagne)


def arrange(
    parts: Sequence[Part], sizes: Mapping[str, Sizes], inputs: Mapping[str, Arrangement]
) -> dict[str, Arrangement]:
    """Return the arrangement of each tensor.

    Parameters
    ----------
    parts : sequence of Part
        In order.
    sizes : mapping of str to tuple of int
        Of each tensor without the batch axis.
    inputs : mapping of str to Arrangement
        Of the port's inputs.
    """
    found = dict(inputs)
    for part in parts:
        if part.output not in found:
            feeding = [found[key] for key in part.inputs if key in found]
            found[part.output] = _behind(part, feeding, sizes[part.output])
    return found


def _behind(part: Part, feeding: Sequence[Arrangement], sizes: Sizes) -> Arrangement:
    if part.kind in REARRANGE and feeding:
        return Arrangement(REARRANGE[part.kind](part, feeding[0].order, sizes), feeding[0].sizes)
    if IMAGES.fullmatch(part.kind):
        last = part.config.get("data_format", "channels_last") != "channels_first"
        return as_image(sizes, channels_last=last)
    if SEQUENCES.fullmatch(part.kind):
        return plain(sizes)
    same = [each for each in feeding if each.order.shape == sizes]
    if same:
        return same[0]
    if feeding and all(is_channels_last(each) for each in feeding) and len(sizes) > 1:
        return as_image(sizes, channels_last=True)
    joined = sum(each.order.size for each in feeding)
    if len(feeding) > 1 and len(sizes) == 1 and joined == sizes[0]:
        starts = np.cumsum([0, *(each.order.size for each in feeding)])
        orders = [e.order + start for e, start in zip(feeding, starts[:-1], strict=True)]
        return Arrangement(np.concatenate(orders), sizes)
    return plain(sizes)


def is_channels_last(arrangement: Arrangement) -> bool:
    """Whether a tensor holds images or sequences of Lasagne's with the channels behind."""
    shape = arrangement.order.shape
    if len(shape) < 2 or arrangement.sizes != (shape[-1], *shape[:-1]):
        return False
    return bool((arrangement.order == as_image(shape, channels_last=True).order).all())


def _flatten(part: Part, order: Array, sizes: Sizes) -> Array:
    if part.config.get("data_format") == "channels_first":
        order = np.moveaxis(order, 0, -1)
    return order.reshape(sizes)


def _permute(part: Part, order: Array, sizes: Sizes) -> Array:
    axes = cast("Sequence[int]", part.config["dims"])
    return order.transpose([axis - 1 for axis in axes])


REARRANGE: Mapping[str, Callable[[Part, Array, Sizes], Array]] = {
    "Flatten": _flatten,
    "Reshape": lambda part, order, sizes: order.reshape(sizes),
    "Permute": _permute,
}

"""What net and port are fed."""

from __future__ import annotations

import numpy as np

from lasport.compare.diagnosis.arrangement import Arrangement, as_image, plain
from lasport.errors import ComparisonError
from lasport.layers.embedding import EmbeddingAttributes
from lasport.oracles.reference import draw_inputs
from lasport.passes import DataFormat
from lasport.spec import Array, Network

__all__ = ["draw", "input_arrangement"]

# So many drawn batches make one, where the net leaves the size of batches open.
BATCHES = 4


def draw(network: Network, seed: int) -> list[list[Array]]:
    """Return inputs for inference and for training."""
    several = draw_inputs(network, seed, 2 * BATCHES - 1)
    rows = {
        layer.incoming[0]: layer.attributes.input_size
        for layer in network.layers
        if isinstance(layer.attributes, EmbeddingAttributes)
    }
    rng = np.random.RandomState(seed)
    halves = []
    for half in (several[:BATCHES], several[BATCHES:]):
        arrays = []
        for name, batches in zip(network.inputs, zip(*half, strict=True), strict=True):
            open_batch = (network[name].output_shape or (None,))[0] is None
            x = np.concatenate(batches) if open_batch else batches[0]
            if name in rows:
                x = rng.randint(0, rows[name], size=x.shape).astype(x.dtype)
            arrays.append(x)
        halves.append(arrays)
    return halves


def input_arrangement(
    name: str,
    sizes: tuple[int, ...],
    shape: tuple[int | None, ...],
    data_format: DataFormat | None,
) -> Arrangement:
    """Return how the port takes one of the net's inputs, Lasagne's of ``sizes``.

    ``shape`` is the port's.
    """
    if len(shape) - 1 != len(sizes):
        total = [size for size in shape[1:] if size is not None]
        if len(total) == len(shape) - 1 and np.prod(total) == np.prod(sizes):
            order = np.arange(int(np.prod(sizes))).reshape(total)
            return Arrangement(order, sizes)
        raise ComparisonError(f"the model takes {shape} for {name!r}, the net {(None, *sizes)}")
    last = as_image((*sizes[1:], sizes[0]), channels_last=True) if len(sizes) > 1 else plain(sizes)
    choices = {"channels_first": plain(sizes), "channels_last": last}
    fitting = {
        key: each
        for key, each in choices.items()
        if (data_format in (None, key) or len(sizes) < 3)
        and all(a in (None, b) for a, b in zip(shape[1:], each.order.shape, strict=True))
    }
    if len(sizes) < 3 and "channels_first" in fitting:
        return fitting["channels_first"]  # a sequence or a vector
    if not fitting:
        raise ComparisonError(f"the model takes {shape} for {name!r}, the net {(None, *sizes)}")
    orders = [each.order for each in fitting.values()]
    if len(orders) > 1 and not np.array_equal(orders[0], orders[1]):
        raise ComparisonError(
            f"the model's input {shape} fits channels_first and channels_last; say which it is "
            "with data_format="
        )
    return next(iter(fitting.values()))

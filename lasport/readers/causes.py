"""What it looks like when parameters do not fit a net, to somebody who has seen many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from lasport.readers.listing import TOPOLOGICAL_SINCE, Slot, from_outputs
from lasport.readers.parameters import SavedParameters
from lasport.spec import Network, Param, Shape

__all__ = ["likely_causes"]


def likely_causes(
    network: Network,
    listed: Sequence[Slot],
    parameters: SavedParameters,
    misfits: Sequence[tuple[Shape, Shape]],
) -> Iterator[str]:
    """Say what may be the matter with parameters of other shapes than the net's.

    Parameters
    ----------
    network : Network
    listed : sequence of (Layer, Param)
        Its parameters in the order in which the file's were taken.
    parameters : SavedParameters
        What the file holds.
    misfits : sequence of (Shape, Shape)
        Expected and found, of those that stand against each other.
    """
    if parameters.order == "in order":
        got = [value.shape for value in parameters.values]
        yield from _causes_of_order(network, [param for _, param in listed], got)
    matrices = [(want, got) for want, got in misfits if len(want) == len(got) == 2]
    if any(want == got[::-1] and want != got for want, got in matrices):
        yield "A transposed matrix: the weights of a dense layer are (inputs, units) in Lasagne."
    if len(parameters.values) == len(listed) and any(
        want[1] == got[1] and want[0] != got[0] for want, got in matrices
    ):
        yield (
            "Another number of inputs to a dense layer: a pooling layer with the other "
            "ignore_border, another padding, or another size of the input."
        )


def _causes_of_order(
    network: Network, listed: Sequence[Param], got: Sequence[Shape]
) -> Iterator[str]:
    expected = [param.value.shape for param in listed]
    if got == expected:
        return
    for what, params in _other_lists(network, listed):
        if [param.value.shape for param in params] == got:
            yield f"The file holds {what}."
            return
    start = _place(expected, got)
    if start is not None:
        end = start + len(expected) - 1
        yield f"Arrays {start} to {end} of the file have the net's shapes: give those alone."
    elif _place(got, expected) is not None:
        yield "The file holds a part of the net's parameters: the net goes on where it ends."
    elif Counter(expected) == Counter(got):
        yield "The same shapes in another order: the net lists its layers otherwise."


def _other_lists(
    network: Network, listed: Sequence[Param]
) -> Iterator[tuple[str, Sequence[Param]]]:
    """Yield what else people have saved lists of."""
    trainable = "the trainable parameters only, as get_all_params(trainable=True) lists them"
    yield trainable, [param for param in listed if param.trainable]
    for tag in sorted({tag for param in listed for tag in param.tags}):
        kept = [param for param in listed if tag not in param.tags]
        yield f"all but the parameters tagged {tag}", kept
    today = [param for _, param in network.owned_params()]
    former = [param for _, param in from_outputs(network)]
    option = "lasagne_version, --lasagne-version"
    before = f"as Lasagne listed them before {TOPOLOGICAL_SINCE}; say so with the build script"
    yield f"the parameters from the outputs on, {before} ({option} 2015-03-24)", former
    yield f"the parameters as Lasagne lists them since {TOPOLOGICAL_SINCE} ({option})", today
    yield f"the parameters backwards, as nolearn 0.5 did ({option} 2015-01-22)", former[::-1]
    yield "the parameters backwards, as nolearn 0.5 did with a later Lasagne", today[::-1]


def _place(part: Sequence[Shape], whole: Sequence[Shape]) -> int | None:
    """Return where the first of two lists begins in the longer second one, or None."""
    if not 0 < len(part) < len(whole):
        return None
    places = range(len(whole) - len(part) + 1)
    return next((n for n in places if list(whole[n : n + len(part)]) == list(part)), None)

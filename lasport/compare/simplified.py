"""Holding a net that was simplified against the net that it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lasport.compare.judge import judge
from lasport.errors import ComparisonError
from lasport.oracles.reference import draw_inputs, run_reference
from lasport.spec import Array, Network

__all__ = ["require_same"]


def require_same(
    network: Network, simpler: Network, stands_for: Mapping[str, str], seed: int
) -> None:
    """Compare all layers that are left of a net, in inference mode and in float64.

    Parameters
    ----------
    network, simpler : Network
        The original, and what was made of it.
    stands_for : mapping of str to str
        For each layer that is left, the one that gave what it gives now.
    seed : int
        Of the random inputs.

    Raises
    ------
    ComparisonError
        Naming the first layer that differs.
    """
    (inputs,) = draw_inputs(network, seed)
    found, expected = _values(simpler, inputs), _values(network, inputs)
    for name, value in found.items():
        truth = expected[stands_for[name]]
        compared = judge(f"inference/layers/{name}", name, "float64", value, truth, truth)
        if not compared.ok:
            raise ComparisonError(f"the simplified net computes something else: {compared}")


def _values(network: Network, inputs: Sequence[Array]) -> dict[str, Array]:
    outputs = run_reference(network, inputs, training=False).layers
    return {layer.name: value for layer, value in zip(network.layers, outputs, strict=True)}

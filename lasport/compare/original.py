"""What the original computes, a layer at a time: the truth in float64, the oracle's float32."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.compare.averages import DTYPES
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.normalization import BatchNormAttributes
from lasport.oracles.forward import Computed, Forward, Held, cast
from lasport.oracles.narrow import NARROW
from lasport.oracles.oracle import Oracle
from lasport.oracles.record import MODES, Mode
from lasport.spec import Array, Layer, Network

__all__ = ["Original", "Outputs", "Step"]

# Of the net's outputs: the truth, and the oracle's result in float32.
Outputs = tuple[list[Array], list[Array]]


@dataclass(frozen=True)
class Step:
    """One layer of a pass.

    Attributes
    ----------
    truth : ndarray
        What the layer gives, in float64.
    oracle : ndarray
        The same as the oracle gives it in float32.
    drawn : sequence of ndarray
        What it drew.
    incoming : mapping of str to ndarray
        What the layers that feed it give, in float64.
    sums : int
        How many terms the longest sum in the layer itself has.
    judged : tuple of ndarray or None
        What was recorded, and what the reference has for it in float64 and in
        float32, where it is the reference that says what is right.
    """

    layer: Layer
    truth: Array
    oracle: Array
    drawn: Sequence[Array]
    incoming: Mapping[str, Array]
    sums: int
    judged: tuple[Array, Array, Array] | None
    rounded: Computed

    def alone(self) -> Array:
        """Return what the reference makes of the true `incoming` in float32."""
        fed = [cast(self.incoming[name], np.float32) for name in self.layer.incoming]
        return self.rounded.again(fed) if fed else self.rounded.value


class Original:
    """The network beside an oracle, which the reference completes.

    Parameters
    ----------
    network : Network
        The original.
    oracle : Oracle
        Who has or computes its values, in one float type.
    params : sequence of ndarray, optional
        In place of the network's own; then it is the reference alone that says
        what is right.

    Attributes
    ----------
    terms : dict of str to dict of str to int
        By mode and layer, of the passes so far, how many terms the longest sum
        on the way to the layer's output has.
    draws : bool
        Whether a layer drew anything in the passes so far.
    """

    def __init__(
        self, network: Network, oracle: Oracle, params: Sequence[Array] | None = None
    ) -> None:
        self.network = network
        self.oracle = oracle
        self.params = params
        self.terms: dict[Mode, dict[str, int]] = {mode: {} for mode in MODES}
        self.draws = False
        self._sizes: dict[str, int] = {}

    def walk(self, mode: Mode) -> Iterator[Step]:
        """Compute the layers of the pass on the oracle's inputs, in the network's order.

        Yields
        ------
        Step
            Its arrays are let go with the layers that need them: a caller that
            keeps none of them never has more than a few in memory.

        Raises
        ------
        ComparisonError
            If what was recorded does not fit the network.
        """
        masks, _ = self.oracle.draws()
        forwards = self._forwards(mode)
        truths: Held[Array] = Held(self.network)
        for index, results in enumerate(zip(*forwards.values(), strict=True)):
            layer, found = self.network.layers[index], dict(zip(forwards, results, strict=True))
            rounded = found["float32"]
            truth, oracle, judged = self._judged(self.oracle.layer(mode, index), found)
            incoming = dict(zip(layer.incoming, truths.incoming(layer), strict=True))
            truths.keep(layer, truth)
            drawn = rounded.run.drawn if masks is None else masks.get(index, ())
            self.draws |= len(drawn) > 0
            sums = self._count_terms(mode, layer, truth)
            yield Step(layer, truth, oracle, drawn, incoming, sums, judged, rounded)
            truths.through(layer)

    def outputs(self, mode: Mode) -> Outputs:
        """Return the net's outputs."""
        values: dict[str, tuple[Array, Array]] = {}
        for step in self.walk(mode):
            if step.layer.name in self.network.outputs:
                values[step.layer.name] = (step.truth, step.oracle)
        return self.in_order(values)

    def in_order(self, values: Mapping[str, tuple[Array, Array]]) -> Outputs:
        """Return the pairs of the net's output layers as two lists."""
        truth, oracle = zip(*(values[name] for name in self.network.outputs), strict=True)
        return list(truth), list(oracle)

    def outputs_with(self, params: Mapping[str, Sequence[Array]]) -> Outputs:
        """Return the outputs in inference mode with other parameters, by float type."""
        truth, oracle = (
            self._forward("inference", dtype, params[dtype]).outputs() for dtype in DTYPES
        )
        return truth, oracle

    def narrow_outputs(self, dtype: str) -> list[Array]:
        """Return the outputs in inference mode, as half precision stores what it computes.

        ``dtype`` is one of :data:`lasport.oracles.narrow.NARROW`.
        """
        forward = Forward(
            self.network,
            self.oracle.inputs,
            training=False,
            dtype=np.float32,
            params=self.params,
            narrow=NARROW[dtype],
        )
        return forward.outputs()

    def _forwards(self, mode: Mode) -> dict[str, Forward]:
        """Return the passes that are needed: in either float type, and with the net's own params.

        The latter only where others are in their place, and a record can judge them.
        """
        recorded = self.oracle.layer(mode, 0) is not None
        forwards = {"float32": self._forward(mode, "float32", self.params)}
        if not recorded or self.params is not None or self.oracle.meta["floatX"] != "float64":
            forwards["float64"] = self._forward(mode, "float64", self.params)
        if recorded and self.params is not None:
            forwards |= {f"own {dtype}": self._forward(mode, dtype, None) for dtype in DTYPES}
        return forwards

    def _judged(
        self, value: Array | None, found: Mapping[str, Computed]
    ) -> tuple[Array, Array, tuple[Array, Array, Array] | None]:
        """Return truth, oracle's result and what judges the reference, for a recorded value."""
        if value is None:
            return found["float64"].value, found["float32"].value, None
        if self.params is not None:
            judged = (value, found["own float64"].value, found["own float32"].value)
            return found["float64"].value, found["float32"].value, judged
        if self.oracle.meta["floatX"] == "float64":
            return value, found["float32"].value, None
        truth = found["float64"].value
        return truth, value, (value, truth, found["float32"].value)

    def _forward(self, mode: Mode, dtype: str, params: Sequence[Array] | None) -> Forward:
        masks, seed = self.oracle.draws()
        return Forward(
            self.network,
            self.oracle.inputs,
            training=mode == "training",
            dtype=dtype,
            params=params,
            masks=masks,
            seed=seed,
        )

    def _count_terms(self, mode: Mode, layer: Layer, value: Array) -> int:
        """Return how many terms the longest reduction in a layer has.

        Pools and batch statistics count: numpy sums these pairwise, other
        frameworks in another order. Matrix products and convolutions do not: there
        the oracle's own error shows what their length costs. Nor do maxima, which
        round nothing. An ELU counts as what its port may lose near 0.
        """
        terms, size = self.terms[mode], value.size
        self._sizes[layer.name] = size
        if isinstance(layer.attributes, BatchNormAttributes) and mode == "training":
            size = layer.params["mean"].value.size
        sizes = [self._sizes[name] for name in layer.incoming] if _sums(layer) else []
        own = max([1, *(each // max(size, 1) for each in sizes), _lost(layer, value)])
        terms[layer.name] = max([own, *(terms[name] for name in layer.incoming)])
        return own


def _sums(layer: Layer) -> bool:
    """Whether a layer may sum otherwise than by matrix products."""
    functions = [getattr(layer.attributes, name, None) for name in ("mode", "pool_function")]
    return "max" not in functions and not any(name.startswith("W") for name in layer.params)


def _lost(layer: Layer, value: Array) -> int:
    """Return the terms that cost as much as ``exp(x) - 1`` does where it is small.

    Theano has ``expm1``; Keras' own activations lose half a unit in the last place of 1, or of the
    negative scale, however small all results are.
    """
    nonlinearity = getattr(layer.attributes, "nonlinearity", None)
    if not isinstance(nonlinearity, Nonlinearity) or nonlinearity.function not in ("elu", "selu"):
        return 1
    lost = math.prod(nonlinearity.constants.values())
    largest = float(np.abs(value[np.isfinite(value)]).max(initial=0))
    return math.ceil((lost / largest) ** 2) if 0 < largest < lost else 1

"""What a network's parameters become in training passes, for comparing running averages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lasport.errors import ComparisonError
from lasport.layers.normalization import BatchNormAttributes
from lasport.oracles.forward import Forward
from lasport.oracles.oracle import Oracle
from lasport.spec import Array, Layer, Network
from lasport.weights import inv_std_to_variance

__all__ = ["DTYPES", "Averages"]

DTYPES = ("float64", "float32")


class Averages:
    """The parameters after some of a record's training passes, in both float types.

    Parameters
    ----------
    network : Network
        The original.
    oracle : Oracle
        Whose batches and masks are used.
    params : sequence of ndarray, optional
        In place of the network's own, which are the oracle's; then it is the
        reference alone that says what is expected.

    Attributes
    ----------
    passes : int
        How many training passes were made.
    computed : dict of str to list of ndarray
        By float type, all parameters in ``get_all_params`` order, as the
        reference computes them.
    variances : dict of str to dict of str to ndarray
        By float type and layer, the variance that Keras' batch normalization
        averages where Lasagne averages inv_std.
    """

    def __init__(
        self, network: Network, oracle: Oracle, params: Sequence[Array] | None = None
    ) -> None:
        self.network = network
        self.oracle = oracle
        self.passes = 0
        self.recorded = params is None
        values = network.param_values() if params is None else list(params)
        self.computed: dict[str, list[Array]] = dict.fromkeys(DTYPES, values)
        variances = {
            layer.name: inv_std_to_variance(value, a.epsilon)
            for (layer, param), value in zip(network.owned_params(), values, strict=True)
            if isinstance(a := layer.attributes, BatchNormAttributes) and param.name == "inv_std"
        }
        self.variances = {dtype: dict(variances) for dtype in DTYPES}

    def batch(self) -> Sequence[Array]:
        """Return what the next pass is fed.

        Raises
        ------
        ComparisonError
            If the oracle has no further pass.
        """
        batch = self.oracle.batch(self.passes + 1)
        if not batch:
            raise ComparisonError(f"the record holds only {self.passes} training passes")
        return batch

    def advance(self) -> Iterator[tuple[str, Sequence[Array]]]:
        """Make the next training pass, layer by layer.

        Yields
        ------
        (str, sequence of ndarray)
            Each layer's name, and what it drew.
        """
        batch, (masks, seed) = self.batch(), self.oracle.draws(self.passes + 1)
        forwards = {
            dtype: Forward(
                self.network,
                batch,
                training=True,
                dtype=dtype,
                params=self.computed[dtype],
                masks=masks,
                seed=seed,
            )
            for dtype in DTYPES
        }
        for index, results in enumerate(zip(*forwards.values(), strict=True)):
            layer = self.network.layers[index]
            if isinstance(layer.attributes, BatchNormAttributes):
                for dtype, forward in forwards.items():
                    self._average(dtype, layer, forward.held.incoming(layer)[0])
            drawn = results[0].run.drawn if masks is None else masks.get(index, ())
            yield layer.name, drawn
        self.computed = {dtype: forward.params_after() for dtype, forward in forwards.items()}
        self.passes += 1

    def complete_pass(self) -> None:
        """Make the next training pass whole."""
        for _ in self.advance():
            pass

    def _average(self, dtype: str, layer: Layer, x: Array) -> None:
        """Average a layer's variance, that of its input included."""
        a, variances = layer.attributes, self.variances[dtype]
        assert isinstance(a, BatchNormAttributes)
        variances[layer.name] = (1 - a.alpha) * variances[layer.name] + a.alpha * x.var(axis=a.axes)

    def expected(self) -> tuple[list[Array], list[Array]]:
        """Return the float64 truth and the oracle's float32 result for the parameters."""
        recorded = self.oracle.params_after(self.passes) if self.recorded else None
        if recorded is None:
            return self.computed["float64"], self.computed["float32"]
        if self.oracle.meta["floatX"] == "float64":
            return recorded, self.computed["float32"]
        return self.computed["float64"], recorded

    def with_variances(self) -> dict[str, list[Array]]:
        """Return ``computed`` with the inv_std that the averaged variances amount to."""
        owned = list(self.network.owned_params())
        replaced: dict[str, list[Array]] = {}
        for dtype, values in self.computed.items():
            replaced[dtype] = list(values)
            for n, (layer, param) in enumerate(owned):
                a = layer.attributes
                if isinstance(a, BatchNormAttributes) and param.name == "inv_std":
                    variance = self.variances[dtype][layer.name]
                    replaced[dtype][n] = np.asarray(1 / np.sqrt(variance + a.epsilon))
        return replaced

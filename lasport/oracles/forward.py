"""One pass of the numpy reference, layer by layer; what no later layer needs is let go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from lasport.errors import ComparisonError
from lasport.oracles.layer_run import LayerRun
from lasport.oracles.narrow import Narrow, round_params
from lasport.oracles.record import Masks
from lasport.registry import require_family
from lasport.spec import Array, Layer, Network

__all__ = ["Computed", "Forward", "Held", "cast"]

T = TypeVar("T")


class Held(Generic[T]):
    """What belongs to layers, kept until the last layer that they feed is through.

    Parameters
    ----------
    network : Network
        Whose layers come in their order.
    """

    def __init__(self, network: Network) -> None:
        self._uses = Counter(name for layer in network.layers for name in layer.incoming)
        self._held: dict[str, T] = {}

    def keep(self, layer: Layer, item: T) -> None:
        """Keep what belongs to a layer, if the layer feeds any."""
        if self._uses[layer.name]:
            self._held[layer.name] = item

    def incoming(self, layer: Layer) -> list[T]:
        """Return what belongs to the layers that feed one."""
        return [self._held[name] for name in layer.incoming]

    def through(self, layer: Layer) -> None:
        """Let go what only this layer still needed."""
        for name in layer.incoming:
            self._uses[name] -= 1
            if not self._uses[name]:
                del self._held[name]


@dataclass(frozen=True)
class Computed:
    """A layer's part in a pass.

    Attributes
    ----------
    value : ndarray
        What it gave.
    run : LayerRun
        What it drew, and what it updates.
    """

    value: Array
    run: LayerRun

    def again(self, arrays: Sequence[Array]) -> Array:
        """Return what the layer makes of other inputs, with what it drew.

        Parameters
        ----------
        arrays : sequence of ndarray
            One per incoming layer, in the dtype of the pass.
        """
        run = replace(self.run, given=self.run.drawn, drawn=[], updates={})
        return run.compute(run, arrays)


class Forward:
    """One pass of the reference; iterating over it computes a layer at a time.

    Parameters
    ----------
    network : Network
        All of its layers must be translatable.
    inputs, training, dtype, params, masks, seed
        As for :func:`lasport.oracles.reference.run_reference`.
    narrow : callable, optional
        Rounds inputs, parameters and what goes from layer to layer; see
        :mod:`lasport.oracles.narrow`.
    moved : callable, optional
        Returns what is in a parameter's place, of its number in
        ``get_all_params`` order and its value; called whenever a layer needs it.

    Attributes
    ----------
    held : Held
        Of the layers that feed later ones, the values.

    Raises
    ------
    ComparisonError
        If inputs, or in the course of it what was drawn, do not fit the network.
    """

    def __init__(
        self,
        network: Network,
        inputs: Sequence[Array],
        *,
        training: bool,
        dtype: DTypeLike = np.float64,
        params: Sequence[Array] | None = None,
        masks: Masks | None = None,
        seed: int = 0,
        narrow: Narrow | None = None,
        moved: Callable[[int, Array], Array] = lambda number, value: value,
    ) -> None:
        _check_inputs(network, inputs)
        self.network = network
        self.held: Held[Array] = Held(network)
        self._fed = dict(zip(network.inputs, inputs, strict=True))
        self._narrow, self._moved = narrow, moved
        self._training, self._dtype, self._masks, self._seed = training, dtype, masks, seed
        self._owned = [param for _, param in network.owned_params()]
        values = [param.value for param in self._owned] if params is None else params
        self._current = {
            id(param.value): (number, value)
            for number, (param, value) in enumerate(zip(self._owned, values, strict=True))
        }
        self._updates: dict[int, Array] = {}

    def __iter__(self) -> Iterator[Computed]:
        """Compute the layers in the network's order."""
        runs: Held[LayerRun] = Held(self.network)
        for index, layer in enumerate(self.network.layers):
            given = None if self._masks is None else self._masks.get(index, ())
            rng = np.random.RandomState(self._seed + index + 1)
            run = LayerRun(
                layer,
                self._compute,
                self._training,
                rng,
                given,
                runs.incoming(layer),
                partial(self._params, layer),
            )
            arrays = self.held.incoming(layer) or [cast(self._fed[layer.name], self._dtype)]
            value = self._compute(run, arrays)
            self._updates.update(run.updates)
            self.held.keep(layer, value)
            # No layer looks further back than to those that feed it.
            runs.keep(layer, replace(run, feeding=()))
            yield Computed(value, run)
            self.held.through(layer)
            runs.through(layer)

    def outputs(self) -> list[Array]:
        """Compute all layers, and return the values of the net's outputs."""
        values: dict[str, Array] = {}
        for computed in self:
            if computed.run.layer.name in self.network.outputs:
                values[computed.run.layer.name] = computed.value
        return [values[name] for name in self.network.outputs]

    def params_after(self) -> list[Array]:
        """Return the parameters after the layers so far, in ``get_all_params`` order."""
        before = {key: value for key, (_, value) in self._current.items()}
        after = {**before, **self._updates}
        return [after[id(param.value)] for param in self._owned]

    def _params(self, layer: Layer) -> dict[str, Array]:
        """Return a layer's parameters in the pass's dtype; no layer's are kept in it."""
        found: dict[str, Array] = {}
        for name, param in layer.params.items():
            current = {id(v): self._moved(*self._current[id(v)]) for v in param.variables}
            found[name] = param.current({k: cast(v, self._dtype) for k, v in current.items()})
        return found if self._narrow is None else round_params(self._narrow, layer, found)

    def _compute(self, run: LayerRun, inputs: Sequence[Array]) -> Array:
        value = self._exactly(run, inputs)
        return value if self._narrow is None else self._narrow(value)

    def _exactly(self, run: LayerRun, inputs: Sequence[Array]) -> Array:
        layer, params = run.layer, self._params(run.layer)
        family = require_family(layer)
        if not family.has_reference:
            from lasport.targets.keras_own import compute

            return compute(layer, params, inputs, run)
        try:
            return family.reference(layer.attributes, params, inputs, run)
        except ValueError as error:
            raise ComparisonError(f"{layer.name} ({layer.kind}): {error}") from error


def cast(array: Array, dtype: DTypeLike) -> Array:
    """Return an array in a float type; integers as they are."""
    return array.astype(dtype, copy=False) if array.dtype.kind == "f" else array


def _check_inputs(network: Network, inputs: Sequence[Array]) -> None:
    names = network.inputs
    if len(inputs) != len(names):
        raise ComparisonError(f"{len(inputs)} arrays for the inputs {', '.join(names)}")
    for name, array in zip(names, inputs, strict=True):
        shape = network[name].output_shape or ()
        fits = len(shape) == array.ndim and all(
            size is None or size == found or axis == 0
            for axis, (size, found) in enumerate(zip(shape, array.shape, strict=True))
        )
        if not fits:
            raise ComparisonError(f"input {name!r} takes {shape}, not an array of {array.shape}")

"""Who says what is right: a record, which holds everything, or the reference, which computes it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from lasport.oracles.forward import Forward
from lasport.oracles.record import Draws, Masks, Mode, RecordMeta
from lasport.oracles.reference import draw_inputs, reference_meta
from lasport.spec import Array, Network

__all__ = ["Oracle", "ReferenceOracle"]


class Oracle(Protocol):
    """What a comparison asks of an oracle; training passes are numbered from 1."""

    @property
    def meta(self) -> RecordMeta:
        """Versions, names, seeds."""
        ...

    @property
    def by_lasagne(self) -> bool:
        """Whether the real Lasagne computes, and not the numpy reference."""
        ...

    @property
    def inputs(self) -> list[Array]:
        """What the input layers are fed."""
        ...

    @property
    def masks(self) -> Masks:
        """What stochastic layers draw in the training pass on `inputs`, all at once."""
        ...

    def cotangents_of(self, outputs: Sequence[Array]) -> list[Array]:
        """Return weights of the net's outputs in the scalar that gradients belong to."""
        ...

    def layer(self, mode: Mode, index: int) -> Array | None:
        """Return what it has of a layer's output; None where the reference has to compute it."""
        ...

    def batch(self, training_pass: int) -> list[Array]:
        """Return what the input layers are fed in a training pass; nothing where there is none."""
        ...

    def draws(self, training_pass: int | None = None) -> Draws:
        """Return what is drawn in a training pass; None stands for the one on `inputs`."""
        ...

    def params_after(self, training_pass: int) -> list[Array] | None:
        """Return what it has of the parameters after a training pass."""
        ...


class ReferenceOracle:
    """The numpy reference as an oracle that stores nothing but inputs.

    Parameters
    ----------
    network : Network
        All of its layers must be translatable.
    seed : int
        Seeds inputs, batches and what stochastic layers draw, as for
        :func:`lasport.oracles.reference.reference_record`.
    passes : int
        Number of training passes.
    """

    by_lasagne = False

    def __init__(self, network: Network, *, seed: int = 0, passes: int = 5) -> None:
        self._network = network
        self._seed, passes = operator.index(seed), operator.index(passes)
        self.inputs, *self._batches = draw_inputs(network, self._seed, passes)
        self.meta = reference_meta(network, self._seed, passes, "float64")

    @cached_property
    def masks(self) -> Masks:
        """What stochastic layers draw in the training pass on `inputs`, all at once."""
        forward = Forward(self._network, self.inputs, training=True, seed=self._seed)
        drawn = {index: computed.run.drawn for index, computed in enumerate(forward)}
        return {index: samples for index, samples in drawn.items() if samples}

    def cotangents_of(self, outputs: Sequence[Array]) -> list[Array]:
        """Return random weights of the net's outputs, of which only the shapes count."""
        rng = np.random.RandomState(self._seed)
        return [rng.standard_normal(value.shape) for value in outputs]

    def layer(self, mode: Mode, index: int) -> None:
        """Return None: the reference has to compute it."""

    def batch(self, training_pass: int) -> list[Array]:
        """Return what the input layers are fed in a training pass; the first pass is 1."""
        return dict(enumerate(self._batches, 1)).get(training_pass, [])

    def draws(self, training_pass: int | None = None) -> Draws:
        """Return the seed of what stochastic layers draw."""
        return Draws(None, self._seed + 1000 * (training_pass or 0))

    def params_after(self, training_pass: int) -> None:
        """Return None: the reference has to compute them."""

"""One layer's part in a pass of the reference: what it draws, and what it updates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lasport.registry import require_family
from lasport.spec import Array, Layer, Network

__all__ = ["LayerRun"]

# Less than once in exp(UNLIKELY) / 2 times a right sample is taken for a wrong one.
UNLIKELY = 20.0


@dataclass
class LayerRun:
    """Hands out samples, recorded ones or fresh ones, takes updates, and runs nets inside.

    Layers of these nets share everything with it: what they draw counts as its own.

    Attributes
    ----------
    layer : Layer
        Whose part it is.
    compute : callable
        ``(run, inputs) -> ndarray``: what a run's layer makes of its inputs.
    training : bool
        Whether the pass is one in training mode.
    rng : RandomState
        Where fresh samples come from.
    feeding : sequence of LayerRun
        The runs of the layers that feed this one.
    params : callable
        Returns the layer's parameters, in the dtype of the pass.
    given : sequence of ndarray or None
        What the layer drew in the pass that is repeated; None lets it draw.
    drawn : list of ndarray
        What was handed out.
    updates : dict of int to ndarray
        New values of running averages, by the identity of their parameter's array.

    Raises
    ------
    ValueError
        By a sampler, if the recorded sample is not one that it could have drawn.
    """

    layer: Layer
    compute: Callable[[LayerRun, Sequence[Array]], Array]
    training: bool
    rng: np.random.RandomState
    given: Sequence[Array] | None
    feeding: Sequence[LayerRun] = ()
    params: Callable[[], Mapping[str, Array]] = dict
    drawn: list[Array] = field(default_factory=list)
    updates: dict[int, Array] = field(default_factory=dict)

    def binomial(self, shape: tuple[int, ...], p: float) -> Array:
        """Return the next sample of ones (probability ``p``) and zeros."""
        sample = self._next(shape, lambda: (self.rng.uniform(size=shape) < p).astype(np.float64))
        if not np.isin(sample, (0, 1)).all():
            raise ValueError("zeros and ones are drawn, something else was recorded")
        return sample

    def normal(self, shape: tuple[int, ...], std: float) -> Array:
        """Return the next sample of a normal distribution around 0."""
        sample = self._next(shape, lambda: self.rng.normal(scale=std, size=shape))
        # Whoever adds a recorded sample never uses the deviation: only here a wrong one shows.
        found = math.sqrt(np.square(sample, dtype=np.float64).mean())
        if not _likely((found / std) ** 2, sample.size):
            raise ValueError(
                f"noise of standard deviation {std:g} is drawn, noise of {found:g} was recorded"
            )
        return sample

    def uniform(self, shape: tuple[int, ...], low: float, high: float) -> Array:
        """Return the next sample from between two bounds."""
        sample = self._next(shape, lambda: self.rng.uniform(low, high, size=shape))
        # In float32 the bounds themselves are rounded, and so is low + u (high - low).
        slack = 4 * float(np.finfo(sample.dtype).eps) * max(abs(low), abs(high))
        if not ((sample >= low - slack) & (sample <= high + slack)).all():
            raise ValueError(
                f"numbers between {low:g} and {high:g} are drawn, others were recorded: "
                f"{sample.min():g} to {sample.max():g}"
            )
        return sample

    def update(self, param: str, value: Array) -> None:
        """Remember a parameter's new value."""
        self.updates[id(self.layer.params[param].value)] = value

    def net(self, network: Network, x: Array) -> Array:
        """Compute the output of a net inside the layer."""
        outputs: dict[str, Array] = {}
        for inner in network.layers:
            arrays = [outputs[name] for name in inner.incoming] or [x]
            outputs[inner.name] = self.compute(replace(self, layer=inner), arrays)
        return outputs[network.outputs[0]]

    def pull_back(self, number: int, inputs: Sequence[Array], cotangent: Array) -> Array:
        """Return what the family of a feeding layer makes of a gradient of its output."""
        run = self.feeding[number]
        layer = run.layer
        adjoint = require_family(layer).adjoint
        if adjoint is None:
            raise ValueError(f"the reference has no inverse of {layer.name} ({layer.kind})")
        again = replace(run, given=run.drawn, drawn=[])
        return adjoint(layer.attributes, run.params(), inputs, cotangent, again)

    def _next(self, shape: tuple[int, ...], draw: Callable[[], Array]) -> Array:
        if self.given is None:
            sample = draw()
        elif len(self.drawn) < len(self.given):
            sample = self.given[len(self.drawn)]
        else:
            raise ValueError("fewer samples were recorded than the layer draws")
        if sample.shape != shape:
            raise ValueError(f"a sample of {sample.shape} was recorded where {shape} is drawn")
        self.drawn.append(sample)
        return sample


def _likely(squares: float, size: int) -> bool:
    """Whether normal samples of variance 1 may have a mean square.

    Notes
    -----
    Chernoff's bound for both tails of the chi-square distribution.
    """
    exponent = size / 2 * (squares - 1 - math.log(squares)) if squares > 0 else math.inf
    return exponent < UNLIKELY

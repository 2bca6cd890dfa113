"""What a diagnosis knows of a port, whatever framework the port is built in.

A port is taken apart into parts, one for each call of a layer, an activation
inside a layer being a part of its own; between them are its tensors, named by
keys. Any piece between tensors can be run alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from lasport.errors import ComparisonError
from lasport.spec import Array, Network

__all__ = [
    "OPAQUE",
    "Opaque",
    "Part",
    "TakenApart",
    "between",
    "draws",
    "opaque_parts",
    "require_ends",
]

# The class of a part that is the whole model, of which nothing inside can be seen.
OPAQUE = "Opaque"
# Of the largest magnitude: what is drawn is off by more.
SAME = 1e-5


@dataclass(frozen=True, eq=False)
class Part:
    """One call of one of a port's layers.

    Attributes
    ----------
    name : str
        Of the copied layer: unlike all others of the model.
    label : str
        What to call it: the layer's name.
    kind : str
        Its class; "Activation" for what a layer was given as ``activation=``.
    inputs : tuple of str
        Keys of the tensors that it takes.
    output : str
        Key of the one that it gives.
    config : mapping
        What the layer was made with.
    weights : mapping of str to ndarray
        Its variables by name, float64.
    training : bool or None
        The training flag that was fixed where the layer was called.
    own : bool
        Whether its class is a user's, whose code may compute anything with that.
    """

    name: str
    label: str
    kind: str
    inputs: tuple[str, ...]
    output: str
    config: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, Array] = field(default_factory=dict)
    training: bool | None = None
    own: bool = False

    def number(self, option: str, default: float) -> float:
        """Return a number that the layer was made with."""
        value = self.config.get(option)
        return float(value) if isinstance(value, (int, float)) else default


class TakenApart(Protocol):
    """A port, taken apart."""

    @property
    def dtype(self) -> str:
        """What it computes in."""
        ...

    @property
    def trains(self) -> bool:
        """Whether it can be run in training mode, as far as runs in inference have shown that."""
        ...

    @property
    def parts(self) -> Sequence[Part]:
        """All parts, each behind those that feed it."""
        ...

    @property
    def inputs(self) -> Sequence[str]:
        """Keys of the model's inputs."""
        ...

    @property
    def outputs(self) -> Sequence[str]:
        """Keys of the model's outputs."""
        ...

    def run(
        self, feeds: Mapping[str, Array], fetch: Sequence[str], *, training: bool
    ) -> list[Array]:
        """Compute tensors from others; a training pass moves running averages.

        What stochastic parts draw follows from :func:`draws`.

        Raises
        ------
        ComparisonError
            If that is not possible, for one because other tensors are needed too.
        """
        ...

    def reset(self) -> None:
        """Set all variables to what they were at first."""
        ...


class Opaque(TakenApart, Protocol):
    """A port of one part, of which only the ends and the variables show."""

    @property
    def variables(self) -> Mapping[str, Array]:
        """Its variables by name."""
        ...

    @property
    def unseen(self) -> str:
        """Why it cannot be run in training mode, if it cannot."""
        ...


def opaque_parts(
    name: str,
    shapes: Mapping[str, tuple[int | None, ...]],
    outputs: Sequence[str],
) -> tuple[Part, ...]:
    """Return the parts of a port of which only the ends show.

    Parameters
    ----------
    name : str
        What to call it.
    shapes : mapping of str to tuple
        Of what it takes, by the keys of these tensors.
    outputs : sequence of str
        The keys of what it gives.
    """
    fed = [Part(x, x, "InputLayer", (), x, {"batch_shape": shape}) for x, shape in shapes.items()]
    return (*fed, *(Part(y, name, OPAQUE, tuple(shapes), y) for y in outputs))


def between(parts: Sequence[Part], feeds: Sequence[str], fetch: Sequence[str]) -> list[Part]:
    """Return the parts that lie between tensors, in order."""
    made_by = {part.output: part for part in parts}
    wanted, seen = list(fetch), set(feeds)
    found: set[int] = set()
    while wanted:
        key = wanted.pop()
        if key not in seen and key in made_by:
            seen.add(key)
            found.add(id(made_by[key]))
            wanted += made_by[key].inputs
    return [part for part in parts if id(part) in found]


def draws(name: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the random numbers behind what a stochastic part draws.

    Both sides of a comparison make their samples of the same numbers: where
    rates or deviations differ, so do the samples.

    Parameters
    ----------
    name : str
        The part's.
    shape : tuple of int
        Of what it takes.

    Returns
    -------
    uniform, normal : ndarray
        Between 0 and 1, and of the standard normal distribution.
    """
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    return rng.uniform(size=shape), rng.standard_normal(size=shape)


def repeats(run: Callable[[], Sequence[Array]]) -> bool:
    """Whether something gives the same twice, but for what a GPU rounds, and draws nothing."""
    return all(
        np.allclose(one, other, rtol=0, atol=SAME * _largest(one), equal_nan=True)
        for one, other in zip(run(), run(), strict=True)
    )


def _largest(array: Array) -> float:
    return float(np.abs(array[np.isfinite(array)]).max(initial=0))


def require_ends(
    what: str, inputs: Sequence[object], outputs: Sequence[object], network: Network
) -> None:
    """Refuse a port that has other numbers of inputs or outputs than its network.

    Raises
    ------
    ComparisonError
    """
    for kind, theirs, ours in (
        ("inputs", inputs, network.inputs),
        ("outputs", outputs, network.outputs),
    ):
        if len(theirs) != len(ours):
            raise ComparisonError(f"the {what} has {len(theirs)} {kind}, the net {len(ours)}")

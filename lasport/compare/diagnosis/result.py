"""What a diagnosis found: true if the port computes what its net does."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from lasport.atomic import write_json

__all__ = ["Cause", "Diagnosis", "Pair", "Remedy"]


@dataclass(frozen=True)
class Remedy:
    """One change that a port needs.

    Attributes
    ----------
    layer : str
        The Lasagne layer.
    hypothesis : str
        What it is a case of, such as "momentum".
    fix : str
        What to do, to go behind "if".
    """

    layer: str
    hypothesis: str
    fix: str


@dataclass(frozen=True)
class Cause:
    """Why one piece of the port differs.

    Attributes
    ----------
    layers : tuple of str
        The Lasagne layers of the piece, none where the net has none.
    parts : tuple of str
        The port's layers.
    before : mapping of str to float
        Relative difference by run: "inference", "training", and "averages", which
        is inference after a pass in training mode.
    alternatives : tuple of tuple of Remedy
        Each of them explains the difference, by all of its remedies together; none
        where nothing does.
    after : float or None
        The largest difference that is left then.
    problem : str or None
        Why the two could not be compared.
    """

    layers: tuple[str, ...]
    parts: tuple[str, ...]
    before: Mapping[str, float]
    alternatives: tuple[tuple[Remedy, ...], ...] = ()
    after: float | None = None
    problem: str | None = None

    @property
    def explained(self) -> bool:
        """Whether something explains it."""
        return bool(self.alternatives)

    @property
    def sentence(self) -> str:
        """The cause in one sentence."""
        where = self._where()
        if self.problem is not None:
            return f"{where}: {self.problem}"
        largest = max(self.before, key=lambda run: (_size(self.before[run]), run == "inference"))
        found = self.before[largest]
        amount = f"differs by {found:.2g}" if found < math.inf else "gives another size"
        if not self.explained:
            return f"{where}: {amount} in {largest}, and nothing known explains that"
        fixes = ", or if ".join(
            " and ".join(dict.fromkeys(remedy.fix for remedy in each)) for each in self.alternatives
        )
        return f"{where}: matches to {self.after:.1g} if {fixes} ({amount} in {largest})"

    def _where(self) -> str:
        named = dict.fromkeys(remedy.layer for each in self.alternatives for remedy in each)
        names = [name for name in named if name] or list(self.layers)
        if not names:
            return f"the model's layer {', '.join(self.parts)}"
        return f"layer{'s' * (len(names) > 1)} {', '.join(names)}"


@dataclass(frozen=True)
class Pair:
    """What stands for what.

    Attributes
    ----------
    layer, kind : str
        The Lasagne layer with its class; empty where the net has none.
    part, part_kind : str
        The port's; empty where it has none.
    """

    layer: str
    kind: str
    part: str
    part_kind: str

    def __str__(self) -> str:
        ours = f"{self.layer} ({self.kind})" if self.layer else "nothing"
        theirs = f"{self.part} ({self.part_kind})" if self.part else "nothing"
        return f"{ours} = {theirs}"


@dataclass(frozen=True)
class Diagnosis:
    """Why a port gives other numbers than its net.

    Attributes
    ----------
    model : str
        What was looked at.
    causes : tuple of Cause
        In the order of the net; none if nothing differs.
    alignment : tuple of Pair
        What was taken to stand for what.
    not_compared : tuple of str
        What the diagnosis does not cover.
    compared : int
        How many pieces were compared.
    together : float or None
        How far the whole port is from the net with all causes put into the net, where
        all are explained.
    """

    model: str
    causes: tuple[Cause, ...]
    alignment: tuple[Pair, ...] = ()
    not_compared: tuple[str, ...] = ()
    compared: int = 0
    together: float | None = None

    @property
    def equal(self) -> bool:
        """Whether everything that was compared agreed."""
        return not self.causes and self.compared > 0

    @property
    def explained(self) -> bool:
        """Whether every difference is explained."""
        return all(cause.explained for cause in self.causes)

    def __bool__(self) -> bool:
        return self.equal

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self) -> str:
        """Return the diagnosis as lines for people."""
        lines = [f"{self.model}: {self._verdict()}"]
        lines.extend(f"  {cause.sentence}" for cause in self.causes)
        if self.together is not None:
            lines.append(
                f"  with all of this in the net, the whole model matches to {self.together:.1g}"
            )
        lines.extend(f"  not compared: {each}" for each in self.not_compared)
        if self.alignment:
            lines.append("taken to correspond:")
            lines.extend(f"  {pair}" for pair in self.alignment)
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain data."""
        return {
            "equal": self.equal,
            "explained": self.explained,
            **asdict(self),
            "sentences": [cause.sentence for cause in self.causes],
        }

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the diagnosis as JSON; an interrupted run leaves the old file or none.

        Parameters
        ----------
        path : path-like
            Replaced if it exists. Infinities and NaN are written as strings.
        """
        write_json(path, self.to_dict())

    def _verdict(self) -> str:
        if self.equal:
            return f"equal, in each of {self.compared} pieces" if self.compared > 1 else "equal"
        if not self.causes:
            return "NOTHING COMPARED"
        count = len(self.causes)
        return f"DIFFERENT in {count} place{'s' * (count > 1)}"


def _size(value: float) -> float:
    return math.inf if math.isnan(value) else value

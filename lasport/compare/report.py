"""What a comparison found: a result that is true when everything agreed."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from lasport.atomic import replacing, write_json
from lasport.compare.evidence import RunningStatistic, WorstLayer
from lasport.compare.metrics import Agreement, Difference, Rounding
from lasport.compare.provenance import Provenance
from lasport.compare.wording import class_remarks, median_text, walk_remarks

__all__ = ["SCHEMA", "Comparison", "Drift", "Group", "Report"]

SCHEMA = 1  # of to_dict and to_json; docs/report.md says what changes it


@dataclass(frozen=True)
class Comparison:
    """One array that was compared.

    Attributes
    ----------
    subject : str
        What it is, such as ``"training/layers/conv1"`` or
        ``"training/params/5/bn.mean"``.
    layer : str
        The Lasagne layer it belongs to.
    dtype : str
        "float64" (structure), or the type whose rounding is judged: "float32", "float16" or
        "bfloat16".
    ok : bool
        Whether it agreed.
    difference : Difference or None
        ``None`` where there was nothing to subtract.
    ratio : float or None
        Where rounding is judged: the port's error in units of the oracle's.
    problem : str or None
        What is wrong, where that is not a matter of numbers.
    bound : float or None
        What the relative difference (structure) or the ratio (rounding) may be.
    rounding : Rounding or None
        The errors behind the ratio.
    agreement : Agreement or None
        Of a classifier's output: in how many rows the classes are the same.
    """

    subject: str
    layer: str
    dtype: str
    ok: bool
    difference: Difference | None = None
    ratio: float | None = None
    problem: str | None = None
    bound: float | None = None
    rounding: Rounding | None = None
    agreement: Agreement | None = None

    @property
    def place(self) -> str:
        """The subject without what it is of; names of layers may have slashes themselves."""
        place, _, _ = self.subject.rpartition(f"/{self.layer}")
        return place

    @property
    def name(self) -> str:
        """The rest of the subject: a layer, or a layer's parameter."""
        return self.subject.removeprefix(f"{self.place}/")

    def __str__(self) -> str:
        if self.problem is not None:
            return f"{self.subject} [{self.dtype}]: {self.problem}"
        assert self.difference is not None
        text = (
            f"{self.subject} [{self.dtype}]: relative difference {self.difference.relative:.2g}, "
            f"largest {self.difference.largest:.2g}, median {self.difference.median:.2g}"
        )
        if self.ratio is not None:
            text += f", {self.ratio:.2g} times the oracle's error"
        if self.agreement is not None and self.agreement.others:
            text += f", another class in {self.agreement.others} of {self.agreement.rows} rows"
        return text

    @property
    def figure(self) -> float | None:
        """What is held against the bound: the ratio, or the relative difference."""
        relative = None if self.difference is None else self.difference.relative
        return relative if self.ratio is None else self.ratio

    @property
    def badness(self) -> tuple[bool, float]:
        """Whether it differs, and its figure as a share of the bound."""
        figure = math.inf if self.figure is None else self.figure
        return (not self.ok, figure if self.bound is None else figure / self.bound)


@dataclass(frozen=True)
class Group:
    """Comparisons of one kind.

    Attributes
    ----------
    place : str
        What their subjects have in common, such as ``"training/layers"``.
    dtype : str
        See :class:`Comparison`.
    members : tuple of Comparison
        In the order of the net.
    """

    place: str
    dtype: str
    members: tuple[Comparison, ...]

    @property
    def agreed(self) -> int:
        """How many agreed."""
        return sum(member.ok for member in self.members)

    @property
    def worst(self) -> Comparison:
        """The one that is the furthest off."""
        return max(self.members, key=lambda member: member.badness)

    @property
    def median(self) -> float | None:
        """What is in the middle of what was measured: ratios, or relative differences."""
        figures = [one.figure for one in self.members if one.figure is not None]
        return statistics.median(figures) if figures else None

    def __str__(self) -> str:
        return f"{self.place} [{self.dtype}]"


@dataclass(frozen=True)
class Drift:
    """How a layer's effective inv_std parts from Lasagne's in further training.

    Relative differences over the layer's entries; not a failure but a property
    of Keras' own batch normalization, which averages the variance.
    """

    layer: str
    passes: int
    median: float
    largest: float

    def __str__(self) -> str:
        return (
            f"{self.layer}'s inv_std parts from Lasagne's by {self.median:.2g} (median), "
            f"{self.largest:.2g} (largest) after {self.passes} batch{'es' * (self.passes != 1)}"
        )


@dataclass(frozen=True)
class Report:
    """Evidence that a port computes what its original does, or not.

    Attributes
    ----------
    oracle : str
        Who said what is right.
    model : str
        What was compared with it.
    comparisons : tuple of Comparison
        Everything that was compared, in order.
    problems : tuple of str
        What could not be compared; each of them is a failure.
    drifts : tuple of Drift
        What stock batch norm will do differently in further training.
    settings : mapping
        Modes, seed, bounds: what somebody needs to do it again.
    notes : tuple of str
        What the verdict does not cover.
    provenance : Provenance or None
        Versions, fingerprints, command and date.
    running_statistics : tuple of RunningStatistic
        What the running averages became, pass by pass, in float64.
    worst_layer : WorstLayer or None
        Histograms of the layer with the largest difference.
    """

    oracle: str
    model: str
    comparisons: tuple[Comparison, ...]
    problems: tuple[str, ...] = ()
    drifts: tuple[Drift, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    provenance: Provenance | None = None
    running_statistics: tuple[RunningStatistic, ...] = ()
    worst_layer: WorstLayer | None = None

    @property
    def ok(self) -> bool:
        """Whether everything was compared and agreed."""
        return not self.problems and bool(self.comparisons) and not self.failures

    @property
    def failures(self) -> tuple[Comparison, ...]:
        """The comparisons that did not agree."""
        return tuple(comparison for comparison in self.comparisons if not comparison.ok)

    @property
    def first_divergence(self) -> Comparison | None:
        """The first comparison, in the order of the net, that did not agree."""
        return next(iter(self.failures), None)

    @property
    def alone_wrong(self) -> tuple[str, ...]:
        """The layers that differ when they are fed the original's own values: the wrong ones."""
        return self._wrong("single")

    @property
    def inheriting(self) -> tuple[str, ...]:
        """The layers that differ only because something before them does."""
        wrong = self.alone_wrong
        return tuple(name for name in self._wrong("layers") if name not in wrong)

    def _wrong(self, walk: str) -> tuple[str, ...]:
        places = [f"{mode}/{walk}" for mode in ("inference", "training")]
        return tuple(dict.fromkeys(one.layer for one in self.failures if one.place in places))

    @property
    def verdict(self) -> str:
        """Equal, DIFFERENT, or NOT ALL COMPARED where nothing that was compared differs."""
        return "equal" if self.ok else "DIFFERENT" if self.failures else "NOT ALL COMPARED"

    @property
    def groups(self) -> tuple[Group, ...]:
        """The comparisons by kind, each kind where it comes first."""
        groups: dict[tuple[str, str], list[Comparison]] = {}
        for comparison in self.comparisons:
            groups.setdefault((comparison.place, comparison.dtype), []).append(comparison)
        return tuple(Group(*kind, tuple(members)) for kind, members in groups.items())

    @property
    def remarks(self) -> tuple[str, ...]:
        """What there is to say besides how many arrays agreed."""
        said = [*class_remarks(self)]
        said.extend(f"not compared: {problem}" for problem in self.problems)
        if self.first_divergence is not None:
            said.append(f"first divergence: {self.first_divergence}")
        said.extend(walk_remarks(self))
        said.extend(f"note: {note}" for note in self.notes)
        most = max((drift.passes for drift in self.drifts), default=0)
        said.extend(f"further training: {d}" for d in self.drifts if d.passes == most)
        if self.drifts:
            said.append("(stock batch norm averages the variance; profile 'exact' keeps equal)")
        if self.provenance is not None:
            said.extend(self.provenance.lines())
        return tuple(said)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return self.to_text()

    def made_by(self, command: str) -> Report:
        """Return the same report with another command for making it again."""
        if self.provenance is None:
            return self
        return replace(self, provenance=replace(self.provenance, command=command))

    def to_text(self) -> str:
        """Return the report as lines for people."""
        lines = [f"{self.model} against {self.oracle}: {self.verdict}"]
        for group in self.groups:
            count = f"{group.agreed} of {len(group.members)} agree"
            lines.append(f"  {group}: {count}; {median_text(group)}worst: {group.worst}")
        return "\n".join([*lines, *(f"  {remark}" for remark in self.remarks)])

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain data."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "oracle": self.oracle,
            "model": self.model,
            "settings": dict(self.settings),
            "first_divergence": None
            if self.first_divergence is None
            else self.first_divergence.subject,
            "alone_wrong": list(self.alone_wrong),
            "problems": list(self.problems),
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
            "drifts": [asdict(drift) for drift in self.drifts],
            "notes": list(self.notes),
            "provenance": None if self.provenance is None else asdict(self.provenance),
            "running_statistics": [asdict(one) for one in self.running_statistics],
            "worst_layer": None if self.worst_layer is None else asdict(self.worst_layer),
        }

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one HTML file, with drawings, that needs nothing else.

        Parameters
        ----------
        path : path-like
            Replaced if it exists; an interrupted run leaves the old file or none.
        """
        from lasport.compare.html.page import page

        with replacing(path) as partial:
            partial.write_text(page(self), encoding="utf-8")

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the report as JSON; an interrupted run leaves the old file or none.

        Parameters
        ----------
        path : path-like
            Replaced if it exists. Infinities and NaN are written as strings.
        """
        write_json(path, self.to_dict())

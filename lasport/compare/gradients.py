"""Holding a port's gradients against a record's, or against slopes of the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from lasport.compare.averages import DTYPES
from lasport.compare.metrics import STRUCTURE_BOUND, measure
from lasport.compare.places import Found, Place, found_at, places_of
from lasport.compare.port import Gradients, Port, Session
from lasport.compare.recorded_gradients import RecordedGradients
from lasport.compare.reference_slopes import ReferenceSlopes, clipping_layers
from lasport.compare.report import Comparison
from lasport.oracles.oracle import Oracle
from lasport.oracles.record import MODES, Mode, Record
from lasport.spec import Array, Network

__all__ = ["GradientStage"]

Profile: TypeAlias = Literal["stock", "exact"]
ByDtype: TypeAlias = Mapping[str, Found]
# So often are inputs rounded at random to see what rounding does to a gradient.
ROUNDINGS = 4


@dataclass
class GradientStage:
    """The comparison of gradients while it is made.

    Attributes
    ----------
    network, port
        The original, and the model to judge.
    session : callable
        Returns a copy of the model in a float type, as if nothing had run on it yet.
    record : Oracle
        What the original computed.
    params : sequence of ndarray or None
        What the port has in place of the network's parameters, which are the
        record's; then the record's gradients are not of this very port.
    by_layer : bool
        Compare gradients with respect to parameters too, not to inputs alone.
    arrangement : int
        In which way the port holds what stochastic layers draw.
    outputs : callable
        Returns what the original gives in a mode, in float64.
    draws : bool
        Whether layers of the original draw anything.
    comparisons, notes : list
        What was found so far.
    """

    network: Network
    port: Port
    session: Callable[[str], Session]
    record: Oracle
    params: Sequence[Array] | None
    by_layer: bool
    arrangement: int
    outputs: Callable[[Mode], Sequence[Array]]
    draws: bool = True
    comparisons: list[Comparison] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        meta = self.record.meta
        self._recorded = None if meta["no_gradient"] or self.params is not None else meta["floatX"]
        self._dtypes = DTYPES if self._recorded == "float32" else DTYPES[:1]
        self._places = places_of(self.network, self.record)

    @cached_property
    def _masks(self) -> Mapping[str, Sequence[Array]]:
        masks = self.record.masks if self.draws else {}
        return {self.network.layers[k].name: drawn for k, drawn in masks.items()}

    def compare(self, modes: Sequence[Mode]) -> None:
        """Compare gradients as far as somebody says what is right.

        Raises
        ------
        ComparisonError
            If the model cannot be given what the net draws.
        """
        if self.record.by_lasagne and self.record.meta["no_gradient"]:
            self.notes.append(f"Theano has no gradient of it: {self.record.meta['no_gradient']}")
        if self._recorded != "float64" and (clipping := clipping_layers(self.network)):
            self.notes.append(
                f"{', '.join(clipping)}: gradients are clipped or truncated, which only Theano's "
                "own show; those of what is before were not compared in float64"
            )
        sessions = {dtype: self.session(dtype) for dtype in self._dtypes}
        self._cotangents = self.record.cotangents_of(self.outputs(modes[0]))
        for mode in [mode for mode in MODES if mode in modes]:
            raw = {d: self._differentiate(each, mode) for d, each in sessions.items()}
            self._compare_training(mode, raw["float64"])
            own = {dtype: self._found(each) for dtype, each in raw.items()}
            if self._recorded is not None and isinstance(self.record, Record):
                recorded = RecordedGradients(self.network, self.record, mode)
                self._compare_with_record(recorded, own, sessions["float64"])
            if self._recorded != "float64":
                self._compare_with_slopes(mode, own)

    def _compare_training(self, mode: Mode, gradients: Gradients) -> None:
        """Compare which parameters are trained."""
        if not self.by_layer or gradients.params is None:
            return
        owned = self.network.owned_params()
        for (layer, param), gradient in zip(owned, gradients.params, strict=True):
            who, whom = "Lasagne", "the model"
            if not param.trainable:
                who, whom = whom, who
            if param.trainable == (gradient is None):
                subject = f"{mode}/grads/{layer.name}.{param.name}"
                problem = f"trained by {who}, and not by {whom}"
                self.comparisons.append(
                    Comparison(subject, layer.name, "float64", ok=False, problem=problem)
                )

    def _compare_with_record(
        self, recorded: RecordedGradients, own: ByDtype, session: Session
    ) -> None:
        judged, mode = recorded.judge(own), recorded.mode
        wrong = [place for place, comparison in judged.items() if not comparison.ok]

        def right(other: ByDtype) -> bool:
            again = recorded.judge(other)
            return all(again[place].ok for place in wrong)

        excused: Sequence[Place] = ()
        if wrong and self._is_like("stock", mode, own, but="exact", right=right):
            excused = wrong
        elif wrong and self._recorded == "float32":
            moved = self._moved_by_rounding(mode, own["float64"], session)
            excused = [
                place
                for place in wrong
                if recorded.explained(place, own["float64"][place], moved[place])
            ]
            self._note_rounding(mode, excused)
        self.comparisons += [each for place, each in judged.items() if place not in excused]

    def _compare_with_slopes(self, mode: Mode, own: ByDtype) -> None:
        known = None if isinstance(self.record, Record) else self.outputs(mode)
        slopes = ReferenceSlopes(
            self.network, self.record, mode, self.params, self._cotangents, known
        )
        places = slopes.known(own["float64"])
        if not places:
            return
        found = slopes.compare(own["float64"])

        def right(other: ByDtype) -> bool:
            return slopes.agrees(other["float64"])

        if found is None:
            self.notes.append(
                f"in {mode} mode gradients were not compared: the slopes of the reference are not "
                "known well enough here (kinks, ties, single precision, or next to none)"
            )
            return
        if found.ok and slopes.large:
            self.notes.append(
                f"in {mode} mode gradients were compared in one random direction, in which the "
                f"reference's slope is known to {slopes.resolution:.0e} of the usual size of slopes"
            )
        if found.ok or not self._is_like("exact", mode, own, but="stock", right=right):
            self.comparisons.append(found)

    def _is_like(
        self,
        like: Profile,
        mode: Mode,
        own: ByDtype,
        *,
        but: Profile,
        right: Callable[[ByDtype], bool],
    ) -> bool:
        """Whether gradients are one profile's where another's are right, and take note of it.

        The two differ in nothing but gradients at kinks and ties. There Theano
        and TensorFlow each have their own, and Theano's may be no derivative.
        """
        theirs = {profile: self._of_profile(profile, mode, own) for profile in (like, but)}
        same = all(
            measure(own["float64"][place], array).relative <= STRUCTURE_BOUND
            for place, array in theirs[like]["float64"].items()
        )
        if not same or not right(theirs[but]):
            return False
        apart = {
            place: np.abs(array - theirs[but]["float64"][place])
            for place, array in own["float64"].items()
        }
        count = sum(
            int((gap > STRUCTURE_BOUND * np.abs(own["float64"][place]).max(initial=0)).sum())
            for place, gap in apart.items()
        )
        whose = "TensorFlow's, not Theano's" if like == "stock" else "Theano's, and no derivatives"
        total = sum(gap.size for gap in apart.values())
        self.notes.append(
            f"in {mode} mode {count} of {total} entries of gradients are {whose}: at kinks and "
            f"ties the profile {like!r} has others than the profile {but!r}, and this model has its"
        )
        return True

    def _of_profile(self, profile: Profile, mode: Mode, own: ByDtype) -> dict[str, Found]:
        """Return the gradients of lasport's own model in a profile."""
        port = self.port.of_profile(profile)
        found: dict[str, Found] = {}
        for dtype, places in own.items():
            everything = self._found(self._differentiate(port.start(dtype), mode, arrangement=0))
            found[dtype] = {place: everything[place] for place in places}
        return found

    def _moved_by_rounding(self, mode: Mode, exact: Found, session: Session) -> dict[Place, float]:
        """Return how far, in RMS, gradients move where inputs are rounded to float32.

        A pass that ends on the other side of a kink has another gradient.
        """
        rng = np.random.default_rng(self.record.meta["seed"])
        unit = float(np.finfo(np.float32).eps) / 2
        moved = dict.fromkeys(exact, 0.0)
        for _ in range(ROUNDINGS):
            inputs = [
                x * (1 + unit * rng.uniform(-1, 1, x.shape)) if x.dtype.kind == "f" else x
                for x in self.record.inputs
            ]
            again = self._found(self._differentiate(session, mode, inputs=inputs))
            for place, array in exact.items():
                change = float(np.sqrt(np.mean(np.square(again[place] - array))))
                moved[place] = max(moved[place], change)
        return moved

    def _note_rounding(self, mode: Mode, places: Sequence[Place]) -> None:
        if places:
            self.notes.append(
                f"in {mode} mode the gradients of {', '.join(place.name for place in places)} were "
                "not compared in float32: rounding the inputs moves them as far, as beside a kink"
            )

    def _differentiate(
        self,
        session: Session,
        mode: Mode,
        *,
        inputs: Sequence[Array] | None = None,
        arrangement: int | None = None,
    ) -> Gradients:
        return session.gradients(
            self.record.inputs if inputs is None else inputs,
            self._cotangents,
            training=mode == "training",
            masks=self._masks if mode == "training" else {},
            arrangement=self.arrangement if arrangement is None else arrangement,
        )

    def _found(self, gradients: Gradients) -> Found:
        return found_at(self._places, gradients, inputs_only=not self.by_layer)

"""The bench on which pieces of a port and of its net are run side by side.

Each piece of either is fed what Lasagne computes there, so that a mistake shows in its own
place and nowhere behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lasport.compare.diagnosis.alignment import align
from lasport.compare.diagnosis.apart import INCOMPARABLE, Apart, apart
from lasport.compare.diagnosis.arrangement import Arrangement, arrange, is_channels_last, plain
from lasport.compare.diagnosis.cutting import Unit, cut
from lasport.compare.diagnosis.edits import Edit, apply
from lasport.compare.diagnosis.feeding import draw, input_arrangement
from lasport.compare.diagnosis.roles import UNKNOWN, role_of_step
from lasport.compare.diagnosis.steps import Pass, Step, in_precision, run_steps, steps_of
from lasport.compare.diagnosis.ways import Way, updated, ways_of
from lasport.errors import ComparisonError
from lasport.passes import DataFormat
from lasport.spec import Array, Network
from lasport.targets.parts import TakenApart, draws

__all__ = ["RUNS", "Bench", "Results"]

# "averages" is inference after one pass in training mode.
RUNS = ("inference", "training", "averages")
STOCHASTIC = ("dropout", "noise", UNKNOWN)


@dataclass(eq=False)
class Results:
    """What a unit's piece of the port gave, in Lasagne's order, and what it was given.

    Attributes
    ----------
    given : dict of str to dict of str to ndarray
        By run ("inference" or "training"), the values that it was fed.
    found : dict of str to ndarray
        By run, what came out.
    shared : dict of str to (ndarray, ndarray)
        By step, the numbers behind what it draws.
    problem : str or None
        Why nothing came out.
    """

    given: dict[str, dict[str, Array]]
    found: dict[str, Array] = field(default_factory=dict)
    shared: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    problem: str | None = None


class Bench:
    """A net and its port, both taken apart and aligned.

    Parameters
    ----------
    network : Network
        The original.
    port : TakenApart
        Its port.
    precision : str
        The float type that the port keeps weights in.
    data_format : {"channels_first", "channels_last"}, optional
        Of the port's inputs, where their shapes fit both.
    given : mapping of str to str
        Lasagne layers with the layers of the port that stand for them.
    seed : int
        Seeds what both are fed.

    Raises
    ------
    ComparisonError
        If the port cannot be run on what the net takes.
    """

    def __init__(
        self,
        network: Network,
        port: TakenApart,
        precision: str,
        data_format: DataFormat | None = None,
        given: Mapping[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        self.network = network
        self.port = port
        self.steps = steps_of(network, precision)
        self.by_name = {step.name: step for step in self.steps}
        fed = dict(zip(("inference", "training"), draw(network, seed), strict=True))
        self.inputs = {
            run: dict(zip(network.inputs, arrays, strict=True)) for run, arrays in fed.items()
        }
        self.assume([])
        images = [
            input_arrangement(name, self.inputs["inference"][name].shape[1:], shape, data_format)
            for name, shape in zip(network.inputs, self._input_shapes(), strict=True)
        ]
        by_key = dict(zip(port.inputs, images, strict=True))
        physical = {
            key: by_key[key].from_lasagne(x, len(x))
            for key, x in zip(port.inputs, self.inputs["inference"].values(), strict=True)
        }
        keys = [part.output for part in port.parts]
        found = dict(zip(keys, port.run(physical, keys, training=False), strict=True))
        self.tensors = found
        self.runs = RUNS if port.trains else RUNS[:1]
        self.arrangements = arrange(
            port.parts, {key: array.shape[1:] for key, array in found.items()}, by_key
        )
        self.alignment = align(
            self.steps, port.parts, self.truth["inference"], found, given or {}, network.outputs
        )
        self.units = cut(network, self.steps, port, self.alignment)

    def _input_shapes(self) -> list[tuple[int | None, ...]]:
        shapes = {part.output: part.config.get("batch_shape") for part in self.port.parts}
        return [tuple(shapes.get(key) or ()) for key in self.port.inputs]  # type: ignore[arg-type]

    def assume(self, edits: Sequence[Edit]) -> None:
        """Feed pieces what the net computes with some changes.

        Where a mistake changes sizes, what comes behind it can be run only so.
        """
        steps = apply(edits, self.steps)
        self.truth = {
            run: run_steps(steps, inputs, Pass(run == "training"))
            for run, inputs in self.inputs.items()
        }

    # --- running

    def run(self, unit: Unit, *, as_seen: bool = False) -> Results:
        """Run a unit's piece of the port.

        ``as_seen`` takes the result in the order that users of the model see,
        and not in the one that it has inside.
        """
        held = self.arrangements[unit.tensor]
        if as_seen:
            held = _as_seen(held)
        results = Results(
            {
                run: _in(self.port.dtype, {name: values[name] for name in unit.feeds})
                for run, values in self.truth.items()
            }
        )
        try:
            physical = {
                run: {
                    **self._inputs_besides(unit, run),
                    **{
                        key: self._physical(results.given[run][name], key)
                        for name, key in unit.feeds.items()
                    },
                }
                for run in results.given
            }
            self._share(unit, physical["inference"], results)
            for run in self.runs:
                fed = physical["training" if run == "training" else "inference"]
                (y,) = self.port.run(fed, [unit.tensor], training=run == "training")
                results.found[run] = held.to_lasagne(y)
        except (ComparisonError, ValueError) as error:
            results.problem = str(error)
        finally:
            self.port.reset()
        return results

    def _inputs_besides(self, unit: Unit, run: str) -> dict[str, Array]:
        """Return the port's inputs that reach a unit past what it is fed."""
        fed = zip(self.port.inputs, self.inputs[run].values(), strict=True)
        besides = {part.output for part in unit.parts} - set(unit.feeds.values())
        return {key: self._physical(x, key) for key, x in fed if key in besides}

    def _physical(self, value: Array, key: str) -> Array:
        if value.dtype.kind in "iu":
            return value
        return self.arrangements[key].from_lasagne(value, len(self.tensors[key]))

    def _share(self, unit: Unit, feeds: Mapping[str, Array], results: Results) -> None:
        """Let the stochastic steps draw what the parts in their place draw."""
        for step in unit.steps:
            part = self.alignment.partners.get(step.name)
            if role_of_step(step) in STOCHASTIC and part in unit.parts:
                key = part.inputs[0]
                (x,) = self.port.run(feeds, [key], training=False)
                uniform, normal = draws(part.name, x.shape)
                arrangement = self.arrangements[key]
                results.shared[step.name] = (
                    arrangement.to_lasagne(uniform),
                    arrangement.to_lasagne(normal),
                )

    def differences(
        self, unit: Unit, results: Results, steps: Sequence[Step], *, stop: bool = False
    ) -> dict[str, Apart]:
        """Return how far the port is from what some steps give, by run.

        ``stop`` leaves out what comes behind the first run that differs.
        """
        found: dict[str, Apart] = {}
        for run in self.runs:
            if results.problem is not None or run not in results.found:
                return {"inference": INCOMPARABLE}
            ways = (self._difference(unit, results, way, run) for way in ways_of(steps))
            found[run] = min(ways, key=lambda each: (not each.ok, each))
            if stop and not found[run].ok:
                break
        return found

    def _difference(self, unit: Unit, results: Results, way: Way, run: str) -> Apart:
        single = self.port.dtype == "float32"
        try:
            truth = self._value(unit, results, way, run, "float64")
            oracle = self._value(unit, results, way, run, "float32") if single else None
        except ComparisonError:
            return INCOMPARABLE
        longest = max((x.size for x in results.given["inference"].values()), default=1)
        return apart(results.found[run], truth, oracle, longest // max(truth.size, 1))

    def _value(self, unit: Unit, results: Results, way: Way, run: str, dtype: str) -> Array:
        steps = [in_precision(step, dtype) for step in way.steps]
        if run == "averages":
            learned = Pass(training=True, shared=results.shared)
            run_steps(steps, _in(dtype, results.given["training"]), learned)
            steps = [updated(step, learned, way.averaged) for step in steps]
        training = run == "training"
        given = _in(dtype, results.given["training" if training else "inference"])
        return run_steps(steps, given, Pass(training=training, shared=results.shared))[unit.value]

    def whole(self, edits: Sequence[Edit], *, as_seen: bool) -> tuple[dict[str, Apart], str | None]:
        """Return how far the whole port is from the net with some changes, and any problem."""
        worst: dict[str, Apart] = {}
        problem = None
        feeds = dict(zip(self.network.inputs, self.port.inputs, strict=True))
        steps = apply(edits, self.steps)
        for name, tensor in zip(self.network.outputs, self.port.outputs, strict=True):
            unit = Unit(tuple(self.steps), name, feeds, tensor, tuple(self.port.parts))
            results = self.run(unit, as_seen=as_seen)
            problem = problem or results.problem
            for run, value in self.differences(unit, results, steps).items():
                worst[run] = max(worst.get(run, value), value, key=lambda each: (not each.ok, each))
        return worst, problem

    # --- what hypotheses ask

    def image_behind(self, name: str) -> tuple[int, ...] | None:
        """Return the sizes of the image that was flattened on the way to a value, if one was."""
        shape = self.truth["inference"][name].shape
        while len(shape) == 2:
            step = self.by_name[name]
            if not step.incoming:
                return None
            name = step.incoming[0]
            before = self.truth["inference"][name].shape
            if np.prod(before) != np.prod(shape):
                return None
            shape = before
        return tuple(shape[1:])


def _as_seen(held: Arrangement) -> Arrangement:
    """Return how users take an output: images by their channels, all else in Lasagne's order."""
    if held.order.ndim > 2 and is_channels_last(held):
        return held
    return plain(held.order.shape)


def _in(dtype: str, values: Mapping[str, Array]) -> dict[str, Array]:
    """Return values with the floats among them in a float type."""
    return {name: x.astype(dtype) if x.dtype.kind == "f" else x for name, x in values.items()}

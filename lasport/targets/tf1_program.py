"""A program of TensorFlow 1 in its session, seen as a port of which only the ends show.

Nothing is added to its graph, which may be finalized: variables get values back by their own
initializers, fed with these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from lasport.errors import ComparisonError, UsageError
from lasport.passes import DataFormat
from lasport.spec import Array, Network
from lasport.targets.keras_calls import Profile
from lasport.targets.keras_port import foreign_layouts, narrowest
from lasport.targets.parts import opaque_parts, repeats, require_ends

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["PROGRAM", "Feeds", "Tf1Parts", "Tf1Port", "Tf1Program"]

Feeds: TypeAlias = Mapping[Any, Any]  # a feed_dict: values by placeholder
# tf.compat.v1.GraphKeys.
VARIABLES, TRAINED = "variables", "trainable_variables"
PROGRAM = "the program"  # what reports call it
NO_STEP = f"{PROGRAM} was given without train= and step="
DRAWS = f"{PROGRAM} draws random numbers in training (dropout, noise) that nobody can repeat"


class Tf1Program:
    """A program in its session: what it gives in both modes, and what its training step moves.

    Parameters
    ----------
    session, inputs, outputs, test, train, step, towers
        See :func:`lasport.tf1_program`.
    """

    def __init__(
        self,
        session: tf.compat.v1.Session,
        inputs: tf.Tensor | Sequence[tf.Tensor],
        outputs: tf.Tensor | Sequence[tf.Tensor],
        *,
        test: Feeds | None = None,
        train: Feeds | None = None,
        step: object = None,
        towers: int = 1,
    ) -> None:
        if (train is None) != (step is None):
            raise UsageError(
                "a training step is what is run (step=) and what it is fed beside the inputs "
                "(train=, which may be {}): give both, or neither"
            )
        self.session = session
        self.inputs = _listed(inputs)
        self.outputs = _listed(outputs)
        self.step = step
        self.towers = towers
        # Tensors have no hash in version 2: these are pairs.
        self.feeds = {False: _pairs(test), True: _pairs(train)}

    @property
    def trains(self) -> bool:
        """Whether its training step is known."""
        return self.step is not None

    @property
    def dtype(self) -> str:
        """The narrowest float type of its inputs and outputs."""
        return narrowest({x.dtype.base_dtype.name for x in (*self.inputs, *self.outputs)})

    @property
    def shapes(self) -> list[tuple[int | None, ...]]:
        """Of its inputs.

        Raises
        ------
        ComparisonError
            If a placeholder was made without a shape.
        """
        for x in self.inputs:
            if x.shape.rank is None:
                raise ComparisonError(f"{x.name} was made without a shape: give it one")
        return [tuple(x.shape.as_list()) for x in self.inputs]

    @property
    def variables(self) -> dict[str, Array]:
        """All variables by name."""
        held = self.session.graph.get_collection(VARIABLES)
        return {v.name.partition(":")[0]: x for v, x in self._held(held)}

    @property
    def trained(self) -> int:
        """How many numbers it trains."""
        held = self.session.graph.get_collection(TRAINED)
        return sum(int(np.prod(v.shape.as_list())) for v in held)

    def predict(self, arrays: Sequence[Array], *, training: bool) -> list[Array]:
        """Return the outputs, and leave all variables as they are.

        Raises
        ------
        ComparisonError
            If it cannot be run.
        """
        before = self._held(self.session.graph.get_collection(VARIABLES)) if training else []
        found = self._run(self.outputs, arrays, training=training)
        self._assign(before)
        return found

    def repeats(self, arrays: Sequence[Array]) -> bool:
        """Whether it computes the same twice in training, and draws no random numbers."""
        return repeats(lambda: self.predict(arrays, training=True))

    def advance(self, arrays: Sequence[Array]) -> None:
        """Make a training step, of which only what it does to untrained variables stays.

        Raises
        ------
        ComparisonError
            If it cannot be run.
        """
        before = self._held(self.session.graph.get_collection(TRAINED))
        fed = [np.concatenate([x] * self.towers) for x in arrays]
        self._run([self.step], fed, training=True)
        self._assign(before)

    def restore(self, values: Mapping[str, Array]) -> None:
        """Give variables values back that they had before."""
        held = self.session.graph.get_collection(VARIABLES)
        self._assign([(v, values[v.name.partition(":")[0]]) for v in held])

    def _held(self, variables: Sequence[Any]) -> list[tuple[Any, Array]]:
        values = self._guarded(variables, [])
        return list(zip(variables, map(np.asarray, values), strict=True))

    def _assign(self, held: Sequence[tuple[Any, Array]]) -> None:
        # One by one: several variables may have been made from one tensor.
        for variable, value in held:
            initializer = variable.initializer
            self._guarded([initializer], [(initializer.inputs[1], value)])

    def _run(
        self, fetches: Sequence[Any], arrays: Sequence[Array], *, training: bool
    ) -> list[Array]:
        count = len(arrays[0])
        others = [(x, _rows(x, value, count)) for x, value in self.feeds[training]]
        return self._guarded(fetches, [*zip(self.inputs, arrays, strict=True), *others])

    def _guarded(self, fetches: Sequence[Any], pairs: Sequence[tuple[Any, Any]]) -> list[Array]:
        with self.session.graph.as_default():
            try:
                found: list[Array] = self.session.run(list(fetches), dict(pairs))
            except Exception as error:  # graphs raise what they like
                raise ComparisonError(f"the program cannot be run: {_reason(error)}") from error
        return found


def _reason(error: Exception) -> str:
    """Return the first line of an error, or behind the list of calls that version 2 puts there."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    places = [place for place, line in enumerate(lines[:-1], 1) if line.startswith("Node: ")]
    return lines[places[0] if places else 0]


def _listed(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def _pairs(feeds: Feeds | None) -> list[tuple[Any, Any]]:
    return list((feeds or {}).items())


def _rows(placeholder: Any, value: Any, count: int) -> Any:
    """Return as many rows as a batch has of what is fed for each example, labels say."""
    if not placeholder.shape.rank or placeholder.shape.as_list()[0] is not None:
        return value
    array = np.asarray(value)
    return array[np.arange(count) % len(array)]


class Tf1Port:
    """A program beside the network that it is a port of; see :class:`lasport.compare.port.Port`.

    Parameters
    ----------
    program : Tf1Program
    network : Network
        What it should compute.
    data_format : {"channels_first", "channels_last"}, optional
        Order of axes, where the shapes of its inputs fit both.

    Raises
    ------
    ComparisonError
        If its inputs or outputs do not fit the network's.
    """

    shown_layers: tuple[str, ...] = ()

    def __init__(
        self, program: Tf1Program, network: Network, data_format: DataFormat | None = None
    ) -> None:
        require_ends("program", program.inputs, program.outputs, network)
        self.program = program
        self.dtype = self.weights_dtype = program.dtype
        self.trained = program.trained
        self.input_layouts, self.output_layouts = foreign_layouts(
            network, program.shapes, data_format
        )
        self._before = program.variables

    @property
    def versions(self) -> dict[str, str]:
        """The version of TensorFlow."""
        return {"tensorflow": str(import_module("tensorflow").__version__)}

    def weights(self) -> Iterator[Array]:
        """Yield all of its variables' values."""
        return iter(self._before.values())

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Return its outputs in inference; both in Lasagne's order of axes."""
        return self.outputs(inputs, training=False)

    def outputs(self, inputs: Sequence[Array], *, training: bool) -> list[Array]:
        """Return its outputs in one of the modes; both in Lasagne's order of axes."""
        given = self._given(inputs)
        if training:
            self._require_step(given)
        found = self.program.predict(given, training=training)
        pairs = zip(self.output_layouts, found, strict=True)
        return [layout.to_lasagne(y) for layout, y in pairs]

    def start(self, dtype: str) -> NoReturn:
        """Refuse: a graph computes in the float type in which it was built."""
        raise ComparisonError(f"{PROGRAM} computes in {self.dtype}, and in no other float type")

    def of_profile(self, profile: Profile) -> NoReturn:
        """Refuse: what lasport makes of the network is no program."""
        raise ComparisonError(f"{PROGRAM} has no profiles")

    def advance(self, inputs: Sequence[Array]) -> None:
        """Make a training step without what it does to trained variables."""
        given = self._given(inputs)
        self._require_step(given)
        self.program.advance(given)

    def restart(self) -> None:
        """Give all variables back what they were at first."""
        self.program.restore(self._before)

    def _require_step(self, given: Sequence[Array]) -> None:
        if not self.program.trains:
            raise ComparisonError(f"training mode was not compared: {NO_STEP}")
        if not self.program.repeats(given):
            raise ComparisonError(f"training mode was not compared: {DRAWS}")

    def _given(self, inputs: Sequence[Array]) -> list[Array]:
        return [
            layout.from_lasagne(x).astype(tensor.dtype.base_dtype.as_numpy_dtype)
            for layout, x, tensor in zip(
                self.input_layouts, inputs, self.program.inputs, strict=True
            )
        ]


class Tf1Parts:
    """A program as one part; see :class:`lasport.targets.parts.TakenApart`.

    Parameters
    ----------
    program : Tf1Program
    network : Network
        What it should compute.

    Raises
    ------
    ComparisonError
        If it has other numbers of inputs and outputs than the network.
    """

    def __init__(self, program: Tf1Program, network: Network) -> None:
        require_ends("program", program.inputs, program.outputs, network)
        self.program = program
        self.dtype = program.dtype
        self.variables = program.variables
        self.trains, self.unseen, self._checked = program.trains, NO_STEP, False
        self.inputs = tuple(f"input/{x.name}" for x in program.inputs)
        self.outputs = tuple(f"output/{y.name}" for y in program.outputs)
        shapes = dict(zip(self.inputs, program.shapes, strict=True))
        self.parts = opaque_parts(PROGRAM, shapes, self.outputs)

    def run(
        self, feeds: Mapping[str, Array], fetch: Sequence[str], *, training: bool
    ) -> list[Array]:
        """Compute its outputs; a training pass makes a training step too."""
        found = dict(feeds)
        if any(key not in feeds for key in fetch):
            arrays = [feeds[key] for key in self.inputs]
            if self.trains and not self._checked and not self.program.repeats(arrays):
                self.trains, self.unseen = False, DRAWS
            self._checked = True
            results = self.program.predict(arrays, training=training)
            if training:
                self.program.advance(arrays)
            found.update(zip(self.outputs, results, strict=True))
        return [found[key] for key in fetch]

    def reset(self) -> None:
        """Give all variables back what they were at first."""
        self.program.restore(self.variables)

"""Back-propagation through a tape of layer calls, in windows whose values are computed again.

A gradient tape of TensorFlow's around the whole model keeps all that the way back needs, and its
memory grows with the number of layers. Here it is around a few calls at a time. The values that
a window starts from are kept at a few places, in between they are computed anew (Griewank and
Walther, Evaluating Derivatives, chapter 12).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import keras
import tensorflow as tf

from lasport.targets.given_noise import GivenNoise
from lasport.targets.keras_copy import kept
from lasport.targets.keras_tape import Tape, kept_state

__all__ = ["Backward"]

# Calls around which there is one gradient tape.
WINDOW = 16
# Into so many parts a longer stretch of calls is cut, with values kept where they meet.
PARTS = 4

Values = dict[int, keras.KerasTensor]


@dataclass(frozen=True)
class _Moment:
    """What the calls from a place on start from: values, and whose turn it is to be drawn."""

    values: Mapping[int, keras.KerasTensor]
    turns: Mapping[GivenNoise, int]


class Backward:
    """One way back through a tape.

    Parameters
    ----------
    tape : Tape
        The calls.
    variables : sequence of tf.Variable
        With respect to which to differentiate.
    noise : iterable of GivenNoise
        Stand-ins for stochastic layers, which have what they draw.
    training : bool
        Keras' training flag.
    """

    def __init__(
        self,
        tape: Tape,
        variables: Sequence[tf.Variable],
        noise: Iterable[GivenNoise],
        training: bool,
    ) -> None:
        self._nodes = tape.nodes
        self._variables = list(variables)
        self._noise = list(noise)
        self._training = training
        self._last = {key: n for n, node in enumerate(tape.nodes) for key in node.inputs}
        self._to_values: dict[int, tf.Tensor] = {}
        self._to_variables: dict[int, tf.Tensor] = {}

    def run(
        self,
        inputs: Mapping[int, keras.KerasTensor],
        outputs: Sequence[tuple[int, tf.Tensor]],
    ) -> tuple[list[tf.Tensor | None], dict[int, tf.Tensor]]:
        """Differentiate the sum of outputs, each entry times its cotangent.

        Parameters
        ----------
        inputs : mapping of int to tensor
            By symbolic tensor.
        outputs : sequence of (int, tensor)
            Symbolic tensors, and their cotangents.

        Returns
        -------
        list of tensor or None
            Gradients with respect to the variables; None for one that has no effect.
        dict of int to tensor
            With respect to those floating point inputs that have one.
        """
        for key, cotangent in outputs:
            _add(self._to_values, key, cotangent)
        self._back(0, len(self._nodes), self._moment(inputs))
        to_variables = [self._to_variables.get(n) for n in range(len(self._variables))]
        return to_variables, {key: self._to_values[key] for key in inputs if key in self._to_values}

    def _back(self, start: int, stop: int, moment: _Moment) -> None:
        """Take the gradients of what is behind `stop` back to `start`."""
        if stop - start <= WINDOW:
            self._differentiate(start, stop, moment)
            return
        length = -(-(stop - start) // PARTS)
        places = [*range(start, stop, length), stop]
        moments = [moment]
        for begin, end in pairwise(places[:-1]):
            self._restart(moments[-1])
            moments.append(self._moment(self._play(begin, end, moments[-1].values)))
        for begin, end in reversed(list(pairwise(places))):
            self._back(begin, end, moments.pop())

    def _differentiate(self, start: int, stop: int, moment: _Moment) -> None:
        self._restart(moment)
        taken = {key: moment.values[key] for key in self._taken(start, stop, moment.values)}
        # Where a layer gives what it was given, one tensor has two places.
        distinct = {id(value): (key, value) for key, value in reversed(taken.items())}
        watched = {key: value for key, value in distinct.values() if value.dtype.is_floating}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([*self._variables, *watched.values()])
            values = self._play(start, stop, taken, keep=self._to_values)
        targets = [key for key in self._to_values if key in values and key not in taken]
        found = tape.gradient(
            [values[key] for key in targets],
            [*self._variables, *watched.values()],
            output_gradients=[self._to_values.pop(key) for key in targets],
        )
        count = len(self._variables)
        for gradients, keys, new in (
            (self._to_variables, range(count), found[:count]),
            (self._to_values, watched, found[count:]),
        ):
            for key, gradient in zip(keys, new, strict=True):
                if gradient is not None:
                    _add(gradients, key, tf.convert_to_tensor(gradient))

    def _play(
        self,
        start: int,
        stop: int,
        values: Mapping[int, keras.KerasTensor],
        keep: Iterable[int] = (),
    ) -> Values:
        """Make calls, and return what is needed behind them or kept."""
        values, wanted = dict(values), set(keep)
        nodes = self._nodes[start:stop]
        # Whoever asks whether random numbers were drawn looks at the states of generators.
        moving = [v for node in nodes for v in kept(node.layer) if not v.trainable]
        with kept_state(moving if self._training else ()):
            for place, node in enumerate(nodes, start):
                values |= {key: _read(x) for key, x in node.play(values, self._training).items()}
                for key in (*node.inputs, *node.outputs):
                    if self._last.get(key, -1) <= place and key not in wanted:
                        values.pop(key, None)
        return values

    def _taken(self, start: int, stop: int, values: Mapping[int, keras.KerasTensor]) -> list[int]:
        """Return those of some values that calls take."""
        keys = (key for node in self._nodes[start:stop] for key in node.inputs)
        return [key for key in dict.fromkeys(keys) if key in values]

    def _moment(self, values: Mapping[int, keras.KerasTensor]) -> _Moment:
        return _Moment(values, {layer: layer.turn for layer in self._noise})

    def _restart(self, moment: _Moment) -> None:
        for layer, turn in moment.turns.items():
            layer.turn = turn


def _read(value: Any) -> Any:
    """Return a value; of a variable that a layer hands out, what it holds.

    In another window it is no variable any more, so that nothing is counted twice.
    """
    return tf.convert_to_tensor(value) if isinstance(value, keras.Variable) else value


def _add(gradients: dict[int, tf.Tensor], key: int, gradient: tf.Tensor) -> None:
    gradients[key] = gradients[key] + gradient if key in gradients else gradient

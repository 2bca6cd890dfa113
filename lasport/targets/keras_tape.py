"""The layer calls of a functional model, to be made one after another without a model around them.

A value is let go when the last call that takes it was made, where Keras keeps
all of a pass in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

__all__ = ["Node", "Playback", "Tape", "kept_state", "read"]


@dataclass(frozen=True, eq=False)
class Node:
    """One call of a layer.

    Attributes
    ----------
    args, kwargs
        What it is called with; Keras' symbolic tensors stand for values.
    inputs, outputs : tuple of int
        Identities of the symbolic tensors that it takes and gives.
    """

    layer: keras.layers.Layer
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def play(
        self, values: Mapping[int, keras.KerasTensor], training: bool
    ) -> dict[int, keras.KerasTensor]:
        """Make the call, and return what it gives, by identity of the symbolic tensors."""

        def filled(x: object) -> object:
            return values[id(x)] if isinstance(x, keras.KerasTensor) else x

        args, kwargs = keras.tree.map_structure(filled, (self.args, dict(self.kwargs)))
        results = self.layer(*args, **{**kwargs, "training": training})
        return dict(zip(self.outputs, keras.tree.flatten(results), strict=True))


@dataclass
class Tape:
    """Calls in an order in which they can be made.

    Attributes
    ----------
    nodes : list of Node
        The calls.
    producers : dict of int to int
        For each symbolic tensor, the place of the call that gives it.
    """

    nodes: list[Node] = field(default_factory=list)
    producers: dict[int, int] = field(default_factory=dict)

    def record(
        self,
        layer: keras.layers.Layer,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Add a call that was made with symbolic tensors."""
        taken = (x for x in keras.tree.flatten((args, dict(kwargs))))
        inputs = dict.fromkeys(id(x) for x in taken if isinstance(x, keras.KerasTensor))
        outputs = tuple(id(x) for x in keras.tree.flatten(result))
        self.producers.update(dict.fromkeys(outputs, len(self.nodes)))
        self.nodes.append(Node(layer, args, kwargs, tuple(inputs), outputs))

    def between(self, given: Collection[int], target: int) -> tuple[list[int], set[int]]:
        """Return the places of the calls that lead to a symbolic tensor, in order.

        Parameters
        ----------
        given : collection of int
            Symbolic tensors whose values are known.
        target : int
            The one that is wanted.

        Returns
        -------
        list of int
            The places.
        set of int
            Those of the given that the calls take.
        """
        places: set[int] = set()
        taken: set[int] = set()
        wanted = [self.producers[target]]
        while wanted:
            place = wanted.pop()
            if place not in places:
                places.add(place)
                inputs = self.nodes[place].inputs
                taken.update(key for key in inputs if key in given)
                wanted += (self.producers[key] for key in inputs if key not in given)
        return sorted(places), taken


class Playback:
    """One pass over a tape, as far as somebody asks for values.

    Parameters
    ----------
    tape : Tape
        Whose calls are made, each of them once.
    inputs : mapping of int to tensor
        Values of the model's inputs.
    asked : iterable of int
        Each symbolic tensor as often as its value will be asked for.
    training : bool
        Keras' training flag.
    """

    def __init__(
        self,
        tape: Tape,
        inputs: Mapping[int, keras.KerasTensor],
        asked: Iterable[int],
        training: bool,
    ) -> None:
        self._tape = tape
        self._training = training
        self._values = dict(inputs)
        self._left = Counter(asked)
        for node in tape.nodes:
            self._left.update(node.inputs)

    def value(self, target: int) -> keras.KerasTensor:
        """Return one value that was announced, making the calls that are missing."""
        if target not in self._values:
            places, _ = self._tape.between(self._values, target)
            for place in places:
                self._play(self._tape.nodes[place])
        value = self._values[target]
        self._use(target)
        return value

    def _play(self, node: Node) -> None:
        found = node.play(self._values, self._training)
        self._values.update({key: value for key, value in found.items() if self._left[key]})
        for key in node.inputs:
            self._use(key)

    def _use(self, key: int) -> None:
        self._left[key] -= 1
        if not self._left[key]:
            del self._values[key]


@contextmanager
def kept_state(variables: Iterable[keras.Variable]) -> Iterator[None]:
    """Put back what calls within the block do to variables."""
    distinct = {id(v): v for v in variables}
    state = [(v, read(v)) for v in distinct.values()]
    try:
        yield
    finally:
        for variable, value in state:
            variable.assign(value)


def read(variable: keras.Variable) -> keras.KerasTensor:
    """Return a variable's present value without copying it."""
    return tf.convert_to_tensor(variable.value)

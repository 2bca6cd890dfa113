"""Running one Keras layer in a graph of tf.compat.v1, with the graph's variables for its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import tensorflow as tf

__all__ = ["LayerRun", "Pairs", "Tensors", "as_keras_expects", "run_in_either_mode"]

v1 = tf.compat.v1
Tensor: TypeAlias = tf.Tensor
Tensors: TypeAlias = Any  # a tensor, or several in a list or a dict by name
Pairs: TypeAlias = list[tuple[keras.Variable, tf.Variable]]
SEED = "seed_generator_state"  # what Keras calls the variables of random generators


@dataclass(frozen=True)
class LayerRun:
    """A layer's call in one of its modes, without any traces in the layer.

    ``places`` pairs the layer's variables with the graph's.
    """

    layer: keras.layers.Layer
    inputs: Tensors
    options: Mapping[str, Tensor]
    places: Pairs

    def __call__(self, mode: Mapping[str, bool]) -> tuple[Tensor, dict[int, Tensor]]:
        """Return the output, and new values of the variables that change, by place."""
        given = [(own, tf.convert_to_tensor(variable)) for own, variable in self.places]
        # Drawn anew in each run of the graph, where Keras counts on from call to call.
        seeds = [(own, _seed(own)) for own in self.layer.variables if own.name == SEED]
        with keras.StatelessScope(given + seeds) as scope:
            before = [scope.get_current_value(own) for own, _ in self.places]
            # In the scope: a layer may return one of its variables.
            output = tf.convert_to_tensor(self.layer(self.inputs, **self.options, **mode))
        after = [scope.get_current_value(own) for own, _ in self.places]
        changed = {i: new for i, new in enumerate(after) if new is not before[i]}
        return output, changed


def _seed(state: keras.Variable) -> Tensor:
    drawn = v1.random_uniform(tuple(state.shape), maxval=2**31 - 1, dtype=tf.int32)
    return tf.cast(drawn, state.dtype)


def run_in_either_mode(training: Tensor, run: LayerRun) -> tuple[Tensor, dict[int, Tensor]]:
    """Run a layer in the mode that a tensor tells; averages stay as they are in inference."""
    moved: list[int] = []

    def train() -> list[Tensor]:
        output, updated = run({"training": True})
        moved.extend(updated)
        return [output, *updated.values()]

    def infer() -> list[Tensor]:
        output, _ = run({"training": False})
        return [output, *(tf.convert_to_tensor(run.places[place][1]) for place in moved)]

    # Gradients of version 2's cond can only be built before the graph has run.
    with _control_flow_v2(wanted=False):
        output, *values = v1.cond(training, train, infer, strict=True)
    return output, dict(zip(moved, values, strict=True))


@contextmanager
def as_keras_expects() -> Iterator[None]:
    """Let sizes be numbers and loops functions, also after ``disable_v2_behavior``."""
    numbers = isinstance(tf.TensorShape([1])[0], int)
    v1.enable_v2_tensorshape()
    try:
        with _control_flow_v2(wanted=True):
            yield
    finally:
        if not numbers:
            v1.disable_v2_tensorshape()


@contextmanager
def _control_flow_v2(*, wanted: bool) -> Iterator[None]:
    before = v1.control_flow_v2_enabled()
    switches = {False: v1.disable_control_flow_v2, True: v1.enable_control_flow_v2}
    switches[wanted]()
    try:
        yield
    finally:
        switches[before]()

"""A recurrent layer whose step is made of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError
from lasport.keras_layers.nonlinearity import apply_function
from lasport.keras_layers.recurrence import (
    Function,
    Recurrence,
    Step,
    read_function,
    write_function,
)
from lasport.spec import Shape

__all__ = ["CustomRecurrence"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class CustomRecurrence(Recurrence):
    """Recurrence of models: ``h' = function(hidden_to_hidden(h) + input_to_hidden(x))``.

    Parameters
    ----------
    input_to_hidden, hidden_to_hidden : keras.Model
        Built, with one input and one output: from a step of the sequence to the
        shape of a state, and from state to state. Their configurations will do,
        as ``keras.saving.serialize_keras_object`` gives them.
    function : str or list, optional
        A name, or a name and constants, as :class:`Nonlinearity` takes them.
    in_advance : bool
        Whether all steps go through ``input_to_hidden`` as one batch, before
        the loop and ordered by step, or each of them inside the loop. That
        tells apart batch norm and dropout.
    **kwargs
        Keyword arguments of :class:`Recurrence` and ``keras.layers.Layer``.

    Attributes
    ----------
    initial_hidden : keras.Variable
        (1, ...) with the shape of a state, where it is not given.

    Raises
    ------
    LayerArgumentError
        For unknown functions, models that do not fit each other and inputs that
        do not fit them.

    Notes
    -----
    ``lasagne.layers.CustomRecurrentLayer``; ``in_advance`` is its
    ``precompute_input``. The gradient of the function's argument is clipped.

    Examples
    --------
    >>> import numpy as np
    >>> ones = {"kernel_initializer": "ones"}
    >>> first = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, **ones)])
    >>> then = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, **ones)])
    >>> layer = CustomRecurrence(first, then)
    >>> layer(np.array([[[1.0, 2.0], [3.0, 4.0]]])).numpy().tolist()
    [[[3.0], [10.0]]]
    """

    def __init__(
        self,
        input_to_hidden: keras.Model | Mapping[str, Any],
        hidden_to_hidden: keras.Model | Mapping[str, Any],
        function: Function = "rectify",
        in_advance: bool = True,
        **kwargs: Any,  # The loop's and Keras' own.
    ) -> None:
        super().__init__(**kwargs)
        self.input_to_hidden = _model(input_to_hidden)
        self.hidden_to_hidden = _model(hidden_to_hidden)
        self.function = read_function(function)
        self.in_advance = in_advance
        taken, made = (
            _features(x)
            for x in (self.hidden_to_hidden.inputs[0], self.hidden_to_hidden.outputs[0])
        )
        if None in made or not taken == made == _features(self.input_to_hidden.outputs[0]):
            raise LayerArgumentError(
                f"hidden_to_hidden makes {made} of {taken} and input_to_hidden makes "
                f"{_features(self.input_to_hidden.outputs[0])}; all must be the same known shape."
            )

    @property
    def nets(self) -> dict[str, keras.Model]:
        """Both models by the name of their argument."""
        return {
            "input_to_hidden": self.input_to_hidden,
            "hidden_to_hidden": self.hidden_to_hidden,
        }

    def build_step(self, step_shape: Shape) -> None:
        """Check the sequence; the models have all weights."""
        taken = _features(self.input_to_hidden.inputs[0])
        if len(taken) != len(step_shape) or any(
            a is not None and a != b for a, b in zip(taken, step_shape, strict=True)
        ):
            raise LayerArgumentError(
                f"input_to_hidden takes {taken}; the steps of the sequence are {step_shape}."
            )

    def state_shape(self, step_shape: Shape) -> tuple[int, ...]:
        """Return the shape of what ``hidden_to_hidden`` makes."""
        return tuple(size or 0 for size in _features(self.hidden_to_hidden.outputs[0]))

    def start(self, sequence: Tensor) -> tuple[Tensor, Step]:
        """Send all steps through ``input_to_hidden``, or leave that to each step."""
        shape = tuple(sequence.shape[2:])
        state = self.state_shape(shape)
        batch, steps = ops.shape(sequence)[:2]
        if self.in_advance:
            by_step = ops.reshape(ops.swapaxes(sequence, 0, 1), (-1, *shape))
            computed = self.input_to_hidden(by_step)
            features = ops.swapaxes(ops.reshape(computed, (steps, batch, _size(state))), 0, 1)
        else:
            features = ops.reshape(sequence, (batch, steps, _size(shape)))

        def step(x: Tensor, states: list[Tensor]) -> list[Tensor]:
            total = self.hidden_to_hidden(ops.reshape(states[0], (-1, *state)))
            if self.in_advance:
                total = total + ops.reshape(x, (-1, *state))
            else:
                total = total + self.input_to_hidden(ops.reshape(x, (-1, *shape)))
            after = apply_function(*self.function, self.clip(total))
            return [ops.reshape(after, (-1, _size(state)))]

        return features, step

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            **{n: keras.saving.serialize_keras_object(net) for n, net in self.nets.items()},
            "function": write_function(self.function),
            "in_advance": self.in_advance,
        }


def _model(given: keras.Model | Mapping[str, Any]) -> keras.Model:
    model = keras.saving.deserialize_keras_object(given) if isinstance(given, Mapping) else given
    if not isinstance(model, keras.Model) or not len(model.inputs) == len(model.outputs) == 1:
        raise LayerArgumentError(
            f"a built model with one input and one output is expected: {model}"
        )
    return model


def _features(tensor: Tensor) -> Shape:
    return tuple(tensor.shape[1:])


def _size(shape: Shape) -> int:
    return int(np.prod([size or 0 for size in shape]))

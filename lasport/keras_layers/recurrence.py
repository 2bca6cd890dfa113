"""The loop over time that recurrent layers have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import keras
import numpy as np
from keras import initializers, ops

from lasport.keras_layers.arguments import LayerArgumentError, one_of
from lasport.keras_layers.nonlinearity import check_function
from lasport.spec import Shape

__all__ = ["Function", "Recurrence", "clip_gradient", "read_function", "write_function"]

Tensor: TypeAlias = keras.KerasTensor
Step: TypeAlias = Callable[[Tensor, list[Tensor]], list[Tensor]]
# A name, or a list of a name and a mapping of constants, as JSON has them.
Function: TypeAlias = "str | list[Any]"


class Recurrence(keras.layers.Layer):
    """Base of layers that carry states from step to step of a sequence.

    The input is (batch, steps, ...), or a list of that and of what ``given``
    says. The output is the first of the states: that after each step, in the
    order of the input, or the one after the last step taken. A step that is
    masked out leaves all states as they were, so that masked steps in front
    give the initial state. ``keras.layers.RNN`` gives zeros there, and leaves
    the output of ``go_backwards`` reversed.

    Parameters
    ----------
    given : sequence of {"mask", "hidden", "cell"}
        What the inputs behind the sequence are: a mask (batch, steps), whose
        zeros mask steps out, and initial states (batch, ...). An initial state
        that is not given is a weight, ``initial_hidden`` or ``initial_cell``.
    backwards : bool
        Whether to go from the last step to the first.
    return_sequences : bool
        Whether to return all steps or only the last one taken.
    gradient_clipping : float
        Bound for the gradient of what the layer says it clips; 0 for none.
    gradient_steps : int, optional
        Let the gradient flow through that many of the steps taken last; by
        default through all.
    unroll : bool
        Whether to write the steps out one after another; their number must be
        fixed then.
    frozen : sequence of str
        Names of weights that are not trained.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``, and those of ``default_initializers``.
    """

    states: ClassVar[tuple[str, ...]] = ("hidden",)
    default_initializers: ClassVar[Mapping[str, str]] = {"initial_hidden_initializer": "zeros"}
    """The initializers that the layer takes, with the defaults."""

    def __init__(
        self,
        *,
        given: Sequence[str] = (),
        backwards: bool = False,
        return_sequences: bool = True,
        gradient_clipping: float = 0.0,
        gradient_steps: int | None = None,
        unroll: bool = False,
        frozen: Sequence[str] = (),
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        given_initializers = {
            name: kwargs.pop(name, default) for name, default in self.default_initializers.items()
        }
        super().__init__(**kwargs)
        self.given = tuple(one_of(("mask", *self.states), name, "given") for name in given)
        self.backwards = backwards
        self.return_sequences = return_sequences
        self.gradient_clipping = float(gradient_clipping)
        self.gradient_steps = gradient_steps
        self.unroll = unroll
        self.frozen = tuple(frozen)
        for attribute, initializer in given_initializers.items():
            setattr(self, attribute, initializers.get(initializer))
        self.supports_masking = True

    def start(self, sequence: Tensor) -> tuple[Tensor, Step]:
        """Do what can be done for all steps at once.

        Returns
        -------
        Tensor
            What each step takes of the sequence, (batch, steps, features).
        callable
            ``(features, states) -> states``, all of them (batch, size).
        """
        raise NotImplementedError

    def build_step(self, step_shape: Shape) -> None:
        """Create the weights of a step, whose input has ``step_shape`` behind the batch axis."""
        raise NotImplementedError

    def state_shape(self, step_shape: Shape) -> tuple[int, ...]:
        """Return the shape of each state behind the batch axis."""
        raise NotImplementedError

    def build(self, input_shape: Any) -> None:
        """Create the weights of a step, then those of the initial states."""
        shapes = self._shapes(input_shape)
        sequence = shapes[0]
        if len(shapes) != 1 + len(self.given) or len(sequence) < 3 or None in sequence[2:]:
            raise LayerArgumentError(
                f"{type(self).__name__} takes (batch, steps, features ...) with known features"
                f"{''.join(f', a {name}' for name in self.given)}; got {shapes}."
            )
        self.build_step(sequence[2:])
        for name in self.states:
            if name not in self.given:
                self.create(f"initial_{name}", (1, *self.state_shape(sequence[2:])))

    def create(self, name: str, shape: Shape, initializer: str | None = None) -> None:
        """Create a weight as an attribute."""
        chosen = getattr(self, initializer or f"{name}_initializer")
        trainable = name not in self.frozen
        setattr(self, name, self.add_weight(shape, chosen, name=name, trainable=trainable))

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        """Go through the sequence."""
        sequence, *others = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        masks = mask if isinstance(mask, (list, tuple)) else [mask]
        given = dict(zip(self.given, others, strict=True))
        features, step = self.start(sequence)
        size = features.shape[-1]
        marks = self._marks(sequence, given.pop("mask", None), masks[0])
        if marks:
            columns = [
                ops.expand_dims(ops.cast(mark, features.dtype), -1) for mark in marks.values()
            ]
            features = ops.concatenate([features, *columns], axis=-1)
        shape = self.state_shape(sequence.shape[2:])
        states = [self._initial(name, given, ops.shape(sequence)[0]) for name in self.states]
        loop = keras.layers.RNN(
            _Step(step, size, tuple(marks), [state.shape[-1] for state in states], self),
            return_sequences=self.return_sequences,
            go_backwards=self.backwards,
            unroll=self.unroll,
            dtype=self.dtype_policy,
        )
        outputs = loop(features, initial_state=states)
        if self.return_sequences and self.backwards:
            outputs = ops.flip(outputs, axis=1)
        leading = ops.shape(outputs)[:-1]
        return outputs if len(shape) == 1 else ops.reshape(outputs, (*leading, *shape))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the state, behind batch and steps or batch alone."""
        batch, steps, *features = self._shapes(input_shape)[0]
        leading = (batch, steps) if self.return_sequences else (batch,)
        return (*leading, *self.state_shape(tuple(features)))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Keep the sequence's mask where there is an output for each step."""
        masks = previous_mask if isinstance(previous_mask, (list, tuple)) else [previous_mask]
        return masks[0] if self.return_sequences else None

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "given": list(self.given),
            "backwards": self.backwards,
            "return_sequences": self.return_sequences,
            "gradient_clipping": self.gradient_clipping,
            "gradient_steps": self.gradient_steps,
            "unroll": self.unroll,
            "frozen": list(self.frozen),
            **{
                name: initializers.serialize(getattr(self, name))
                for name in self.default_initializers
            },
        }

    def clip(self, x: Tensor) -> Tensor:
        """Return ``x``, whose gradient is clipped if the layer clips gradients."""
        return clip_gradient(x, self.gradient_clipping) if self.gradient_clipping else x

    def _shapes(self, input_shape: Any) -> list[Shape]:
        several = isinstance(input_shape[0], (list, tuple))
        return [tuple(shape) for shape in input_shape] if several else [tuple(input_shape)]

    def _initial(self, name: str, given: dict[str, Tensor], batch: Any) -> Tensor:
        if name in given:
            state = given[name]
            return ops.reshape(state, (batch, int(np.prod(state.shape[1:]))))
        weight = ops.convert_to_tensor(getattr(self, f"initial_{name}"))
        size = int(np.prod(weight.shape))
        return ops.broadcast_to(ops.reshape(weight, (1, size)), (batch, size))

    def _marks(self, sequence: Tensor, given: Tensor | None, mask: Any) -> dict[str, Tensor]:
        """Return what is to be known of each step, 0 or 1: does it count, is it differentiated."""
        marks: dict[str, Tensor] = {}
        counting = [
            x for x in (mask, None if given is None else ops.not_equal(given, 0)) if x is not None
        ]
        if counting:
            marks["counts"] = counting[0]
            for other in counting[1:]:
                marks["counts"] = ops.logical_and(marks["counts"], other)
        if self.gradient_steps is not None:
            batch, steps = ops.shape(sequence)[:2]
            place = ops.arange(steps)
            kept = self.gradient_steps
            last = place < kept if self.backwards else place >= steps - kept
            marks["differentiated"] = ops.broadcast_to(ops.expand_dims(last, 0), (batch, steps))
        return marks


class _Step:
    """One step as ``keras.layers.RNN`` calls it: features with marks behind them."""

    def __init__(
        self,
        step: Step,
        size: int,
        marks: tuple[str, ...],
        state_size: list[int],
        layer: keras.layers.Layer,
    ) -> None:
        self.step = step
        self.size = size
        self.marks = marks
        self.state_size = state_size
        self.output_size = state_size[0]
        self.compute_dtype = layer.compute_dtype

    def call(self, inputs: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        # Not `!= 0`, which compares objects where TensorFlow runs no operation eagerly.
        marks = {
            name: ops.not_equal(inputs[:, self.size + place : self.size + place + 1], 0)
            for place, name in enumerate(self.marks)
        }
        after = self.step(inputs[:, : self.size], list(states))
        if "counts" in marks:
            pairs = zip(after, states, strict=True)
            after = [ops.where(marks["counts"], new, old) for new, old in pairs]
        if "differentiated" in marks:
            kept = marks["differentiated"]
            after = [ops.where(kept, state, ops.stop_gradient(state)) for state in after]
        return after[0], after

    __call__ = call


def read_function(given: Function) -> tuple[str, dict[str, float]]:
    """Return name and constants of a function, as configurations give it.

    Raises
    ------
    LayerArgumentError
        If there is no such function, or its constants are others.
    """
    name, constants = (given, {}) if isinstance(given, str) else given
    return name, check_function(name, constants)


def write_function(function: tuple[str, Mapping[str, float]]) -> Function:
    """Return a function as configurations give it."""
    name, constants = function
    return [name, dict(constants)] if constants else name


def clip_gradient(x: Tensor, bound: float) -> Tensor:
    """Return ``x``, and clip its gradient into ``[-bound, bound]``: ``theano.gradient.grad_clip``.

    Examples
    --------
    >>> import tensorflow as tf
    >>> x = tf.constant([1.0, 2.0, 3.0])
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = clip_gradient(x, 4.0) ** 2
    >>> tape.gradient(y, x).numpy().tolist()
    [2.0, 4.0, 4.0]
    """

    @ops.custom_gradient
    def clipped(x: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
        def gradient(*args: Tensor, upstream: Tensor | None = None) -> Tensor:
            # Backends differ in how they hand over the gradient of the output.
            return ops.clip(args[0] if upstream is None else upstream, -bound, bound)

        return x, gradient

    return clipped(x)

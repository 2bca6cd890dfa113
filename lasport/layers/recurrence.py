"""What the recurrent layers have in common: their inputs, their options, the loop over time.

A layer takes a sequence (batch, steps, features ...) and, if it was built with
them, a mask (batch, steps) and layers that give initial states. Steps whose
mask is 0 leave the states as they are. Going ``backwards`` the output is put in
the input's order again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.values import boolean, integer, number
from lasport.operations import Activation, GatedRecurrence, Loop, product
from lasport.plan import PlanBuilder, Value
from lasport.registry import attribute
from lasport.spec import Array, Layer, Param, Shape
from lasport.weights import Conversion, Stack, Weight

__all__ = ["GatedAttributes", "RecurrenceAttributes", "activations", "fits", "flat", "stack"]

Step = Callable[[Array, list[Array]], list[Array]]


def read_clipping(value: object) -> float:
    """Read ``grad_clipping``; False meant none before October 2015."""
    return 0.0 if value is False else number(value)


def read_index(value: object) -> int | None:
    """Read which of the inputs something is, None where it is none of them."""
    index = integer(value)
    return index if index > 0 else None


# Before December 2015 a second input could only be a mask, and was not numbered.
UNNUMBERED_MASK = 0


@dataclass(frozen=True, kw_only=True)
class RecurrenceAttributes:
    """Instance attributes of all recurrent layers."""

    backwards: bool = attribute(boolean)
    gradient_steps: int = attribute(integer)
    grad_clipping: float = attribute(read_clipping)
    unroll_scan: bool = attribute(boolean)
    precompute_input: bool = attribute(boolean)
    only_return_final: bool = attribute(boolean, absent=False)
    mask_incoming_index: int | None = attribute(read_index, absent=UNNUMBERED_MASK)
    hid_init_incoming_index: int | None = attribute(read_index, absent=None)

    def places(self, count: int) -> dict[str, int]:
        """Return which of ``count`` inputs is "mask", "hidden" or "cell"."""
        mask = self.mask_incoming_index
        if mask == UNNUMBERED_MASK:
            mask = 1 if count > 1 else None
        cell = getattr(self, "cell_init_incoming_index", None)
        found = {"mask": mask, "hidden": self.hid_init_incoming_index, "cell": cell}
        places = {name: place for name, place in found.items() if place is not None}
        if sorted(places.values()) != list(range(1, count)):
            raise ValueError(f"of {count} inputs, it takes {places or 'one'}")
        return places

    def sequence_shape(self, inputs: Sequence[Shape], state: Shape) -> Shape:
        """Return the output's shape for states of shape ``state`` behind the batch axis."""
        places = self.places(len(inputs))
        batch, *rest = inputs[0]
        if len(rest) < 2:
            raise ValueError(f"a sequence (batch, steps, features) is expected, not {inputs[0]}")
        for name, place in places.items():
            expected = (batch, rest[0]) if name == "mask" else (batch, *state)
            if not fits(inputs[place], expected):
                raise ValueError(f"the {name} of shape {inputs[place]} should have {expected}")
        return (batch, *state) if self.only_return_final else (batch, rest[0], *state)

    def loop(self, layer: Layer, states: Mapping[str, str]) -> Loop:
        """Return the loop of a layer.

        ``states`` gives the parameter for each state: {"hidden": "hid_init"}.
        """
        places = self.places(len(layer.incoming))
        initial = {}
        for name, param in states.items():
            if name not in places:
                if param not in layer.params:
                    raise ValueError(f"{param} is neither a parameter nor a layer")
                initial[name] = Weight(layer.params[param])
        return Loop(
            given=tuple(sorted(places, key=places.__getitem__)),
            initial=initial,
            backwards=self.backwards,
            only_final=self.only_return_final,
            clipping=self.grad_clipping,
            gradient_steps=None if self.gradient_steps == -1 else self.gradient_steps,
            unroll=self.unroll_scan,
        )

    def scan(
        self,
        step: Step,
        features: Array,
        inputs: Sequence[Array],
        initial: Mapping[str, Array | None],
    ) -> Array:
        """Run the loop in numpy.

        Parameters
        ----------
        step : callable
            ``(features of one step, states) -> states``.
        features : ndarray
            (batch, steps, ...), already multiplied.
        inputs : sequence of ndarray
            Of the layer.
        initial : mapping of str to ndarray or None
            By state, (1, ...); None where an input gives it.
        """
        given = {name: inputs[place] for name, place in self.places(len(inputs)).items()}
        states = []
        for name, value in initial.items():
            start = given.get(name, value)
            if start is None:
                raise ValueError(f"there is no initial state {name!r}")
            states.append(np.broadcast_to(start, (len(features), *start.shape[1:])))
        steps = list(range(features.shape[1]))
        after: list[Array] = []
        for t in reversed(steps) if self.backwards else steps:
            new = step(features[:, t], states)
            if "mask" in given:
                counts = given["mask"][:, t].reshape(-1, *(1 for _ in new[0].shape[1:])) != 0
                new = [np.where(counts, n, old) for n, old in zip(new, states, strict=True)]
            states = new
            after.append(states[0])
        if self.only_return_final:
            return after[-1]
        return np.stack(after[::-1] if self.backwards else after, axis=1)


@dataclass(frozen=True, kw_only=True)
class GatedAttributes(RecurrenceAttributes):
    """Instance attributes of layers with gates, whose parameters are called after these."""

    num_units: int = attribute(integer)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (batch, steps, units), without steps if only the last is returned."""
        return self.sequence_shape(inputs, (self.num_units,))

    def gate_shapes(self, inputs: Sequence[Shape], gates: Sequence[str]) -> dict[str, Shape]:
        """Return those of each gate's W (features, units), U (units, units) and b."""
        units, features = self.num_units, product(inputs[0][2:])
        shapes: dict[str, Shape] = {}
        for gate in gates:
            shapes[f"W_in_to_{gate}"] = (features, units)
            shapes[f"W_hid_to_{gate}"] = (units, units)
            shapes[f"b_{gate}"] = (units,)
        return shapes

    def translate(
        self,
        operation: Callable[..., GatedRecurrence],
        layer: Layer,
        inputs: Sequence[Value],
        builder: PlanBuilder,
        gates: Sequence[str],
        states: Mapping[str, str],
        functions: Mapping[str, Nonlinearity],
    ) -> Value:
        """Add one step, whose weights are those of the gates side by side.

        Parameters
        ----------
        operation : callable
            Makes it of units, weights, functions and the loop.
        gates : sequence of str
            In the operation's order.
        states : mapping of str to str
            The parameter for each state.
        functions : mapping of str to Nonlinearity
            By the operation's names.
        """

        def stacked(prefix: str) -> Stack:
            return stack(layer.params, [f"{prefix}_{gate}" for gate in gates], -1)

        step = operation(
            units=self.num_units,
            kernel=stacked("W_in_to"),
            recurrent_kernel=stacked("W_hid_to"),
            bias=stacked("b"),
            functions=activations(functions),
            loop=self.loop(layer, states),
        )
        return builder.add(step, tuple(inputs), self.output_shape([x.shape for x in inputs]))


def flat(x: Array) -> Array:
    """Return a sequence with its trailing axes as one."""
    return x.reshape(*x.shape[:2], -1)


def fits(shape: Shape, expected: Shape) -> bool:
    """Whether two shapes agree where both are known."""
    return len(shape) == len(expected) and all(
        a is None or b is None or a == b for a, b in zip(shape, expected, strict=True)
    )


def activations(functions: Mapping[str, Nonlinearity]) -> dict[str, Activation]:
    """Return the functions of gates as a plan holds them."""
    return {
        gate: Activation(function=f.function, constants=f.constants)
        for gate, f in functions.items()
    }


def stack(
    params: Mapping[str, Param], names: Sequence[str], axis: int, *conversions: Conversion
) -> Stack:
    """Join parameters that a target holds in one variable.

    Raises
    ------
    ValueError
        If some of them are trained and others are not.
    """
    chosen = [params[name] for name in names]
    if len({param.trainable for param in chosen}) > 1:
        frozen = ", ".join(param.name for param in chosen if not param.trainable)
        raise ValueError(
            f"{frozen} is not trained and other gates are, which share a variable in Keras; train "
            f"all of {', '.join(names)} or none"
        )
    return Stack(tuple(Weight(param).then(*conversions) for param in chosen), axis)

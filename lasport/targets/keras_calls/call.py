"""Calls as data, and what a mapping from operations to calls works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from lasport.operations import Operation
from lasport.plan import Plan, Step
from lasport.spec import Shape
from lasport.weights import Stack, Weight

__all__ = ["PROFILES", "Call", "Calls", "Context", "Made", "Mappings", "Profile"]

Profile = Literal["stock", "exact"]
PROFILES: tuple[Profile, ...] = ("stock", "exact")


@dataclass(frozen=True, eq=False)
class Call:
    """One Keras layer and what it is called on.

    Attributes
    ----------
    layer : str
        Path of the class, such as ``"keras.layers.Dense"``.
    name : str
        Unique within the model.
    arguments : mapping
        Keyword arguments, without ``name`` and ``dtype``; plain Python values.
    weights : mapping of str to Weight or Stack
        By the name of the layer's variable; dots lead into layers inside it, slashes into the
        layers of its nets: "net/layer/variable".
    constants : tuple of Weight
        Parameters that the layer embodies without a variable, and never trains.
    inputs : tuple of str
        Names of the calls whose results it takes.
    own : type or None
        The class itself where a user wrote it: its path need not lead anywhere.
    nets : mapping of str to Calls
        The models that the layer takes besides its arguments, by name.
    reuses : str or None
        Name of the call whose layer, weights and all, is called once more.
    cotangent : str or None
        Name of the call whose result that layer gets as its ``cotangent``: it
        goes backwards.
    """

    layer: str
    name: str
    inputs: tuple[str, ...]
    arguments: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, Weight | Stack] = field(default_factory=dict)
    constants: tuple[Weight, ...] = ()
    own: type | None = None
    nets: Mapping[str, Calls] = field(default_factory=dict)
    reuses: str | None = None
    cotangent: str | None = None


@dataclass(frozen=True)
class Calls:
    """All calls of a model, in the order they run.

    Attributes
    ----------
    dtype : str
        Float dtype or Keras dtype policy of all layers.
    results : mapping of int to str
        For each value of the plan, the call that computes it.
    """

    plan: Plan
    profile: Profile
    dtype: str
    calls: tuple[Call, ...]
    results: Mapping[int, str]

    def by_step(self) -> Iterator[tuple[Step, list[Call]]]:
        """Yield each step that takes calls, with these calls."""
        steps = {self.results[step.output.id]: step for step in self.plan.steps}
        pending: list[Call] = []
        for call in self.calls:
            pending.append(call)
            # Of the calls that one step takes, the last one bears the step's result.
            if call.name in steps:
                yield steps[call.name], pending
                pending = []


@dataclass(frozen=True)
class Context:
    """What a mapping may look at besides the operation.

    Attributes
    ----------
    profile : {"stock", "exact"}
        Which layers to prefer.
    dtype : str
        What the model computes in.
    input_shape, output_shape : Shape
        Physical shapes of the step's first input and of its output.
    inverted : bool
        Whether another step is the adjoint of this one.
    synchronized : bool
        Whether batches are those of all replicas together.
    """

    profile: Profile
    dtype: str
    input_shape: Shape
    output_shape: Shape
    inverted: bool = False
    synchronized: bool = False

    @property
    def rank(self) -> int:
        """Number of axes of the input."""
        return len(self.input_shape)

    @property
    def spatial(self) -> int:
        """Number of spatial axes of the input."""
        return self.rank - 2


class Made(NamedTuple):
    """What a mapping makes of an operation: a layer's path, its arguments, its weights.

    A mapping returns several where a step takes several calls in a row. ``back_through``
    names the call whose layer is called once more, with the second input for its
    ``cotangent``.
    """

    layer: str
    arguments: Mapping[str, object] = {}
    weights: Mapping[str, Weight | Stack] = {}
    constants: tuple[Weight, ...] = ()
    own: type | None = None
    back_through: str | None = None


Mappings = Mapping[type[Operation], Callable[..., list[Made]]]

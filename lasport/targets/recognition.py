"""Telling by names, classes and shapes which of lasport's models of a network a model is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lasport.errors import ComparisonError
from lasport.layout import Layout
from lasport.passes import DataFormat, lower
from lasport.spec import Network, Shape
from lasport.targets.keras_calls import PROFILES, Calls, keras_calls
from lasport.translate import translate

if TYPE_CHECKING:
    import keras

__all__ = ["DATA_FORMATS", "choose_format", "fits", "recognize"]

DATA_FORMATS: tuple[DataFormat, ...] = ("channels_first", "channels_last")


def recognize(
    model: keras.Model, network: Network, data_format: DataFormat | None = None
) -> Calls | None:
    """Return the calls that give this model's layers by name and class, or None.

    Parameters
    ----------
    model : keras.Model
        Functional, such as one that was saved and loaded again.
    network : Network
        What it may be a model of.
    data_format : {"channels_first", "channels_last"}, optional
        Order of axes of its inputs, where their shapes fit both.

    Raises
    ------
    ComparisonError
        If they fit both, and nobody said which it is.
    """
    found = {layer.name: type(layer).__name__ for layer in model.layers}
    # An input layer has Keras' default policy, whatever its dtype.
    policies = (
        str(layer.dtype_policy.name) for layer in model.layers if found[layer.name] != "InputLayer"
    )
    policy = next(policies, "float32")
    plan = translate(network)
    known: dict[DataFormat, Calls] = {}
    for candidate in DATA_FORMATS if data_format is None else (data_format,):
        lowered = lower(plan, candidate)
        for profile in PROFILES:
            calls = keras_calls(lowered, profile, policy)
            expected = {
                call.name: "InputLayer"
                if call.layer == "keras.Input"
                else call.layer.rpartition(".")[2]
                for call in calls.calls
                if call.reuses is None
            }
            if expected == found:
                known.setdefault(candidate, calls)
    shapes = [value.shape for value in plan.inputs]
    layouts = {name: [value.layout for value in c.plan.inputs] for name, c in known.items()}
    chosen = choose_format(layouts, shapes, [tuple(x.shape) for x in model.inputs])
    return None if chosen is None else known[chosen]


def choose_format(
    layouts: Mapping[DataFormat, Sequence[Layout]], shapes: Sequence[Shape], found: Sequence[Shape]
) -> DataFormat | None:
    """Return the data format in which a network's inputs have a model's shapes, or None.

    Parameters
    ----------
    layouts : mapping
        For each format that comes into question, the layouts of the inputs.
    shapes : sequence of Shape
        The network's, in Lasagne's order of axes.
    found : sequence of Shape
        The model's.

    Raises
    ------
    ComparisonError
        If two formats fit equally well, and are not the same here.
    """
    expected = {
        name: [layout.shape(shape) for layout, shape in zip(each, shapes, strict=True)]
        for name, each in layouts.items()
    }
    loose = [
        name
        for name, each in expected.items()
        if len(each) == len(found) and all(map(fits, each, found))
    ]
    exact = [
        name
        for name in loose
        if all(a[1:] == b[1:] for a, b in zip(expected[name], found, strict=True))
    ]
    chosen = exact or loose
    if len(chosen) > 1 and layouts[chosen[0]] != layouts[chosen[1]]:
        raise ComparisonError(
            f"the model's inputs {', '.join(map(str, found))} fit {' and '.join(chosen)}; "
            "say which it is with data_format="
        )
    return chosen[0] if chosen else None


def fits(expected: Shape, found: Shape) -> bool:
    """Whether two shapes agree behind the batch axis where both are known."""
    return len(expected) == len(found) and all(
        a is None or b is None or a == b for a, b in zip(expected[1:], found[1:], strict=True)
    )

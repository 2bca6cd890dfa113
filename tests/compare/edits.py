"""Ways to get a port wrong: edits of the list of Keras calls that makes a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from lasport.spec import Array
from lasport.targets.keras_calls import Call
from lasport.weights import Weight

__all__ = [
    "Edit",
    "arguments",
    "become",
    "behind",
    "conversions",
    "fed_by",
    "nudged",
    "renamed",
    "unchanged",
    "weights",
]

Edit: TypeAlias = Callable[[list[Call]], Sequence[Call]]


@dataclass(frozen=True)
class Spoilt:
    """A weight that somebody got wrong."""

    value: Array


def unchanged(calls: list[Call]) -> list[Call]:
    """Return the calls as they are."""
    return calls


def renamed(calls: list[Call]) -> list[Call]:
    """Prefix all names, so that nothing shows that lasport made the port."""

    def new(name: str | None) -> str | None:
        return None if name is None else f"my_{name}"

    return [
        replace(
            call,
            name=f"my_{call.name}",
            inputs=tuple(f"my_{name}" for name in call.inputs),
            reuses=new(call.reuses),
            cotangent=new(call.cotangent),
        )
        for call in calls
    ]


def each(name: str, change: Callable[[Call], Call | list[Call]]) -> Edit:
    """Replace one call."""

    def edit(calls: list[Call]) -> list[Call]:
        assert [call.name for call in calls].count(name) == 1, f"no call {name!r} to edit"
        edited: list[Call] = []
        for call in calls:
            new = change(call) if call.name == name else call
            edited += new if isinstance(new, list) else [new]
        return edited

    return edit


def arguments(name: str, **changes: Any) -> Edit:
    """Give a layer other arguments."""
    return each(name, lambda call: replace(call, arguments={**call.arguments, **changes}))


def become(name: str, layer: str, **options: Any) -> Edit:
    """Put a layer of another class in a layer's place; its arguments go, unless given."""
    return each(name, lambda call: replace(call, layer=layer, arguments=options, weights={}))


def behind(name: str, layer: str, **options: Any) -> Edit:
    """Put a layer behind another, under the other's name."""

    def grow(call: Call) -> list[Call]:
        first = replace(call, name=f"{name}_itself")
        return [first, Call(layer, name, (first.name,), options)]

    return each(name, grow)


def fed_by(name: str, *inputs: str) -> Edit:
    """Wire a layer otherwise."""
    return each(name, lambda call: replace(call, inputs=inputs))


def weights(name: str, **changes: Callable[[Array], Array] | str) -> Edit:
    """Get weights wrong: by a function, or by taking another weight of the layer."""

    def spoil(call: Call) -> Call:
        spoilt: dict[str, Any] = dict(call.weights)
        for attribute, change in changes.items():
            if isinstance(change, str):
                spoilt[attribute] = call.weights[change]
            else:
                before = call.weights[attribute].value
                spoilt[attribute] = Spoilt(np.asarray(change(before)))
                assert not np.array_equal(spoilt[attribute].value, before), "nothing was spoilt"
        return replace(call, weights=spoilt)

    return each(name, spoil)


def conversions(name: str, *, drop: type, weight: str = "kernel") -> Edit:
    """Leave out one kind of conversion of a layer's weight."""

    def shorten(whole: Weight) -> Weight:
        kept = tuple(each for each in whole.conversions if not isinstance(each, drop))
        assert kept != whole.conversions, f"no {drop.__name__} to leave out"
        return replace(whole, conversions=kept)

    def spoil(call: Call) -> Call:
        return replace(call, weights={**call.weights, weight: shorten(call.weights[weight])})

    return each(name, spoil)


def nudged(index: int, relative: float) -> Callable[[Array], Array]:
    """Return a function that changes one entry by a share of the largest."""

    def nudge(array: Array) -> Array:
        changed = np.array(array)
        changed.flat[index] += relative * np.abs(array).max()
        return changed

    return nudge

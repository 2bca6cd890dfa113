"""What each Lasagne layer becomes in Keras, as lines for people; nothing is built for it."""

from __future__ import annotations

from collections.abc import Iterator

from lasport.targets.keras_calls import Call, Calls

__all__ = ["outline"]

OWN = "lasport.keras_layers."
NOTHING = "nothing: it passes on what it is given"


def outline(calls: Calls) -> Iterator[str]:
    """Describe a model by the network's layers.

    Parameters
    ----------
    calls : Calls
        What would be executed.

    Yields
    ------
    str
        A headline, a line for each Lasagne layer, and what the model needs to
        be loaded.
    """
    made = _calls_by_layer(calls)
    width = max(map(len, made))
    yield f"In Keras, profile {calls.profile}:"
    for layer, its_calls in made.items():
        yield f"  {layer:<{width}}  {', '.join(map(_spell, its_calls)) or NOTHING}"
    own = [layer for layer, its_calls in made.items() if any(map(_is_own, its_calls))]
    if own:
        yield f"Loading the saved model takes `import lasport.keras_layers`, for {', '.join(own)}."
    else:
        yield "Keras ships all of these layers: the saved model loads without lasport."


def _calls_by_layer(calls: Calls) -> dict[str, list[Call]]:
    """Return the calls that each layer takes, none where it passes on what it is given."""
    owners = {calls.results[step.output.id]: step.layer for step in calls.plan.steps}
    made: dict[str, list[Call]] = {layer.name: [] for layer in calls.plan.network.layers}
    pending: list[Call] = []
    for call in calls.calls:
        pending.append(call)
        # Of the calls that one step takes, the last one bears the step's result.
        if call.name in owners:
            made[owners[call.name]] += pending
            pending = []
    return made


def _is_own(call: Call) -> bool:
    return call.layer.startswith(OWN)


def _spell(call: Call) -> str:
    """Return a call as source would have it, without the names that every layer has."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    layer = call.layer.removeprefix("keras.").removeprefix("layers.")
    return f"{layer}({arguments})"

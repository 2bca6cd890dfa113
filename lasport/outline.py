"""What is in a file and what becomes of it in Keras, as lines for people; nothing is built."""

from __future__ import annotations

from collections.abc import Iterator

from lasport.inspection import extent
from lasport.readers.parameters import SavedParameters
from lasport.spec import Array, Network, columns, format_shape
from lasport.targets.keras_calls import Call, Calls

__all__ = ["lost_values", "outline", "outline_findings", "outline_parameters"]

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
    users = {call.layer: None for call in calls.calls if call.own and not _is_stock(call)}
    if users:
        yield f"Loading the saved model takes your own {', '.join(users)}."
    if own:
        yield f"Loading the saved model takes `import lasport.keras_layers`, for {', '.join(own)}."
    else:
        shipped = "the other" if users else "all of these"
        yield f"Keras ships {shipped} layers: the saved model loads without lasport."


def outline_findings(net: Network) -> Iterator[str]:
    """Say how far values reach, and where layers were made, if the file tells."""
    rows = [
        (f"  {layer.name}.{param.name}", str(param.value.dtype), _range(param.value))
        for layer, param in net.owned_params()
    ]
    if rows:
        yield "Values of the parameters:"
        yield from columns(rows)
    yield from lost_values(net)
    traced = [layer for layer in net.layers if layer.made_at is not None]
    width = max((len(layer.name) for layer in traced), default=0)
    if traced:
        yield "Made at, in the source of whoever saved it:"
    for layer in traced:
        yield f"  {layer.name:<{width}}  {layer.made_at}"


def lost_values(net: Network) -> Iterator[str]:
    """Warn of parameters with NaN or infinity, which training that went wrong leaves behind."""
    for layer, param in net.owned_params():
        lost = extent(param.value).not_finite
        if lost:
            name = f"{layer.name}.{param.name}"
            yield f"warning: {lost} of {param.value.size} values of {name} are not finite"


def outline_parameters(parameters: SavedParameters) -> Iterator[str]:
    """Describe parameters that were saved without their net.

    Parameters
    ----------
    parameters : SavedParameters
        As a reader found them.

    Yields
    ------
    str
        A line for each array, and a summary.
    """
    rows = [
        (key, format_shape(value.shape), str(value.dtype), _range(value))
        for key, value in zip(parameters.keys, parameters.values, strict=True)
    ]
    yield from columns(rows)
    total = sum(value.size for value in parameters.values)
    yield (
        f"{len(rows)} arrays with {total} values, {parameters.order}; they need their net: "
        "name its file or the script that builds it, SCRIPT.py:FUNCTION, and this one as --params"
    )


def _range(values: Array) -> str:
    smallest, largest, lost = extent(values)
    text = "nothing" if smallest is None else f"{smallest:.6g} to {largest:.6g}"
    return f"{text}, {lost} not finite" if lost else text


def _calls_by_layer(calls: Calls) -> dict[str, list[Call]]:
    """Return the calls that each layer takes, none where it passes on what it is given."""
    made: dict[str, list[Call]] = {layer.name: [] for layer in calls.plan.network.layers}
    for step, its_calls in calls.by_step():
        made[step.layer] += its_calls
    return made


def _is_own(call: Call) -> bool:
    return call.layer.startswith(OWN)


def _is_stock(call: Call) -> bool:
    return call.layer.startswith("keras.")


def _spell(call: Call) -> str:
    """Return a call as source would have it, without the names that every layer has."""
    if call.cotangent is not None:
        return f"back through {call.reuses}"
    if call.reuses is not None:
        return f"{call.reuses} once more"
    arguments = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    layer = call.layer.removeprefix("keras.").removeprefix("layers.")
    if call.own is not None:
        layer = call.own.__name__
    return f"{layer}({arguments})"

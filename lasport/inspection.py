"""What is in a file, as plain data: layers with options and parameters, and what they become."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lasport.errors import UnsupportedLayersError
from lasport.passes import lower
from lasport.readers.parameters import SavedParameters
from lasport.spec import Array, Layer, Network
from lasport.targets.keras_calls import Profile, keras_calls
from lasport.translate import translate

__all__ = ["Extent", "extent", "inspect_network", "inspect_parameters"]


def inspect_network(net: Network, profile: Profile) -> dict[str, object]:
    """Return all that is known of a network.

    Parameters
    ----------
    net : Network
        Layers without a translation included.
    profile : {"stock", "exact"}
        Of the Keras calls.

    Returns
    -------
    dict
        Ready for JSON: ``layers``, ``outputs``, ``notes``, ``refused`` (layers with class and
        reason) and ``keras`` (calls in order; empty if layers are refused).
    """
    owners: defaultdict[int, list[str]] = defaultdict(list)
    for layer in net.layers:
        for param in layer.params.values():
            owners[id(param.value)].append(f"{layer.name}.{param.name}")
    refused: list[dict[str, str]] = []
    calls: list[dict[str, object]] = []
    try:
        made = keras_calls(lower(translate(net)), profile, net.dtype.name)
        calls = [
            {"layer": call.layer, "name": call.name, "arguments": plain(call.arguments)}
            for call in made.calls
        ]
    except UnsupportedLayersError as error:
        refused = [dataclasses.asdict(refusal) for refusal in error.refusals]
    return {
        "kind": "network",
        "layers": [_layer(layer, owners) for layer in net.layers],
        "outputs": list(net.outputs),
        "notes": list(net.notes),
        "profile": profile,
        "refused": refused,
        "keras": calls,
    }


def inspect_parameters(parameters: SavedParameters) -> dict[str, object]:
    """Return what is known of parameters that were saved without their net."""
    return {
        "kind": "parameters",
        "order": parameters.order,
        "arrays": [
            {"key": key, **_array(value)}
            for key, value in zip(parameters.keys, parameters.values, strict=True)
        ],
    }


class Extent(NamedTuple):
    """The smallest and the largest number of an array, None if it has none, and what is no number.

    Attributes
    ----------
    smallest, largest : number or None
        Of the finite ones.
    not_finite : int
        How many are NaN or infinite.
    """

    smallest: np.generic | None
    largest: np.generic | None
    not_finite: int


def extent(values: Array) -> Extent:
    """Return how far the values of an array reach."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Extent(None, None, values.size)
    return Extent(finite.min(), finite.max(), values.size - finite.size)


def _layer(layer: Layer, owners: Mapping[int, Sequence[str]]) -> dict[str, object]:
    return {
        "name": layer.name,
        "class": layer.kind,
        "fed_by": list(layer.incoming),
        "output_shape": plain(layer.output_shape),
        "options": _options(layer.attributes),
        "parameters": [
            {
                "name": param.name,
                "tags": sorted(param.tags),
                **_array(param.value),
                "also": [
                    owner
                    for owner in owners[id(param.value)]
                    if owner != f"{layer.name}.{param.name}"
                ],
            }
            for param in layer.params.values()
        ],
        "made_at": layer.made_at,
        "problem": layer.problem,
    }


def _options(attributes: object) -> object:
    """Return a layer's options; of an unknown class what its state says in plain words."""
    if not isinstance(attributes, Mapping):
        return plain(attributes)
    known = (bool, int, float, str, type(None), np.generic)
    return {
        str(name): plain(value) for name, value in attributes.items() if isinstance(value, known)
    }


def _array(values: Array) -> dict[str, object]:
    smallest, largest, not_finite = extent(values)
    return {
        "shape": list(values.shape),
        "dtype": values.dtype.name,
        "smallest": plain(smallest),
        "largest": plain(largest),
        "not_finite": not_finite,
    }


def plain(value: Any) -> Any:
    """Return a value as JSON has it; what JSON has no word for, as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)

"""The layers among saved objects: which there are, what feeds them, their order and their names.

Layers are known by their attributes, whatever their class, and nothing of them is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lasport.errors import InvalidNetworkError, UnreadableFileError
from lasport.inert import Instance

__all__ = ["all_layers", "describe", "find_layers", "in_key_order", "incoming", "is_layer"]


def find_layers(root: object) -> tuple[dict[str, Instance], list[str]]:
    """Find and name the layers that :func:`build_network` makes a network of.

    Returns
    -------
    dict of str to Instance
        The layers by unique name, in the order of Lasagne's ``get_all_layers``.
    list of str
        Names of the output layers.
    """
    listed, keys = _listed_layers(root)
    ordered = all_layers(listed)
    if any(not incoming(layer) for layer in listed) and len(listed) > 1:
        fed = {id(source) for layer in ordered for source in incoming(layer)}
        listed = [layer for layer in listed if id(layer) not in fed]
        ordered = all_layers(listed)
    names = _unique_names(ordered, keys)
    return {names[id(layer)]: layer for layer in ordered}, [names[id(layer)] for layer in listed]


def in_key_order(root: object) -> list[object]:
    """Return the entries of what was saved, those of a dict in the order of its keys.

    Python 2 has no other order that another process could find again.
    """
    if isinstance(root, Mapping):
        keys = sorted(root, key=lambda key: key if isinstance(key, str) else repr(key))
        return [root[key] for key in keys]
    return list(root) if isinstance(root, (list, tuple)) else [root]


def is_layer(value: object) -> bool:
    """Tell whether an object has the attributes of a Lasagne layer, whatever its class."""
    if not isinstance(value, Instance) or not isinstance(value.state, dict):
        return False
    state = value.state
    return "input_layer" in state or "input_layers" in state or _is_input(value)


def _is_input(layer: Instance) -> bool:
    state = layer.state if isinstance(layer.state, dict) else {}
    return "input_var" in state and "input_layer" not in state


def _listed_layers(root: object) -> tuple[list[Instance], dict[int, str]]:
    """Return the layers at the top of a file, and the keys of a dict of them."""
    if is_layer(root):
        return [root], {}  # type: ignore[list-item]  # is_layer has looked
    entries: Iterable[object] = ()
    keys: dict[int, str] = {}
    if isinstance(root, Mapping):
        entries = root.values()
        keys = {id(value): key for key, value in root.items() if isinstance(key, str)}
    elif isinstance(root, (list, tuple)):
        entries = root
    listed = list(entries)
    if listed and all(is_layer(entry) for entry in listed):
        return [entry for entry in listed if isinstance(entry, Instance)], keys
    raise UnreadableFileError(f"the file holds no Lasagne layers but {describe(root)}")


def describe(root: object) -> str:
    """Say what a file holds in place of layers, and what that calls for."""
    if isinstance(root, Instance):
        return f"an object of {root.path}; save its output layer, not the object around it"
    if isinstance(root, Mapping):
        entries, what = list(root.values()), "a dict"
    elif isinstance(root, (list, tuple)):
        entries, what = list(root), f"a {type(root).__name__}"
    else:
        return f"a {type(root).__name__}"
    arrays = sum(isinstance(e, np.ndarray) and not e.dtype.hasobject for e in entries)
    if arrays == len(entries) > 0:
        return (
            f"{what} of {arrays} arrays: parameters, which go with the net as its params (--params)"
        )
    if any(isinstance(entry, Mapping) and "train_loss" in entry for entry in entries):
        return f"the history of a training over {len(entries)} epochs: no weights are in it"
    kinds = {e.path or "?" if isinstance(e, Instance) else type(e).__name__ for e in entries}
    return f"{what} of {len(entries)} entries: {', '.join(sorted(kinds)) or 'nothing'}"


def incoming(layer: Instance) -> list[Instance]:
    """Return the layers that feed a layer."""
    if _is_input(layer):
        return []
    sources = layer.get("input_layers", None)
    if sources is None:
        sources = [layer.get("input_layer", None)]
    if not isinstance(sources, (list, tuple)) or not sources:
        raise InvalidNetworkError(f"{layer.path}: input_layers holds no layers")
    found = [source for source in sources if isinstance(source, Instance) and is_layer(source)]
    if len(found) != len(sources):
        raise InvalidNetworkError(
            f"{layer.get('name', None) or 'a layer'} ({layer.path}) is built on a shape, not on a "
            "layer; build it on an InputLayer and save the net again"
        )
    return found


def all_layers(outputs: Sequence[Instance]) -> list[Instance]:
    """Return all layers below ``outputs``, in the order of Lasagne's ``get_all_layers``.

    Depth first, inputs from left to right, each layer after all that feed it;
    without recursion, as nets of a thousand layers exist.
    """
    ordered: list[Instance] = []
    done: set[int] = set()
    opened: set[int] = set()
    stack = list(reversed(outputs))
    while stack:
        layer = stack[-1]
        if id(layer) in opened or id(layer) in done:
            stack.pop()
            if id(layer) not in done:
                done.add(id(layer))
                ordered.append(layer)
            continue
        opened.add(id(layer))
        pending = [source for source in incoming(layer) if id(source) not in done]
        if any(id(source) in opened for source in pending):
            raise InvalidNetworkError(f"{layer.path} feeds itself")
        stack.extend(reversed(pending))
    return ordered


def _unique_names(layers: Sequence[Instance], keys: Mapping[int, str]) -> dict[int, str]:
    """Name every layer: Lasagne's name, else its key in the file, else class and position."""
    given: dict[int, str] = {}
    for position, layer in enumerate(layers):
        name = layer.get("name", None) or keys.get(id(layer))
        if not isinstance(name, str):
            kind = (layer.path or "layer").rpartition(".")[2]
            name = f"{kind.removesuffix('Layer').lower() or 'layer'}_{position}"
        given[id(layer)] = re.sub(r"[^\w.\-]+", "_", name)
    taken: set[str] = set()
    unique: dict[int, str] = {}
    for layer in layers:
        name, number = given[id(layer)], 2
        while name in taken or (name in given.values() and number > 2):
            name, number = f"{given[id(layer)]}_{number}", number + 1
        taken.add(name)
        unique[id(layer)] = name
    return unique

"""Reading a network from live Lasagne layers.

The layers are copied into the inert objects that a pickle of them would hold, so that one piece of
code understands both. Neither Theano nor Lasagne is imported: an object is a layer when it has a
layer's attributes, whichever version made it.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Mapping, Sequence

import numpy as np

from lasport.errors import UsageError
from lasport.inert import Args, Global, Instance
from lasport.readers.layer_graph import find_layers
from lasport.readers.network import build_network
from lasport.spec import Network

__all__ = ["inert", "read_layers"]

# Taken over as they are.
NUMBERS_AND_TEXT = (type(None), bool, int, float, complex, str, bytes)
PLAIN = (*NUMBERS_AND_TEXT, np.ndarray, np.generic, np.dtype)

# Of objects that are no layers only plain attributes and these are looked at. They lead to whatever
# a family asks for (the dtype of an input variable, the scalar operation of an elementwise one, the
# array of a shared variable), but not into a Theano graph, nor to a random stream's state.
FOLLOWED = frozenset({"type", "scalar_op", "container", "storage", "new_order", "idx_list"})
# Except into the graphs of parameters that are expressions.
GRAPH = frozenset({"owner", "op", "inputs"})


def read_layers(layer: object, outputs: Sequence[str] | None = None) -> Network:
    """Read a network from live layers; they stay as they are, and nothing is shared with them.

    Parameters
    ----------
    layer : Lasagne layer, or list, tuple or dict of layers
        As for :func:`~lasport.readers.network.build_network`.
    outputs : sequence of str, optional
        Names of the layers that shall be the outputs.

    Returns
    -------
    Network
        What reading a pickle of the layers gives. Its origin is the tuple of the live output
        layers, in the order of its outputs.

    Raises
    ------
    UsageError
        If there is something other than layers, or no layer of a name in `outputs`.
    InvalidNetworkError
        If layers and parameters contradict each other.
    """
    _require_layers(layer)
    copier = _Copier()
    root = copier.copy(layer)
    copier.finish()
    network = build_network(root, outputs)
    layers, _ = find_layers(root)
    originals = {id(copy): original for original, copy in copier.copies}
    origin = tuple(originals[id(layers[name])] for name in network.outputs)
    return dataclasses.replace(network, origin=origin)


def inert(value: object) -> object:
    """Return a live object as a pickle of it would be read."""
    copier = _Copier()
    copy = copier.copy(value)
    copier.finish()
    return copy


def _require_layers(root: object) -> None:
    entries = [root]
    if isinstance(root, (list, tuple, dict)):
        entries = list(root.values() if isinstance(root, dict) else root)
    strange = {_path(type(entry)).path for entry in entries if not _is_layer(entry)}
    if strange or not entries:
        found = ", ".join(sorted(strange)) or f"an empty {type(root).__name__}"
        raise UsageError(f"a layer, or a list, tuple or dict of layers, is expected, not {found}")


def _is_layer(value: object) -> bool:
    attributes = _attributes(value)
    return any(name in attributes for name in ("input_layer", "input_layers", "input_var"))


def _attributes(value: object) -> Mapping[str, object]:
    return getattr(value, "__dict__", {})


def _path(function: object) -> Global:
    """Name a class or function as a pickle does."""
    module = getattr(function, "__module__", None)
    return Global(str(module or "builtins"), getattr(function, "__qualname__", ""))


class _Copier:
    """Copies live objects to inert ones, each of them once.

    Objects, lists and dicts are filled later, one after another, so that neither the depth of a
    net nor a reference back to an earlier object matters.
    """

    def __init__(self) -> None:
        self.copies: list[tuple[object, object]] = []
        self.known: dict[int, object] = {}
        self.expressions: set[int] = set()

    def copy(self, value: object) -> object:
        """Return the inert copy of an object, whose content :meth:`finish` will add."""
        if isinstance(value, PLAIN):
            return value
        if isinstance(value, (tuple, set, frozenset)):
            kind = next(kind for kind in (tuple, set, frozenset) if isinstance(value, kind))
            return kind(map(self.copy, value))
        if isinstance(value, slice):
            return slice(*map(self.copy, (value.start, value.stop, value.step)))
        if isinstance(getattr(value, "__qualname__", None), str):  # a class, function or method
            return _path(value)
        if id(value) not in self.known:
            # What a pickle calls it with.
            args: Args = ()
            if isinstance(value, operator.itemgetter):
                args = tuple(value.__reduce__()[1])
            copy: object = Instance(_path(type(value)), args)
            if isinstance(value, (list, dict)):
                copy = [] if isinstance(value, list) else {}
            self.known[id(value)] = copy
            self.copies.append((value, copy))
        return self.known[id(value)]

    def finish(self) -> None:
        """Fill all copies; those that this brings up are appended and filled in turn."""
        for value, copy in self.copies:
            if isinstance(value, list) and isinstance(copy, list):
                copy.extend(map(self.copy, value))
            elif isinstance(value, dict) and isinstance(copy, dict):
                copy.update((self.copy(key), self.copy(entry)) for key, entry in value.items())
            elif isinstance(value, functools.partial) and isinstance(copy, Instance):
                # The state that a pickle gives it.
                parts = (value.func, value.args, value.keywords)
                copy.state = (*map(self.copy, parts), None)
            elif isinstance(copy, Instance):
                whole = _is_layer(value)
                followed = FOLLOWED | (GRAPH if id(value) in self.expressions else frozenset())
                copy.state = {
                    name: self.copy(entry)
                    for name, entry in _attributes(value).items()
                    if whole or name in followed or isinstance(entry, (*PLAIN, slice))
                }
                self._expect_expressions(value)

    def _expect_expressions(self, value: object) -> None:
        """Remember which objects lead into the graphs of a layer's parameters."""
        attributes = _attributes(value)
        if _is_layer(value):
            params = attributes.get("params")
            leading = list(params) if isinstance(params, Mapping) else []
        elif id(value) in self.expressions:
            inputs = attributes.get("inputs")
            leading = [attributes.get("owner"), *(inputs if isinstance(inputs, list) else [])]
        else:
            return
        for each in leading:
            if id(each) not in self.expressions and "container" not in _attributes(each):
                self.expressions.add(id(each))
                self._add_graph(each)

    def _add_graph(self, value: object) -> None:
        """Complete the copy of an object that was filled before it was known to lead somewhere."""
        copy = self.known.get(id(value))
        if isinstance(copy, Instance) and isinstance(copy.state, dict):
            copy.state |= {
                name: self.copy(entry)
                for name, entry in _attributes(value).items()
                if name in GRAPH
            }
            self._expect_expressions(value)

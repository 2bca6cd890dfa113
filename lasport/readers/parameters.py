"""Parameters without their net: the files of ``get_all_param_values`` and its relatives.

What :mod:`lasport.readers.files` found in a file is looked through for arrays of numbers that
people saved: lists of them, dicts by the name of the parameter or of the layer, and a single
vector of everything. :mod:`lasport.readers.binding` gives them to a net.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, TypeAlias

import numpy as np

from lasport.errors import UnreadableFileError, naming
from lasport.inert import Instance
from lasport.readers.files import Content, read_content
from lasport.readers.layer_graph import describe
from lasport.readers.network import shared_array
from lasport.spec import Array

__all__ = ["Order", "SavedParameters", "find_parameters", "read_parameters"]

Order: TypeAlias = Literal["in order", "by parameter", "by layer", "one vector"]

# Under these keys people put the list next to what else they saved, such as a vocabulary.
LIST_KEYS = ("param values", "param_values", "params", "values")
# What np.savez and others call the arrays of a list.
NUMBERED = re.compile(r"(?:arr_|param_?)?(\d{1,18})")
# The attribute that holds all of them in a policy of rllab's.
VECTOR_ATTRIBUTE = "params"


@dataclass(frozen=True)
class SavedParameters:
    """Arrays of numbers, and how they were saved.

    Attributes
    ----------
    order : Order
        "in order": that of ``get_all_params``; "by parameter": by the name of the Theano variable;
        "by layer": some for each layer name; "one vector": all of them, flattened, in order.
    keys : tuple of str
        What each array is called in the file: its place, the parameter's name, or its layer's.
    values : tuple of ndarray
        In the file's order.
    layers : tuple of str
        "by layer": all names, those of layers without parameters too.
    """

    order: Order
    keys: tuple[str, ...]
    values: tuple[Array, ...]
    layers: tuple[str, ...] = ()


def read_parameters(path: str | PathLike[str], key: str | None = None) -> SavedParameters:
    """Read parameters from a file of any of the formats that people saved them in.

    Parameters
    ----------
    path : path-like
        An npz or npy archive, a pickle, an HDF5 file or an archive of ``theano.misc.pkl_utils``;
        plain, or compressed with gzip, bz2 or xz; under any name. Nothing in it is run.
    key : str, optional
        Where in the dict that the file holds the parameters are, if that is not plain.

    Returns
    -------
    SavedParameters

    Raises
    ------
    UnreadableFileError, RefusedFileError
        If the file is damaged, or holds no parameters, saying what it holds.
    """
    content = read_content(path)
    with naming(path):
        return find_parameters(content if key is None else _member(content, key))


def _member(content: Content, key: str) -> Content:
    entries = _entries(content.root)
    if key not in entries:
        keys = ", ".join(map(str, entries)) or describe(content.root)
        raise UnreadableFileError(f"there is no {key!r} in the file, but: {keys}")
    return Content("pickle", entries[key])


def find_parameters(content: Content) -> SavedParameters:
    """Find the parameters in what a file holds.

    Raises
    ------
    UnreadableFileError
        If there are none, or several sets of them.
    """
    root = content.root
    if content.format in ("npz archive", "HDF5 file") and isinstance(root, Mapping):
        root = _from_archive(root)
    found = _interpret(root) or _only(root)
    if found is None:
        raise UnreadableFileError(f"the file holds no parameters but {describe(content.root)}")
    return found


def _from_archive(arrays: Mapping[str, Array]) -> object:
    """Return what an archive was made of: a list, a dict, or one array of objects or of all."""
    values = list(arrays.values())
    if len(values) == 1 and (values[0].dtype.hasobject or values[0].ndim == 1):
        return values[0]
    positional = {name: value for name, value in arrays.items() if name.startswith("arr_")}
    # Beside those, np.savez(file, *values, epoch=3) keeps what was given by name.
    return _numbered(positional) or _numbered(arrays) or _from_groups(arrays)


def _numbered(entries: Mapping[Any, object]) -> list[object] | None:
    """Return a list that was saved under numbers, in their order; None if it is none."""
    found = {key: NUMBERED.fullmatch(str(key)) for key in entries}
    places = {key: int(match[1]) for key, match in found.items() if match}
    if not entries or len(places) < len(entries) or len(set(places.values())) < len(places):
        return None
    return [entries[key] for key in sorted(places, key=lambda key: places[key])]


def _from_groups(arrays: Mapping[str, Array]) -> dict[str, object]:
    """Return the arrays of an HDF5 file's groups as a dict, by parameter or by layer."""
    heads, lasts = zip(*(name.rpartition("/")[::2] for name in arrays), strict=True)
    if len(set(heads)) == 1 and heads[0]:
        inner = dict(zip(lasts, arrays.values(), strict=True))
        listed = _numbered(inner)
        return {"params": listed} if listed else dict(inner)
    groups: dict[str, dict[str, object]] = {head: {} for head in heads}
    for head, last, value in zip(heads, lasts, arrays.values(), strict=True):
        groups[head][last] = value
    lists = {head: _numbered(inner) for head, inner in groups.items()}
    if all(heads) and all(lists.values()):
        return dict(lists)
    return {name.replace("/", "."): value for name, value in arrays.items()}


def _interpret(root: object) -> SavedParameters | None:
    """Return the parameters that an object is, if it is such, without looking further into it."""
    if isinstance(root, np.ndarray) and root.dtype.hasobject:
        root = root.tolist()
    if isinstance(root, np.ndarray):
        return SavedParameters("one vector", ("all",), (root,)) if root.ndim == 1 else None
    if isinstance(root, (list, tuple)):
        values = _arrays(root)
        return None if values is None else _in_order(values)
    if isinstance(root, Instance):
        vector = root.get(VECTOR_ATTRIBUTE, None)
        plain = isinstance(vector, np.ndarray) and vector.ndim == 1 and vector.dtype.kind == "f"
        return SavedParameters("one vector", ("all",), (vector,)) if plain else None  # type: ignore[arg-type]
    return _from_dict(root) if isinstance(root, Mapping) else None


def _from_dict(root: Mapping[object, object]) -> SavedParameters | None:
    for key in LIST_KEYS:
        if isinstance(root.get(key), (list, tuple, np.ndarray)):
            return _interpret(root[key])
    numbered = _numbered(root)
    if numbered is not None and not any(isinstance(entry, (list, tuple)) for entry in numbered):
        return _interpret(numbered)
    if not root or not all(isinstance(key, str) for key in root):
        return None
    root = _flattened(root)
    names = tuple(map(str, root))
    values = _arrays(list(root.values()))
    if values is not None:
        return SavedParameters("by parameter", names, values)
    lists = [_arrays(entry) for entry in root.values() if isinstance(entry, (list, tuple))]
    if len(lists) != len(names) or not any(lists) or None in lists:
        return None
    pairs = [
        (name, value) for name, entry in zip(names, lists, strict=True) for value in entry or ()
    ]
    keys, flat = zip(*pairs, strict=True)
    return SavedParameters("by layer", keys, flat, names)


def _flattened(root: Mapping[Any, object]) -> Mapping[Any, object]:
    """Return a dict of dicts, by layer and parameter, as one by "layer.parameter"."""
    layers = {
        name: entry
        for name, entry in root.items()
        if isinstance(entry, Mapping) and _arrays(list(entry.values())) is not None
    }
    inner = [str(name) for entry in layers.values() for name in entry]
    if not 1 < len(layers) == len(root) or any("." in name for name in inner):
        return root  # sets of parameters of their own
    return {f"{layer}.{name}": entry[name] for layer, entry in layers.items() for name in entry}


def _in_order(values: tuple[Array, ...]) -> SavedParameters:
    return SavedParameters("in order", tuple(map(str, range(len(values)))), values)


def _arrays(entries: list[object] | tuple[object, ...]) -> tuple[Array, ...] | None:
    """Return entries as arrays of numbers; None if one is something else. Scalars are arrays."""
    values = []
    for entry in entries:
        value = shared_array(entry) if isinstance(entry, Instance) else entry
        if isinstance(value, np.generic):
            value = np.asarray(value)
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
            return None
        values.append(value)
    return tuple(values)


def _only(root: object) -> SavedParameters | None:
    """Return the parameters that a dict or a list holds beside other things."""
    found = {}
    for key, value in _entries(root).items():
        parameters = _interpret(value)
        if parameters is not None:
            found[str(key)] = parameters
    if len(found) > 1:
        raise UnreadableFileError(
            f"the file holds several sets of parameters, under {', '.join(found)}; say which one "
            "(params_key, --params-key)"
        )
    return next(iter(found.values()), None)


def _entries(root: object) -> Mapping[Any, object]:
    """Return what may be a set of parameters in a dict or a list, by its key or place."""
    if isinstance(root, Mapping):
        return root
    lists = root if isinstance(root, (list, tuple)) else ()
    return {
        str(place): entry
        for place, entry in enumerate(lists)
        if isinstance(entry, (list, tuple))
        or (isinstance(entry, Mapping) and any(np.ndim(v) for v in entry.values()))
    }

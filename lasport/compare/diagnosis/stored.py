"""What Keras stores for a step of the net, and what a file of weights holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from lasport.compare.diagnosis.of_filters import filters_of, forms_of_filters, forms_of_rows
from lasport.compare.diagnosis.roles import role_of_step
from lasport.compare.diagnosis.steps import Step, variance_of
from lasport.layers.filters import FilterAttributes
from lasport.layers.lstm import GATES
from lasport.layers.normalization import BatchNormAttributes
from lasport.spec import Array

__all__ = ["Group", "groups_of", "nameless", "stored_by_keras", "weights_among"]

# Lasagne's names for the gates of Keras' GRU, in Keras' order.
GRU_GATES = ("updategate", "resetgate", "hidden_update")
NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")
CELL = ("kernel", "recurrent_kernel", "bias")
NAMES = (*CELL, "embeddings", *NORMALIZATION, "moving_inv_std")
# What else programs of TensorFlow 1 call them.
SYNONYMS = {
    **dict.fromkeys(("weights", "weight", "W", "w"), "kernel"),
    **dict.fromkeys(("biases", "b"), "bias"),
    **dict.fromkeys(("offset", "shift"), "beta"),
    **dict.fromkeys(("pop_mean", "population_mean", "running_mean"), "moving_mean"),
    **dict.fromkeys(("pop_var", "population_variance", "running_var"), "moving_variance"),
    "scale": "gamma",
    "inv_std": "moving_inv_std",
}
# What TensorFlow 1 calls a variable to which nobody gave a name.
NAMELESS = re.compile(r"(.*/)?Variable(_\d+)?")


@dataclass(frozen=True, eq=False)
class Group:
    """The weights of one layer in a file.

    Attributes
    ----------
    label : str
        What the file calls it.
    roles : tuple of str
        What it may be the weights of; see :mod:`lasport.compare.diagnosis.roles`.
    weights : dict of str to ndarray
        By Keras' names.
    """

    label: str
    roles: tuple[str, ...]
    weights: Mapping[str, Array]


def groups_of(arrays: Mapping[str, Array]) -> list[Group]:
    """Return the layers whose weights a file holds, in its order.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        By place: those of a ``.weights.h5``, of a Keras-2 HDF5 file, of an npz
        by the same names, or of an npz of ``get_weights()`` in order.
    """
    if all(re.fullmatch(r"(arr_|param_?)?\d+", name) for name in arrays):
        return [_group(label, own) for label, own in _in_order(list(arrays.values()))]
    ordered = sorted(set(weights_among(arrays)) - set(nameless(arrays)), key=_natural)
    groups = []
    for prefix, names in groupby(ordered, key=lambda name: re.split(r"[/.](?!.*[/.])", name)[0]):
        own = [(_variable_name(name), arrays[name]) for name in names]
        places = [place for place in re.split(r"[/.]", prefix) if place not in ("vars", "cell")]
        named = {name: dict(own)[name] for name in NAMES if name in dict(own)}
        label = places[-1] if places else prefix
        if len(named) < len(own):
            groups.append(_group(label, [array for _, array in own]))
        else:
            groups += [Group(label, _roles(list(each.values())), each) for each in _layers(named)]
    return groups


def _layers(named: Mapping[str, Array]) -> list[Mapping[str, Array]]:
    """Return the weights of one name: a layer's, or also those of the normalization behind it."""
    product = {name: array for name, array in named.items() if name in CELL}
    rest = {name: array for name, array in named.items() if name not in CELL}
    return [product, rest] if product and "moving_mean" in rest else [named]


def nameless(arrays: Mapping[str, Array]) -> list[str]:
    """Return the names of those variables of TensorFlow 1 to which nobody gave one."""
    return sorted((name for name in arrays if NAMELESS.fullmatch(name)), key=_natural)


def weights_among(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return arrays without counters, and what an optimizer keeps for each weight.

    TensorFlow 1 names that after the weight: hidden1/kernel/Adam.
    """
    return {
        name: array
        for name, array in arrays.items()
        if array.ndim and name.rpartition("/")[0] not in arrays
    }


def _variable_name(name: str) -> str:
    last = re.split(r"[/.]", name)[-1].partition(":")[0]
    return SYNONYMS.get(last, last)


def _natural(name: str) -> list[object]:
    return [int(part) if part.isdigit() else f"{part}" for part in re.split(r"(\d+)", name)]


def _in_order(values: Sequence[Array]) -> list[tuple[str, list[Array]]]:
    """Cut a list of all weights into those of layers, by their shapes."""
    found: list[tuple[str, list[Array]]] = []
    place = 0
    while place < len(values):
        size = _length(values[place:])
        found.append((f"arrays {place} to {place + size - 1}", list(values[place : place + size])))
        place += size
    return found


def _length(rest: Sequence[Array]) -> int:
    """Return how many of the next arrays belong to one layer."""
    if rest[0].ndim == 1:
        return min(4, len(rest))
    if len(rest) > 2 and _gates(rest[:3]):
        return 3
    run = 0
    while 1 + run < len(rest) and rest[1 + run].shape == (rest[0].shape[-1],):
        run += 1
    return 2 if run % 4 == 1 else 1


def _gates(arrays: Sequence[Array]) -> int:
    """Return how many gates a recurrent layer with such weights has; 0 if they are none."""
    if len(arrays) < 2 or [array.ndim for array in arrays[:2]] != [2, 2]:
        return 0
    units, columns = arrays[1].shape
    fits = arrays[0].shape[1] == columns == units * (columns // max(units, 1))
    return columns // units if fits and columns // units in (3, 4) else 0


def _roles(arrays: Sequence[Array]) -> tuple[str, ...]:
    gates = _gates(arrays)
    if gates:
        return ("lstm",) if gates == 4 else ("gru",)
    if all(array.ndim == 1 for array in arrays):
        return ("normalization",)
    if arrays[0].ndim > 2:
        return ("convolution", "dense", "pointwise")
    return ("dense", "pointwise", *(("embedding",) if len(arrays) == 1 else ()))


def _group(label: str, arrays: Sequence[Array]) -> Group:
    roles = _roles(arrays)
    names: Sequence[str] = ("kernel", "bias")
    if roles == ("normalization",):
        names = NORMALIZATION
    elif roles[0] in ("lstm", "gru"):
        names = CELL
    weights = dict(zip(names, arrays, strict=False))
    if "embedding" in roles:
        weights["embeddings"] = arrays[0]
    return Group(label, roles, weights)


# --- what Keras stores


def stored_by_keras(step: Step, order: Array | None) -> dict[str, Array]:
    """Return the weights that a Keras layer has which computes what a step does.

    Parameters
    ----------
    step : Step
        Of a role that has weights; others have none.
    order : ndarray of int or None
        Of a dense layer: in which order it takes the entries of an image.
    """
    role = role_of_step(step)
    if role in ("dense", "pointwise"):
        return {"kernel": next(forms_of_rows(step.params["W"], None, order)).kernel, **_bias(step)}
    compute = STORED.get(role)
    return {} if compute is None else compute(step)


def _bias(step: Step) -> dict[str, Array]:
    return {"bias": step.params["b"]} if "b" in step.params else {}


def _convolution(step: Step) -> dict[str, Array]:
    a = step.attributes
    assert isinstance(a, FilterAttributes)
    right = next(forms_of_filters(filters_of(step), flipped=a.flip_filters))
    return {"kernel": right.kernel, **_bias(step)}


def _normalization(step: Step) -> dict[str, Array]:
    a, p = step.attributes, step.params
    assert isinstance(a, BatchNormAttributes)
    found = {name: p[name] for name in ("gamma", "beta") if name in p}
    variance = variance_of(p, a.epsilon)
    averages = {"moving_mean": p["mean"], "moving_variance": variance}
    return {**found, **averages, "moving_inv_std": p["inv_std"]}


def _recurrent(step: Step, gates: Sequence[str], negated: str | None) -> dict[str, Array]:
    found = {}
    for name, part in zip(CELL, ("W_in_to", "W_hid_to", "b"), strict=True):
        blocks = [step.params[f"{part}_{gate}"] for gate in gates]
        signed = [-b if gate == negated else b for gate, b in zip(gates, blocks, strict=True)]
        found[name] = np.concatenate(signed, axis=-1)
    return found


STORED: Mapping[str, Callable[[Step], dict[str, Array]]] = {
    "convolution": _convolution,
    "normalization": _normalization,
    "lstm": lambda step: _recurrent(step, GATES, None),
    "gru": lambda step: _recurrent(step, GRU_GATES, "updategate"),
    "embedding": lambda step: {"embeddings": step.params["W"]},
}

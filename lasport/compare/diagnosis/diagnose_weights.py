"""Diagnosing a file of weights: from which orders and numbers of Lasagne's they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.compare.diagnosis.apart import INCOMPARABLE, Apart, agrees, largest
from lasport.compare.diagnosis.arrangement import Arrangement, as_image
from lasport.compare.diagnosis.edits import FEW, Case, Edit, apply
from lasport.compare.diagnosis.hypotheses import edits_of
from lasport.compare.diagnosis.result import Cause, Diagnosis, Pair, Remedy
from lasport.compare.diagnosis.roles import role_of_step
from lasport.compare.diagnosis.search import Explanation, simplest
from lasport.compare.diagnosis.steps import Step, steps_of
from lasport.compare.diagnosis.stored import (
    Group,
    groups_of,
    nameless,
    stored_by_keras,
    weights_among,
)
from lasport.compare.metrics import measure
from lasport.errors import ComparisonError
from lasport.spec import Array, Network
from lasport.targets.parts import Part

__all__ = ["WeightFindings", "diagnose_weights", "precision_of", "weight_findings"]

UNSEEN = (
    "a file of weights shows no options: momenta, activations, padding, pools, rates of dropout, "
    "and an epsilon only where the variances were computed with it"
)


SPREADS = {"moving_variance", "moving_inv_std"}
NO_NAMES = "variables to which nobody gave a name ({}): what they are cannot be told"


@dataclass(frozen=True)
class WeightFindings:
    """What a file of weights shows.

    Attributes
    ----------
    causes : tuple of Cause
        What differs.
    edits : tuple of Edit
        What makes the net's weights those of the file.
    pairs : tuple of Pair
        Which weights were taken for which layer's.
    notes : tuple of str
        What stays open.
    """

    causes: tuple[Cause, ...]
    edits: tuple[Edit, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]


def diagnose_weights(network: Network, arrays: Mapping[str, Array], *, model: str) -> Diagnosis:
    """Say which weights in a file are not what Keras should have for a net, and why.

    Parameters
    ----------
    network : Network
        The original.
    arrays : mapping of str to ndarray
        By their places in the file.
    model : str
        What to call it.

    Raises
    ------
    ComparisonError
        If none of them could be the weights of one of the net's layers.
    """
    found = weight_findings(network, arrays)
    if not found.pairs:
        without = nameless(arrays)
        besides = f", but {NO_NAMES.format(', '.join(without))}" if without else ""
        raise ComparisonError(
            f"{model} has no weights of the sizes that the net's layers have{besides}"
        )
    notes = (*network.notes, UNSEEN, *found.notes)
    return Diagnosis(model, found.causes, found.pairs, notes, len(found.pairs))


def weight_findings(network: Network, arrays: Mapping[str, Array]) -> WeightFindings:
    """Compare arrays with the weights that Keras should have for a net."""
    floats = {name: array for name, array in arrays.items() if array.dtype.kind == "f"}
    precision = precision_of(floats)
    wide = {name: array.astype(np.float64) for name, array in floats.items()}
    causes: list[Cause] = []
    edits: list[Edit] = []
    pairs: list[Pair] = []
    without = nameless(wide)
    notes = [NO_NAMES.format(", ".join(without))] if without else []
    for step, group in _pairs(
        [s for s in steps_of(network, precision) if s.params], groups_of(wide)
    ):
        if not stored_by_keras(step, None):
            notes.append(f"{step.layer} ({step.family}): what files hold of such layers")
            continue
        if group is None:
            notes.append(f"{step.layer} ({step.family}): nothing has its sizes")
            continue
        pairs.append(Pair(step.layer, step.family, group.label, " or ".join(group.roles)))
        orders = _orders(network, step)
        differing = [_differences(step, group, order) for order in orders]
        if not any(map(agrees, differing)):
            cause, own = _cause(network, step, group, orders, differing)
            causes.append(cause)
            edits += own
        elif len(orders) > 1:
            last = agrees(differing[0])
            notes.append(
                f"{step.layer}: its rows are in the order of images that are flattened channels "
                f"{'last' if last else 'first'}; whether the model does that, weights do not show"
            )
    return WeightFindings(tuple(causes), tuple(edits), tuple(pairs), tuple(notes))


def precision_of(arrays: Mapping[str, Array]) -> str:
    """Return the narrowest float type of the weights among arrays; float32 where there is none."""
    types = (array.dtype for array in weights_among(arrays).values() if array.dtype.kind == "f")
    return min(types, default=np.dtype("float32"), key=lambda dtype: dtype.itemsize).name


def _pairs(steps: Sequence[Step], groups: Sequence[Group]) -> list[tuple[Step, Group | None]]:
    """Give each step the group of its sizes that holds most of its numbers, in order."""
    left = list(groups)
    pairs: list[tuple[Step, Group | None]] = []
    for step in steps:
        role, right = role_of_step(step), stored_by_keras(step, None)
        fitting = [group for group in left if role in group.roles and _same_sizes(right, group)]
        best = max(fitting, key=lambda group: _common(step, group), default=None)
        pairs.append((step, best))
        if best is not None:
            left.remove(best)
    return pairs


def _same_sizes(right: Mapping[str, Array], group: Group) -> bool:
    main = next(iter(set(right) & {"kernel", "embeddings", "moving_mean"}), None)
    return (
        main is not None
        and main in group.weights
        and (group.weights[main].size == right[main].size)
    )


def _common(step: Step, group: Group) -> int:
    """Return how many of a step's numbers a group holds, in whatever order and sign."""
    held = np.abs(np.concatenate([array.ravel() for array in group.weights.values()]))
    own = np.abs(np.concatenate([array.ravel() for array in step.params.values()]))
    return int(np.isin(own, held).sum())


def _orders(network: Network, step: Step) -> list[Array | None]:
    """Return the orders in which a right model may take a dense layer's inputs."""
    image = _image_behind(network, step) if role_of_step(step) == "dense" else None
    if image is None or len(image) < 2:
        return [None]
    return [as_image((*image[1:], image[0]), channels_last=True).order, None]


def _image_behind(network: Network, step: Step) -> tuple[int, ...] | None:
    """Return the sizes of the image that is flattened on the way to a layer, if one is."""
    layer = network[step.layer]
    count = len(step.params["W"])
    while layer.incoming:
        shape = layer.input_shapes[0]
        sizes = tuple(size for size in (shape or ())[1:] if size is not None)
        if shape is None or len(sizes) != len(shape) - 1 or np.prod(sizes) != count:
            return None
        if len(sizes) > 1:
            return sizes
        layer = network[layer.incoming[0]]
    return None


def _differences(step: Step, group: Group, order: Array | None) -> dict[str, Apart]:
    """Return how far each of a group's weights is from what Keras should have."""
    found = {}
    stored = stored_by_keras(step, order)
    # Only one of them is averaged: by Keras and TensorFlow 1, or by lasport's own layers.
    spread = "moving_inv_std" if "moving_inv_std" in group.weights else "moving_variance"
    for name, expected in stored.items():
        if name in SPREADS - {spread}:
            continue
        actual = group.weights.get(name)
        if name == "bias" and actual is not None and actual.ndim == 2 and expected.ndim == 1:
            # A GRU's second bias is to be 0, or part of the first one.
            actual = actual.sum(axis=0)
        if actual is None or actual.size != expected.size:
            left_out = actual is None and not expected.any()
            found[name] = Apart(0.0, ok=True) if left_out else INCOMPARABLE
        else:
            found[name] = _difference(actual.reshape(expected.shape), expected)
    return found


def _difference(actual: Array, expected: Array) -> Apart:
    # Where a hypothesis puts something below 0 in a variance's place, it leaves NaN.
    expected = np.where(np.isnan(expected) & (actual < 0), actual, expected)
    unit = float(np.finfo(np.float32).eps)
    if np.allclose(actual, expected, rtol=FEW * unit, atol=0):
        return Apart(0.0, ok=True)
    return Apart(measure(actual, expected).relative)


def _cause(
    network: Network,
    step: Step,
    group: Group,
    orders: Sequence[Array | None],
    differing: Sequence[dict[str, Apart]],
) -> tuple[Cause, tuple[Edit, ...]]:
    found: list[Explanation] = []
    for order in orders:
        again = _explain(network, step, group, order)
        if again and (not found or _rank(again[0]) < _rank(found[0])):
            found = again
    before = min(differing, key=largest)
    alternatives = dict.fromkeys(
        tuple(Remedy(step.layer, edit.hypothesis, edit.fix) for edit in each.edits)
        for each in found
    )
    after = max((each.after for each in found), default=None)
    cause = Cause((step.layer,), (group.label,), before, tuple(alternatives), after)
    return cause, found[0].edits if found else ()


def _rank(explanation: Explanation) -> int:
    return sum(edit.rank for edit in explanation.edits)


def _explain(network: Network, step: Step, group: Group, order: Array | None) -> list[Explanation]:
    image = _image_behind(network, step) if role_of_step(step) == "dense" else None
    source = None if order is None or image is None else Arrangement(order, image)
    part = Part(group.label, group.label, "", (), "", {}, group.weights)
    case = Case(step, part, (part,), source, image)

    def differences(changes: Sequence[Edit]) -> dict[str, Apart]:
        (edited,) = apply(changes, [step])
        return _differences(edited, group, order)

    return simplest([edit for edit in edits_of(case) if edit.rank < 4], differences, 2)

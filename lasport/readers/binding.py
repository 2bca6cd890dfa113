"""Giving parameters that were saved alone to the net that they belong to.

A file of parameters knows the order in which Lasagne listed them, or some names, and nothing of
the net. So every shape is checked, all that do not fit are shown in one table, and nothing is
reordered or transposed to make them fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from os import PathLike
from typing import Literal, TypeAlias

import numpy as np

from lasport.errors import InvalidNetworkError, naming
from lasport.layers.normalization import BatchNormAttributes
from lasport.readers.causes import likely_causes
from lasport.readers.listing import Slot
from lasport.readers.parameters import SavedParameters, read_parameters
from lasport.registry import family_of
from lasport.spec import Array, Layer, Network, Param, columns, format_shape

__all__ = ["BatchNormStatistic", "bind", "bind_file"]

BatchNormStatistic: TypeAlias = Literal["inv_std", "var"]

# No inv_std can exceed 1/sqrt(epsilon); so much is granted to rounding in single precision.
ROUNDING = 1e-3
NOTHING = "nothing"
LISTED = ("in order", "one vector")
FORMER_ORDER = (
    "the file's arrays are taken in the order that Lasagne listed them in at the time, "
    "not in today's"
)


@dataclass(frozen=True)
class _Row:
    """One parameter of the net beside what the file has for it; None where a side has nothing."""

    label: str
    expected: Param | None
    got: Array | None

    @property
    def fits(self) -> bool:
        if self.expected is None or self.got is None:
            return False
        return self.expected.value.shape == self.got.shape and self.got.dtype.kind == "f"


def bind_file(
    network: Network,
    path: str | PathLike[str],
    key: str | None = None,
    bn_stat: BatchNormStatistic = "inv_std",
    listed: Sequence[Slot] | None = None,
) -> Network:
    """Return a network with the parameters of a file.

    Parameters
    ----------
    network, bn_stat, listed
        As for :func:`bind`.
    path, key
        As for :func:`~lasport.readers.parameters.read_parameters`.

    Raises
    ------
    UnreadableFileError, RefusedFileError, InvalidNetworkError
        Beginning with the path: if there are no parameters in the file, or they do not fit.
    """
    parameters = read_parameters(path, key)
    with naming(path):
        return bind(network, parameters, bn_stat, listed)


def bind(
    network: Network,
    parameters: SavedParameters,
    bn_stat: BatchNormStatistic = "inv_std",
    listed: Sequence[Slot] | None = None,
) -> Network:
    """Return a network with the parameters that a file holds.

    Parameters
    ----------
    network : Network
        Its own values are of no importance.
    parameters : SavedParameters
        As many, of the same shapes.
    bn_stat : {"inv_std", "var"}
        What the file holds for the ``inv_std`` of batch normalization.
    listed : sequence of (Layer, Param), optional
        The net's parameters in the order of a list; by default that of ``get_all_params``.

    Returns
    -------
    Network
        The values in the dtypes of the file. A note says so if `listed` made a difference.

    Raises
    ------
    InvalidNetworkError
        With a table of all parameters that do not fit, and what may be the cause; or if values
        cannot be what `bn_stat` says.
    """
    owned = list(network.owned_params())
    slots = owned if listed is None else list(listed)
    if parameters.order == "by layer":  # which each have theirs, shared or not
        slots = list(_slots_of_layers(network))
    rows = list(_rows(slots, parameters))
    wrong = [row for row in rows if not row.fits]
    if wrong:
        misfits = [
            (row.expected.value.shape, row.got.shape)
            for row in wrong
            if row.expected is not None and row.got is not None
        ]
        causes = likely_causes(network, slots, parameters, misfits)
        raise InvalidNetworkError("\n".join([*_table(wrong, len(rows)), *causes]))
    _require_agreement(rows)
    # By the parameter's identity: in the order of the file's layers, where those are in another.
    values = {
        id(row.expected.value): _read_only(row.got)
        for row in rows
        if row.expected is not None and row.got is not None
    }
    for layer in _all_layers(network):
        if isinstance(layer.attributes, BatchNormAttributes):
            key = id(layer.params["inv_std"].value)
            values[key] = _inv_std(layer, values[key], layer.attributes.epsilon, bn_stat)
    if parameters.order in LISTED and _params(slots) != _params(owned):
        network = replace(network, notes=(*network.notes, FORMER_ORDER))
    return _with_values(network, values)


def _params(slots: Sequence[Slot]) -> list[int]:
    return [id(param.value) for _, param in slots]


def _all_layers(network: Network) -> Iterator[Layer]:
    """Yield all layers, those of nets inside layers too."""
    for layer in network.layers:
        yield layer
        family = family_of(layer.kind)
        for net in family.held(layer.attributes).values() if family is not None else ():
            yield from _all_layers(net)


def _with_values(network: Network, values: Mapping[int, Array]) -> Network:
    """Return a network with new arrays in the place of others, in the nets inside layers too."""

    def renew(layer: Layer) -> Layer:
        params = {name: param.renewed(values) for name, param in layer.params.items()}
        attributes = layer.attributes
        family = family_of(layer.kind)
        held = family.held(attributes) if family is not None else {}
        inner = {name: _with_values(net, values) for name, net in held.items()}
        if inner:
            attributes = replace(attributes, **inner)  # type: ignore[type-var]  # a dataclass
        return replace(layer, params=params, attributes=attributes)

    return replace(network, layers=tuple(map(renew, network.layers)))


def _slots_of_layers(network: Network) -> Iterator[Slot]:
    """Yield the variables of each layer's ``get_params``, also those of an earlier layer."""
    owned = {id(param.value): param for _, param in network.owned_params()}
    for layer in network.layers:
        variables = [each for param in layer.params.values() for each in param.variables]
        for variable in dict.fromkeys(map(id, variables)):
            yield layer, owned[variable]


def _require_agreement(rows: Sequence[_Row]) -> None:
    """Refuse two values for one shared variable."""
    first: dict[int, _Row] = {}
    for row in rows:
        if row.expected is not None and row.got is not None:
            other = first.setdefault(id(row.expected.value), row)
            if other.got is not None and not np.array_equal(other.got, row.got, equal_nan=True):
                raise InvalidNetworkError(
                    f"{other.label} and {row.label} are one variable in the net, and two values in "
                    "the file"
                )


def _rows(listed: Sequence[Slot], parameters: SavedParameters) -> Iterator[_Row]:
    slots = [(f"{layer.name}.{p.name}", layer.name, p) for layer, p in listed]
    if parameters.order == "in order":
        for place, (slot, value) in enumerate(zip_longest(slots, parameters.values)):
            label, _, param = slot or (f"array {place} of the file", "", None)
            yield _Row(label, param, value)
    elif parameters.order == "one vector":
        yield from _rows_of_vector(slots, parameters.values[0])
    elif parameters.order == "by layer":
        by_layer: dict[str, list[Array]] = {name: [] for name in parameters.layers}
        for name, value in zip(parameters.keys, parameters.values, strict=True):
            by_layer[name].append(value)
        for label, name, param in slots:
            rest = by_layer.get(name, [])
            yield _Row(label, param, rest.pop(0) if rest else None)
        yield from (
            _Row(f"an array of {name} in the file", None, value)
            for name, rest in by_layer.items()
            for value in rest
        )
    else:
        by_name = dict(zip(parameters.keys, parameters.values, strict=True))
        # Lasagne calls the parameter of a layer without a name by its own name alone.
        alone = Counter(param.name for _, _, param in slots)
        for label, _, param in slots:
            found = label if label in by_name or alone[param.name] > 1 else param.name
            yield _Row(label, param, by_name.pop(found, None))
        yield from (_Row(f"{name} of the file", None, value) for name, value in by_name.items())


def _rows_of_vector(slots: Sequence[tuple[str, str, Param]], vector: Array) -> Iterator[_Row]:
    total = sum(param.value.size for _, _, param in slots)
    if total != vector.size:
        raise InvalidNetworkError(
            f"the file holds one vector of {vector.size} values, the net's parameters are {total}"
        )
    start = 0
    for label, _, param in slots:
        piece = vector[start : start + param.value.size]
        start += param.value.size
        yield _Row(label, param, piece.reshape(param.value.shape))


def _table(wrong: Sequence[_Row], total: int) -> Iterator[str]:
    yield f"{len(wrong)} of {total} parameters do not fit:"
    rows = [("parameter", "expected", "got"), *map(_cells, wrong)]
    yield from (f"  {line}" for line in columns(rows))


def _cells(row: _Row) -> tuple[str, str, str]:
    expected = NOTHING if row.expected is None else format_shape(row.expected.value.shape)
    got = NOTHING if row.got is None else format_shape(row.got.shape)
    if row.got is not None and row.got.dtype.kind != "f":
        got += f" of {row.got.dtype}"
    return row.label, expected, got


def _inv_std(layer: Layer, stored: Array, epsilon: float, bn_stat: BatchNormStatistic) -> Array:
    """Return the inv_std that the stored statistic is, or means."""
    if bn_stat == "var":
        if (stored < 0).any():
            raise InvalidNetworkError(
                f"{layer.name}: a variance below 0 in the file; is it an inv_std after all?"
            )
        inverse = 1 / np.sqrt(stored.astype(np.float64) + epsilon)
        return _read_only(inverse.astype(stored.dtype))
    largest = epsilon**-0.5 if epsilon > 0 else np.inf
    wrong = int(((stored <= 0) | (stored > largest * (1 + ROUNDING))).sum())
    if wrong:
        raise InvalidNetworkError(
            f"{layer.name}: {wrong} of {stored.size} values cannot be an inv_std, which is above 0 "
            f"and at most 1/sqrt(epsilon) = {largest:g}; if the file holds variances, say so "
            "(bn_stat='var', --bn-stat var)"
        )
    return stored


def _read_only(array: Array) -> Array:
    # A view: the file's own array may serve somebody else.
    view = array.view()
    view.flags.writeable = False
    return view

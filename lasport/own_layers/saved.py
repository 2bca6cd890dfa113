"""A saved layer as plain data: what registered functions are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lasport.inert import Global, Instance
from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity
from lasport.spec import Array, Param, Shape

__all__ = ["OwnAttributes", "SavedLayer", "SavedObject", "saved_layer"]


@dataclass(frozen=True, eq=False)
class SavedObject:
    """An object that a saved layer holds, of a class that is not there.

    Attributes
    ----------
    kind : str
        Full path of its class.
    attributes : mapping
        Its attributes, as plain values where they are.
    """

    kind: str
    attributes: Mapping[str, object]


@dataclass(frozen=True, eq=False)
class SavedLayer:
    """A layer as its file describes it: what a registered function is given.

    Attributes
    ----------
    name : str
        The layer's name.
    kind : str
        Full path of its class.
    attributes : mapping
        Its instance attributes: numbers, strings, tuples and so on as they are, functions and
        classes as their path, objects as :class:`SavedObject`. Without its parameters and the
        layers that feed it.
    params : mapping of str to ndarray
        Its parameters in Lasagne's shapes, by attribute name, in the order they were added.
    tags : mapping of str to frozenset of str
        The tags of each parameter: ``trainable``, ``regularizable``, ...
    input_shapes : tuple of tuple
        Shapes of what feeds it, in Lasagne's order of axes, None for sizes left open.
    """

    name: str
    kind: str
    attributes: Mapping[str, object]
    params: Mapping[str, Array]
    tags: Mapping[str, frozenset[str]]
    input_shapes: tuple[Shape, ...]
    _state: Mapping[str, object] = field(repr=False)

    def nonlinearity(self, attribute: str = "nonlinearity") -> Nonlinearity:
        """Return an attribute that is a function of ``lasagne.nonlinearities``.

        Parameters
        ----------
        attribute : str
            Its name.

        Returns
        -------
        Nonlinearity
            To put behind a :class:`KerasLayer`, where each profile takes the Keras layer that it
            takes everywhere; called with a numpy array, it computes.

        Raises
        ------
        ValueError
            For any other function.
        """
        return nonlinearities.read(self._state[attribute])


@dataclass(frozen=True, eq=False)
class OwnAttributes:
    """A saved layer's state as it is, and its parameters."""

    name: str
    state: Mapping[str, object]
    params: Mapping[str, Param]


# What Lasagne's layers keep for themselves; parameters and shapes have places of their own.
BOOKKEEPING = frozenset(
    {"get_output_kwargs", "input_layer", "input_layers", "input_shape", "input_shapes", "params"}
)


def saved_layer(
    kind: str,
    a: OwnAttributes,
    params: Mapping[str, Param],
    inputs: Sequence[Shape],
    values: Mapping[str, Array] | None = None,
) -> SavedLayer:
    """Return what a registered function is given; ``values`` take the place of the parameters'."""
    hidden = BOOKKEEPING | params.keys()
    state = {name: value for name, value in a.state.items() if name not in hidden}
    return SavedLayer(
        name=a.name,
        kind=kind,
        attributes=_Plain(state),
        params=values or {name: param.value for name, param in params.items()},
        tags={name: param.tags for name, param in params.items()},
        input_shapes=tuple(inputs),
        _state=a.state,
    )


class _Plain(Mapping[str, object]):
    """Attributes made plain when they are asked for: a state may hold a whole Theano graph."""

    def __init__(self, state: Mapping[str, object]) -> None:
        self._state = state

    def __getitem__(self, name: str) -> object:
        return _plain(self._state[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)


# Lists in lists; what a layer is built with has two or three levels.
MAX_DEPTH = 16


def _plain(value: object, depth: int = 0, done: dict[int, object] | None = None) -> object:
    """Return a value of a saved layer without lasport's inert records.

    What a file holds in many places is made plain once: a list of twice the same list, ten times
    in itself, would take forever otherwise.
    """
    done = {} if done is None else done
    if id(value) in done:
        return done[id(value)]
    if depth > MAX_DEPTH:
        raise ValueError(f"an attribute nests lists or dicts more than {MAX_DEPTH} deep")
    if isinstance(value, Global):
        return value.path
    if isinstance(value, Instance):
        state = value.state if isinstance(value.state, dict) else {}
        return SavedObject(value.path or "", _Plain(state))
    if isinstance(value, (list, tuple)):
        done[id(value)] = type(value)([_plain(entry, depth + 1, done) for entry in value])
        return done[id(value)]
    if isinstance(value, dict):
        done[id(value)] = {key: _plain(entry, depth + 1, done) for key, entry in value.items()}
        return done[id(value)]
    return value

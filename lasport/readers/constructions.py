"""The few calls in a pickle that only spell plain Python data.

Python pickles a set, an ``OrderedDict`` or (in old protocols) bytes as a call of their
class. Such calls are answered here with that data; any other call, and any of these
with arguments it does not normally have, is recorded as an :class:`lasport.inert.Instance`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TypeAlias

from lasport.errors import UnreadableFileError
from lasport.inert import Args, Global, Instance, require_hashable, require_shallow

__all__ = ["BUILTINS", "Construction", "construct", "make_set", "new_instance"]

# Takes the arguments of a call; NotImplemented means: record the call instead.
Construction: TypeAlias = Callable[[Args], object]


def construct(function: object, args: Args, constructions: dict[str, Construction]) -> object:
    """Answer a call that a pickle asks for, without making it.

    Parameters
    ----------
    function : object
        The callable: a :class:`Global` or an :class:`Instance`.
    args : tuple
        Its arguments.
    constructions : dict of str to callable
        What is known to build plain data, by path.

    Returns
    -------
    object
        Plain data for a known call with the arguments it normally has, otherwise the
        :class:`Instance` that records the call.
    """
    known = constructions.get(function.path) if isinstance(function, Global) else None
    result = known(args) if known else NotImplemented
    return Instance(_callable(function), args) if result is NotImplemented else result


def new_instance(cls: object, args: Args, kwargs: object = None) -> object:
    """Answer ``cls.__new__(cls, *args, **kwargs)``: an instance without state yet."""
    if kwargs is None:
        kwargs = {}
    if not isinstance(kwargs, dict) or not all(isinstance(key, str) for key in kwargs):
        raise UnreadableFileError("keyword arguments that are no dict of names")
    if isinstance(cls, Global) and cls.path == "builtins.object" and not args:
        return object()
    return Instance(_callable(cls), args, kwargs)


def _callable(function: object) -> Global | Instance:
    if not isinstance(function, Global | Instance):
        raise UnreadableFileError(f"{type(function).__name__} called like a function")
    return function


def make_set(elements: Iterable[object]) -> set[object]:
    """Make a real set, each element checked."""
    result = set()
    for element in elements:
        require_hashable(element)
        result.add(element)
    return result


def _from_collection(args: Args, make: Callable[[Iterable[object]], object]) -> object:
    match args:
        case ():
            return make(())
        case (list() | tuple() | set() | frozenset() as elements,):
            return make(elements)
    return NotImplemented


def _from_pairs(args: Args, result: dict[object, object]) -> object:
    match args:
        case ():
            return result
        case (list() | tuple() as pairs,):
            for pair in pairs:
                if not isinstance(pair, list | tuple) or len(pair) != 2:
                    return NotImplemented
                require_hashable(pair[0])
                result[pair[0]] = pair[1]
            return result
    return NotImplemented


_LATIN_1 = {"latin1", "latin-1"}


def _latin1_bytes(args: Args) -> object:
    # How Python 3 spells bytes in protocols 0 to 2.
    match args:
        case (str(text), str(encoding)) if encoding in _LATIN_1:
            return text.encode("latin-1")
    return NotImplemented


def _bytearray(args: Args) -> object:
    match args:
        case ():
            return bytearray()
        case (bytes(raw),):
            return bytearray(raw)
    encoded = _latin1_bytes(args)
    return bytearray(encoded) if isinstance(encoded, bytes) else NotImplemented


def _complex(args: Args) -> object:
    match args:
        case (float() | int() as real, float() | int() as imaginary):
            return complex(real, imaginary)
    return NotImplemented


def _range(args: Args) -> object:
    match args:
        case (int(start), int(stop), int(step)):
            return range(start, stop, step)
    return NotImplemented


def _slice(args: Args) -> object:
    if len(args) != 3:
        return NotImplemented
    require_shallow(args)
    return slice(*args)


def _reconstructor(args: Args) -> object:
    # How protocols 0 and 1 spell instances of new-style classes: class, the built-in
    # type it derives from, and that type's value.
    match args:
        case (Global() as cls, Global(module="builtins", name=base), value):
            if base == "object" and value is None:
                return new_instance(cls, ())
            instance = Instance(cls)
            if base == "dict" and isinstance(value, dict):
                instance.items.extend(value.items())
            elif base == "list" and isinstance(value, list):
                instance.elements.extend(value)
            else:
                instance.args = (value,)
            return instance
    return NotImplemented


BUILTINS: dict[str, Construction] = {
    "_codecs.encode": _latin1_bytes,
    "builtins.bytearray": _bytearray,
    "builtins.bytes": lambda args: NotImplemented if args else b"",
    "builtins.complex": _complex,
    "builtins.dict": lambda args: _from_pairs(args, {}),
    "builtins.frozenset": lambda args: _from_collection(args, lambda e: frozenset(make_set(e))),
    "builtins.list": lambda args: _from_collection(args, list),
    "builtins.object": lambda args: NotImplemented if args else object(),
    "builtins.range": _range,
    "builtins.set": lambda args: _from_collection(args, make_set),
    "builtins.slice": _slice,
    "builtins.tuple": lambda args: _from_collection(args, tuple),
    "builtins.xrange": _range,
    "collections.OrderedDict": lambda args: _from_pairs(args, OrderedDict()),
    "copyreg.__newobj__": lambda args: new_instance(args[0], args[1:]) if args else NotImplemented,
    "copyreg._reconstructor": _reconstructor,
}

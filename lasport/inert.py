"""What a pickle's names, instances and calls become: records that do nothing.

A pickle names classes and functions, and asks for them to be called. The reader
notes both down: :class:`Global` stands for a name, :class:`Instance` for whatever
calling it would have made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from lasport.errors import UnreadableFileError

__all__ = ["Args", "Global", "Instance", "require_hashable", "require_shallow"]

Args: TypeAlias = "tuple[object, ...]"

_PYTHON_3_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}


@dataclass(frozen=True)
class Global:
    """A class or function that a pickle names; nothing is ever imported for it.

    Attributes
    ----------
    module, name : str
        As the pickle spells them, except that Python 2's ``__builtin__`` and
        ``copy_reg`` carry their Python 3 names.

    Examples
    --------
    >>> Global("__builtin__", "set").path
    'builtins.set'
    """

    module: str
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "module", _PYTHON_3_MODULES.get(self.module, self.module))

    @property
    def path(self) -> str:
        """Module and name with a dot between them."""
        return f"{self.module}.{self.name}"


@dataclass(eq=False, repr=False, slots=True)
class Instance:
    """An object of a class that is not there, with all that the pickle says about it.

    It compares and hashes by identity: pickles hold dictionaries keyed by shared
    variables, and graphs that refer back to themselves.

    Attributes
    ----------
    cls : object
        The class or function that would have been called: a :class:`Global`, or an
        :class:`Instance` where the callable was itself the result of a call.
    args, kwargs : tuple, dict
        What it would have been called with.
    state : object
        What BUILD gave: mostly the attributes as a dict (``__slots__`` included).
    items : list of (key, value)
        What SETITEM and SETITEMS gave (subclasses of dict).
    elements : list
        What APPEND, APPENDS and ADDITEMS gave (subclasses of list and set).
    """

    cls: object
    args: Args = ()
    kwargs: dict[str, object] = field(default_factory=dict)
    state: object = None
    items: list[tuple[object, object]] = field(default_factory=list)
    elements: list[object] = field(default_factory=list)

    def __repr__(self) -> str:
        # Never the content: it may be cyclic, and it may be a whole Theano graph.
        return f"<Instance of {self.path or 'the result of another call'}>"

    @property
    def path(self) -> str | None:
        """Path of the class, or None where the callable was the result of a call."""
        return self.cls.path if isinstance(self.cls, Global) else None

    def get(self, name: str, default: object = None) -> object:
        """Return the attribute `name` of a dict state, or `default`."""
        return self.state.get(name, default) if isinstance(self.state, dict) else default

    def build(self, state: object) -> None:
        """Take the state of one BUILD; a further dict updates the one before.

        Parameters
        ----------
        state : object
            A dict, the pair (dict or None, dict of slots), or anything that a
            ``__setstate__`` would have understood, which is kept as it is.
        """
        if isinstance(state, tuple):
            match state:
                case (None, dict(slots)):
                    state = slots
                case (dict(attributes), dict(slots)) if attributes.keys().isdisjoint(slots):
                    state = attributes | slots
        if isinstance(self.state, dict) and isinstance(state, dict):
            state = self.state | state
        self.state = state


_ATOMS = frozenset({str, bytes, int, float, complex, bool, type(None), object, Global, Instance})
_HASHABLE = (range, np.generic, np.dtype)
_MAX_PARTS = 256


def require_hashable(key: object) -> None:
    """Refuse a dict key or set element that Python cannot hash, or not safely.

    Python hashes tuples recursively and keeps no result: a chain of a million would
    overflow the C stack, sixty tuples that hold the one before twice would take forever.

    Raises
    ------
    UnreadableFileError
        With the type that cannot be hashed, or where the key has very many parts.
    """
    if type(key) in _ATOMS:
        return
    parts = [key]
    count = 0
    while parts:
        part = parts.pop()
        if isinstance(part, tuple | frozenset):
            count += len(part)
            if count > _MAX_PARTS:
                raise UnreadableFileError(
                    f"a dictionary key or set element of more than {_MAX_PARTS} parts"
                )
            parts.extend(part)
        elif type(part) not in _ATOMS and not isinstance(part, _HASHABLE):
            raise UnreadableFileError(
                f"{type(part).__name__} in a dictionary key or set element cannot be hashed"
            )


def require_shallow(values: Iterable[object]) -> None:
    """Refuse parts of a slice or of an object array that nest such objects deeply.

    Python and numpy free slices and object arrays recursively: a chain of ten thousand
    overflows the C stack. Lists, tuples, dicts and records between them are no problem.

    Raises
    ------
    UnreadableFileError
        For a deep chain, and for an array that is not filled yet: any chain could follow.
    """
    parts = list(values)
    count = 0
    while parts:
        part = parts.pop()
        if isinstance(part, slice):
            inner = [part.start, part.stop, part.step]
        elif isinstance(part, np.ndarray):
            if part.flags.writeable:
                raise UnreadableFileError("an array or slice that holds an unfinished array")
            inner = list(part.flat[: _MAX_PARTS + 1]) if part.dtype.hasobject else []
        else:
            continue
        count += len(inner)
        if count > _MAX_PARTS:
            raise UnreadableFileError("slices or object arrays nested deeply")
        parts.extend(inner)

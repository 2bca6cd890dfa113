"""The stack machine that a pickle is a program for, with everything dangerous taken out.

A name is not imported but becomes a ``Global``, a call is not made but becomes an
``Instance``, a state is not set but noted down. Every step checks the types it meets:
a pickle may ask for elements in a number, or for the state of a class.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO, Final

import numpy as np

from lasport.errors import RefusedFileError, UnreadableFileError
from lasport.inert import Global, Instance, require_hashable
from lasport.readers import arrays
from lasport.readers.constructions import BUILTINS, construct, make_set, new_instance

__all__ = ["Machine"]

_CONSTRUCTIONS: Final = BUILTINS | arrays.CONSTRUCTIONS
_HIGHEST_PROTOCOL = 5

# What real data copy at most (Python 3's bytes in protocols 0 to 2 are copied twice), in
# units of the file's size; see Machine.spend.
_COPIES = 4
_COPIES_FREE = 2**16
_COPIED = (str, bytes, bytearray, list, tuple, set, frozenset, dict)

# Python 2 shares single characters among everything that is made of them, so that the data of
# a small array may come back as a name; it never shares anything of this length.
_LARGE = 2**16


class Machine:
    """Stack, memo and position of a pickle that is being read."""

    def __init__(self, stream: BinaryIO, persistent: Callable[[object], object]) -> None:
        self.start = stream.tell()
        self.size = stream.seek(0, os.SEEK_END) - self.start
        stream.seek(self.start)
        self.stream = stream
        self.left = self.size
        self.line_end: int | None = None
        self.persistent = persistent  # what a persistent id stands for
        self.stack: list[object] = []
        self.outer: list[list[object]] = []  # the stacks below each MARK
        self.memo: dict[int, object] = {}  # not a list: an index may be 2**31 - 1
        self.allowance = _COPIES * self.size + _COPIES_FREE

    def spend(self, *values: object) -> None:
        """Count what is about to be copied.

        A pickle can name one large object thousands of times, a few bytes each. Sharing
        it costs nothing, but making ``list(it)`` thousands of times would fill memory.
        """
        self.allowance -= sum(len(value) for value in values if isinstance(value, _COPIED))
        if self.allowance < 0:
            raise RefusedFileError("the same data copied over and over")

    # Reading

    def beginning(self) -> bytes:
        """Return the first bytes of the pickle, wherever it is being read."""
        self.stream.seek(self.start)
        return self.stream.read(16)

    @property
    def position(self) -> int:
        """How many bytes have been read."""
        return self.size - self.left

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        self._require(count)
        piece = self.stream.read(count)
        self._count(len(piece), count)
        return piece

    def take_bytearray(self, count: int) -> bytearray:
        """Return the next `count` bytes, which are in memory once only."""
        self._require(count)
        piece = bytearray(count)
        self._count(self.stream.readinto(piece), count)  # type: ignore[attr-defined]
        return piece

    def _require(self, count: int) -> None:
        # Before anything of that size is allocated.
        if not 0 <= count <= self.left:
            raise UnreadableFileError(
                f"truncated or corrupt: {count} bytes wanted, {self.left} left"
            )

    def _count(self, found: int, wanted: int) -> None:
        if found != wanted:
            raise UnreadableFileError("the file became shorter while it was read")
        self.left -= found

    def line(self) -> bytes:
        """Return the bytes up to the next line feed, which is consumed."""
        piece = self.stream.readline()
        if not piece.endswith(b"\n"):
            raise UnreadableFileError("truncated or corrupt: the line does not end")
        self.left -= len(piece)
        if self.line_end is None:  # a file that was written as text, on Windows
            self.line_end = 2 if piece.endswith(b"\r\n") else 1
        return piece[: -self.line_end]

    def unsigned(self, width: int) -> int:
        """Return the next `width` bytes as a little-endian integer, not negative."""
        return int.from_bytes(self.take(width), "little")

    def signed(self, width: int) -> int:
        """Return the next `width` bytes as a little-endian integer with sign."""
        return int.from_bytes(self.take(width), "little", signed=True)

    def counted(self, width: int) -> bytes:
        """Return as many bytes as a count of `width` bytes says."""
        return self.take(self.unsigned(width))

    def text(self, width: int) -> str:
        """Return UTF-8 text after a count of `width` bytes; lone surrogates are allowed."""
        return self.counted(width).decode("utf-8", "surrogatepass")

    def byte_string(self, count: int) -> str | bytes:
        """Return Python 2's str of `count` bytes, one character per byte.

        As bytes where a large one is the data of an array: the array is made of these very
        bytes, and nothing of it is in memory twice.
        """
        raw = self.take(count)
        if count >= _LARGE and self._in_place_of_array_data():
            return raw
        return raw.decode("latin-1")

    def _in_place_of_array_data(self) -> bool:
        array = self.outer[-1][-1] if self.outer and self.outer[-1] else None
        return isinstance(array, np.ndarray) and len(self.stack) == arrays.DATA_INDEX

    # Stack and memo

    def push(self, value: object) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> object:
        """Take the topmost value off the stack."""
        if not self.stack:
            raise UnreadableFileError("nothing on the stack")
        return self.stack.pop()

    def top(self) -> object:
        """Return the topmost value."""
        if not self.stack:
            raise UnreadableFileError("nothing on the stack")
        return self.stack[-1]

    def pop_tuple(self) -> tuple[object, ...]:
        """Take the arguments of a call off the stack."""
        value = self.pop()
        if not isinstance(value, tuple):
            raise UnreadableFileError(f"{type(value).__name__} in the place of arguments")
        return value

    def mark(self) -> None:
        """Start a stack of its own for the values to come."""
        self.outer.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[object]:
        """Return the values since the last mark, and go back to the stack below."""
        if not self.outer:
            raise UnreadableFileError("no MARK on the stack")
        values = self.stack
        self.stack = self.outer.pop()
        return values

    def drop(self) -> None:
        """Forget the topmost value, or the mark where it is topmost."""
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def drop_mark(self) -> None:
        """Forget the values since the last mark."""
        self.pop_mark()

    def last(self, count: int) -> tuple[object, ...]:
        """Take the topmost `count` values off the stack."""
        if len(self.stack) < count:
            raise UnreadableFileError("too little on the stack")
        values = tuple(self.stack[-count:])
        del self.stack[-count:]
        return values

    def put(self, index: int) -> None:
        """Store the topmost value in the memo."""
        self.memo[index] = self.top()

    def get(self, index: int) -> None:
        """Push a value from the memo."""
        if index not in self.memo:
            raise UnreadableFileError(f"nothing was stored under {index}")
        self.push(self.memo[index])

    # Containers

    def append(self, values: list[object]) -> None:
        """Add elements to the list, or record of an object, on top."""
        match self.top():
            case list() as target:
                target.extend(values)
            case Instance() as target:
                target.elements.extend(values)
            case target:
                raise UnreadableFileError(f"elements for {type(target).__name__}")

    def add(self, values: list[object]) -> None:
        """Add elements to the set, or record of an object, on top."""
        match self.top():
            case set() as target:
                target |= make_set(values)
            case Instance() as target:
                target.elements.extend(values)
            case target:
                raise UnreadableFileError(f"set elements for {type(target).__name__}")

    def set_items(self, flat: list[object] | tuple[object, ...]) -> None:
        """Set items, keys and values in turn, of the dict or record on top."""
        if len(flat) % 2:
            raise UnreadableFileError("a key without a value")
        pairs = zip(flat[::2], flat[1::2], strict=True)
        match self.top():
            case dict() as target:
                for key, value in pairs:
                    require_hashable(key)
                    target[key] = value
            case Instance() as target:
                target.items.extend(pairs)
            case target:
                raise UnreadableFileError(f"items for {type(target).__name__}")

    def make_dict(self) -> None:
        """Push a dict of the keys and values since the last mark."""
        values = self.pop_mark()
        self.push({})
        self.set_items(values)

    # Names and calls

    def named(self) -> Global:
        """Return the global that the next two lines name."""
        module, name = self.line().decode("utf-8"), self.line().decode("utf-8")
        return Global(module, name)

    def stack_named(self) -> None:
        """Push the global that the topmost two texts name."""
        module, name = self.last(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise UnreadableFileError("a global whose module or name is no text")
        self.push(Global(module, name))

    def old_instance(self, values: list[object]) -> None:
        """Push the record of a call: the class, then its arguments."""
        if not values:
            raise UnreadableFileError("an instance without a class")
        self.push(new_instance(values[0], tuple(values[1:])))

    def call(self) -> None:
        """Answer a call: the callable below, the tuple of its arguments on top."""
        args = self.pop_tuple()
        function = self.pop()
        self.spend(args, *args)
        self.push(construct(function, args, _CONSTRUCTIONS))

    def new(self) -> None:
        """Answer ``cls.__new__(cls, *args)``."""
        args = self.pop_tuple()
        self.push(new_instance(self.pop(), args))

    def new_with_keywords(self) -> None:
        """Answer ``cls.__new__(cls, *args, **kwargs)``."""
        kwargs = self.pop()
        self.spend(kwargs)
        args = self.pop_tuple()
        self.push(new_instance(self.pop(), args, kwargs))

    def build(self) -> None:
        """Give the object below the state on top."""
        state = self.pop()
        self.spend(state, *(state if isinstance(state, tuple) else ()))
        match self.top():
            case Instance() as target:
                self.spend(target.state)
                target.build(state)
            case np.ndarray() as target:
                arrays.restore_array(target, state)
            case np.dtype() as target:
                arrays.restore_dtype(target, state)
            case target:
                raise UnreadableFileError(f"a state for {type(target).__name__}")

    # Frames and versions

    def protocol(self) -> None:
        """Check the protocol that the next byte declares."""
        protocol = self.unsigned(1)
        if protocol > _HIGHEST_PROTOCOL:
            raise UnreadableFileError(f"protocol {protocol}; known are 0 to {_HIGHEST_PROTOCOL}")

    def frame(self) -> None:
        """Check the length of a frame; what is in it follows as usual."""
        size = self.unsigned(8)
        if size > self.left:
            raise UnreadableFileError("truncated or corrupt: the frame is longer than the data")

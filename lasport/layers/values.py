"""Turning what a file holds into typed attribute values.

Each function takes one object of a saved layer's state and returns the value a
family works with, or raises ValueError saying what it found. Python 2 and 3,
numpy scalars and lists in place of tuples are all met in real files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from lasport.spec import Shape

__all__ = [
    "at_least",
    "boolean",
    "integer",
    "integers",
    "number",
    "optional",
    "repeated",
    "shape",
    "text",
]

T = TypeVar("T")


def integer(value: object) -> int:
    """Read an int; numpy integers and whole 0-d arrays count."""
    number = _scalar(value)
    if isinstance(number, (int, np.integer)) and not isinstance(number, bool):
        return int(number)
    raise ValueError(f"an integer was expected, not {describe(value)}")


def at_least(least: int) -> Callable[[object], int]:
    """Return a reader of an int that is not smaller than ``least``."""

    def read(value: object) -> int:
        size = integer(value)
        if size < least:
            raise ValueError(f"an integer of at least {least} was expected, not {size}")
        return size

    return read


def number(value: object) -> float:
    """Read a real number as a Python float."""
    number = _scalar(value)
    if isinstance(number, (int, float, np.integer, np.floating)) and not isinstance(number, bool):
        return float(number)
    raise ValueError(f"a number was expected, not {describe(value)}")


def boolean(value: object) -> bool:
    """Read a bool; 0 and 1 count."""
    value = _scalar(value)
    if isinstance(value, (bool, np.bool_)) or value in (0, 1):
        return bool(value)
    raise ValueError(f"True or False was expected, not {describe(value)}")


def text(value: object) -> str:
    """Read a string."""
    if isinstance(value, str):
        return value
    raise ValueError(f"a string was expected, not {describe(value)}")


def integers(value: object) -> tuple[int, ...]:
    """Read a tuple or list of ints."""
    if isinstance(value, (tuple, list, np.ndarray)):
        return tuple(integer(item) for item in value)
    raise ValueError(f"a tuple of integers was expected, not {describe(value)}")


def repeated(count: int, *, least: int) -> Callable[[object], tuple[int, ...]]:
    """Return a reader of ``count`` ints of at least ``least``, for which one int may stand."""
    read_size = at_least(least)

    def read(value: object) -> tuple[int, ...]:
        sizes = integers(value) if isinstance(value, (tuple, list)) else (integer(value),) * count
        if len(sizes) != count:
            raise ValueError(f"{count} integers were expected, not {describe(value)}")
        return tuple(map(read_size, sizes))

    return read


def shape(value: object) -> Shape:
    """Read a shape: a tuple of ints and Nones."""
    if isinstance(value, (tuple, list)):
        return tuple(None if item is None else integer(item) for item in value)
    raise ValueError(f"a shape was expected, not {describe(value)}")


def optional(read: Callable[[object], T]) -> Callable[[object], T | None]:
    """Return a reader that lets None through."""
    return lambda value: None if value is None else read(value)


def describe(value: object) -> str:
    """Return a short description of a value for an error message."""
    words = repr(value)
    words = words if len(words) <= 60 else words[:57] + "..."
    return f"{words} ({type(value).__name__})"


def _scalar(value: object) -> object:
    if isinstance(value, (np.ndarray, np.generic)) and value.ndim == 0:
        return value.item()
    return value

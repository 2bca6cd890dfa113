"""Choices: everything random about a net comes from numbers below a bound."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

__all__ = ["Below", "Draw"]

T = TypeVar("T")
Below = Callable[[int], int]


class Draw:
    """Draws from one source of numbers; 0 always stands for the simplest choice.

    Parameters
    ----------
    below : callable
        ``below(n)`` returns an int from 0 to n - 1: a generator of random
        numbers, or a property-based test that searches for the simplest net.

    Examples
    --------
    >>> Draw(lambda n: 0).among(["linear", "tanh"])
    'linear'
    """

    def __init__(self, below: Below) -> None:
        self.below = below

    def among(self, options: Sequence[T]) -> T:
        """Return one of several options, of which the first is the simplest."""
        return options[self.below(len(options))]

    def between(self, low: int, high: int) -> int:
        """Return an int from ``low`` to ``high``, both included."""
        return low + self.below(high - low + 1)

    def chance(self, one_in: int = 2) -> bool:
        """Return True once in so many times."""
        return self.below(one_in) == one_in - 1

    def size(self, taken: Collection[int | None] = (), low: int = 2, high: int = 7) -> int:
        """Return a size unlike all in ``taken``."""
        free = [size for size in range(low, high + 1 + len(taken)) if size not in taken]
        return self.among(free[: high - low + 1])

    def some(self, options: Sequence[T], least: int = 0) -> list[T]:
        """Return a part of the options, in their order, ``least`` of them or more."""
        chosen = [option for option in options if self.chance()]
        return chosen if len(chosen) >= least else list(options)

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in any order."""
        left = list(options)
        return [left.pop(self.below(len(left))) for _ in options]

"""Python expressions, and how a formatter would lay them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["INDENT", "WIDTH", "Brackets", "Expression", "assign", "call", "constant"]

WIDTH = 88  # characters of a line, as ruff and black have it
INDENT = "    "


@dataclass(frozen=True)
class Brackets:
    """Comma-separated items in brackets, behind something that is called or behind nothing.

    Attributes
    ----------
    before : Expression
        What is called, "" for tuples, lists and dicts.
    opening, closing : str
        The brackets.
    items : tuple of (str, Expression)
        Each behind its label, such as "units=", or "".
    """

    before: Expression
    opening: str
    items: tuple[tuple[str, Expression], ...]
    closing: str

    def __str__(self) -> str:
        items = ", ".join(f"{label}{item}" for label, item in self.items)
        if self.opening == "(" and self.before == "" and len(self.items) == 1:
            items += ","
        return f"{self.before}{self.opening}{items}{self.closing}"


Expression = str | Brackets


def call(function: Expression, /, *args: Expression, **kwargs: Expression) -> Brackets:
    """Return the call of a function."""
    labelled = [("", arg) for arg in args] + [(f"{name}=", arg) for name, arg in kwargs.items()]
    return Brackets(function, "(", tuple(labelled), ")")


def constant(value: object) -> Expression:
    """Return the expression of a plain Python value.

    Raises
    ------
    TypeError
        For values that no literal gives.
    """
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if value == value and abs(value) != float("inf") else f'float("{value}")'
    if isinstance(value, tuple):
        return Brackets("", "(", _unlabelled(value), ")")
    if isinstance(value, list):
        return Brackets("", "[", _unlabelled(value), "]")
    if isinstance(value, Mapping):
        items = ((f"{_quoted(key)}: ", constant(item)) for key, item in value.items())
        return Brackets("", "{", tuple(items), "}")
    raise TypeError(f"{value!r} has no literal")


def assign(target: str, value: Expression, indent: int = 0) -> list[str]:
    """Return the lines of an assignment, or of a ``return`` if that is the target.

    Parameters
    ----------
    target : str
        The variable; or "return".
    value : Expression
        What it becomes.
    indent : int
        How deep the statement stands.
    """
    head = target if target == "return" else f"{target} ="
    return [INDENT * indent + line for line in _lines(f"{head} ", value, "", indent)]


def _lines(head: str, value: Expression, tail: str, indent: int) -> list[str]:
    """Lay out an expression between what stands before and behind it on its line."""
    flat = f"{head}{value}{tail}"
    if isinstance(value, str) or len(INDENT) * indent + len(flat) <= WIDTH:
        return [flat]
    # Of f(a, b)(x), the last brackets are taken apart, or f's where these begin too far right.
    inner = value.before
    begins = len(INDENT) * indent + len(f"{head}{inner}{value.opening}")
    if isinstance(inner, Brackets) and inner.items and begins > WIDTH:
        return _lines(head, inner, _trailer(value) + tail, indent)
    return [
        f"{head}{inner}{value.opening}",
        *(INDENT + line for line in _body(value, indent + 1)),
        f"{value.closing}{tail}",
    ]


def _trailer(value: Brackets) -> str:
    return str(Brackets("?", value.opening, value.items, value.closing))[1:]


def _body(value: Brackets, indent: int) -> list[str]:
    flat = ", ".join(f"{label}{item}" for label, item in value.items)
    # Arguments may share a line; the items of a list or dict have one each.
    if value.before != "" and len(INDENT) * indent + len(flat) <= WIDTH:
        return [flat]
    return [line for label, item in value.items for line in _lines(label, item, ",", indent)]


def _unlabelled(values: Sequence[object]) -> tuple[tuple[str, Expression], ...]:
    return tuple(("", constant(value)) for value in values)


def _quoted(text: str) -> str:
    spelled = repr(text)
    # As formatters quote: double quotes, unless that takes escapes.
    return spelled if '"' in text else f'"{spelled[1:-1]}"'

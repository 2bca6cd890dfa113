"""What READMEs and notebooks say that their programs print, and whether they still do."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["assert_same_output", "shown_output"]

# Not those within names, such as conv1_bn.
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def shown_output(readme: Path) -> str:
    """Return what a README says that its example prints."""
    (block,) = re.findall(r"^```text\n(.*?)^```$", readme.read_text("utf-8"), re.M | re.S)
    return str(block)


def assert_same_output(found: str, shown: str, *, slack: int = 0) -> None:
    """Compare words exactly, counts up to ``slack``, and numbers as roundings let them be."""
    assert NUMBER.sub("#", found) == NUMBER.sub("#", shown), found
    for one, other in zip(NUMBER.findall(found), NUMBER.findall(shown), strict=True):
        assert same_number(one, other, slack), f"{one} for {other} in:\n{found}"


def same_number(one: str, other: str, slack: int) -> bool:
    a, b = float(one), float(other)
    if max(a, b) < 1e-11:
        return True
    if "e" in one + other:  # roundings differ from machine to machine
        return 0.1 < a / b < 10
    return abs(a - b) <= (0.05 * b if "." in one + other else slack)

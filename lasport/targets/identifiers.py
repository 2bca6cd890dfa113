"""Names of layers as names that programs may have."""

from __future__ import annotations

import builtins
import keyword
import re

__all__ = ["identifier"]


def identifier(name: str) -> str:
    """Return a Python identifier as close to a layer's name as can be.

    Examples
    --------
    >>> identifier("conv1/3x3"), identifier("in"), identifier("1st")
    ('conv1_3x3', 'in_', '_1st')
    """
    spelled = re.sub(r"\W", "_", name, flags=re.ASCII).lower()
    if not spelled or spelled[0].isdigit():
        return f"_{spelled}"
    return f"{spelled}_" if keyword.iskeyword(spelled) or spelled in dir(builtins) else spelled

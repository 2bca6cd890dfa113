"""Where in the user's own source a layer was made, as far as Theano noted it down."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lasport.inert import Instance

__all__ = ["made_at"]

LIBRARIES = re.compile(r"[/\\](lasagne|theano|nolearn)[/\\]", re.IGNORECASE)


def made_at(variables: Iterable[object]) -> str | None:
    """Return the place that a layer's parameters come from.

    Theano keeps the frames of the stack, outermost first, in which a variable was made: the
    user's own, then Lasagne's. Layers without parameters leave no trace.

    Parameters
    ----------
    variables : iterable of object
        The layer's parameters, inert.

    Returns
    -------
    str or None
        Like ``"train.py:18: net = DenseLayer(net, 10)"``; None if no frame is the user's.
    """
    for variable in variables:
        tag = variable.get("tag", None) if isinstance(variable, Instance) else None
        traces = tag.get("trace", None) if isinstance(tag, Instance) else None
        for frames in traces if isinstance(traces, list) else ():
            own = list(_users(frames))
            if own:
                return own[-1]
    return None


def _users(frames: object) -> Iterable[str]:
    """Yield the frames before the first one of a library."""
    for frame in frames if isinstance(frames, (list, tuple)) else ():
        match frame:
            case (str(file), int(line), _, code):
                if LIBRARIES.search(file):
                    return
                yield f"{file}:{line}" + (f": {code}" if isinstance(code, str) and code else "")

"""Pooling over windows and over everything."""

from __future__ import annotations

from dataclasses import dataclass, field

from lasport.operations.base import Operation, Wanted

__all__ = ["GlobalReduce", "Pool"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool(Operation):
    """Pooling over space, channels last; modes are Theano's.

    Attributes
    ----------
    mode : {"max", "average_inc_pad", "average_exc_pad", "sum"}
        What becomes of a window.
    padding : tuple of int
        Before and behind each spatial axis; minus infinity or zeros.
    ignore_border : bool
        ``False``: windows that reach beyond the input count too.
    """

    wants: Wanted = field(default="channels_last", init=False)
    mode: str
    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[int, ...]
    ignore_border: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class GlobalReduce(Operation):
    """Reduce all spatial axes: (batch, *space, channels) to (batch, channels)."""

    wants: Wanted = field(default="channels_last", init=False)
    function: str

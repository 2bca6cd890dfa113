"""Layers that users wrote themselves."""

from __future__ import annotations

from lasport.operations import Own
from lasport.targets.keras_calls.call import Context, Made, Mappings

__all__ = ["MAPPINGS"]


def _own(op: Own, context: Context) -> list[Made]:
    return [
        Made(
            f"{call.cls.__module__}.{call.cls.__qualname__}",
            call.arguments,
            call.weights,
            own=call.cls,
        )
        for call in op.calls
    ]


MAPPINGS: Mappings = {Own: _own}

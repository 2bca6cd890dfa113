"""Matrix products and convolutions."""

from __future__ import annotations

from lasport.operations import Conv, Dense
from lasport.targets.keras_calls.call import Context, Made, Mappings

__all__ = ["MAPPINGS", "zero_padding"]


def _dense(op: Dense, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"units": op.units}
    if op.bias is None:
        arguments["use_bias"] = False
    return [Made("keras.layers.Dense", arguments, dict(op.weights()))]


def _conv(op: Conv, context: Context) -> list[Made]:
    rank = len(op.kernel_size)
    arguments: dict[str, object] = {"filters": op.filters, "kernel_size": op.kernel_size}
    if any(stride != 1 for stride in op.strides):
        arguments["strides"] = op.strides
    made: list[Made] = []
    halves = tuple((size // 2, size // 2) for size in op.kernel_size)
    odd = all(size % 2 for size in op.kernel_size)
    if any(map(any, op.padding)):
        # TensorFlow's own 'same' is symmetric only for odd filters at stride 1.
        if op.padding == halves and odd and all(stride == 1 for stride in op.strides):
            arguments["padding"] = "same"
        else:
            made.append(zero_padding(op.padding))
    if op.groups != 1:
        arguments["groups"] = op.groups
    if op.bias is None:
        arguments["use_bias"] = False
    made.append(Made(f"keras.layers.Conv{rank}D", arguments, dict(op.weights())))
    return made


def zero_padding(widths: tuple[tuple[int, int], ...]) -> Made:
    """Return the stock layer that puts zeros around spatial axes."""
    argument: object = widths[0] if len(widths) == 1 else widths
    return Made(f"keras.layers.ZeroPadding{len(widths)}D", {"padding": argument})


MAPPINGS: Mappings = {
    Conv: _conv,
    Dense: _dense,
}

"""Matrix products and convolutions."""

from __future__ import annotations

from lasport.operations import Conv, ConvTranspose, Dense, Embed, LocallyConnected
from lasport.targets.keras_calls.call import Context, Made, Mappings

__all__ = ["MAPPINGS", "cropping", "zero_padding"]


def _dense(op: Dense, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"units": op.units}
    if op.bias is None:
        arguments["use_bias"] = False
    layer = "lasport.keras_layers.InvertibleDense" if context.inverted else "keras.layers.Dense"
    return [Made(layer, arguments, dict(op.weights()))]


def _conv(op: Conv, context: Context) -> list[Made]:
    if context.inverted:
        return [_invertible_conv(op)]
    rank = len(op.kernel_size)
    arguments: dict[str, object] = {"filters": op.filters, "kernel_size": op.kernel_size}
    if any(stride != 1 for stride in op.strides):
        arguments["strides"] = op.strides
    made: list[Made] = []
    dilated = any(rate != 1 for rate in op.dilation)
    halves = tuple((size // 2, size // 2) for size in op.kernel_size)
    odd = all(size % 2 for size in op.kernel_size)
    if any(map(any, op.padding)):
        # TensorFlow's own 'same' is symmetric only for odd filters at stride 1.
        unit = not dilated and all(stride == 1 for stride in op.strides)
        if op.padding == halves and odd and unit:
            arguments["padding"] = "same"
        else:
            made.append(zero_padding(op.padding))
    if dilated:
        arguments["dilation_rate"] = op.dilation
    if op.groups != 1:
        arguments["groups"] = op.groups
    if op.bias is None:
        arguments["use_bias"] = False
    made.append(Made(f"keras.layers.Conv{rank}D", arguments, dict(op.weights())))
    return made


def _invertible_conv(op: Conv) -> Made:
    arguments = _filters(op)
    if any(map(any, op.padding)):
        arguments["padding"] = op.padding
    if any(rate != 1 for rate in op.dilation):
        arguments["dilation"] = op.dilation
    if op.groups != 1:
        arguments["groups"] = op.groups
    return Made("lasport.keras_layers.InvertibleConvolution", arguments, dict(op.weights()))


def _filters(op: Conv | ConvTranspose) -> dict[str, object]:
    """Return the arguments that all convolutions have in common."""
    arguments: dict[str, object] = {"filters": op.filters, "kernel_size": op.kernel_size}
    if any(stride != 1 for stride in op.strides):
        arguments["strides"] = op.strides
    if op.bias is None:
        arguments["use_bias"] = False
    return arguments


def _invertible_conv_transpose(op: ConvTranspose) -> Made:
    arguments = _filters(op)
    if any(map(any, op.cuts)):
        arguments["cuts"] = op.cuts
    layer = "lasport.keras_layers.InvertibleConvolutionTranspose"
    return Made(layer, arguments, dict(op.weights()))


def _conv_transpose(op: ConvTranspose, context: Context) -> list[Made]:
    if context.inverted:
        return [_invertible_conv_transpose(op)]
    rank = len(op.kernel_size)
    arguments = _filters(op)
    made = [Made(f"keras.layers.Conv{rank}DTranspose", arguments, dict(op.weights()))]
    # Behind the last window Keras appends the zeros that a further stride would leave.
    cuts = [
        (before, behind + max(stride - size, 0))
        for (before, behind), stride, size in zip(op.cuts, op.strides, op.kernel_size, strict=True)
    ]
    cropped = tuple((max(before, 0), max(behind, 0)) for before, behind in cuts)
    padded = tuple((max(-before, 0), max(-behind, 0)) for before, behind in cuts)
    if any(map(any, cropped)):
        made.append(cropping(cropped))
    if any(map(any, padded)):
        made.append(zero_padding(padded))
    return made


def _locally_connected(op: LocallyConnected, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"filters": op.filters, "kernel_size": op.kernel_size}
    if op.channelwise:
        arguments["channelwise"] = True
    return [Made("lasport.keras_layers.LocallyConnected2D", arguments, dict(op.weights()))]


def _embed(op: Embed, context: Context) -> list[Made]:
    arguments: dict[str, object] = {"input_dim": op.rows, "output_dim": op.units}
    return [Made("keras.layers.Embedding", arguments, dict(op.weights()))]


def cropping(cuts: tuple[tuple[int, int], ...]) -> Made:
    """Return the stock layer that cuts spatial axes at both ends."""
    argument: object = cuts[0] if len(cuts) == 1 else cuts
    return Made(f"keras.layers.Cropping{len(cuts)}D", {"cropping": argument})


def zero_padding(widths: tuple[tuple[int, int], ...]) -> Made:
    """Return the stock layer that puts zeros around spatial axes."""
    argument: object = widths[0] if len(widths) == 1 else widths
    return Made(f"keras.layers.ZeroPadding{len(widths)}D", {"padding": argument})


MAPPINGS: Mappings = {
    Conv: _conv,
    ConvTranspose: _conv_transpose,
    Dense: _dense,
    Embed: _embed,
    LocallyConnected: _locally_connected,
}

"""Inputs, and layers that only move data."""

from __future__ import annotations

from lasport.operations import Crop, Flatten, Input, Pad, Permute, Reshape, TransposeAxes
from lasport.targets.keras_calls.call import Context, Made, Mappings
from lasport.targets.keras_calls.linear import cropping, zero_padding

__all__ = ["MAPPINGS"]


def _input(op: Input, context: Context) -> list[Made]:
    batch, *shape = op.shape
    arguments: dict[str, object] = {"shape": tuple(shape)}
    if batch is not None:
        arguments["batch_size"] = batch
    if op.dtype is not None:
        arguments["dtype"] = op.dtype
    return [Made("keras.Input", arguments)]


def _transpose(op: TransposeAxes, context: Context) -> list[Made]:
    if op.axes[0] == 0:
        return [Made("keras.layers.Permute", {"dims": op.axes[1:]})]
    return [Made("lasport.keras_layers.Permutation", {"axes": op.axes})]


def _permute(op: Permute, context: Context) -> list[Made]:
    # The layouts of its input and output call the same axes by other names. keras.layers.Identity
    # would do, but has no configuration once it is given a dtype policy.
    return [Made("keras.layers.Activation", {"activation": "linear"})]


def _flatten(op: Flatten, context: Context) -> list[Made]:
    if op.ndim == 2:
        return [Made("keras.layers.Flatten")]
    if op.ndim > 2 and context.output_shape[-1] is not None:
        kept = context.output_shape[1:-1]
        if all(size is not None for size in kept):
            target: object = context.output_shape[1:]
            return [Made("keras.layers.Reshape", {"target_shape": target})]
    full = (*(("input", axis) for axis in range(op.ndim - 1)), -1)
    return [Made("lasport.keras_layers.FullReshape", {"target": full})]


def _reshape(op: Reshape, context: Context) -> list[Made]:
    rest = context.output_shape[1:]
    if op.keeps_batch and sum(size is None for size in rest) <= 1:
        target = tuple(-1 if size is None else size for size in rest)
        return [Made("keras.layers.Reshape", {"target_shape": target})]
    full = tuple(("input", e[0]) if isinstance(e, tuple) else e for e in op.target)
    if op.keeps_batch:
        full = (("input", 0), *full[1:])
    return [Made("lasport.keras_layers.FullReshape", {"target": full})]


def _pad(op: Pad, context: Context) -> list[Made]:
    space = op.widths[1:-1]
    edges = (op.widths[0], op.widths[-1])
    if op.value == 0 and edges == ((0, 0), (0, 0)) and len(space) in (1, 2, 3):
        return [zero_padding(space)]
    arguments: dict[str, object] = {"widths": op.widths, "value": op.value}
    return [Made("lasport.keras_layers.ConstantPad", arguments)]


def _crop(op: Crop, context: Context) -> list[Made]:
    return [cropping(op.cuts)]


MAPPINGS: Mappings = {
    Crop: _crop,
    Flatten: _flatten,
    Input: _input,
    Pad: _pad,
    Permute: _permute,
    Reshape: _reshape,
    TransposeAxes: _transpose,
}

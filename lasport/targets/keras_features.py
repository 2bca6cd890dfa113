"""Models that give what Lasagne layers inside a model compute, made of its very layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras

from lasport.errors import ComparisonError, UsageError
from lasport.keras_layers import Permutation
from lasport.layout import Layout, lasagne_order
from lasport.passes import DataFormat, lower
from lasport.targets.keras_calls import Call, Calls
from lasport.targets.keras_model import single
from lasport.translate import translate

__all__ = ["feature_model"]


def feature_model(
    model: keras.Model, calls: Calls, layers: Sequence[str], data_format: DataFormat | None = None
) -> keras.Model:
    """Return the model of some of a net's layers; see :func:`lasport.feature_model`.

    Parameters
    ----------
    model : keras.Model
        With the layer names that the calls gave.
    calls : Calls
        How it is made of the network.
    layers : sequence of str
        Lasagne's names.
    data_format : {"channels_first", "channels_last"}, optional
        Of what the layers give; by default the model's own.

    Raises
    ------
    UsageError
        If no layer is called so.
    ComparisonError
        If the model lacks a layer that the calls make.
    """
    plan = calls.plan
    unknown = [name for name in layers if name not in plan.layers]
    if unknown or not layers:
        wanted = ", ".join(map(repr, unknown)) or "no layer"
        raise UsageError(f"{wanted}: the net has {', '.join(plan.layers)}")
    # As a net whose outputs these are would give them.
    general = translate(plan.network)
    outputs = tuple(general.layers[name] for name in layers)
    meant = lower(replace(general, outputs=outputs), data_format or _data_format(calls)).outputs
    by_name = {call.name: call for call in calls.calls}
    found: dict[str, keras.KerasTensor] = {}
    for name, value in zip(layers, meant, strict=True):
        held = plan.layers[name]
        tensor = _result(model, by_name[calls.results[held.id]], calls.calls)
        found[name] = _arranged(tensor, held.layout, value.layout)
    tensors = [found[name] for name in layers]
    return keras.Model(single(model.inputs), single(tensors))


def _data_format(calls: Calls) -> DataFormat:
    ends = (*calls.plan.inputs, *calls.plan.outputs)
    first = all(value.layout == lasagne_order(len(value.shape)) for value in ends)
    return "channels_first" if first else "channels_last"


def _result(model: keras.Model, call: Call, calls: Sequence[Call]) -> keras.KerasTensor:
    """Return what a call gives in the model."""
    name = call.reuses or call.name
    try:
        layer = model.get_layer(name)
    except ValueError:
        raise ComparisonError(f"the model has no layer {name!r}") from None
    # Not layer.output, which is refused once somebody has called the layer in another model too.
    number = [each.name for each in calls if name in (each.name, each.reuses)].index(call.name)
    return layer._inbound_nodes[number].output_tensors[0]


def _arranged(tensor: keras.KerasTensor, held: Layout, wanted: Layout) -> keras.KerasTensor:
    """Return a value in another order of axes, and of the entries of a flattened last one."""
    layers, options = keras.layers, {"dtype": tensor.dtype}
    if held.rows is not None:
        block, order = held.rows.source, held.rows.axes
        tensor = layers.Reshape([block[axis] for axis in order], **options)(tensor)
        back = [1 + order.index(axis) for axis in range(len(order))]
        tensor = layers.Flatten(**options)(layers.Permute(back, **options)(tensor))
    axes = [held.axes.index(axis) for axis in wanted.axes]
    if axes == sorted(axes):
        return tensor
    if axes[0] == 0:
        return layers.Permute(axes[1:], **options)(tensor)
    return Permutation(axes, **options)(tensor)

"""Holding the Keras port of a net against the numpy reference, quickly."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from lasport import to_keras
from lasport.compare.metrics import STRUCTURE_BOUND, measure
from lasport.layers.embedding import EmbeddingAttributes
from lasport.layers.normalization import BatchNormAttributes
from lasport.layers.recurrence import RecurrenceAttributes
from lasport.oracles.reference import ForwardPass, draw_inputs, run_reference
from lasport.passes import DataFormat
from lasport.spec import Array, Network
from lasport.targets.keras_calls import Profile
from lasport.weights import inv_std_to_variance

__all__ = ["assert_port_agrees", "inputs_for"]

RECURRENT_BOUND = 1e-8


def assert_port_agrees(net: Network, profile: Profile, data_format: DataFormat, seed: int) -> None:
    """Compare outputs, all layers and running averages in both modes, in float64."""
    from lasport.targets.keras_port import KerasPort

    model = to_keras(net, profile=profile, data_format=data_format, dtype="float64")
    port = KerasPort(model, net)
    assert set(port.shown_layers) == {layer.name for layer in net.layers}
    session = port.start("float64")
    inputs = inputs_for(net, seed)
    names = [layer.name for layer in net.layers]
    for training in (False, True):
        forward = run_reference(net, inputs, training=training, seed=seed)
        expected = dict(zip(names, forward.layers, strict=True))
        walk = session.walk(inputs, training=training)
        mode = "training" if training else "inference"
        for index, layer in enumerate(net.layers):
            walk.give(layer.name, forward.masks.get(index, ()))
            value = walk.value(layer.name)
            if layer.incoming:
                assert value is not None
                compare(net, f"{mode}, {layer.name}", value, expected[layer.name])
        for name, value in zip(net.outputs, walk.outputs(), strict=True):
            compare(net, f"{mode}, output {name}", value, expected[name])
        if not training:
            for name, value in zip(net.outputs, port.run(inputs), strict=True):
                compare(net, f"the model's own output {name}", value, expected[name])
    after = session.params()
    assert after is not None
    owned = list(net.owned_params())
    for (layer, param), value, expected_value in zip(
        owned, after, averaged(net, forward, session.variances()), strict=True
    ):
        compare(net, f"{layer.name}.{param.name} after a pass", value, expected_value)


def inputs_for(net: Network, seed: int) -> list[Array]:
    """Draw inputs: indices of all rows that the smallest table behind them has, from both ends."""
    (inputs,) = draw_inputs(net, seed)
    rng = np.random.RandomState(seed)
    tables = [layer for layer in net.layers if isinstance(layer.attributes, EmbeddingAttributes)]
    for place, name in enumerate(net.inputs):
        rows = [layer.attributes.input_size for layer in tables if layer.incoming == (name,)]
        if rows:
            shape, dtype = inputs[place].shape, inputs[place].dtype
            inputs[place] = rng.randint(-min(rows), min(rows), shape).astype(dtype)
    return inputs


def averaged(net: Network, forward: ForwardPass, stock: Collection[str]) -> Iterator[Array]:
    """Yield the parameters after a pass; stock batch norm averages the variance."""
    outputs = {layer.name: y for layer, y in zip(net.layers, forward.layers, strict=True)}
    for (layer, param), value in zip(net.owned_params(), forward.params, strict=True):
        a = layer.attributes
        if param.name != "inv_std" or layer.name not in stock:
            yield value
        elif isinstance(a, BatchNormAttributes):
            variance = outputs[layer.incoming[0]].var(axis=a.axes)
            before = inv_std_to_variance(param.value, a.epsilon)
            yield 1 / np.sqrt((1 - a.alpha) * before + a.alpha * variance + a.epsilon)


def compare(net: Network, subject: str, actual: Array, expected: Array) -> None:
    recurrent = any(isinstance(layer.attributes, RecurrenceAttributes) for layer in net.layers)
    bound = RECURRENT_BOUND if recurrent else STRUCTURE_BOUND
    assert actual.shape == expected.shape, subject
    assert actual.dtype == expected.dtype, subject
    difference = measure(actual, expected).relative
    assert difference < bound, f"{subject}: {difference:.2g} apart"

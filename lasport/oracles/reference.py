"""The numpy reference: runs a network layer by layer with its families' formulas.

It needs nothing but numpy, runs in float64 or float32, and writes the same
records as the real Theano. Golden records made by the real Lasagne pin it.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from numpy.typing import DTypeLike

from lasport.layers.input import InputAttributes
from lasport.layers.recurrence import RecurrenceAttributes
from lasport.oracles.forward import Forward, cast
from lasport.oracles.probe import FORMAT, GRID, choose_input_shapes, draw_mask, draw_values
from lasport.oracles.record import NO_THEANO, Masks, Record, RecordMeta
from lasport.spec import Array, Layer, Network

__all__ = [
    "ForwardPass",
    "draw_inputs",
    "mask_inputs",
    "reference_meta",
    "reference_record",
    "run_reference",
]


@dataclass(frozen=True)
class ForwardPass:
    """What one pass through a network computed.

    Attributes
    ----------
    layers : list of ndarray
        Output of every layer, in the network's order.
    params : list of ndarray
        Parameters after the pass, in ``get_all_params`` order.
    masks : dict of int to list of ndarray
        What each stochastic layer drew, by layer index.
    """

    layers: list[Array]
    params: list[Array]
    masks: dict[int, list[Array]]


def run_reference(
    network: Network,
    inputs: Sequence[Array],
    *,
    training: bool,
    dtype: DTypeLike = np.float64,
    params: Sequence[Array] | None = None,
    masks: Masks | None = None,
    seed: int = 0,
) -> ForwardPass:
    """Compute every layer of a network once.

    Parameters
    ----------
    network : Network
        All of its layers must be translatable.
    inputs : sequence of ndarray
        One per input layer, in Lasagne's axis order.
    training : bool
        Whether stochastic layers draw and batch normalization uses and averages
        the batch's statistics (Lasagne's ``deterministic=False``).
    dtype : dtype
        What to compute in.
    params : sequence of ndarray, optional
        In place of the network's own, in ``get_all_params`` order.
    masks : mapping of int to sequence of ndarray, optional
        What stochastic layers shall draw, by layer index; otherwise they draw
        from ``seed``.
    seed : int
        Seeds what they draw.

    Returns
    -------
    ForwardPass

    Raises
    ------
    ComparisonError
        If inputs or what was drawn do not fit the network.
    """
    forward = Forward(
        network,
        inputs,
        training=training,
        dtype=dtype,
        params=params,
        masks=masks,
        seed=seed,
    )
    layers: list[Array] = []
    drawn: dict[int, list[Array]] = {}
    for index, computed in enumerate(forward):
        layers.append(computed.value)
        if computed.run.drawn:
            drawn[index] = computed.run.drawn
    return ForwardPass(layers, forward.params_after(), drawn)


def draw_inputs(network: Network, seed: int, passes: int = 0) -> list[list[Array]]:
    """Draw random inputs: asymmetric, with open sizes unlike all others.

    Parameters
    ----------
    network : Network
        Whose input layers are to be fed.
    seed : int
        The same seed gives the same arrays.
    passes : int
        How many further batches to draw.

    Returns
    -------
    list of list of ndarray
        ``1 + passes`` lists with one float64 (or integer) array per input layer.
    """
    rng = np.random.RandomState(seed)
    sources = [network[name] for name in network.inputs]
    shaped = [SimpleNamespace(shape=source.output_shape) for source in sources]
    known = [layer for layer in network.layers if layer.output_shape is not None]
    dtypes = [_input_dtype(source) for source in sources]
    masks = mask_inputs(network)
    shapes = choose_input_shapes(known, shaped, bool(masks))
    return [
        [
            (draw_mask if name in masks else draw_values)(rng, shape, dtype)
            for name, shape, dtype in zip(network.inputs, shapes, dtypes, strict=True)
        ]
        for _ in range(1 + passes)
    ]


def mask_inputs(network: Network) -> set[str]:
    """Return the names of the layers that recurrent layers take for masks."""
    return {
        layer.incoming[layer.attributes.places(len(layer.incoming))["mask"]]
        for layer in network.layers
        if isinstance(layer.attributes, RecurrenceAttributes)
        and "mask" in layer.attributes.places(len(layer.incoming))
    }


def _input_dtype(source: Layer) -> str:
    attributes = source.attributes
    integer = isinstance(attributes, InputAttributes) and attributes.is_integer
    return attributes.input_var if integer else "float64"  # type: ignore[attr-defined]


def reference_record(
    network: Network,
    *,
    inputs: Sequence[Array] | None = None,
    seed: int = 0,
    passes: int = 5,
    dtype: DTypeLike = np.float64,
) -> Record:
    """Record what the numpy reference computes, in both modes.

    Parameters
    ----------
    network : Network
        All of its layers must be translatable.
    inputs : sequence of ndarray, optional
        One per input layer; drawn from ``seed`` if missing. The batches of the
        training passes are always drawn.
    seed : int
        Seeds inputs, batches, cotangents and what stochastic layers draw.
    passes : int
        Number of training passes.
    dtype : dtype
        What to compute in.

    Returns
    -------
    Record
        Without gradients: the reference has none.
    """
    # Numpy's integers are none that JSON has.
    seed, passes = operator.index(seed), operator.index(passes)
    drawn, *batches = draw_inputs(network, seed, passes)
    fed = drawn if inputs is None else list(inputs)
    owned = list(network.owned_params())
    arrays: dict[str, Array] = {}
    _store(arrays, "inputs", [cast(x, dtype) for x in fed])
    _store(arrays, "params", [cast(param.value, dtype) for _, param in owned])
    index = {layer.name: position for position, layer in enumerate(network.layers)}
    outputs = [index[name] for name in network.outputs]
    for mode, training in (("inference", False), ("training", True)):
        forward = run_reference(network, fed, training=training, dtype=dtype, seed=seed)
        _store(arrays, f"{mode}/layers", forward.layers)
        _store(arrays, f"{mode}/outputs", [forward.layers[k] for k in outputs])
        for k, masks in forward.masks.items():
            _store(arrays, f"{mode}/masks/{k}", [cast(mask, dtype) for mask in masks])
    values = [param.value for _, param in owned]
    for number, batch in enumerate(batches, 1):
        forward = run_reference(
            network, batch, training=True, dtype=dtype, params=values, seed=seed + 1000 * number
        )
        values = forward.params
        _store(arrays, f"batches/{number}", [cast(x, dtype) for x in batch])
        _store(arrays, f"training/params/{number}", values)
        for k, masks in forward.masks.items():
            _store(arrays, f"passes/{number}/masks/{k}", [cast(mask, dtype) for mask in masks])
    rng = np.random.RandomState(seed)
    shapes = [arrays[f"inference/outputs/{j}"].shape for j in range(len(outputs))]
    _store(arrays, "cotangents", [rng.standard_normal(shape).astype(dtype) for shape in shapes])
    meta = reference_meta(network, seed, passes, np.dtype(dtype).name)
    return Record.from_arrays({**arrays, "meta": np.array(json.dumps(meta, sort_keys=True))})


def _store(arrays: dict[str, Array], prefix: str, values: Sequence[Array]) -> None:
    arrays.update({f"{prefix}/{number}": value for number, value in enumerate(values)})


def reference_meta(network: Network, seed: int, passes: int, floats: str) -> RecordMeta:
    """Return what a record of the reference says about itself; `floats` is its float type."""
    index = {layer.name: position for position, layer in enumerate(network.layers)}
    return {
        "format": FORMAT,
        "python": "",
        "numpy": np.__version__,
        "theano": NO_THEANO,
        "lasagne": NO_THEANO,
        "floatX": floats,
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "incoming": [index[name] for name in layer.incoming],
                "output_shape": list(layer.output_shape or ()),
            }
            for layer in network.layers
        ],
        "params": [
            {
                "name": f"{layer.name}.{param.name}",
                "tags": sorted(param.tags),
                "owners": [(index[layer.name], param.name)],
            }
            for layer, param in network.owned_params()
        ],
        "inputs": [index[name] for name in network.inputs],
        "outputs": [index[name] for name in network.outputs],
        "seed": seed,
        "passes": passes,
        "grid": GRID,
        "command": "",
        "no_gradient": "the numpy reference computes no gradients",
    }

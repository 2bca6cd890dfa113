"""Nets to measure with: as large as asked for, with random parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from lasport.readers.network import build_network
from lasport.spec import Network
from tests.inert_nets import function, layer, named, source

__all__ = ["convolutional", "dense", "dense_layers"]


def convolutional(blocks: tuple[int, ...] = (16, 32, 64), image: int = 32) -> Network:
    """Return per block two convolutions with batch normalization and rectifier, and a max pool."""
    rng = np.random.default_rng(0)
    net, channels = source((None, 3, image, image), dtype="float32"), 3
    for filters in blocks:
        for _ in range(2):
            net = _normalized(_convolution(net, rng, filters, channels), rng, filters)
            channels = filters
        pool = {"pool_size": (2, 2), "stride": (2, 2), "pad": (0, 0), "ignore_border": True}
        net = layer("pool.Pool2DLayer", net, {}, mode="max", **pool)
    pooled = layer("pool.GlobalPoolLayer", net, {}, pool_function=named("theano.tensor.basic.mean"))
    return build_network(_dense(pooled, rng, 10, channels, "softmax"))


def dense(units: int = 2200, layers: int = 4) -> Network:
    """Return square dense layers: ``layers * units**2`` parameters, and a few more."""
    return build_network(dense_layers(units, layers))


def dense_layers(units: int, layers: int) -> Any:
    """Return the inert objects that :func:`dense` makes its net of."""
    rng = np.random.default_rng(0)
    net = source((None, units), dtype="float32")
    for _ in range(layers):
        net = _dense(net, rng, units, units, "rectify")
    return net


def _dense(incoming: Any, rng: np.random.Generator, units: int, inputs: int, name: str) -> Any:
    params = {"W": _normal(rng, inputs, units), "b": _normal(rng, units)}
    options = {"num_units": units, "nonlinearity": function(name)}
    return layer("dense.DenseLayer", incoming, params, **options)


def _convolution(incoming: Any, rng: np.random.Generator, filters: int, channels: int) -> Any:
    options = {"num_filters": filters, "filter_size": (3, 3), "stride": (1, 1), "pad": (1, 1)}
    options |= {"flip_filters": True, "nonlinearity": function("linear"), "b": None}
    params = {"W": _normal(rng, filters, channels, 3, 3)}
    return layer("conv.Conv2DLayer", incoming, params, **options)


def _normalized(incoming: Any, rng: np.random.Generator, channels: int) -> Any:
    params = {
        name: rng.uniform(0.5, 2.0, channels).astype(np.float32)
        for name in ("beta", "gamma", "mean", "inv_std")
    }
    options = {"axes": (0, 2, 3), "epsilon": 1e-4, "alpha": 0.1}
    norm = layer("normalization.BatchNormLayer", incoming, params, **options)
    rectified = {"nonlinearity": function("rectify")}
    return layer("special.NonlinearityLayer", norm, {}, **rectified)


def _normal(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape, dtype=np.float32) * np.sqrt(2 / shape[0], dtype=np.float32)

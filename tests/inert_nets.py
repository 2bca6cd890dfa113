"""Layers as a pickle of any age would give them: inert instances with the attributes it held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lasport.inert import Global, Instance
from lasport.readers.network import build_network
from lasport.spec import Layer

__all__ = [
    "elemwise",
    "function",
    "image",
    "layer",
    "merge",
    "named",
    "read",
    "shared",
    "source",
]


def named(path: str) -> Global:
    """Return what a pickle names: a class or a function by its path.

    Layers may be given without ``lasagne.layers.``.
    """
    roots = ("lasagne.", "nntools.", "theano.", "numpy.", "__main__.")
    path = path if path.startswith(roots) else f"lasagne.layers.{path}"
    module, _, name = path.rpartition(".")
    return Global(module, name)


def function(name: str, **constants: float) -> Global | Instance:
    """Return a function of ``lasagne.nonlinearities``, or an instance of one of its classes."""
    path = named(f"lasagne.nonlinearities.{name}")
    return Instance(path, state=dict(constants)) if constants else path


def elemwise(scalar_op: str) -> Instance:
    """Return an elementwise function of Theano's, such as ``theano.tensor.mul``."""
    state = {"scalar_op": Instance(named(scalar_op), state={})}
    return Instance(named("theano.tensor.elemwise.Elemwise"), state=state)


def shared(value: Any) -> Instance:
    """Return a shared variable that holds an array."""
    container = Instance(named("theano.gof.link.Container"), state={"storage": [np.asarray(value)]})
    variable = named("theano.tensor.sharedvar.TensorSharedVariable")
    return Instance(variable, state={"container": container})


def source(shape: object, dtype: str = "float64", **state: object) -> Instance:
    """Return an input layer."""
    kind = Instance(named("theano.tensor.type.TensorType"), state={"dtype": dtype})
    variable = Instance(named("theano.tensor.var.TensorVariable"), state={"type": kind})
    return Instance(
        named("input.InputLayer"),
        state={"shape": shape, "input_var": variable, "name": None, "params": {}, **state},
    )


def image(*shape: int | None) -> Instance:
    """Return an input layer of images: 2 channels of 7 x 5 unless told otherwise."""
    return source(shape or (None, 2, 7, 5))


def layer(
    kind: str,
    incoming: Instance,
    params: Mapping[str, Any] | None = None,
    /,
    **state: object,
) -> Instance:
    """Return a layer with one input.

    Parameters
    ----------
    kind : str
        Path of the class.
    incoming : Instance
        The layer that feeds it.
    params : mapping of str to array, optional
        Its parameters. Without them it is a layer from before May 2015, that lists none.
    state : object
        Its other attributes.
    """
    variables = {name: shared(value) for name, value in (params or {}).items()}
    listed = {} if params is None else {"params": {v: {"trainable"} for v in variables.values()}}
    return Instance(named(kind), state={"input_layer": incoming, **listed, **variables, **state})


def merge(kind: str, incoming: Sequence[Instance], **state: object) -> Instance:
    """Return a layer with several inputs."""
    return Instance(named(kind), state={"input_layers": list(incoming), "params": {}, **state})


def read(output: object) -> Layer:
    """Return the output layer of a net as the reader builds it."""
    return build_network(output).layers[-1]

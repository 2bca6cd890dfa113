"""Recurrent layers as a pickle would give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.inert_nets import Instance, function, layer, named, shared, source

__all__ = ["UNITS", "gru", "lstm", "recurrent", "rnn"]

UNITS = 2
LOOP = {
    "backwards": False,
    "gradient_steps": -1,
    "grad_clipping": 0,
    "unroll_scan": False,
    "precompute_input": True,
    "only_return_final": False,
    "mask_incoming_index": -1,
    "hid_init_incoming_index": -1,
    "learn_init": False,
}


def recurrent(
    kind: str,
    params: dict[str, Any],
    incoming: Sequence[Instance] = (),
    without: Sequence[str] = (),
    **state: object,
) -> Instance:
    """Return a recurrent layer with all weights at 1, on 5 steps of 3 features unless told."""
    variables = {name: shared(np.ones(shape)) for name, shape in params.items()}
    given = {
        "input_layers": list(incoming) or [source((None, 5, 3))],
        "params": {variable: {"trainable"} for variable in variables.values()},
        **LOOP,
        **variables,
        **state,
    }
    for name in without:
        given["params"].pop(given.pop(name), None)
    return Instance(named(f"recurrent.{kind}"), state=given)


def gates(names: Sequence[str], features: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name in names:
        shapes[f"W_in_to_{name}"] = (features, UNITS)
        shapes[f"W_hid_to_{name}"] = (UNITS, UNITS)
        shapes[f"b_{name}"] = (UNITS,)
    return shapes


def lstm(
    *incoming: Instance, features: int = 3, without: Sequence[str] = (), **state: object
) -> Any:
    """Return an LSTMLayer."""
    names = ("ingate", "forgetgate", "cell", "outgate")
    params = gates(names, features)
    params |= {f"W_cell_to_{name}": (UNITS,) for name in names if name != "cell"}
    params |= {"cell_init": (1, UNITS), "hid_init": (1, UNITS)}
    functions = {f"nonlinearity_{name}": function("sigmoid") for name in names}
    given = {"num_units": UNITS, "peepholes": True, "cell_init_incoming_index": -1, **functions}
    given |= {"nonlinearity_cell": function("tanh"), "nonlinearity": function("tanh"), **state}
    return recurrent("LSTMLayer", params, incoming, without, **given)


def gru(
    *incoming: Instance, features: int = 3, without: Sequence[str] = (), **state: object
) -> Any:
    """Return a GRULayer."""
    params = gates(("updategate", "resetgate", "hidden_update"), features)
    params["hid_init"] = (1, UNITS)
    given = {
        "num_units": UNITS,
        "nonlinearity_resetgate": function("sigmoid"),
        "nonlinearity_updategate": function("sigmoid"),
        "nonlinearity_hid": function("tanh"),
        **state,
    }
    return recurrent("GRULayer", params, incoming, without, **given)


def dense(features: int, weights: dict[str, Any], **state: object) -> Instance:
    """Return the net of an input layer and a dense layer."""
    given = {"num_units": UNITS, "nonlinearity": function("linear"), "num_leading_axes": 1, **state}
    net = layer("dense.DenseLayer", source((None, features)), {}, **given)
    net.state["params"] = {variable: {"trainable"} for variable in weights.values()}
    net.state.update(weights)
    return net


def rnn(*incoming: Instance, without: Sequence[str] = (), **state: object) -> Any:
    """Return a RecurrentLayer."""
    into = {"W": shared(np.ones((3, UNITS))), "b": shared(np.ones(UNITS))}
    across = {"W": shared(np.ones((UNITS, UNITS)))}
    given = {
        "W_in_to_hid": into["W"],
        "W_hid_to_hid": across["W"],
        "b": into["b"],
        "input_to_hidden": dense(3, into),
        "hidden_to_hidden": dense(UNITS, across),
        "nonlinearity": function("linear"),
        **state,
    }
    return recurrent("RecurrentLayer", {"hid_init": (1, UNITS)}, incoming, without, **given)

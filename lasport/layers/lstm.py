"""LSTMLayer, mirroring ``lasagne.layers.LSTMLayer``.

With h, c the states before a step and h', c' those after it, * elementwise::

    i  = f_i(x W_i + h U_i + p_i * c + b_i)
    f  = f_f(x W_f + h U_f + p_f * c + b_f)
    c' = f * c + i * f_c(x W_c + h U_c + b_c)
    o  = f_o(x W_o + h U_o + p_o * c' + b_o)
    h' = o * f_h(c')

The peepholes p are there unless ``peepholes=False``. Gradients are clipped at
``x W + h U + b``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.recurrence import GatedAttributes, flat, read_index, stack
from lasport.layers.values import boolean
from lasport.operations import LSTM
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape
from lasport.weights import Reshape

GATES = ("ingate", "forgetgate", "cell", "outgate")
PEEPING = ("ingate", "forgetgate", "outgate")
STATES = {"hidden": "hid_init", "cell": "cell_init"}


@dataclass(frozen=True, kw_only=True)
class LSTMAttributes(GatedAttributes):
    """Instance attributes of an LSTMLayer."""

    peepholes: bool = attribute(boolean)
    nonlinearity_ingate: Nonlinearity = attribute(nonlinearities.read)
    nonlinearity_forgetgate: Nonlinearity = attribute(nonlinearities.read)
    nonlinearity_cell: Nonlinearity = attribute(nonlinearities.read)
    nonlinearity_outgate: Nonlinearity = attribute(nonlinearities.read)
    nonlinearity: Nonlinearity = attribute(nonlinearities.read, formerly=("nonlinearity_out",))
    cell_init_incoming_index: int | None = attribute(read_index, absent=None)
    of_2015: bool = attribute(lambda value: False, absent=True, formerly=("only_return_final",))
    """Whether Lasagne did not know ``only_return_final`` yet, which came in November 2015."""

    def __post_init__(self) -> None:
        if self.of_2015 and self.peepholes:
            # The file does not tell on which side of that day it was saved.
            raise ValueError(
                "attribute 'peepholes': before 2015-10-02, Lasagne 0.1 included, the output gate's "
                "peephole was added behind the gate's nonlinearity, which lasport does not do; if "
                "it was saved after that day, set only_return_final = False on the layer, and "
                "save the net again"
            )


def param_shapes(a: LSTMAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """Per gate W (features, units), U (units, units) and b; peepholes; states of one example."""
    return {
        **a.gate_shapes(inputs, GATES),
        **{f"W_cell_to_{gate}": (a.num_units,) for gate in PEEPING},
        **dict.fromkeys(STATES.values(), (1, a.num_units)),
    }


def reference(
    a: LSTMAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Apply the formulas above, step by step."""
    x = flat(inputs[0])
    projected = np.stack([x @ params[f"W_in_to_{g}"] + params[f"b_{g}"] for g in GATES], axis=2)
    peepholes = {g: params.get(f"W_cell_to_{g}") if a.peepholes else None for g in GATES}

    def gate(name: str, x: Array, hidden: Array, cell: Array) -> Array:
        total = x[:, GATES.index(name)] + hidden @ params[f"W_hid_to_{name}"]
        peephole = peepholes[name]
        if peephole is not None:
            total = total + cell * peephole
        function: Nonlinearity = getattr(a, f"nonlinearity_{name}")
        return nonlinearities.compute(function, total)

    def step(x: Array, states: list[Array]) -> list[Array]:
        hidden, cell = states
        kept = gate("forgetgate", x, hidden, cell) * cell
        after = kept + gate("ingate", x, hidden, cell) * gate("cell", x, hidden, cell)
        out = gate("outgate", x, hidden, after)
        return [out * nonlinearities.compute(a.nonlinearity, after), after]

    initial = {state: params.get(name) for state, name in STATES.items()}
    return a.scan(step, projected, inputs, initial)


def translate(
    a: LSTMAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step; the gates' weights lie side by side, in Lasagne's order and Keras'."""
    row = Reshape((a.num_units,), (1, a.num_units))
    peepholes = [f"W_cell_to_{gate}" for gate in PEEPING]
    functions = {
        "input": a.nonlinearity_ingate,
        "forget": a.nonlinearity_forgetgate,
        "candidate": a.nonlinearity_cell,
        "output": a.nonlinearity_outgate,
        "hidden": a.nonlinearity,
    }
    lstm = partial(LSTM, peepholes=stack(layer.params, peepholes, 0, row) if a.peepholes else None)
    return a.translate(lstm, layer, inputs, builder, GATES, STATES, functions)


register(
    Family(
        attributes=LSTMAttributes,
        params=(
            *(f"{kind}_{gate}" for gate in GATES for kind in ("W_in_to", "W_hid_to", "b")),
            *(f"W_cell_to_{gate}" for gate in PEEPING),
            "cell_init",
            "hid_init",
        ),
        optional=frozenset({*(f"W_cell_to_{gate}" for gate in PEEPING), "cell_init", "hid_init"}),
        output_shape=LSTMAttributes.output_shape,
        param_shapes=param_shapes,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.recurrent.LSTMLayer"],
)

"""GRULayer, mirroring ``lasagne.layers.GRULayer``.

With h the state before a step and h' that after it, * elementwise::

    r  = f_r(x W_r + h U_r + b_r)
    u  = f_u(x W_u + h U_u + b_u)
    c  = f_c(x W_c + r * (h U_c) + b_c)
    h' = (1 - u) * h + u * c

Gradients are clipped at ``h U``, at the argument of f_c, and at ``x W + b``
where the input is multiplied in advance, else at x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.recurrence import GatedAttributes, flat
from lasport.operations import GRU
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

REGISTERED = ("updategate", "resetgate", "hidden_update")
STACKED = ("resetgate", "updategate", "hidden_update")
STATES = {"hidden": "hid_init"}


@dataclass(frozen=True, kw_only=True)
class GRUAttributes(GatedAttributes):
    """Instance attributes of a GRULayer."""

    nonlinearity_resetgate: Nonlinearity = attribute(nonlinearities.read)
    nonlinearity_updategate: Nonlinearity = attribute(nonlinearities.read)
    nonlinearity_hid: Nonlinearity = attribute(nonlinearities.read)


def param_shapes(a: GRUAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """Per gate W (features, units), U (units, units) and b; the state of one example."""
    return {"hid_init": (1, a.num_units), **a.gate_shapes(inputs, REGISTERED)}


def reference(
    a: GRUAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Apply the formulas above, step by step."""
    x = flat(inputs[0])
    projected = np.stack([x @ params[f"W_in_to_{g}"] + params[f"b_{g}"] for g in STACKED], axis=2)

    def step(x: Array, states: list[Array]) -> list[Array]:
        (hidden,) = states
        of_reset, of_update, of_candidate = (hidden @ params[f"W_hid_to_{g}"] for g in STACKED)
        reset = nonlinearities.compute(a.nonlinearity_resetgate, x[:, 0] + of_reset)
        update = nonlinearities.compute(a.nonlinearity_updategate, x[:, 1] + of_update)
        candidate = nonlinearities.compute(a.nonlinearity_hid, x[:, 2] + reset * of_candidate)
        return [(1 - update) * hidden + update * candidate]

    return a.scan(step, projected, inputs, {"hidden": params.get("hid_init")})


def translate(
    a: GRUAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step; the gates' weights lie side by side, in the order r, u, c."""
    functions = {
        "reset": a.nonlinearity_resetgate,
        "update": a.nonlinearity_updategate,
        "candidate": a.nonlinearity_hid,
    }
    gru = partial(GRU, clips_features=a.precompute_input)
    return a.translate(gru, layer, inputs, builder, STACKED, STATES, functions)


register(
    Family(
        attributes=GRUAttributes,
        params=(
            *(f"{kind}_{gate}" for gate in REGISTERED for kind in ("W_in_to", "W_hid_to", "b")),
            "hid_init",
        ),
        optional=frozenset({"hid_init"}),
        output_shape=GRUAttributes.output_shape,
        param_shapes=param_shapes,
        reference=reference,
        translate=translate,
    ),
    kinds=["lasagne.layers.recurrent.GRULayer"],
)

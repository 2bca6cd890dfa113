"""RecurrentLayer, mirroring ``lasagne.layers.RecurrentLayer``: ``h' = f(x W + b + h U)``.

Lasagne builds it of two nets, an input layer and a linear DenseLayer each,
whose parameters it counts as the layer's own. Gradients are clipped at the
argument of f.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lasport.layers import nonlinearities
from lasport.layers.dense import DenseAttributes
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.recurrence import RecurrenceAttributes, activations, flat
from lasport.layers.values import describe
from lasport.operations import DenseLoop, product
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Network, Shape
from lasport.weights import Weight

KINDS = ("lasagne.layers.input.InputLayer", "lasagne.layers.dense.DenseLayer")


def read_units(value: object) -> int:
    """Read the number of units of a net that is an input layer and a dense layer."""
    if not isinstance(value, Network) or tuple(layer.kind for layer in value.layers) != KINDS:
        raise ValueError(f"an InputLayer and a DenseLayer are expected, not {describe(value)}")
    dense = value.layers[-1].attributes
    if not isinstance(dense, DenseAttributes) or dense.nonlinearity.function != "linear":
        raise ValueError(f"a linear DenseLayer is expected, not {describe(dense)}")
    return dense.num_units


@dataclass(frozen=True, kw_only=True)
class RecurrentAttributes(RecurrenceAttributes):
    """Instance attributes of a RecurrentLayer."""

    nonlinearity: Nonlinearity = attribute(nonlinearities.read)
    input_to_hidden: int = attribute(read_units)
    """The number of units of that net."""
    hidden_to_hidden: int = attribute(read_units)


def output_shape(a: RecurrentAttributes, inputs: Sequence[Shape]) -> Shape:
    """(batch, steps, units), without steps if only the last is returned."""
    return a.sequence_shape(inputs, (a.hidden_to_hidden,))


def param_shapes(a: RecurrentAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """W (features, units), U (units, units), b; the state of one example."""
    units = a.hidden_to_hidden
    return {
        "hid_init": (1, units),
        "W_in_to_hid": (product(inputs[0][2:]), units),
        "b": (units,),
        "W_hid_to_hid": (units, units),
    }


def reference(
    a: RecurrentAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """``f(x W + b + h U)``, step by step."""
    projected = flat(inputs[0]) @ params["W_in_to_hid"]
    if "b" in params:
        projected = projected + params["b"]

    def step(x: Array, states: list[Array]) -> list[Array]:
        return [nonlinearities.compute(a.nonlinearity, x + states[0] @ params["W_hid_to_hid"])]

    return a.scan(step, projected, inputs, {"hidden": params.get("hid_init")})


def translate(
    a: RecurrentAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step with the weights of both nets."""
    loop = DenseLoop(
        units=a.hidden_to_hidden,
        kernel=Weight(layer.params["W_in_to_hid"]),
        recurrent_kernel=Weight(layer.params["W_hid_to_hid"]),
        bias=Weight(layer.params["b"]) if "b" in layer.params else None,
        functions=activations({"hidden": a.nonlinearity}),
        loop=a.loop(layer, {"hidden": "hid_init"}),
    )
    return builder.add(loop, tuple(inputs), output_shape(a, [x.shape for x in inputs]))


register(
    Family(
        attributes=RecurrentAttributes,
        params=("hid_init", "W_in_to_hid", "b", "W_hid_to_hid"),
        optional=frozenset({"hid_init", "b"}),
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=reference,
        translate=translate,
        nets=("input_to_hidden", "hidden_to_hidden"),
    ),
    kinds=["lasagne.layers.recurrent.RecurrentLayer"],
)

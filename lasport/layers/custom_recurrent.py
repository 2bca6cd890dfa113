"""CustomRecurrentLayer, mirroring ``lasagne.layers.CustomRecurrentLayer``.

With i and s the nets ``input_to_hidden`` and ``hidden_to_hidden``::

    h' = f(s(h) + i(x))

``precompute_input`` sends all steps through i as one batch, the first steps of
all examples in front: batch norm takes its statistics from all of them, and
dropout has one mask for all. Otherwise they go through i one by one. Gradients
are clipped at the argument of f.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType

from lasport.layers import nonlinearities
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.recurrence import RecurrenceAttributes, activations, fits
from lasport.layers.values import describe
from lasport.operations import BatchNorm, NetLoop, Noise, Operation
from lasport.plan import Plan, PlanBuilder, Value
from lasport.registry import Family, Run, attribute, family_of, refusal_of, register
from lasport.spec import Array, Layer, Network, Shape

STATES = {"hidden": "hid_init"}
NETS = ("input_to_hidden", "hidden_to_hidden")


def read_net(value: object) -> Network:
    """Read a net with one input, whose layers all have a translation."""
    if not isinstance(value, Network):
        raise ValueError(f"a net is expected, not {describe(value)}")
    for layer in value.layers:
        if family_of(layer.kind) is None:
            reason = refusal_of(layer.kind) or "no family of lasport declares this class"
            raise ValueError(f"{layer.name} ({layer.kind}): {reason}")
    if len(value.inputs) != 1:
        raise ValueError(f"a net with one input is expected, not {len(value.inputs)}")
    return value


@dataclass(frozen=True, kw_only=True)
class CustomRecurrentAttributes(RecurrenceAttributes):
    """Instance attributes of a CustomRecurrentLayer."""

    nonlinearity: Nonlinearity = attribute(nonlinearities.read)
    input_to_hidden: Network = attribute(read_net, compare=False)
    hidden_to_hidden: Network = attribute(read_net, compare=False)

    @property
    def nets(self) -> Mapping[str, Network]:
        """Both nets by attribute name."""
        return {name: getattr(self, name) for name in NETS}


def output_shape(a: CustomRecurrentAttributes, inputs: Sequence[Shape]) -> Shape:
    """(batch, steps, ...) with the shape of a state, without steps if only the last is returned."""
    taken, made = _features(a.input_to_hidden)
    state, after = _features(a.hidden_to_hidden)
    if not (fits(made, state) and fits(after, state)):
        raise ValueError(
            f"input_to_hidden makes {made} and hidden_to_hidden makes {after} of {state}; all "
            "three are the shape of a state"
        )
    if not fits(inputs[0][2:], taken):
        raise ValueError(
            f"input_to_hidden takes {taken}, and a step of the input is {inputs[0][2:]}"
        )
    return a.sequence_shape(inputs, after)


def _features(net: Network) -> tuple[Shape, Shape]:
    """Return the shapes of what a net takes and makes, without the batch axis."""
    shapes = (net[net.inputs[0]].output_shape, net[net.outputs[0]].output_shape)
    taken, made = (shape or () for shape in shapes)
    return taken[1:], made[1:]


def param_shapes(a: CustomRecurrentAttributes, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
    """Return the shape of one example's state; what the nets hold was checked with them."""
    return {"hid_init": (1, *_features(a.hidden_to_hidden)[1])}


def reference(
    a: CustomRecurrentAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """``f(s(h) + i(x))``, step by step, i in advance where it is precomputed."""
    features = inputs[0]
    if a.precompute_input:
        by_step = features.swapaxes(0, 1)
        computed = run.net(a.input_to_hidden, by_step.reshape(-1, *by_step.shape[2:]))
        features = computed.reshape(*by_step.shape[:2], *computed.shape[1:]).swapaxes(0, 1)

    def step(x: Array, states: list[Array]) -> list[Array]:
        total = run.net(a.hidden_to_hidden, states[0])
        total = total + (x if a.precompute_input else run.net(a.input_to_hidden, x))
        return [nonlinearities.compute(a.nonlinearity, total)]

    return a.scan(step, features, inputs, {"hidden": params.get("hid_init")})


def translate(
    a: CustomRecurrentAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """One step that holds the plans of both nets."""
    shape = output_shape(a, [x.shape for x in inputs])
    state = shape[1:] if a.only_return_final else shape[2:]
    if None in state:
        raise ValueError(f"the state of shape {state} has open sizes; fix them in the nets' inputs")
    if len(state) > 1 and "mask" in a.places(len(inputs)):
        raise ValueError(
            f"a mask for states of shape {state}: Lasagne spreads it over the wrong axes"
        )
    plans = {name: builder.plan(net) for name, net in a.nets.items()}
    for name in NETS[1:] if a.precompute_input else NETS:
        _refuse_averages(name, plans[name])
        if not a.unroll_scan:
            _refuse_noise(name, plans[name])
    loop = NetLoop(
        **plans,
        function=activations({"hidden": a.nonlinearity})["hidden"],
        in_advance=a.precompute_input,
        loop=a.loop(layer, STATES),
    )
    return builder.add(loop, tuple(inputs), shape)


def _refuse_noise(name: str, plan: Plan) -> None:
    """Refuse noise in a loop that is not unrolled, where Lasagne itself cannot draw."""
    for inner in _layers_with(Noise, plan):
        raise ValueError(
            f"{name} has {inner}, which runs once for each step: in training mode Lasagne runs it "
            "with unroll_scan=True only"
        )


def _refuse_averages(name: str, plan: Plan) -> None:
    """Refuse batch norm in the loop: Lasagne gives its averages no meaning there."""
    for inner in _layers_with(BatchNorm, plan):
        raise ValueError(
            f"{name} has {inner}, which runs once for each step. Each step would average for "
            "itself: unrolled, Lasagne keeps what one of them gives, otherwise it does not run in "
            "training mode. Normalize in input_to_hidden with precompute_input=True, or, for "
            "inference alone, put a ScaleLayer and a BiasLayer there"
        )


def _layers_with(operation: type[Operation] | UnionType, plan: Plan) -> Iterator[str]:
    for net in plan.with_nets():
        for step in net.steps:
            if isinstance(step.operation, operation):
                yield f"{step.layer} ({net.network[step.layer].kind})"


register(
    Family(
        attributes=CustomRecurrentAttributes,
        params=("hid_init",),
        optional=frozenset({"hid_init"}),
        output_shape=output_shape,
        param_shapes=param_shapes,
        reference=reference,
        translate=translate,
        nets=NETS,
    ),
    kinds=["lasagne.layers.recurrent.CustomRecurrentLayer"],
)

"""The walk over a plan that puts its calls together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from lasport.errors import Refusal, UnsupportedLayersError, UsageError
from lasport.operations import Activation, Adjoint, Standardize
from lasport.plan import Plan, Step, unique_name
from lasport.targets.keras_calls import (
    adjoint,
    axes,
    elementwise,
    linear,
    merging,
    noise,
    own,
    pooling,
    recurrent,
    sampling,
    shaping,
)
from lasport.targets.keras_calls.call import PROFILES, Call, Calls, Context, Mappings, Profile
from lasport.targets.keras_calls.elementwise import stock_activation
from lasport.targets.keras_calls.sharing import share

__all__ = ["keras_calls"]

_MAPPINGS: Mappings = {
    **adjoint.MAPPINGS,
    **axes.MAPPINGS,
    **elementwise.MAPPINGS,
    **linear.MAPPINGS,
    **merging.MAPPINGS,
    **noise.MAPPINGS,
    **own.MAPPINGS,
    **pooling.MAPPINGS,
    **recurrent.MAPPINGS,
    **sampling.MAPPINGS,
    **shaping.MAPPINGS,
}


def keras_calls(
    plan: Plan,
    profile: Profile = "stock",
    dtype: str = "float32",
    *,
    synchronized: bool = False,
) -> Calls:
    """Map a lowered plan to Keras calls.

    Parameters
    ----------
    plan : Plan
        After the passes.
    profile : {"stock", "exact"}
        Which layers to prefer, see the module.
    dtype : str
        Float dtype or Keras dtype policy of all layers, such as "float32" or
        "mixed_float16".
    synchronized : bool
        Whether batch normalization takes the batches of all replicas together.

    Returns
    -------
    Calls

    Raises
    ------
    UsageError
        For an unknown profile.
    UnsupportedLayersError
        If other statistics of the batch would have to be synchronized.
    """
    if profile not in PROFILES:
        raise UsageError(f"profile must be one of {', '.join(PROFILES)}, not {profile!r}")
    if synchronized:
        _require_synchronizable(plan)
    calls: list[Call] = []
    results: dict[int, str] = {}
    uses: dict[int, int] = {}
    names = {step.name for step in plan.steps}
    places: dict[str, object] = {}
    inverted = {step.operation.of for step in plan.steps if isinstance(step.operation, Adjoint)}
    for step in plan.steps:
        for value in step.inputs:
            uses[value.id] = uses.get(value.id, 0) + 1
    for step in plan.steps:
        activation = _fusable_activation(step, calls, results, uses, profile)
        if activation is not None:
            calls[-1] = replace(
                calls[-1], arguments={**calls[-1].arguments, "activation": activation}
            )
        else:
            inputs = [results[value.id] for value in step.inputs]
            context = _context(step, profile, dtype, inverted, synchronized)
            made = _calls_of(step, inputs, names, context)
            shapes = [value.layout.shape(value.shape) for value in step.inputs]
            places.update((call.name, (number, shapes)) for number, call in enumerate(made))
            calls.extend(made)
        results[step.output.id] = calls[-1].name
    return Calls(plan, profile, dtype, tuple(share(calls, places, plan, names)), results)


def _fusable_activation(
    step: Step,
    calls: Sequence[Call],
    results: Mapping[int, str],
    uses: Mapping[int, int],
    profile: Profile,
) -> str | None:
    """Return the activation that the dense layer or convolution just called can take over.

    Only within one Lasagne layer, so that every layer of the net keeps a Keras
    layer that computes it.
    """
    if not isinstance(step.operation, Activation) or not calls:
        return None
    before = calls[-1]
    source = step.inputs[0].id
    fits = (
        before.layer.startswith(("keras.layers.Dense", "keras.layers.Conv"))
        and "activation" not in before.arguments
        and before.name == step.layer
        and results[source] == before.name
        and uses[source] == 1
    )
    return stock_activation(step.operation, profile) if fits else None


def _require_synchronizable(plan: Plan) -> None:
    """Refuse statistics of a batch that Keras takes in each replica by itself."""
    refusals = [
        Refusal(
            step.layer,
            plan.network[step.layer].kind,
            f"it standardizes over axes {step.operation.axes}, the batch among them, and Keras "
            "synchronizes statistics of batch normalization only",
        )
        for step in plan.steps
        if isinstance(step.operation, Standardize) and 0 in step.operation.axes
    ]
    if refusals:
        raise UnsupportedLayersError(refusals)


def _context(
    step: Step, profile: Profile, dtype: str, inverted: Collection[str], synchronized: bool
) -> Context:
    source = step.inputs[0] if step.inputs else step.output
    return Context(
        profile,
        dtype,
        source.layout.shape(source.shape),
        step.output.layout.shape(step.output.shape),
        step.name in inverted,
        synchronized,
    )


def _calls_of(step: Step, inputs: list[str], taken: set[str], context: Context) -> list[Call]:
    made = _MAPPINGS[type(step.operation)](step.operation, context)
    calls: list[Call] = []
    for number, (layer, arguments, weights, constants, cls, back) in enumerate(made, 1):
        last = number == len(made)
        name = step.name
        if not last:
            ending = layer.rpartition(".")[2].lower() if back is None else "back"
            name = unique_name(f"{name}_{ending}", taken)
            taken.add(name)
        frozen = {"trainable": False} if weights and step.operation.frozen else {}
        call = Call(layer, name, tuple(inputs), {**arguments, **frozen}, weights, constants, cls)
        if back is not None:
            x, cotangent = inputs
            call = replace(call, inputs=(x,), reuses=back, cotangent=cotangent)
        calls.append(call)
        inputs = [name]
    # A layer with nets inside is one of our own; so may those in the nets be, which normalize
    # no batches.
    inner = step.operation.nets().items()
    nets = {name: keras_calls(net, "exact", context.dtype) for name, net in inner}
    return [*calls[:-1], _with_nets(calls[-1], nets)] if nets else calls


def _with_nets(call: Call, nets: Mapping[str, Calls]) -> Call:
    """Return a call whose weights are those of its nets, too."""
    inner = [(net, each) for net, calls in nets.items() for each in calls.calls]
    weights = {
        f"{net}/{each.name}/{name}": weight
        for net, each in inner
        for name, weight in each.weights.items()
    }
    constants = [constant for _, each in inner for constant in each.constants]
    return replace(
        call,
        weights={**call.weights, **weights},
        constants=(*call.constants, *constants),
        nets=nets,
    )

"""From a network to a plan: every layer's family adds its steps.

All layers that cannot be translated are collected before anything is raised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from lasport import layers as _families_are_registered  # noqa: F401 - importing registers
from lasport.errors import Refusal, UnsupportedLayersError, UsageError
from lasport.layers.inverse import InverseAttributes
from lasport.layers.normalization import BatchNormAttributes
from lasport.operations import Input, Permute
from lasport.plan import Plan, PlanBuilder, Step, Value
from lasport.registry import family_of, refusal_of, require_family
from lasport.spec import Layer, Network

__all__ = ["refusals", "translate"]

UNKNOWN = (
    "this class is not Lasagne's own. If it computes just what one of Lasagne's does, say so: "
    'lasport.register("{kind}", like="lasagne.layers.THAT_ONE"). If not, say what it is in Keras: '
    'put @lasport.register("{kind}") above a function that takes a lasport.SavedLayer and returns '
    "a lasport.KerasLayer. Then read the net again; on the command line, --register FILE.py runs "
    "such code first"
)
UNREAD = "this class was registered after the net had been read; read the net again"


def refusals(network: Network) -> list[Refusal]:
    """Return why each untranslatable layer is one, in the order of the layers.

    Parameters
    ----------
    network : Network
        Any network, as a reader returned it.

    Returns
    -------
    list of Refusal
        Empty if every class is known. Options that a family cannot translate
        only show in :func:`translate`.

    Raises
    ------
    UsageError
        If it is no network, but perhaps the file of one.
    """
    if not isinstance(network, Network):
        raise UsageError(
            f"a Network is expected, as lasport.load returns it, not {type(network).__name__}"
        )
    found = []
    users = Counter(
        id(value)
        for layer in network.layers
        for param in layer.params.values()
        for value in param.variables
    )
    for layer in network.layers:
        reason = layer.problem or refusal_of(layer.kind)
        family = family_of(layer.kind)
        if reason is None and family is None:
            reason = UNKNOWN.format(kind=layer.kind)
        elif reason is None and family and not isinstance(layer.attributes, family.attributes):
            reason = UNREAD
        if reason is None and isinstance(layer.attributes, BatchNormAttributes):
            reason = _shared_average(layer, users)
        if reason is None and isinstance(layer.attributes, InverseAttributes):
            reason = _shared_way_back(network[layer.incoming[1]], users)
        if reason is not None:
            found.append(Refusal(layer.name, layer.kind, reason))
    return found


def _shared_average(layer: Layer, users: Mapping[int, int]) -> str | None:
    """Return why nothing can move a layer's running averages as Theano does, if so."""
    for name in ("mean", "inv_std"):
        average = layer.params[name]
        if average.formula is not None:
            return f"running average {name} is an expression, which training cannot move"
        if users[id(average.value)] > 1:
            return (
                f"running average {name} is shared with another layer; in training Theano keeps "
                "what one of them makes of it, whichever it writes last"
            )
    return None


def _shared_way_back(inverted: Layer, users: Mapping[int, int]) -> str | None:
    """Return why a layer cannot lend its weights to its inverse, if so."""
    for name, param in inverted.params.items():
        if param.formula is not None or users[id(param.value)] > 1:
            return (
                f"it inverts {inverted.name}, whose parameter {name} is an expression or is shared "
                "with a further layer, which is not translated"
            )
    return None


def translate(network: Network) -> Plan:
    """Translate every layer, with axes in Lasagne's order.

    Parameters
    ----------
    network : Network
        What a reader returned.

    Returns
    -------
    Plan
        Before the layout pass.

    Raises
    ------
    UnsupportedLayersError
        Naming all layers without a translation.
    """
    refused = {refusal.layer: refusal for refusal in refusals(network)}
    builder = PlanBuilder(network, translate)
    values: dict[str, Value] = {}
    for layer in network.layers:
        if layer.name in refused or not all(name in values for name in layer.incoming):
            continue
        builder.begin(layer.name)
        try:
            values[layer.name] = _translate_layer(layer, values, builder)
        except ValueError as error:
            refused[layer.name] = Refusal(layer.name, layer.kind, str(error))
    if refused:
        order = [layer.name for layer in network.layers]
        raise UnsupportedLayersError(sorted(refused.values(), key=lambda r: order.index(r.layer)))
    plan = Plan(
        network=network,
        steps=tuple(builder.steps),
        inputs=tuple(values[name] for name in network.inputs),
        outputs=tuple(values[name] for name in network.outputs),
        layers=values,
    )
    return _release_batch_size(plan)


def _translate_layer(layer: Layer, values: dict[str, Value], builder: PlanBuilder) -> Value:
    inputs = [values[name] for name in layer.incoming]
    return require_family(layer).translate(layer.attributes, layer, inputs, builder)


def _batch_comes_first(plan: Plan) -> bool:
    """Whether the first axis of the inputs is what operations take for the batch.

    It is not where a net takes its data in cuda-convnet's order of axes.
    """
    axes: dict[int, int] = {}  # which axis of each value the inputs' first one has become
    for step in plan.steps:
        axis = axes[step.inputs[0].id] if step.inputs else 0
        if step.operation.wants != "any" and axis != 0:
            return False
        if isinstance(step.operation, Permute):
            axis = step.operation.axes.index(axis)
        axes[step.output.id] = axis
    return True


def _release_batch_size(plan: Plan) -> Plan:
    """Leave the batch size open, whatever the net declared, unless a layer depends on it."""
    if any(step.operation.needs_batch_size for step in plan.steps) or not _batch_comes_first(plan):
        return plan

    def release(step: Step) -> Step:
        operation = step.operation
        if not isinstance(operation, Input):
            return step
        return replace(step, operation=replace(operation, shape=(None, *operation.shape[1:])))

    return replace(plan, steps=tuple(map(release, plan.steps)))

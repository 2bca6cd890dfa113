"""Calls whose layers share weights.

Calls that share all their weights, and are the same otherwise, become calls of
one Keras layer. Any other weight that has several users, or is computed from
shared variables, is taken from its owner: a layer of its own holds the
variable, and the users borrow it as a tensor.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lasport.errors import Refusal, UnsupportedLayersError
from lasport.formula import variable
from lasport.plan import Plan, unique_name
from lasport.spec import Layer, Param
from lasport.targets.keras_calls.call import Call
from lasport.weights import Conversion, Stack, Weight

__all__ = ["share"]

OWN = "lasport.keras_layers"
PARAMETER, DERIVED, BORROWING = f"{OWN}.Parameter", f"{OWN}.Derived", f"{OWN}.Borrowing"


def share(
    calls: Sequence[Call], places: Mapping[str, object], plan: Plan, taken: set[str]
) -> list[Call]:
    """Let calls share what their parameters share.

    Parameters
    ----------
    calls : sequence of Call
        Each with all its weights.
    places : mapping of str to object
        For each call, what must be equal in calls of one layer of lasport's or
        a user's, besides arguments and weights: the shapes of its inputs.
    plan : Plan
        Where they come from.
    taken : set of str
        Names that are used already; new ones are added.
    """
    return _Lender(_merged(calls, places, taken), plan, taken).run()


def _merged(calls: Sequence[Call], places: Mapping[str, object], taken: set[str]) -> list[Call]:
    """Turn equal calls with the same parameters into calls of one layer.

    Behind each of them a layer that does nothing has the call's own name, so
    that every layer of the net keeps one.
    """
    equal: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.weights and not call.nets:
            weights = [(name, *map(_identity, _parts(w))) for name, w in call.weights.items()]
            # What Keras ships is built with as much of its input's shape as its weights have.
            place = None if call.layer.startswith("keras.") else places[call.name]
            key = repr((call.layer, id(call.own), call.arguments, weights, place))
            equal[key].append(call)
    first = {call.name: group[0].name for group in equal.values() for call in group if group[1:]}
    layers: dict[str, str] = {}
    merged: list[Call] = []
    for call in calls:
        if call.name not in first:
            merged.append(call)
            continue
        name = unique_name(f"{call.name}_shared", taken)
        taken.add(name)
        owner = layers.setdefault(first[call.name], name)
        shared = replace(call, name=name)
        if owner != name:
            shared = replace(shared, weights={}, constants=(), reuses=owner)
        identity = {"activation": "linear"}
        merged += [shared, Call("keras.layers.Activation", call.name, (name,), identity)]
    return merged


class _Lender:
    """Moves variables with several users into layers of their own."""

    def __init__(self, calls: Sequence[Call], plan: Plan, taken: set[str]) -> None:
        self.calls = calls
        self.taken = taken
        self.source = next(call.name for call in calls if call.layer == "keras.Input")
        self.owners = {id(p.value): (layer, p) for layer, p in plan.network.owned_params()}
        self.uses = [part for call in calls for w in call.weights.values() for part in _parts(w)]
        self.users = Counter(id(value) for part in self.uses for value in part.param.variables)
        self.made: dict[object, str] = {}
        self.borrowed: dict[str, Call] = {}
        self.lent: list[Call] = []

    def run(self) -> list[Call]:
        """Return the calls, with those that hold and compute weights in front of their users."""
        for call in self.calls:
            names = [name for name, weight in call.weights.items() if self._is_shared(weight)]
            owner = self.borrowed.get(call.reuses) if call.reuses is not None else None
            if names:
                _require_lendable(call, names[0])
                tensors = tuple(self._tensor(call, name) for name in names)
                self.borrowed[call.name] = _borrowing(call, names, tensors)
                self.lent.append(self.borrowed[call.name])
            elif owner is not None:
                inputs = call.inputs + owner.inputs[len(call.inputs) :]
                self.lent.append(
                    replace(call, layer=owner.layer, arguments=owner.arguments, inputs=inputs)
                )
            else:
                self.lent.append(call)
        return self.lent

    def _is_shared(self, weight: Weight | Stack) -> bool:
        return any(
            part.param.formula is not None or self.users[id(part.param.value)] > 1
            for part in _parts(weight)
        )

    def _tensor(self, call: Call, name: str) -> str:
        """Return the call that gives a weight, made where there is none yet."""
        weight = call.weights[name]
        values = {id(v): v for part in _parts(weight) for v in part.param.variables}
        inputs = tuple(map(self._parameter, values))
        operands = {
            key: (variable(number), len(self._held(key))) for number, key in enumerate(values)
        }
        formula = weight.formula(operands)
        if formula == variable(0):
            return inputs[0]
        ending = name.rpartition(".")[2]
        arguments = {"formula": formula.to_plain()}
        made = Call(DERIVED, f"{call.name}_{ending}", inputs, arguments)
        return self._make((inputs, formula), made)

    def _parameter(self, key: int) -> str:
        """Return the call that holds a variable."""
        layer, param = self.owners[key]
        weight = Weight(param, self._held(key))
        arguments: dict[str, object] = {"shape": weight.value.shape}
        if not param.trainable:
            arguments["trainable"] = False
        name = _name(layer, param)
        return self._make(key, Call(PARAMETER, name, (self.source,), arguments, {"value": weight}))

    def _held(self, key: int) -> tuple[Conversion, ...]:
        """Return the conversions that a variable goes through for whoever uses it, in order."""
        users = [part for part in self.uses if key in map(id, part.param.variables)]
        if any(part.param.formula is not None for part in users):
            return ()
        common: list[Conversion] = []
        for same in zip(*(part.conversions for part in users), strict=False):
            if any(conversion != same[0] for conversion in same):
                break
            common.append(same[0])
        return tuple(common)

    def _make(self, key: object, call: Call) -> str:
        if key not in self.made:
            self.made[key] = unique_name(call.name, self.taken)
            self.taken.add(self.made[key])
            self.lent.append(replace(call, name=self.made[key]))
        return self.made[key]


def _borrowing(call: Call, names: Sequence[str], tensors: tuple[str, ...]) -> Call:
    """Return the call of a layer that runs another one with borrowed weights."""
    module, _, class_name = call.layer.rpartition(".")
    layer = {
        "module": module,
        "class_name": class_name,
        "registered_name": f"lasport>{class_name}" if module == OWN else None,
        "config": {k: v for k, v in call.arguments.items() if k != "trainable"},
    }
    frozen = {k: v for k, v in call.arguments.items() if k == "trainable"}
    return replace(
        call,
        layer=BORROWING,
        inputs=call.inputs + tensors,
        arguments={"layer": layer, "borrowed": list(names), **frozen},
        weights={f"held.layer.{n}": w for n, w in call.weights.items() if n not in names},
    )


def _require_lendable(call: Call, weight: str) -> None:
    """Refuse weights that nothing can put in the place of a layer's own."""
    reason = None
    if call.own is not None:
        reason = (
            f"its weight {weight} is shared with another layer, which for registered classes is "
            "ported only where equal layers share all their parameters"
        )
    elif "/" in weight:
        reason = f"a net inside it shares weight {weight} with another layer, which is not ported"
    if reason is not None:
        raise UnsupportedLayersError([Refusal(call.name, call.layer, reason)])


def _parts(weight: Weight | Stack) -> Iterator[Weight]:
    yield from weight.parts if isinstance(weight, Stack) else [weight]


def _identity(part: Weight) -> object:
    param = part.param
    return [id(value) for value in param.variables], param.formula, part.conversions


def _name(layer: Layer, param: Param) -> str:
    return f"{layer.name}_{param.name}".replace(".", "_")

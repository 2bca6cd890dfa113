"""How ports of recurrent layers and embeddings go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from lasport.compare.diagnosis.edits import Case, Edit, Hypothesis, as_stored
from lasport.compare.diagnosis.steps import Step, changed
from lasport.layers import nonlinearities
from lasport.layers.gru import GRUAttributes
from lasport.layers.lstm import GATES, LSTMAttributes
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.recurrence import RecurrenceAttributes, flat
from lasport.registry import Run
from lasport.spec import Array

__all__ = ["HYPOTHESES"]

PARTS = ("W_in_to", "W_hid_to", "b")
# Lasagne's names for the gates of Keras' GRU, in Keras' order.
GRU_GATES = ("updategate", "resetgate", "hidden_update")
LETTERS = {"updategate": "u", "resetgate": "r", "hidden_update": "c"}


def _gates(params: Mapping[str, Array], sources: Mapping[str, str]) -> dict[str, Array]:
    """Return the parameters of gates, each taken from another gate."""
    return {
        f"{part}_{gate}": params[f"{part}_{source}"]
        for gate, source in sources.items()
        for part in PARTS
    }


def lstm_order(case: Case) -> Iterator[Edit]:
    """Gates that changed places."""
    for order in permutations(GATES):
        if order != GATES:
            sources = dict(zip(GATES, order, strict=True))
            fix = (
                "the gates of its kernels and bias, which are in the order "
                f"{_letters(order)}, are put in Keras' order {_letters(GATES)}"
            )
            yield case.edit(fix, lambda s, g=sources: changed(s, _gates(s.params, g)))  # type: ignore[misc]


def _letters(gates: Sequence[str]) -> str:
    letters = {"ingate": "i", "forgetgate": "f", "cell": "c", "outgate": "o"}
    return ", ".join(letters[gate] for gate in gates)


def lstm_peepholes(case: Case) -> Iterator[Edit]:
    """No peepholes."""
    a = case.step.attributes
    assert isinstance(a, LSTMAttributes)
    if a.peepholes:
        yield case.edit(
            "the peepholes W_cell_to_* are added, which Keras' LSTM has not",
            lambda step: changed(step, peepholes=False),
        )


def lstm_forget_bias(case: Case) -> Iterator[Edit]:
    """One added to the bias of the forget gate."""
    if "b_forgetgate" in case.step.params:
        stored = case.weight("bias")
        held = None if stored is None else np.split(stored, len(GATES), axis=-1)[1]
        yield case.edit(
            "no 1 is added to the bias of the forget gate (unit_forget_bias)",
            lambda s: changed(s, {"b_forgetgate": as_stored(s.params["b_forgetgate"] + 1, held)}),
        )


def gru_order(case: Case) -> Iterator[Edit]:
    """Gates that changed places, and an update gate that counts the other way."""
    for order in permutations(GRU_GATES):
        for negated in (True, False):
            if order == GRU_GATES and negated:
                continue

            def change(step: Step, order: Sequence[str] = order, negated: bool = negated) -> Step:
                blocks = {
                    gate: [step.params[f"{part}_{gate}"] for part in PARTS] for gate in GRU_GATES
                }
                if negated:
                    blocks["updategate"] = [-block for block in blocks["updategate"]]
                held = dict(zip(GRU_GATES, (blocks[gate] for gate in order), strict=True))
                # Keras: h' = z h + (1 - z) c; Lasagne: h' = (1 - u) h + u c.
                held["updategate"] = [-block for block in held["updategate"]]
                return changed(
                    step,
                    {
                        f"{part}_{gate}": block
                        for gate, own in held.items()
                        for part, block in zip(PARTS, own, strict=True)
                    },
                )

            said = []
            if order != GRU_GATES:
                found = ", ".join(LETTERS[gate] for gate in order)
                said.append(
                    f"the gates of its kernels and bias, which are in the order {found}, are put "
                    "in the order u, r, c (Keras' z, r, h)"
                )
            if not negated:
                said.append("the update gate's weights are negated: Keras' z is 1 - u")
            yield case.edit(" and ".join(said), change)


def gru_reset(case: Case) -> Iterator[Edit]:
    """Apply the reset gate before the matrix product."""

    def change(step: Step) -> Step:
        return replace(step, compute=_reset_before)

    yield case.edit("reset_after False becomes True", change)


def _reset_before(
    attributes: object, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    a = attributes
    assert isinstance(a, GRUAttributes)
    x = flat(inputs[0])
    projected = np.stack(
        [x @ params[f"W_in_to_{gate}"] + params[f"b_{gate}"] for gate in GRU_GATES], axis=2
    )

    def step(x: Array, states: list[Array]) -> list[Array]:
        (h,) = states
        hidden = {gate: params[f"W_hid_to_{gate}"] for gate in GRU_GATES}
        u = nonlinearities.compute(a.nonlinearity_updategate, x[:, 0] + h @ hidden["updategate"])
        r = nonlinearities.compute(a.nonlinearity_resetgate, x[:, 1] + h @ hidden["resetgate"])
        c = nonlinearities.compute(a.nonlinearity_hid, x[:, 2] + (r * h) @ hidden["hidden_update"])
        return [(1 - u) * h + u * c]

    return a.scan(step, projected, inputs, {"hidden": params.get("hid_init")})


# --- all recurrent layers


FUNCTIONS = ("sigmoid", "tanh", "rectify", "linear", "hard_sigmoid", "softsign")
FIELDS: Mapping[type, Mapping[str, tuple[str, ...]]] = {
    LSTMAttributes: {
        "recurrent_activation": (
            "nonlinearity_ingate",
            "nonlinearity_forgetgate",
            "nonlinearity_outgate",
        ),
        "activation": ("nonlinearity_cell", "nonlinearity"),
    },
    GRUAttributes: {
        "recurrent_activation": ("nonlinearity_resetgate", "nonlinearity_updategate"),
        "activation": ("nonlinearity_hid",),
    },
}


def functions(case: Case) -> Iterator[Edit]:
    """Other nonlinearities."""
    for option, names in FIELDS.get(type(case.step.attributes), {}).items():
        ours = getattr(case.step.attributes, names[0])
        for function in FUNCTIONS:
            theirs = Nonlinearity(function)
            if theirs != ours:
                fix = f"{option} {function} becomes {ours}"
                fields = dict.fromkeys(names, theirs)
                yield case.edit(fix, lambda s, f=fields: changed(s, **f))  # type: ignore[misc]


def direction(case: Case) -> Iterator[Edit]:
    """Backwards or not, all steps or the last."""
    a = case.step.attributes
    assert isinstance(a, RecurrenceAttributes)
    way = "backwards (go_backwards=True, the result reversed)" if a.backwards else "forwards"
    yield case.edit(f"it goes {way}", lambda s: changed(s, backwards=not a.backwards))
    if not a.only_return_final:
        fix = "it goes forwards, not backwards, and its result is not reversed"
        if a.backwards:
            fix = "its result is reversed: Keras' go_backwards leaves it in reverse order"
        yield case.edit(fix, lambda s: _not_reversed(changed(s, backwards=True)))


def _not_reversed(step: Step) -> Step:
    def compute(a: object, params: Mapping[str, Array], inputs: Sequence[Array], run: Run) -> Array:
        return step.compute(a, params, inputs, run)[:, ::-1]

    return replace(step, compute=compute)


def initial(case: Case) -> Iterator[Edit]:
    """States that start at zero."""
    names = [name for name in ("hid_init", "cell_init") if name in case.step.params]
    chosen = [name for name in names if case.step.params[name].any()]
    subsets = [[name] for name in chosen] + ([chosen] if len(chosen) > 1 else [])
    for some in subsets:
        yield case.edit(f"it starts with {' and '.join(some)}, not with 0", _zero(some))


def _zero(names: Sequence[str]) -> Callable[[Step], Step]:
    return lambda step: changed(step, {name: np.zeros_like(step.params[name]) for name in names})


def not_copied(case: Case) -> Iterator[Edit]:
    """Weights with numbers of their own."""
    gates = {LSTMAttributes: GATES, GRUAttributes: GRU_GATES}.get(type(case.step.attributes))
    if gates is None:
        return
    columns = {"W_in_to": "kernel", "W_hid_to": "recurrent_kernel", "b": "bias"}
    for part, name in columns.items():
        stored = case.weight(name)
        shape = case.step.params[f"{part}_{gates[0]}"].shape
        if stored is None:
            continue
        if part == "b" and stored.ndim == 2:
            if stored[1].any():
                continue
            stored = stored[0]
        if stored.shape != (*shape[:-1], len(gates) * shape[-1]):
            continue
        blocks = dict(zip(gates, np.split(stored, len(gates), axis=-1), strict=True))
        if "updategate" in blocks:
            blocks["updategate"] = -blocks["updategate"]
        ours = [case.step.params[f"{part}_{gate}"] for gate in gates]
        own = np.sort(np.abs(np.concatenate([block.ravel() for block in ours])))
        if np.array_equal(np.sort(np.abs(stored), axis=None), own):
            continue
        held = {f"{part}_{gate}": block for gate, block in blocks.items()}
        different = int(
            sum((held[f"{part}_{g}"] != o).sum() for g, o in zip(gates, ours, strict=True))
        )
        fix = f"{part}_* are copied to its {name}; {different} of {stored.size} numbers are others"
        if not stored.any():
            fix = f"its {name}, which is 0 throughout, becomes Lasagne's {part}_*"
        yield case.edit(fix, lambda s, h=held: changed(s, h), 3)  # type: ignore[misc]


def transposed(case: Case) -> Iterator[Edit]:
    """Recurrent weights transposed."""

    def change(step: Step) -> Step:
        return changed(
            step,
            {n: w.T for n, w in step.params.items() if n.startswith(("W_hid_to_", "hidden_to"))},
        )

    yield case.edit("the recurrent weights are transposed back", change)


def rows(case: Case) -> Iterator[Edit]:
    """Another table of rows, or other numbers for them."""
    W = case.step.params["W"]
    stored = case.weight("embeddings")
    for shift in (1, -1):
        fix = f"the numbers of rows are {'raised' if shift < 0 else 'lowered'} by 1"
        rolled = np.roll(W, -shift, axis=0)
        if stored is None or np.array_equal(stored, rolled):
            yield case.edit(fix, lambda s, w=rolled: changed(s, {"W": w}))  # type: ignore[misc]
    if stored is not None and stored.shape == W.shape and not np.array_equal(stored, W):
        different = int((stored != W).sum())
        fix = f"W is copied to its embeddings; {different} of {W.size} numbers are others"
        yield case.edit(fix, lambda s: changed(s, {"W": stored}), 3)


HYPOTHESES = (
    Hypothesis("order of gates", ("lstm",), lstm_order),
    Hypothesis("peepholes", ("lstm",), lstm_peepholes),
    Hypothesis("forget bias", ("lstm",), lstm_forget_bias),
    Hypothesis("order of gates", ("gru",), gru_order),
    Hypothesis("reset_after", ("gru",), gru_reset),
    Hypothesis("activation", ("lstm", "gru"), functions),
    Hypothesis("direction", ("lstm", "gru", "recurrent"), direction),
    Hypothesis("initial states", ("lstm", "gru", "recurrent"), initial),
    Hypothesis("order of the kernel", ("lstm", "gru", "recurrent"), transposed),
    Hypothesis("weights not copied", ("lstm", "gru"), not_copied),
    Hypothesis("embedding", ("embedding",), rows),
)

"""How ports of nonlinearities go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lasport.compare.diagnosis.edits import Case, Edit, Hypothesis, passed_on
from lasport.compare.diagnosis.steps import Step, changed
from lasport.layers.nonlinearities import FORMULAS, Nonlinearity, NonlinearityAttributes
from lasport.registry import Run
from lasport.spec import Array

__all__ = ["HYPOTHESES"]

LEAKINESS = (0.01, 0.2, 0.3, 1 / 3, 0.1)
PLAIN = ("rectify", "sigmoid", "tanh", "softmax", "elu", "softplus", "hard_sigmoid", "softsign")
SELU = {"scale": 1.0507009873554805, "scale_neg": 1.6732632423543772}


def _gelu(x: Array) -> Array:
    return np.asarray(0.5 * x * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))))


# What Keras has and Lasagne has not, or calls by a name that means another function.
OF_KERAS: Mapping[str, Callable[[Array], Array]] = {
    "Keras' hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "silu": lambda x: x * FORMULAS["sigmoid"](x),
    "gelu": _gelu,
    "relu6": lambda x: np.clip(x, 0, 6),
    "softmax over the batch": lambda x: FORMULAS["softmax"](x.T).T if x.ndim == 2 else x,
}

# What layers that were given a function by its name show of it.
KERAS_NAMES = {
    "relu": "rectify",
    "hard_sigmoid": "Keras' hard_sigmoid",
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "relu6": "relu6",
    **{name: name for name in (*PLAIN, "selu") if name not in ("rectify", "hard_sigmoid")},
}


def _ours(case: Case) -> Nonlinearity:
    assert isinstance(case.step.attributes, NonlinearityAttributes)
    return case.step.attributes.nonlinearity


def other(case: Case) -> Iterator[Edit]:
    """Another function, or other constants."""
    if case.missing:
        return
    ours = _ours(case)
    slopes = {*LEAKINESS, *_solved_slope(case)}
    found = [Nonlinearity(name) for name in PLAIN]
    found += [Nonlinearity("leaky_rectify", {"leakiness": slope}) for slope in sorted(slopes)]
    found.append(Nonlinearity("selu", SELU))
    named = None if case.part is None else KERAS_NAMES.get(str(case.part.config.get("activation")))
    for theirs in found:
        if theirs != ours and named in (None, theirs.function):
            fix = _spell(theirs, ours)
            yield case.edit(fix, lambda s, f=theirs: changed(s, nonlinearity=f))  # type: ignore[misc]
    for name, formula in OF_KERAS.items():
        if named not in (None, name):
            continue

        def change(step: Step, formula: Callable[[Array], Array] = formula) -> Step:
            def compute(
                a: object, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
            ) -> Array:
                return formula(inputs[0])

            return replace(step, compute=compute)

        yield case.edit(f"the activation {name} becomes {ours}", change)


def _spell(theirs: Nonlinearity, ours: Nonlinearity) -> str:
    if theirs.function == ours.function == "leaky_rectify":
        return (
            f"the negative slope {theirs.constants['leakiness']:g} becomes "
            f"{ours.constants['leakiness']:g}"
        )
    return f"the activation {theirs} becomes {ours}"


def _solved_slope(case: Case) -> Iterator[float]:
    if "inference" not in case.y or case.x["inference"].size != case.y["inference"].size:
        return
    x, y = case.x["inference"].ravel(), case.y["inference"].ravel()
    below = x < 0
    if below.any():
        slope = float(np.median(y[below] / x[below]))
        if np.isfinite(slope) and abs(slope) > 1e-9 and abs(slope - 1) > 1e-9:
            yield float(f"{slope:.8g}")


def twice(case: Case) -> Iterator[Edit]:
    """Apply the same function once more."""
    again = replace(case.step, name=f"{case.step.name}+")

    def change(step: Step) -> list[Step]:
        first = replace(step, name=again.name)
        return [first, replace(step, incoming=(again.name,))]

    yield case.edit(f"{_ours(case)} is applied once, not twice", change)


def none(case: Case) -> Iterator[Edit]:
    """No function at all."""
    yield case.edit(f"its activation {_ours(case)} is added", passed_on)


# --- rectifiers with slopes that are learned


def slopes(case: Case) -> Iterator[Edit]:
    """One slope for all, or others."""
    ours, stored = case.step.params["alpha"], case.weight("alpha")
    solved = set(_solved_slope(case))
    if stored is not None and stored.size == ours.size:
        yield from _stored_slopes(case, ours, stored)
        return
    for slope in sorted(solved | {0.0, *LEAKINESS} if case.part is None else solved or {0.0}):
        fix = f"its negative slope, which is {slope:g} throughout, becomes Lasagne's alpha"
        yield case.edit(fix, lambda s, v=slope: _with_slopes(s, np.full(ours.shape, v)))  # type: ignore[misc]


def _stored_slopes(case: Case, ours: Array, stored: Array) -> Iterator[Edit]:
    held = _in_lasagnes_order(stored, ours)
    if np.array_equal(held, ours):
        return
    if np.ptp(stored) == 0:
        fix = f"alpha, which is {stored.flat[0]:g} throughout, becomes Lasagne's"
        yield case.edit(fix, lambda s: _with_slopes(s, held))
    elif np.array_equal(np.sort(stored, axis=None), np.sort(ours, axis=None)):
        fix = "alpha's numbers, which are in another order, become Lasagne's"
        yield case.edit(fix, lambda s: _with_slopes(s, held), 2)
    elif np.array_equal(held, 1 - ours) or np.array_equal(held, -ours):
        fix = f"alpha, which is {'1 - alpha' if np.array_equal(held, 1 - ours) else '-alpha'}, "
        yield case.edit(fix + "becomes Lasagne's", lambda s: _with_slopes(s, held))
    else:
        different = int((held != ours).sum())
        fix = f"alpha is copied; {different} of {ours.size} numbers are others"
        yield case.edit(fix, lambda s: _with_slopes(s, held), 3)


def _in_lasagnes_order(stored: Array, ours: Array) -> Array:
    """Return the alpha of a PReLU, (1, 1, channels) or (*space, channels), as Lasagne has it."""
    channels_first = np.moveaxis(stored, -1, 0)
    return channels_first.reshape(ours.shape)


def _with_slopes(step: Step, alpha: Array) -> Step:
    return changed(step, {"alpha": alpha})


ACTIVATION = ("activation",)
HYPOTHESES = (
    Hypothesis("activation missing", ACTIVATION, none),
    Hypothesis("activation", ACTIVATION, other),
    Hypothesis("activation twice", ACTIVATION, twice),
    Hypothesis("slopes", ("prelu",), slopes),
)

"""Which part of a port stands for which step of the net.

Both are brought into one order, that of Lasagne's ``get_all_layers``, and aligned like two
spellings of a word: by what kind of arithmetic they are, the sizes of their weights and
results, and their names. Either side may lack what the other has, and neighbours may have
changed places, such as an activation and a normalization.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lasport.compare.diagnosis.roles import MOVES, UNKNOWN, role_of_part, role_of_step
from lasport.compare.diagnosis.steps import Step
from lasport.errors import UsageError
from lasport.layers.nonlinearities import NonlinearityAttributes
from lasport.spec import Array
from lasport.targets.parts import OPAQUE, Part

__all__ = ["Alignment", "align"]

# Roles that one can play for another.
ALIKE = {
    frozenset({"pointwise", "convolution"}),
    frozenset({"pointwise", "dense"}),
    frozenset({"dense", "convolution"}),
    frozenset({"pool", "global pool"}),
    frozenset({"activation", "prelu"}),
}
NEVER = -1e6
MISSING = -1.0
EXCHANGED = -0.5
INSIDE = 1.0
FORCED = 1e3
# So many entries of tables are computed at most to find the order of branches.
TRIES = 3_000_000
# Sums that differ by less are those of the same numbers in single precision.
SAME = 1e-5
# How many steps and parts a move of the alignment takes.
BACK = {"pair": (1, 1), "both": (2, 1), "missing": (1, 0), "extra": (0, 1), "exchanged": (2, 2)}


@dataclass(frozen=True)
class Alignment:
    """Pairs of steps and parts.

    Attributes
    ----------
    pairs : dict of str to Part
        By step. Of two that changed places, what the second one's value is.
    partners : dict of str to Part
        The same, but for those that changed places too.
    exchanged : list of tuple of str
        Steps, first and second, whose parts come in the other order.
    missing : list of Step
        Steps without a part.
    extra : list of Part
        Parts without a step.
    """

    pairs: dict[str, Part] = field(default_factory=dict)
    partners: dict[str, Part] = field(default_factory=dict)
    exchanged: list[tuple[str, str]] = field(default_factory=list)
    missing: list[Step] = field(default_factory=list)
    extra: list[Part] = field(default_factory=list)


def align(
    steps: Sequence[Step],
    parts: Sequence[Part],
    values: Mapping[str, Array],
    tensors: Mapping[str, Array],
    given: Mapping[str, str],
    outputs: Sequence[str],
) -> Alignment:
    """Align steps with parts.

    Parameters
    ----------
    steps : sequence of Step
        In ``get_all_layers`` order.
    parts : sequence of Part
        Depth first.
    values, tensors : mapping of str to ndarray
        What the steps and the parts give for the same input, for their sizes.
    given : mapping of str to str
        Lasagne layers with the port's layers that stand for them, as a user said.
    outputs : sequence of str
        The net's, which are all that there is to align with a port of one part.

    Raises
    ------
    UsageError
        If a name is unknown.
    """
    _check(steps, parts, given)
    if any(part.kind == OPAQUE for part in parts):
        ends = [part for part in parts if part.kind == OPAQUE]
        return Alignment(pairs=dict(zip(outputs, ends, strict=True)))
    forced = _forced(steps, parts, given)
    left = [s for s in steps if role_of_step(s) not in ("input", MOVES)]
    right = [p for p in parts if role_of_part(p) not in ("input", MOVES)]
    alike = _of_the_same_numbers(left, right)
    score = {
        (step.name, part.name): _score(step, part, values, tensors, forced)
        + ((step.name, part.name) in alike)
        for step in left
        for part in right
    }

    def best(ordered: Sequence[Part]) -> tuple[float, Alignment]:
        chosen = [part for part in ordered if part in right]
        table = np.array([[score[s.name, p.name] for p in chosen] for s in left])
        return _trace(left, chosen, table.reshape(len(left), len(chosen)))

    def certain(found: Alignment) -> bool:
        gaps = found.missing or found.extra or found.exchanged
        held = {step.name for step in left if step.params}
        return not gaps and all(
            (name, part.name) in alike for name, part in found.pairs.items() if name in held
        )

    tries = TRIES // max(len(left) * len(right), 1)
    return _in_the_best_order(parts, tries, best, certain)


def _of_the_same_numbers(left: Sequence[Step], right: Sequence[Part]) -> set[tuple[str, str]]:
    """Return the pairs in which a weight has the numbers of the step's largest parameter.

    In any order, and with any signs: the sum of their magnitudes is the same.
    """
    theirs = {part.name: [_sum(weight) for weight in part.weights.values()] for part in right}
    found: set[tuple[str, str]] = set()
    for step in left:
        if step.params:
            ours = _sum(max(step.params.values(), key=lambda param: param.size))
            found |= {
                (step.name, name)
                for name, sums in theirs.items()
                if any(abs(each - ours) <= SAME * ours for each in sums)
            }
    return found


def _sum(weight: Array) -> float:
    return float(np.abs(weight).sum(dtype=np.float64))


def _in_the_best_order(
    parts: Sequence[Part],
    tries: int,
    best: Callable[[Sequence[Part]], tuple[float, Alignment]],
    certain: Callable[[Alignment], bool],
) -> Alignment:
    """Return the best alignment over the orders in which the branches of a port can be walked."""
    most, found = best(parts)
    turned: set[str] = set()
    merges = [part.output for part in parts if len(set(part.inputs)) > 1]
    for merge in merges[:tries]:
        if certain(found):
            break
        reached, other = best(_walk(parts, {*turned, merge}))
        if reached > most:
            most, found = reached, other
            turned.add(merge)
    return found


def _walk(parts: Sequence[Part], turned: Collection[str]) -> list[Part]:
    """Return parts depth first, taking the inputs of some of them in reverse order."""
    made_by = {part.output: part for part in parts}
    taken = {key for part in parts for key in part.inputs}
    waiting = [(part.output, False) for part in reversed(parts) if part.output not in taken]
    ordered: dict[str, Part] = {}
    while waiting:
        key, ready = waiting.pop()
        if key in ordered or key not in made_by:
            continue
        inputs = made_by[key].inputs
        if ready:
            ordered[key] = made_by[key]
        else:
            waiting.append((key, True))
            waiting += [(x, False) for x in (inputs if key in turned else reversed(inputs))]
    return list(ordered.values())


def _trace(left: Sequence[Step], right: Sequence[Part], score: Array) -> tuple[float, Alignment]:
    """Return the score of the best alignment, and that.

    See Needleman and Wunsch (1970), Damerau (1964).
    """
    n, m = len(left), len(right)
    best = np.zeros((n + 1, m + 1))
    best[:, 0], best[0, :] = MISSING * np.arange(n + 1), MISSING * np.arange(m + 1)
    moves = {(i, 0): "missing" for i in range(1, n + 1)} | {
        (0, j): "extra" for j in range(1, m + 1)
    }
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            options = {
                "pair": best[i - 1, j - 1] + score[i - 1, j - 1],
                "missing": best[i - 1, j] + MISSING,
                "extra": best[i, j - 1] + MISSING,
            }
            if i > 1 and j > 1:
                crossed = score[i - 2, j - 1] + score[i - 1, j - 2]
                options["exchanged"] = best[i - 2, j - 2] + crossed + EXCHANGED
            if i > 1 and _may_hold(right[j - 1], left[i - 2], left[i - 1]):
                options["both"] = best[i - 2, j - 1] + score[i - 2, j - 1] + INSIDE
            moves[i, j] = max(options, key=options.__getitem__)
            best[i, j] = options[moves[i, j]]
    found = Alignment()
    i, j = n, m
    while i or j:
        move = moves[i, j]
        if move == "pair":
            found.pairs[left[i - 1].name] = found.partners[left[i - 1].name] = right[j - 1]
        elif move == "both":
            found.pairs[left[i - 1].name] = found.partners[left[i - 2].name] = right[j - 1]
        elif move == "missing":
            found.missing.insert(0, left[i - 1])
        elif move == "extra":
            found.extra.insert(0, right[j - 1])
        else:
            found.pairs[left[i - 1].name] = right[j - 1]
            found.partners[left[i - 1].name] = right[j - 2]
            found.partners[left[i - 2].name] = right[j - 1]
            found.exchanged.append((left[i - 2].name, left[i - 1].name))
        i, j = i - BACK[move][0], j - BACK[move][1]
    return float(best[n, m]), found


def _may_hold(part: Part, first: Step, second: Step) -> bool:
    """Whether a part of a class that is not looked into may end with a layer's activation."""
    one_layer = second.incoming == (first.name,) and first.layer == second.layer
    inside = part.kind != "Activation" and part.config.get("activation") not in (None, "linear")
    return one_layer and (inside or role_of_part(part) == UNKNOWN)


def _score(
    step: Step,
    part: Part,
    values: Mapping[str, Array],
    tensors: Mapping[str, Array],
    forced: Mapping[str, str],
) -> float:
    if step.name in forced or part.name in forced.values():
        return FORCED if forced.get(step.name) == part.name else NEVER
    ours, theirs = role_of_step(step), role_of_part(part)
    if ours == theirs:
        score = 3.0
    elif frozenset({ours, theirs}) in ALIKE:
        score = 1.0
    elif UNKNOWN in (ours, theirs) and "input" not in (ours, theirs):
        score = -0.5
    else:
        return NEVER
    score += 1 if values[step.name].size == tensors[part.output].size else -1
    if step.params:
        sizes = {weight.size for weight in part.weights.values()}
        largest = max(param.size for param in step.params.values())
        score += 2 if largest in sizes else -1
    elif theirs == UNKNOWN and part.weights:
        score -= 2
    mine, its = step.layer.casefold(), part.label.casefold()
    if mine == its:
        score += 2
    elif mine in its or its in mine:
        score += 0.5
    if ours == theirs == "activation" and _function(step) in str(part.config).lower():
        score += 1
    return score


def _forced(
    steps: Sequence[Step], parts: Sequence[Part], given: Mapping[str, str]
) -> dict[str, str]:
    """Return the names of parts by those of steps, for what a user said of layers."""
    forced: dict[str, str] = {}
    for step in steps:
        for part in parts:
            same_role = (role_of_step(step) == "activation") == (role_of_part(part) == "activation")
            if given.get(step.layer) == part.label and same_role:
                forced.setdefault(step.name, part.name)
    return forced


def _function(step: Step) -> str:
    assert isinstance(step.attributes, NonlinearityAttributes)
    name = step.attributes.nonlinearity.function
    return {"rectify": "relu", "leaky_rectify": "leaky"}.get(name, name)


def _check(steps: Sequence[Step], parts: Sequence[Part], given: Mapping[str, str]) -> None:
    for what, names, known in (
        ("net", given, dict.fromkeys(step.layer for step in steps)),
        ("model", given.values(), dict.fromkeys(part.label for part in parts)),
    ):
        for name in names:
            if name not in known:
                raise UsageError(f"the {what} has no layer {name!r}; it has {', '.join(known)}")

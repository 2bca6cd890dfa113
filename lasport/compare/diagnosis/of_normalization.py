"""How ports of batch and response normalization go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from lasport.compare.diagnosis.edits import Case, Edit, Hypothesis, as_stored, flagged
from lasport.compare.diagnosis.steps import Step, changed, variance_of
from lasport.layers.local_response import LocalResponseAttributes
from lasport.layers.normalization import BatchNormAttributes
from lasport.layers.standardization import StandardizationAttributes
from lasport.spec import Array
from lasport.weights import inv_std_to_variance

__all__ = ["HYPOTHESES"]

# What is not read off the port's options: the defaults of Keras, of PyTorch and of Lasagne.
EPSILONS = (1e-3, 1e-5, 1e-4)
MOMENTA = (0.999, 0.99, 0.9, 0.5, 1e-5)


def _attributes(step: Step) -> BatchNormAttributes:
    assert isinstance(step.attributes, BatchNormAttributes)
    return step.attributes


def _variance(step: Step) -> Array:
    return variance_of(step.params, _attributes(step).epsilon)


def _with_variance(step: Step, variance: Array, epsilon: float) -> Step:
    # A mean in a variance's place may be below 0: its root would not give it back.
    with np.errstate(all="ignore"):
        params = {"inv_std": np.asarray((variance + epsilon) ** -0.5), "variance": variance}
    return changed(step, params, epsilon=epsilon)


def epsilon(case: Case) -> Iterator[Edit]:
    """Another epsilon; with it the variance may have been computed too."""
    ours = _attributes(case.step).epsilon
    known = None if case.part is None else case.part.config.get("epsilon")
    found = {float(known)} if isinstance(known, float) else {*EPSILONS, *_solved_epsilon(case)}
    for theirs in sorted(found - {ours}):
        fix = f"epsilon {theirs:g} becomes {ours:g}"
        yield case.edit(fix, lambda s, e=theirs: _with_variance(s, _variance(s), e))  # type: ignore[misc]
        also = f"{fix}, in the layer and where its moving_variance is computed"
        yield case.edit(also, lambda s, e=theirs: _computed_with(s, e))  # type: ignore[misc]


def _computed_with(step: Step, epsilon: float) -> Step:
    """Return a step of another epsilon, from the variances that this makes of inv_std."""
    variance = inv_std_to_variance(step.params["inv_std"], epsilon)
    return _with_variance(step, variance, epsilon)


def _solved_epsilon(case: Case) -> Iterator[float]:
    """Yield the epsilon by which the batch's variance would give what the port gave."""
    if "training" not in case.y or case.x["training"].shape != case.y["training"].shape:
        return
    a, x, y = _attributes(case.step), case.x["training"], case.y["training"]
    with np.errstate(all="ignore"):
        gain = y.std(axis=a.axes) / x.std(axis=a.axes)
        gamma = np.abs(case.step.params.get("gamma", np.ones(())))
        found = float(np.median((gamma / gain) ** 2 - x.var(axis=a.axes)))
    if np.isfinite(found) and found > 0:
        yield float(f"{found:.6g}")


def momentum(case: Case) -> Iterator[Edit]:
    """Another momentum, such as alpha in place of 1 - alpha."""
    ours = 1 - _attributes(case.step).alpha
    known = None if case.part is None else case.part.config.get("momentum")
    found = {float(known)} if isinstance(known, float) else {1 - ours, *MOMENTA}
    for theirs in sorted(found):
        if abs(theirs - ours) > 1e-9:
            mixed_up = " (it is 1 - alpha)" if abs(theirs + ours - 1) < 1e-9 else ""
            fix = f"momentum {theirs:g} becomes {ours:g}{mixed_up}"
            yield case.edit(fix, lambda s, m=theirs: changed(s, alpha=1 - m))  # type: ignore[misc]


VARIANCES: Mapping[str, Callable[[Array], Array]] = {
    "inv_std": lambda inv_std: inv_std,
    "1 / inv_std": lambda inv_std: 1 / inv_std,
    "1 / inv_std**2": lambda inv_std: inv_std**-2.0,
    "inv_std**2": lambda inv_std: inv_std**2,
}


def variance(case: Case) -> Iterator[Edit]:
    """Something else in the place of the variance."""
    stored = case.weight("moving_variance")
    for name, compute in VARIANCES.items():

        def change(step: Step, compute: Callable[[Array], Array] = compute) -> Step:
            value = as_stored(compute(step.params["inv_std"]), stored)
            # The layer's epsilon is another matter; a change of it may come behind.
            return _with_variance(step, value, _attributes(step).epsilon)

        epsilon = _attributes(case.step).epsilon
        yield case.edit(
            f"moving_variance, which is {name}, becomes 1 / inv_std**2 - {epsilon:g}", change
        )


def exchanged(case: Case) -> Iterator[Edit]:
    """Parameters that changed places."""

    def swap(step: Step) -> Step:
        gamma, beta = step.params["gamma"], step.params["beta"]
        return changed(step, {"gamma": beta, "beta": gamma})

    if {"gamma", "beta"} <= case.step.params.keys():
        yield case.edit("gamma and beta change places", swap)
    stored = case.weight("moving_mean")
    for mean in (_variance, lambda step: step.params["inv_std"]):

        def cross(step: Step, mean: Callable[[Step], Array] = mean) -> Step:
            moved = changed(step, {"mean": as_stored(mean(step), stored)})
            return _with_variance(moved, step.params["mean"], _attributes(step).epsilon)

        yield case.edit("moving_mean and moving_variance change places", cross)


NEUTRAL = {"gamma": 1.0, "beta": 0.0, "mean": 0.0}


def left_out(case: Case) -> Iterator[Edit]:
    """Parameters that are what Keras starts with."""
    for name, value in NEUTRAL.items():
        if name in case.step.params:

            def change(step: Step, name: str = name, value: float = value) -> Step:
                return changed(step, {name: np.full_like(step.params[name], value)})

            where = "moving_mean" if name == "mean" else name
            yield case.edit(
                f"{where}, which is {value:g} throughout, becomes Lasagne's {name}", change
            )

    epsilon = _attributes(case.step).epsilon
    starts = {
        "moving_variance, which is 1 throughout": lambda step: np.ones_like(step.params["inv_std"]),
        f"moving_variance, which is 1 - {epsilon:g} throughout (a moving_inv_std of 1)": (
            lambda step: np.full_like(step.params["inv_std"], 1 - epsilon)
        ),
    }
    for start, value_of in starts.items():

        def unit(step: Step, value_of: Callable[[Step], Array] = value_of) -> Step:
            return _with_variance(step, value_of(step), epsilon)

        yield case.edit(f"{start}, becomes 1 / inv_std**2 - epsilon", unit)

        def fresh(step: Step, unit: Callable[[Step], Step] = unit) -> Step:
            return changed(unit(step), {"mean": np.zeros_like(step.params["mean"])})

        fix = (
            f"{start}, and moving_mean, which is 0, as in a new layer (never copied, or their "
            "updates never run), become 1 / inv_std**2 - epsilon and Lasagne's mean"
        )
        yield case.edit(fix, fresh)


def not_copied(case: Case) -> Iterator[Edit]:
    """Parameters with numbers of their own."""
    for name, theirs in (("gamma", "gamma"), ("beta", "beta"), ("mean", "moving_mean")):
        stored, ours = case.weight(theirs), case.step.params.get(name)
        if stored is None or ours is None or stored.shape != ours.shape:
            continue
        if not np.array_equal(stored, ours):

            def change(step: Step, name: str = name, stored: Array = stored) -> Step:
                return changed(step, {name: stored})

            yield case.edit(
                f"{theirs} becomes Lasagne's {name}; {_unlike(stored, ours)}", change, 3
            )
    yield from _other_averages(case)


def _other_averages(case: Case) -> Iterator[Edit]:
    """Averages with numbers of their own, one of them or both."""
    epsilon = _attributes(case.step).epsilon
    mean, ours = case.weight("moving_mean"), case.step.params["mean"]
    for spread, right, variance_from in (
        ("moving_variance", "1 / inv_std**2 - epsilon", lambda held: held),
        ("moving_inv_std", "inv_std", lambda held: inv_std_to_variance(held, epsilon)),
    ):
        stored = case.weight(spread)
        if stored is None or stored.shape != ours.shape:
            continue

        variance = variance_from(stored)

        def other(step: Step, variance: Array = variance) -> Step:
            return _with_variance(step, variance, epsilon)

        yield case.edit(f"{spread} becomes {right}; its numbers are others", other, 3)
        if mean is not None and mean.shape == ours.shape and not np.array_equal(mean, ours):
            fix = f"moving_mean and {spread} become Lasagne's mean and {right}: their numbers are "
            yield case.edit(
                f"{fix}others, as by another decay or of other batches",
                lambda step, other=other, mean=mean: changed(other(step), {"mean": mean}),  # type: ignore[misc]
                3,
            )


def _unlike(stored: Array, ours: Array) -> str:
    if np.array_equal(np.sort(stored), np.sort(ours)):
        return "it has the same numbers in another order"
    different = int((stored != ours).sum())
    return f"{different} of its {ours.size} numbers are others"


def mode(case: Case) -> Iterator[Edit]:
    """One mode in the place of both."""
    stays = (
        "is_training stays True"
        if case.part is None
        else "training=True where it is called; predict() overrides that"
    )
    yield case.edit(
        f"it takes the stored averages in inference, where it normalizes by the batch ({stays})",
        lambda step: flagged(step, training=True),
    )
    yield case.edit(
        "it normalizes by the batch in training; it always takes the stored averages and never "
        "updates them (trainable=False, training=False)",
        lambda step: flagged(step, training=False),
    )
    if case.part is None or "momentum" not in case.part.config:
        yield case.edit(
            "training updates its averages, which it leaves as they are (in TensorFlow 1, update "
            "ops that nothing runs)",
            lambda step: changed(step, alpha=0.0),
        )


# --- normalization without averages


def standardization(case: Case) -> Iterator[Edit]:
    """Use another epsilon."""
    a = case.step.attributes
    assert isinstance(a, StandardizationAttributes)
    known = None if case.part is None else case.part.config.get("epsilon")
    for theirs in {float(known)} if isinstance(known, float) else set(EPSILONS):
        if theirs != a.epsilon:
            fix = f"epsilon {theirs:g} becomes {a.epsilon:g}"
            yield case.edit(fix, lambda s, e=theirs: changed(s, epsilon=e))  # type: ignore[misc]


# --- local response normalization


def response(case: Case) -> Iterator[Edit]:
    """Other constants: those of Caffe, of TensorFlow's function, or of its own."""
    a = case.step.attributes
    assert isinstance(a, LocalResponseAttributes)
    for value, why in (
        (a.alpha / a.n, "Caffe divides it by n"),
        (a.alpha * a.n, "it is not divided"),
    ):
        fix = f"alpha {value:g} becomes {a.alpha:g} ({why})"
        yield case.edit(fix, lambda s, v=value: changed(s, alpha=v))  # type: ignore[misc]
    tried = {("alpha", a.alpha / a.n), ("alpha", a.alpha * a.n), ("n", 2 * a.n + 1)}
    fix = f"the depth radius {a.n} becomes {a.n // 2}: n counts all channels of a window"
    yield case.edit(fix, lambda s: changed(s, n=2 * a.n + 1))
    for name, ours, known in (
        ("alpha", a.alpha, {1.0, 1e-4}),
        ("k", a.k, {1.0, 2.0}),
        ("beta", a.beta, {0.5, 0.75}),
        ("n", a.n, {3, 5, 7, 9, 11}),
    ):
        for theirs in sorted((known | _options(case, name)) - {ours}):
            if any(name == other and np.isclose(theirs, value) for other, value in tried):
                continue
            fix = f"{name} {theirs:g} becomes {ours:g}"
            yield case.edit(fix, lambda s, n=name, v=theirs: changed(s, **{n: v}))  # type: ignore[misc]


OTHER_NAMES = {"k": ("k", "bias"), "n": ("n", "size")}


def _options(case: Case, name: str) -> set[float]:
    config = {} if case.part is None else case.part.config
    found = (config.get(each) for each in OTHER_NAMES.get(name, (name,)))
    return {value for value in found if isinstance(value, (int, float))}


NORM = ("normalization",)
HYPOTHESES = (
    Hypothesis("epsilon", NORM, epsilon),
    Hypothesis("momentum", NORM, momentum),
    Hypothesis("variance", NORM, variance),
    Hypothesis("exchanged parameters", NORM, exchanged),
    Hypothesis("parameter left out", NORM, left_out),
    Hypothesis("training flag", NORM, mode),
    Hypothesis("weights not copied", NORM, not_copied),
    Hypothesis("epsilon", ("standardization",), standardization),
    Hypothesis("response normalization", ("response",), response),
)

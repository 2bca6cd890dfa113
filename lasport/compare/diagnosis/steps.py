"""A network as steps of numpy arithmetic, each of which a hypothesis may change.

A layer that ends with a nonlinearity becomes two steps, so that what is wrong with
the one is told from what is wrong with the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace

import numpy as np

from lasport.errors import ComparisonError
from lasport.layers.nonlinearities import Nonlinearity, NonlinearityAttributes
from lasport.layers.normalization import BatchNormAttributes
from lasport.layers.recurrence import RecurrenceAttributes
from lasport.registry import Run, require_family
from lasport.spec import Array, Layer, Network
from lasport.weights import inv_std_to_variance

__all__ = ["Pass", "Step", "changed", "in_precision", "run_steps", "steps_of", "variance_of"]

Compute = Callable[[object, Mapping[str, Array], Sequence[Array], Run], Array]
LINEAR = Nonlinearity("linear")
ACTIVATION = "lasagne.layers.special.NonlinearityLayer"


@dataclass(frozen=True, eq=False)
class Step:
    """One step.

    Attributes
    ----------
    name : str
        Of its value: the Lasagne layer's, with "/" behind it where the layer's
        nonlinearity is still to come.
    layer : str
        The Lasagne layer it belongs to.
    kind : str
        Class path.
    incoming : tuple of str
        Names of the values that it takes.
    attributes : object
        The family's.
    params : mapping of str to ndarray
        In float64.
    compute : callable
        The family's reference, or what a hypothesis puts in its place.
    """

    name: str
    layer: str
    kind: str
    incoming: tuple[str, ...]
    attributes: object
    params: Mapping[str, Array]
    compute: Compute

    @property
    def family(self) -> str:
        """The bare name of its class."""
        return self.kind.rpartition(".")[2]


def changed(step: Step, params: Mapping[str, Array] | None = None, **attributes: object) -> Step:
    """Return a step with other parameters or attributes."""
    result = replace(step, params={**step.params, **(params or {})})
    if attributes:
        assert is_dataclass(step.attributes)
        assert not isinstance(step.attributes, type)
        result = replace(result, attributes=replace(step.attributes, **attributes))
    return result


def variance_of(params: Mapping[str, Array], epsilon: float) -> Array:
    """Return the variance of a normalization: its own where a hypothesis put one, or inv_std's."""
    stored = params.get("variance")
    return inv_std_to_variance(params["inv_std"], epsilon) if stored is None else stored


def in_precision(step: Step, dtype: str) -> Step:
    """Return a step with its parameters in a float type."""
    if dtype == "float64":
        return step
    params = {n: p.astype(dtype) if p.dtype.kind == "f" else p for n, p in step.params.items()}
    return replace(step, params=params)


def steps_of(network: Network, precision: str) -> list[Step]:
    """Return the steps of a network, in its order.

    Parameters
    ----------
    network : Network
        Its layers must have a reference.
    precision : str
        The float type that the port keeps weights in; parameters are rounded to it.

    Raises
    ------
    ComparisonError
        If a layer was registered without saying what it computes.
    """
    inverted = {
        name
        for layer in network.layers
        if layer.kind.endswith(".InverseLayer")
        for name in layer.incoming
    }
    steps: list[Step] = []
    for layer in network.layers:
        family = require_family(layer)
        if not family.has_reference:
            raise ComparisonError(
                f"{layer.name} ({layer.kind}) was registered without reference=, so that nobody "
                "can say what is right"
            )
        params = {name: _rounded(param.value, precision) for name, param in layer.params.items()}
        step = Step(
            layer.name,
            layer.name,
            layer.kind,
            layer.incoming,
            layer.attributes,
            params,
            family.reference,
        )
        steps += [step] if layer.name in inverted else _separated(step, layer)
    return steps


def _separated(step: Step, layer: Layer) -> list[Step]:
    function = getattr(layer.attributes, "nonlinearity", LINEAR)
    recurrent = isinstance(layer.attributes, (NonlinearityAttributes, RecurrenceAttributes))
    if function == LINEAR or recurrent or not isinstance(function, Nonlinearity):
        return [step]
    linear = replace(changed(step, nonlinearity=LINEAR), name=f"{step.name}/")
    activation = require_family(replace(layer, kind=ACTIVATION))
    return [
        linear,
        Step(
            step.name,
            layer.name,
            ACTIVATION,
            (linear.name,),
            NonlinearityAttributes(nonlinearity=function),
            {},
            activation.reference,
        ),
    ]


def _rounded(value: Array, precision: str) -> Array:
    if value.dtype.kind != "f":
        return value
    return value.astype(precision).astype(np.float64)


@dataclass
class Pass:
    """One pass through some steps: what is drawn in it, and what it updates.

    Attributes
    ----------
    training : bool
        Whether it is one in training mode.
    shared : mapping of str to (ndarray, ndarray)
        By step, the uniform and the normal numbers behind what it draws, in
        Lasagne's order; a step that is missing draws its own.
    updates : dict of str to dict of str to ndarray
        By step, new running averages; "inv_std of variance" is what inv_std
        becomes if, as in Keras, it is the variance that is averaged.
    """

    training: bool
    shared: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    updates: dict[str, dict[str, Array]] = field(default_factory=dict)


class _StepRun:
    """One step's part in a pass; see :class:`lasport.registry.Run`."""

    def __init__(self, step: Step, whole: Pass) -> None:
        self.step = step
        self.whole = whole
        self.training = whole.training

    def binomial(self, shape: tuple[int, ...], p: float) -> Array:
        return (self._numbers(shape)[0] < p).astype(np.float64)

    def normal(self, shape: tuple[int, ...], std: float) -> Array:
        return np.asarray(self._numbers(shape)[1] * std)

    def uniform(self, shape: tuple[int, ...], low: float, high: float) -> Array:
        return np.asarray(low + (high - low) * self._numbers(shape)[0])

    def update(self, param: str, value: Array) -> None:
        self.whole.updates.setdefault(self.step.name, {})[param] = value

    def net(self, network: Network, x: Array) -> Array:
        raise ValueError("a diagnosis does not run the nets inside a layer; verify compares them")

    def pull_back(self, number: int, inputs: Sequence[Array], cotangent: Array) -> Array:
        raise ValueError("a diagnosis does not invert layers; verify compares what they give")

    def _numbers(self, shape: tuple[int, ...]) -> tuple[Array, Array]:
        if self.step.name not in self.whole.shared:
            rng = np.random.RandomState(len(self.step.name))
            return rng.uniform(size=shape), rng.standard_normal(size=shape)
        uniform, normal = self.whole.shared[self.step.name]
        if uniform.ndim != len(shape):
            uniform, normal = (x.reshape(len(x), *shape[1:]) for x in (uniform, normal))
        cut = tuple(slice(size) for size in shape)
        return uniform[cut], normal[cut]


def run_steps(steps: Sequence[Step], inputs: Mapping[str, Array], whole: Pass) -> dict[str, Array]:
    """Compute the values of steps from those of other steps.

    Parameters
    ----------
    steps : sequence of Step
        Each behind those that feed it.
    inputs : mapping of str to ndarray
        Values by name, in Lasagne's order of axes.
    whole : Pass
        Takes the updates.

    Returns
    -------
    dict of str to ndarray
        The inputs too.

    Raises
    ------
    ComparisonError
        If a step cannot compute.
    """
    values = dict(inputs)
    for step in steps:
        arrays = [values[name] for name in step.incoming]
        if not arrays:
            continue  # an input layer, which was given
        try:
            with np.errstate(all="ignore"):
                result = step.compute(step.attributes, step.params, arrays, _StepRun(step, whole))
                _average_variance(step, arrays[0], whole)
        except (ValueError, IndexError, KeyError) as error:
            raise ComparisonError(f"{step.layer} ({step.kind}): {error}") from error
        values[step.name] = result
    return values


def _average_variance(step: Step, x: Array, whole: Pass) -> None:
    a = step.attributes
    if isinstance(a, BatchNormAttributes) and "inv_std" in whole.updates.get(step.name, {}):
        old = variance_of(step.params, a.epsilon)
        new = (1 - a.alpha) * old + a.alpha * x.var(axis=a.axes)
        updates = whole.updates[step.name]
        updates["inv_std of variance"] = np.asarray(1 / np.sqrt(new + a.epsilon))

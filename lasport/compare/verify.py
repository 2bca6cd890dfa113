"""Holding a port against a record: every layer, both modes, running averages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ParamSpec, Protocol

import numpy as np

from lasport.compare.metrics import ROUNDING_FACTOR, STRUCTURE_BOUND, error_ratio, measure
from lasport.compare.report import Comparison, Drift, Report
from lasport.errors import ComparisonError
from lasport.layers.normalization import BatchNormAttributes
from lasport.oracles.record import Mode, Record
from lasport.oracles.reference import ForwardPass, run_reference
from lasport.spec import Array, Network
from lasport.weights import inv_std_to_variance

__all__ = ["Activity", "Port", "Session", "check_record", "verify_port"]

P = ParamSpec("P")
DTYPES = ("float64", "float32")


class Activity(Protocol):
    """What a port computed in one pass."""

    @property
    def layers(self) -> Mapping[str, Array]:
        """Outputs of layers by their Lasagne name."""
        ...

    @property
    def outputs(self) -> list[Array]:
        """The net's outputs."""
        ...


class Session(Protocol):
    """A running copy of a port."""

    def run(
        self, inputs: Sequence[Array], *, training: bool, masks: Mapping[str, Sequence[Array]]
    ) -> Activity:
        """Run once; a training pass moves running averages."""
        ...

    def params(self) -> list[Array] | None:
        """Return the present weights as Lasagne's parameters; None if unknown."""
        ...

    def variances(self) -> dict[str, Array]:
        """Return running variances, where the port keeps those in place of inv_std."""
        ...


class Port(Protocol):
    """A model that claims to compute a network."""

    @property
    def shown_layers(self) -> tuple[str, ...]:
        """Names of the Lasagne layers whose outputs it shows."""
        ...

    def start(self, dtype: str) -> Session:
        """Return a fresh copy."""
        ...


Progress = Callable[[str], None]


def verify_port(
    network: Network,
    port: Port,
    record: Record,
    *,
    oracle: str,
    model: str,
    modes: Sequence[Mode] = ("inference", "training"),
    passes: Sequence[int] = (1, 5),
    outputs_only: bool = False,
    progress: Progress = lambda stage: None,
) -> Report:
    """Compare a port with a record.

    Parameters
    ----------
    network : Network
        The original.
    port : Port
        The model to judge.
    record : Record
        What the original computed.
    oracle, model : str
        How the report calls the two.
    modes : sequence of {"inference", "training"}
        What to compare.
    passes : sequence of int
        After how many training passes to compare running averages.
    outputs_only : bool
        Leave layers and parameters out: for models whose layers have other names.
    progress : callable
        Told each stage.

    Returns
    -------
    Report

    Raises
    ------
    ComparisonError
        If the record is not one of this network.
    """
    check_record(network, record)
    check = _Check(network, port, record, outputs_only)
    hidden = [layer.name for layer in network.layers if layer.name not in port.shown_layers]
    if hidden and not outputs_only:
        check.problems.append(
            f"the model has no layers for {', '.join(hidden)}; compare its outputs only"
        )
    for dtype in DTYPES:
        for mode in modes:
            progress(f"{mode} in {dtype}")
            check.guarded(check.forward, mode, dtype)
        if "training" in modes and not outputs_only and port.shown_layers:
            progress(f"running averages in {dtype}")
            check.guarded(check.averages, passes, dtype)
    settings = {
        "modes": list(modes),
        "passes": list(passes),
        "seed": record.meta["seed"],
        "structure_bound": STRUCTURE_BOUND,
        "rounding_factor": ROUNDING_FACTOR,
    }
    return Report(
        oracle,
        model,
        tuple(check.comparisons),
        tuple(check.problems),
        tuple(check.drifts),
        settings,
    )


def check_record(network: Network, record: Record) -> None:
    """Refuse a record of another network: classes, order and parameters must be the same.

    Raises
    ------
    ComparisonError
        Naming the first thing that differs.
    """
    kinds = [layer.kind for layer in network.layers]
    recorded = [layer["kind"] for layer in record.meta["layers"]]
    if kinds != recorded:
        raise ComparisonError(f"the record has layers {recorded}, the net {kinds}")
    values = network.param_values()
    if len(values) != len(record.params):
        raise ComparisonError(
            f"the record has {len(record.params)} parameters, the net {len(values)}"
        )
    for (layer, param), value in zip(network.owned_params(), record.params, strict=True):
        if not np.array_equal(param.value.astype(value.dtype), value):
            raise ComparisonError(f"parameter {layer.name}.{param.name} is not the recorded one")


class _Check:
    """The state of one comparison; each method adds what it found."""

    def __init__(self, network: Network, port: Port, record: Record, outputs_only: bool) -> None:
        self.network = network
        self.port = port
        self.record = record
        self.outputs_only = outputs_only
        self.comparisons: list[Comparison] = []
        self.problems: list[str] = []
        self.drifts: list[Drift] = []

    def guarded(self, stage: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run a stage; what keeps it from comparing anything is a failure of the port."""
        try:
            stage(*args, **kwargs)
        except ComparisonError as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))

    def forward(self, mode: Mode, dtype: str) -> None:
        """Compare every layer and output of one pass."""
        training = mode == "training"
        named = _by_name(self.network, self.record.masks)
        activity = self.port.start(dtype).run(self.record.inputs, training=training, masks=named)
        masks = self.record.masks
        truth, oracle = self._expected(
            mode,
            lambda d: (
                self._reference(self.record.inputs, training=training, dtype=d, masks=masks).layers
            ),
        )
        if dtype == "float32" and self.record.meta["floatX"] == dtype:
            self._judge_reference(mode, truth, oracle)
        index = {layer.name: k for k, layer in enumerate(self.network.layers)}
        if not self.outputs_only:
            for layer in self.network.layers:
                if layer.incoming and layer.name in self.port.shown_layers:
                    k = index[layer.name]
                    subject = f"{mode}/layers/{layer.name}"
                    actual = activity.layers.get(layer.name)
                    self._add(subject, layer.name, dtype, actual, truth[k], oracle[k])
        if len(activity.outputs) != len(self.network.outputs):
            raise ComparisonError(f"the model gives {len(activity.outputs)} outputs")
        for name, actual in zip(self.network.outputs, activity.outputs, strict=True):
            k = index[name]
            self._add(f"{mode}/outputs/{name}", name, dtype, actual, truth[k], oracle[k])

    def _judge_reference(self, mode: Mode, truth: list[Array], recorded: list[Array]) -> None:
        """Compare a float32 record with the reference that stands in for its float64 truth."""
        training, masks = mode == "training", self.record.masks
        near = self._reference(
            self.record.inputs, training=training, dtype="float32", masks=masks
        ).layers
        for k, layer in enumerate(self.network.layers):
            subject = f"{mode}/reference/{layer.name}"
            self._add(subject, layer.name, "float32", recorded[k], truth[k], near[k])

    def averages(self, passes: Sequence[int], dtype: str) -> None:
        """Compare all parameters after training passes over the record's batches."""
        session = self.port.start(dtype)
        variances = _starting_variances(self.network)
        forward: dict[str, ForwardPass] = {}
        for number in range(1, max(passes) + 1):
            batch, masks = self.record.batch(number), self.record.pass_masks(number)
            if not batch:
                raise ComparisonError(f"the record holds fewer than {number} training passes")
            session.run(batch, training=True, masks=_by_name(self.network, masks))
            for d in DTYPES:
                params = forward[d].params if d in forward else None
                forward[d] = self._reference(
                    batch, training=True, dtype=d, masks=masks, params=params
                )
            self._average_variances(variances, forward["float64"])
            if number in passes:
                self._compare_params(number, dtype, session, forward, variances)

    def _compare_params(
        self,
        number: int,
        dtype: str,
        session: Session,
        forward: Mapping[str, ForwardPass],
        variances: Mapping[str, Array],
    ) -> None:
        actual = session.params()
        kept = session.variances()
        if actual is None:
            raise ComparisonError("the model's weights do not correspond to the net's parameters")
        recorded = self.record.params_after(number)
        truth, oracle = forward["float64"].params, forward["float32"].params
        if self.record.meta["floatX"] == "float64":
            truth = recorded
        else:
            oracle = recorded
        owned = list(self.network.owned_params())
        for (layer, param), value, right, near in zip(owned, actual, truth, oracle, strict=True):
            subject = f"training/params/{number}/{layer.name}.{param.name}"
            if param.name == "inv_std" and layer.name in kept:
                if dtype == "float64":
                    self._add_drift(layer.name, number, value, right)
                    variance = variances[layer.name]
                    subject = f"training/params/{number}/{layer.name}.variance"
                    self._add(subject, layer.name, dtype, kept[layer.name], variance, variance)
            else:
                self._add(subject, layer.name, dtype, value, right, near)

    def _average_variances(self, variances: dict[str, Array], forward: ForwardPass) -> None:
        """Average the batch's variances as Keras' own batch norm should."""
        outputs = dict(
            zip((layer.name for layer in self.network.layers), forward.layers, strict=True)
        )
        for layer in self.network.layers:
            a = layer.attributes
            if isinstance(a, BatchNormAttributes):
                batch = outputs[layer.incoming[0]].var(axis=a.axes)
                variances[layer.name] = (1 - a.alpha) * variances[layer.name] + a.alpha * batch

    def _add_drift(self, layer: str, passes: int, inv_std: Array, expected: Array) -> None:
        if not any(drift.layer == layer and drift.passes == passes for drift in self.drifts):
            apart = np.abs(inv_std / expected - 1)
            self.drifts.append(Drift(layer, passes, float(np.median(apart)), float(apart.max())))

    def _expected(
        self, mode: Mode, reference: Callable[[str], list[Array]]
    ) -> tuple[list[Array], list[Array]]:
        """Return the float64 truth and the oracle's float32 result, layer by layer."""
        recorded = self.record.layers(mode)
        if self.record.meta["floatX"] == "float64":
            return recorded, reference("float32")
        return reference("float64"), recorded

    def _reference(
        self,
        inputs: Sequence[Array],
        *,
        training: bool,
        dtype: str,
        masks: Mapping[int, Sequence[Array]],
        params: Sequence[Array] | None = None,
    ) -> ForwardPass:
        return run_reference(
            self.network, inputs, training=training, dtype=dtype, masks=masks, params=params
        )

    def _add(
        self,
        subject: str,
        layer: str,
        dtype: str,
        actual: Array | None,
        truth: Array,
        oracle: Array,
    ) -> None:
        if actual is None or actual.shape != truth.shape:
            found = "missing" if actual is None else f"shape {actual.shape}, not {truth.shape}"
            self.comparisons.append(Comparison(subject, layer, dtype, ok=False, problem=found))
            return
        difference = measure(actual, truth)
        if dtype == "float64":
            ok = difference.relative <= STRUCTURE_BOUND
            self.comparisons.append(Comparison(subject, layer, dtype, ok, difference))
        else:
            ratio = error_ratio(actual, oracle, truth)
            ok = ratio <= ROUNDING_FACTOR
            self.comparisons.append(Comparison(subject, layer, dtype, ok, difference, ratio))


def _by_name(network: Network, masks: Mapping[int, Sequence[Array]]) -> dict[str, Sequence[Array]]:
    return {network.layers[k].name: drawn for k, drawn in masks.items()}


def _starting_variances(network: Network) -> dict[str, Array]:
    return dict(_variances(network))


def _variances(network: Network) -> Iterator[tuple[str, Array]]:
    for layer in network.layers:
        a = layer.attributes
        if isinstance(a, BatchNormAttributes):
            yield layer.name, inv_std_to_variance(layer.params["inv_std"].value, a.epsilon)

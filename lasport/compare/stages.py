"""The stages of a comparison, each of which adds what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ParamSpec

import numpy as np

from lasport.compare.averages import DTYPES, Averages
from lasport.compare.evidence import Evidence
from lasport.compare.gradients import GradientStage
from lasport.compare.judge import judge, longest_sums
from lasport.compare.metrics import measure
from lasport.compare.port import Activity, Port, Session
from lasport.compare.report import Comparison, Drift
from lasport.errors import ComparisonError
from lasport.layers.normalization import BatchNormAttributes
from lasport.oracles.record import MODES, Mode, Record
from lasport.oracles.reference import run_reference
from lasport.registry import require_family, taken_for
from lasport.spec import Array, Network, Shape

__all__ = ["Stages"]

P = ParamSpec("P")


class Stages:
    """One comparison while it is made.

    Parameters
    ----------
    network : Network
        The original.
    port : Port
        The model to judge.
    record : Record
        What the original computed.
    by_layer : bool
        Compare every layer and parameter, or else the outputs alone.

    Attributes
    ----------
    comparisons, problems, drifts, notes : list
        What was found so far; see :class:`lasport.compare.report.Report`.
    evidence : Evidence
        What is kept of the arrays.
    """

    def __init__(self, network: Network, port: Port, record: Record, *, by_layer: bool) -> None:
        self.network = network
        self.port = port
        self.record = record
        self.by_layer = by_layer
        self.comparisons: list[Comparison] = []
        self.problems: list[str] = []
        self.drifts: list[Drift] = []
        self.notes: list[str] = []
        self.evidence = Evidence()
        self._arrangement = 0  # of the ways in which the port may hold samples, the right one
        self._index = {layer.name: k for k, layer in enumerate(network.layers)}
        self._params = _rounded_params(network, port)
        # Layers for which the reference has nothing but their own Keras layer.
        self._unstated = {x.name for x in network.layers if not require_family(x).has_reference}
        self._terms = {mode: longest_sums(network, record.layers(mode), mode) for mode in MODES}

    def guarded(self, stage: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run a stage; what keeps it from comparing anything is a failure of the port."""
        try:
            stage(*args, **kwargs)
        except ComparisonError as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))

    def own_classes(self) -> None:
        """Say what rests on the word of whoever registered the classes of some layers."""
        unstated = [f"{x.name} ({x.kind})" for x in self.network.layers if x.name in self._unstated]
        if unstated and self.record.by_lasagne:
            self.notes.append(
                f"{', '.join(unstated)}: registered without reference=; where the record says "
                "nothing (the other precision, other sizes), its own Keras layer stands in"
            )
        elif unstated:
            self.problems.append(
                f"{', '.join(unstated)}: registered without reference=, so that nobody here says "
                "what is right; compare with a record or the live Theano, or register a reference"
            )
        for layer in self.network.layers:
            like = taken_for(layer.kind)
            if like is not None and not self.record.by_lasagne:
                self.notes.append(
                    f"{layer.name} ({layer.kind}) is taken to compute what {like} does, as it was "
                    "registered; only Lasagne itself can tell, live or in a record"
                )

    def forward(self, mode: Mode, dtype: str) -> None:
        """Compare every layer and output of one pass."""
        truth, oracle = self._expected(mode)
        if dtype == self.record.meta["floatX"] and (dtype == "float32" or self._params is not None):
            self._judge_reference(mode, dtype)
        if dtype == "float64":
            self._note_constants(mode, truth)
        self._compare_pass(mode, dtype, self.record.inputs, truth, oracle)

    def _judge_reference(self, mode: Mode, dtype: str) -> None:
        """Compare the record with the reference, where that says what is expected of the port."""
        recorded, params = self.record.layers(mode), self.network.param_values()
        truth, near = (self._reference(mode, each, params) for each in DTYPES)
        for name, k in self._index.items():
            self._add(mode, f"reference/{name}", name, dtype, recorded[k], truth[k], near[k])

    def _judge_averages(self, passes: Sequence[int], dtype: str) -> None:
        """Do the same for parameters after training passes."""
        averages = Averages(self.network, self.record)
        for number in range(1, max(passes) + 1):
            averages.advance()
            recorded = self.record.params_after(number)
            for n, (layer, param) in enumerate(self.network.owned_params()):
                place = f"reference/{number}/{layer.name}.{param.name}"
                truth, near = (averages.computed[each][n] for each in DTYPES)
                if number in passes:
                    self._add("training", place, layer.name, dtype, recorded[n], truth, near)

    def params(self) -> None:
        """Compare the parameters themselves: inputs may leave some without effect.

        Rows of an embedding that no index asks for, say, or what leads to a
        rectifier that is never positive.
        """
        actual = self.port.start("float64").params() if self.by_layer else None
        if actual is None:
            return
        for value, (layer, param) in zip(actual, self.network.owned_params(), strict=True):
            place, truth = f"params/{layer.name}.{param.name}", param.value.astype(np.float64)
            self._add("inference", place, layer.name, "float64", value, truth, truth)
            self.evidence.add_param(layer.name, param.name, value, truth)

    def copies(self) -> None:
        """Look for copies of weights that layers of the net share.

        They compute the same, and are trained to be something else.
        """
        trained = [param.value.size for _, param in self.network.owned_params() if param.trainable]
        if self.network.shares_params and self.port.trained > sum(trained):
            raise ComparisonError(
                f"the net trains {sum(trained)} numbers, some of them in several layers, and the "
                f"model {self.port.trained}: copies of a shared weight part company in training"
            )

    def shorter_inputs(self) -> None:
        """Compare once more where the net leaves sizes open, with inputs one shorter.

        Records have odd sizes there, and at odd sizes TensorFlow's rule for
        'same' happens to pad like Theano.
        """
        shapes = [self.network[name].output_shape or () for name in self.network.inputs]
        pairs = list(zip(self.record.inputs, shapes, strict=True))
        inputs = [_shorter(x, shape) for x, shape in pairs]
        if all(x.shape == short.shape for (x, _), short in zip(pairs, inputs, strict=True)):
            return
        try:
            truth = run_reference(self.network, inputs, training=False, params=self._params).layers
        except ComparisonError as error:
            self.notes.append(f"at one size only, for the net refuses inputs one shorter: {error}")
            return
        self._compare_pass("inference", "float64", inputs, truth, truth, size="shorter-")

    def model_itself(self) -> None:
        """Compare the model's own outputs: its layers may do what no copy of them does."""
        truth, oracle = self._expected("inference")
        outputs = self.port.run(self.record.inputs)
        if self.port.dtype in DTYPES:
            self._compare_outputs("inference", "model", "float32", outputs, truth, oracle)
            return
        places = [self._index[name] for name in self.network.outputs]
        apart = [
            measure(value, truth[k]).relative
            for k, value in zip(places, outputs, strict=True)
            if value.shape == truth[k].shape
        ]
        self.notes.append(
            f"the model itself computes in {self.port.dtype}, {max(apart, default=np.inf):.2g} "
            "apart; that is not judged, only copies of it in float64 and float32 are"
        )

    def averages(self, passes: Sequence[int], dtype: str) -> None:
        """Compare what training passes over the record's batches make of the parameters."""
        by_params = self.by_layer and bool(self.port.shown_layers)
        norms = (isinstance(x.attributes, BatchNormAttributes) for x in self.network.layers)
        if not by_params and not any(norms):
            return
        session, averages = (
            self.port.start(dtype),
            Averages(self.network, self.record, self._params),
        )
        if dtype == "float64":
            self.evidence.add_statistics(session, averages)
        for number in range(1, max(passes) + 1):
            masks = self._by_name(self.record.pass_masks(number))
            arrangement = self._arrangement
            session.run(averages.batch(), training=True, masks=masks, arrangement=arrangement)
            averages.advance()
            if number in passes:
                compare = self._compare_params if by_params else self._compare_outputs_after
                compare(dtype, session, averages)
                if dtype == "float64":
                    self.evidence.add_statistics(session, averages)
        unseen = dtype == "float32" or not by_params or session.variances()
        if dtype == self.record.meta["floatX"] and unseen:
            self._judge_averages(passes, dtype)

    def gradients(self, modes: Sequence[Mode]) -> None:
        """Compare gradients, unless something differs without them."""
        if self.problems or not all(comparison.ok for comparison in self.comparisons):
            return
        stage = GradientStage(
            self.network, self.port, self.record, self._params, self.by_layer, self._arrangement
        )
        stage.compare(modes)
        self.comparisons += stage.comparisons
        self.notes += stage.notes

    def _compare_pass(
        self,
        mode: Mode,
        dtype: str,
        inputs: Sequence[Array],
        truth: Sequence[Array],
        oracle: Sequence[Array],
        size: str = "",
    ) -> None:
        training, masks = mode == "training", self._by_name(self.record.masks)
        session, before = self.port.start(dtype), len(self.comparisons)
        evidence = self.evidence
        for way in range(session.arrangements if training else 1):
            del self.comparisons[before:]
            self.evidence = evidence.copy()
            session = self.port.start(dtype) if way else session
            activity = session.run(inputs, training=training, masks=masks, arrangement=way)
            self._compare_activity(mode, dtype, activity, truth, oracle, size)
            if training and all(comparison.ok for comparison in self.comparisons[before:]):
                self._arrangement = way
                break

    def _compare_activity(
        self,
        mode: Mode,
        dtype: str,
        activity: Activity,
        truth: Sequence[Array],
        oracle: Sequence[Array],
        size: str,
    ) -> None:
        for k, layer in enumerate(self.network.layers):
            if self.by_layer and layer.incoming and layer.name in self.port.shown_layers:
                place, actual = f"{size}layers/{layer.name}", activity.layers.get(layer.name)
                self._add(mode, place, layer.name, dtype, actual, truth[k], oracle[k])
        self._compare_outputs(mode, f"{size}outputs", dtype, activity.outputs, truth, oracle)

    def _compare_outputs(
        self,
        mode: Mode,
        place: str,
        dtype: str,
        outputs: Sequence[Array],
        truth: Sequence[Array],
        oracle: Sequence[Array],
    ) -> None:
        if len(outputs) != len(self.network.outputs):
            raise ComparisonError(f"the model gives {len(outputs)} outputs")
        for name, actual in zip(self.network.outputs, outputs, strict=True):
            k = self._index[name]
            given = (actual, truth[k], oracle[k])
            self._add(mode, f"{place}/{name}", name, dtype, *given, classes=True)

    def _compare_params(self, dtype: str, session: Session, averages: Averages) -> None:
        actual, kept, passes = session.params(), session.variances(), averages.passes
        if actual is None:
            raise ComparisonError("the model's weights do not correspond to the net's parameters")
        truth, oracle = averages.expected()
        for n, (layer, param) in enumerate(self.network.owned_params()):
            name, add = layer.name, partial(self._add, "training")
            if param.name == "inv_std" and name in kept:
                self._add_drift(name, passes, actual[n], truth[n])
                variances = (averages.variances[each][name] for each in DTYPES)
                add(f"params/{passes}/{name}.variance", name, dtype, kept[name], *variances)
            else:
                place = f"params/{passes}/{name}.{param.name}"
                add(place, name, dtype, actual[n], truth[n], oracle[n])

    def _compare_outputs_after(self, dtype: str, session: Session, averages: Averages) -> None:
        """Compare outputs where nobody knows the averages' places.

        A port may average inv_std, as Lasagne does, or variances, as Keras does.
        """
        outputs = session.run(self.record.inputs, training=False, masks={}).outputs
        place, before = f"outputs-after/{averages.passes}", len(self.comparisons)
        for way in (averages.computed, averages.with_variances()):
            del self.comparisons[before:]
            truth, oracle = (self._reference("inference", each, way[each]) for each in DTYPES)
            self._compare_outputs("training", place, dtype, outputs, truth, oracle)
            if all(comparison.ok for comparison in self.comparisons[before:]):
                break

    def _add(
        self,
        mode: Mode,
        place: str,
        layer: str,
        dtype: str,
        actual: Array | None,
        truth: Array,
        oracle: Array,
        *,
        classes: bool = False,
    ) -> None:
        if layer in self._unstated and (not self.record.by_lasagne or place.startswith("shorter")):
            return  # it would be compared with itself
        subject, terms = f"{mode}/{place}", self._terms[mode][layer]
        found = judge(subject, layer, dtype, actual, truth, oracle, terms, classes=classes)
        self.comparisons.append(found)
        if (
            actual is not None
            and found.problem is None
            and place.startswith(("layers", "outputs/"))
        ):
            self.evidence.add_output(layer, subject, dtype, found.badness, actual, truth)

    def _add_drift(self, layer: str, passes: int, inv_std: Array, expected: Array) -> None:
        if not any(drift.layer == layer and drift.passes == passes for drift in self.drifts):
            apart = np.abs(inv_std / expected - 1)
            self.drifts.append(Drift(layer, passes, float(np.median(apart)), float(apart.max())))

    def _note_constants(self, mode: Mode, values: Sequence[Array]) -> None:
        constant = [
            name
            for name, k in self._index.items()
            if values[k].size > 1 and (values[k] == values[k].flat[0]).all()
        ]
        if constant:
            self.notes.append(
                f"in {mode} mode {', '.join(constant)} gave one value throughout, and so hid "
                "whatever may be wrong before"
            )

    def _expected(self, mode: Mode) -> tuple[list[Array], list[Array]]:
        """Return the float64 truth and the oracle's float32 result, layer by layer."""
        recorded = self.record.layers(mode)
        if self._params is not None:
            return self._reference(mode, "float64"), self._reference(mode, "float32")
        if self.record.meta["floatX"] == "float64":
            return recorded, self._reference(mode, "float32")
        return self._reference(mode, "float64"), recorded

    def _reference(
        self, mode: Mode, dtype: str, params: Sequence[Array] | None = None
    ) -> list[Array]:
        forward = run_reference(
            self.network,
            self.record.inputs,
            training=mode == "training",
            dtype=dtype,
            masks=self.record.masks,
            params=self._params if params is None else params,
        )
        return forward.layers

    def _by_name(self, masks: Mapping[int, Sequence[Array]]) -> dict[str, Sequence[Array]]:
        return {self.network.layers[k].name: drawn for k, drawn in masks.items()}


def _rounded_params(network: Network, port: Port) -> list[Array] | None:
    """Return the parameters as a float32 port of a float64 net has them, None for other ports.

    Of a port whose layers are known, each weight that is a rounded parameter
    is replaced by the parameter; of others that is not known.
    """
    narrower = port.weights_dtype == "float32" and network.dtype == np.float64
    if port.shown_layers or not narrower:
        return None
    return [
        value.astype(np.float32) if value.dtype.kind == "f" else value
        for value in network.param_values()
    ]


def _shorter(x: Array, shape: Shape) -> Array:
    """Leave out the last place of every axis that is open, but the batch."""
    open_axes = [axis for axis, size in enumerate(shape) if size is None and axis > 0]
    cuts = [slice(-1 if axis in open_axes else None) for axis in range(x.ndim)]
    return x[tuple(cuts)]

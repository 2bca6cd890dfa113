"""The stages of a comparison, each of which adds what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ParamSpec

import numpy as np

from lasport.compare.averages import DTYPES
from lasport.compare.evidence import Evidence
from lasport.compare.gradients import GradientStage
from lasport.compare.judge import judge
from lasport.compare.original import Original, Outputs
from lasport.compare.port import Port, Session
from lasport.compare.report import Comparison, Drift
from lasport.errors import ComparisonError
from lasport.oracles.oracle import Oracle
from lasport.oracles.record import Mode
from lasport.registry import require_family, taken_for
from lasport.spec import Array, Network

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
    oracle : Oracle
        Who says what the original computes.
    by_layer : bool
        Compare every layer and parameter, or else the outputs alone.

    Attributes
    ----------
    comparisons, problems, drifts, notes : list
        What was found so far; see :class:`lasport.compare.report.Report`.
    evidence : Evidence
        What is kept of the arrays.
    original : Original
        What the port is compared with.
    params_given : list of ndarray or None
        What the original computes with in place of the network's parameters.
    shows_layers : bool
        Whether layers and parameters can be compared, and are to be.
    arrangement : int
        Of the ways in which the port may hold what stochastic layers draw, the right one.
    outputs : dict
        The net's outputs by mode, as far as they are known.
    """

    def __init__(self, network: Network, port: Port, oracle: Oracle, *, by_layer: bool) -> None:
        self.network = network
        self.port = port
        self.oracle = oracle
        self.by_layer = by_layer
        self.comparisons: list[Comparison] = []
        self.problems: list[str] = []
        self.drifts: list[Drift] = []
        self.notes: list[str] = []
        self.evidence = Evidence()
        self.shows_layers = by_layer and bool(port.shown_layers)
        self.arrangement = 0
        self._sessions: dict[str, Session] = {}
        self.params_given = _rounded_params(network, port)
        self.original = Original(network, oracle, self.params_given)
        self.outputs: dict[Mode, Outputs] = {}
        # Layers for which the reference has nothing but their own Keras layer.
        self._unstated = {x.name for x in network.layers if not require_family(x).has_reference}

    def guarded(self, stage: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run a stage; what keeps it from comparing anything is a failure of the port."""
        try:
            stage(*args, **kwargs)
        except ComparisonError as error:
            self.add_problem(str(error))

    def add_problem(self, problem: str) -> None:
        """Keep what could not be compared, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def own_classes(self) -> None:
        """Say what rests on the word of whoever registered the classes of some layers."""
        unstated = [f"{x.name} ({x.kind})" for x in self.network.layers if x.name in self._unstated]
        if unstated and self.oracle.by_lasagne:
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
            if like is not None and not self.oracle.by_lasagne:
                self.notes.append(
                    f"{layer.name} ({layer.kind}) is taken to compute what {like} does, as it was "
                    "registered; only Lasagne itself can tell, live or in a record"
                )

    def params(self) -> None:
        """Compare the parameters themselves: inputs may leave some without effect.

        Rows of an embedding that no index asks for, say, or what leads to a
        rectifier that is never positive.
        """
        actual = self.session("float64").params() if self.by_layer else None
        if actual is None:
            return
        for value, (layer, param) in zip(actual, self.network.owned_params(), strict=True):
            place, truth = f"params/{layer.name}.{param.name}", param.value.astype(np.float64)
            self.add("inference", place, layer.name, "float64", value, truth, truth)
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

    def model_itself(self) -> None:
        """Compare the model's own outputs: its layers may do what no copy of them does."""
        expected = self.original_outputs("inference")
        outputs = self.port.run(self.oracle.inputs)
        if self.port.dtype in DTYPES:
            self.compare_outputs("inference", "model", "float32", outputs, expected)
            return
        narrow = self.original.narrow_outputs(self.port.dtype)
        self.compare_outputs("inference", "model", self.port.dtype, outputs, (expected[0], narrow))

    def session(self, dtype: str) -> Session:
        """Return a copy of the port in a float type, as if nothing had run on it yet."""
        if dtype not in self._sessions:
            self._sessions[dtype] = self.port.start(dtype)
        self._sessions[dtype].restart()
        return self._sessions[dtype]

    def gradients(self, modes: Sequence[Mode]) -> None:
        """Compare gradients, unless something differs without them."""
        if self.problems or not all(comparison.ok for comparison in self.comparisons):
            return
        stage = GradientStage(
            self.network,
            self.port,
            self.session,
            self.oracle,
            self.params_given,
            self.by_layer,
            self.arrangement,
            lambda mode: self.original_outputs(mode)[0],
            self.original.draws,
        )
        stage.compare(modes)
        self.comparisons += stage.comparisons
        self.notes += stage.notes

    def original_outputs(self, mode: Mode) -> Outputs:
        """Return the net's outputs on the oracle's inputs."""
        if mode not in self.outputs:
            self.outputs[mode] = self.original.outputs(mode)
        return self.outputs[mode]

    def compare_outputs(
        self, mode: Mode, place: str, dtype: str, outputs: Sequence[Array], expected: Outputs
    ) -> None:
        """Compare the net's outputs."""
        if len(outputs) != len(self.network.outputs):
            raise ComparisonError(f"the model gives {len(outputs)} outputs")
        for name, actual, truth, oracle in zip(
            self.network.outputs, outputs, *expected, strict=True
        ):
            self.add(mode, f"{place}/{name}", name, dtype, actual, truth, oracle, classes=True)

    def add(
        self,
        mode: Mode,
        place: str,
        layer: str,
        dtype: str,
        actual: Array | None,
        truth: Array,
        oracle: Array,
        terms: int | None = None,
        *,
        classes: bool = False,
    ) -> None:
        """Compare one array, and keep what was found; see :func:`lasport.compare.judge.judge`.

        Without `terms` they are those of the longest sum on the way to the layer's output.
        """
        if layer in self._unstated and (not self.oracle.by_lasagne or place.startswith("shorter")):
            return  # it would be compared with itself
        if terms is None:
            terms = self.original.terms[mode].get(layer, 1)
        subject = f"{mode}/{place}"
        found = judge(subject, layer, dtype, actual, truth, oracle, terms, classes=classes)
        self.comparisons.append(found)
        if (
            actual is not None
            and found.problem is None
            and place.startswith(("layers", "outputs/"))
        ):
            self.evidence.add_output(layer, subject, dtype, found.badness, actual, truth)


def _rounded_params(network: Network, port: Port) -> list[Array] | None:
    """Return the parameters as a float32 port of a float64 net has them, None for other ports.

    Of a port whose layers are known, each weight that is a rounded parameter
    is replaced by the parameter; of others that is not known.
    """
    values = network.param_values()
    narrower = port.weights_dtype == "float32" and any(v.dtype == np.float64 for v in values)
    if port.shown_layers or not narrower:
        return None
    return [value.astype(np.float32) if value.dtype.kind == "f" else value for value in values]

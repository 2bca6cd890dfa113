"""Both walks through a net: free-running, as a user runs it, and each layer by itself.

In the free-running walk a port computes from what it computed before, and
errors add up. In the single-step walk each layer is fed the original's own
values, so that one wrong layer is wrong alone. Both go along with the original,
layer by layer and in both float types at once; nobody keeps what is behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lasport.compare.averages import DTYPES
from lasport.compare.original import Step
from lasport.compare.port import Walk
from lasport.compare.report import Comparison
from lasport.compare.stages import Stages
from lasport.errors import ComparisonError
from lasport.oracles.forward import Forward
from lasport.oracles.record import Mode
from lasport.spec import Array, Layer, Shape

__all__ = ["compare_pass", "compare_shorter"]

# What the comparisons of a pass are of, in the order in which a report has them.
PLACES = ("reference", "layers", "outputs", "single")


def compare_pass(stages: Stages, mode: Mode) -> None:
    """Compare every layer and output of the pass on the oracle's inputs, and each layer alone."""
    before = len(stages.comparisons)
    try:
        (_compare_layers if stages.shows_layers else _compare_whole)(stages, mode)
    finally:
        found = stages.comparisons[before:]
        stages.comparisons[before:] = sorted(found, key=_place)


def _place(comparison: Comparison) -> int:
    return PLACES.index(comparison.subject.split("/")[1])


def _compare_layers(stages: Stages, mode: Mode) -> None:
    training, inputs = mode == "training", stages.oracle.inputs
    walks = {dtype: stages.session(dtype).walk(inputs, training=training) for dtype in DTYPES}
    outputs: dict[str, tuple[Array, Array]] = {}
    constant = []
    for step in stages.original.walk(mode):
        name = step.layer.name
        if step.truth.size > 1 and (step.truth == step.truth.flat[0]).all():
            constant.append(name)
        if name in stages.network.outputs:
            outputs[name] = (step.truth, step.oracle)
        _judge_reference(stages, mode, step)
        for dtype, walk in walks.items():
            walk.give(name, step.drawn)
            value = walk.value(name)
            if step.layer.incoming:
                stages.add(mode, f"layers/{name}", name, dtype, value, step.truth, step.oracle)
                _compare_alone(stages, mode, dtype, walk, step)
    stages.outputs[mode] = stages.original.in_order(outputs)
    _note_constants(stages, mode, constant)
    for dtype, walk in walks.items():
        stages.compare_outputs(mode, "outputs", dtype, walk.outputs(), stages.outputs[mode])


def _compare_alone(stages: Stages, mode: Mode, dtype: str, walk: Walk, step: Step) -> None:
    """Compare what a layer makes of the original's own values."""
    name, place = step.layer.name, f"single/{step.layer.name}"
    strangers = walk.strangers(name)
    if strangers:
        problem = f"takes {', '.join(strangers)}, which does not feed it in the net"
        found = Comparison(f"{mode}/{place}", name, dtype, ok=False, problem=problem)
        stages.comparisons.append(found)
        return
    try:
        value = walk.alone(name, step.incoming)
    except ComparisonError as error:
        stages.add_problem(str(error))
        return
    oracle = step.alone() if dtype == "float32" else step.oracle
    stages.add(mode, place, name, dtype, value, step.truth, oracle, step.sums)


def _judge_reference(stages: Stages, mode: Mode, step: Step) -> None:
    """Compare the record with the reference, where that says what is expected of the port."""
    if step.judged is not None:
        name, floats = step.layer.name, stages.oracle.meta["floatX"]
        stages.add(mode, f"reference/{name}", name, floats, *step.judged)


def _note_constants(stages: Stages, mode: Mode, constant: Sequence[str]) -> None:
    if constant:
        stages.notes.append(
            f"in {mode} mode {', '.join(constant)} gave one value throughout, and so hid "
            "whatever may be wrong before"
        )


def _compare_whole(stages: Stages, mode: Mode) -> None:
    """Compare the outputs alone."""
    values: dict[str, tuple[Array, Array]] = {}
    drawn: dict[str, Sequence[Array]] = {}
    for step in stages.original.walk(mode):
        _judge_reference(stages, mode, step)
        if step.layer.name in stages.network.outputs:
            values[step.layer.name] = (step.truth, step.oracle)
        if len(step.drawn):
            drawn[step.layer.name] = step.drawn
    expected = stages.outputs[mode] = stages.original.in_order(values)
    training, inputs = mode == "training", stages.oracle.inputs
    for dtype in DTYPES:
        before, evidence = len(stages.comparisons), stages.evidence
        for way in range(stages.session(dtype).arrangements if training else 1):
            del stages.comparisons[before:]
            stages.evidence = evidence.copy()
            session = stages.session(dtype)
            outputs = session.run(inputs, training=training, masks=drawn, arrangement=way)
            stages.compare_outputs(mode, "outputs", dtype, outputs, expected)
            if all(comparison.ok for comparison in stages.comparisons[before:]):
                stages.arrangement = way if training else stages.arrangement
                break


def compare_shorter(stages: Stages) -> None:
    """Compare once more where the net leaves sizes open, with inputs one shorter.

    Records have odd sizes there, and at odd sizes TensorFlow's rule for
    'same' happens to pad like Theano.
    """
    shapes = [stages.network[name].output_shape or () for name in stages.network.inputs]
    pairs = list(zip(stages.oracle.inputs, shapes, strict=True))
    inputs = [_shorter(x, shape) for x, shape in pairs]
    if all(x.shape == short.shape for (x, _), short in zip(pairs, inputs, strict=True)):
        return
    before = len(stages.comparisons)
    outputs: dict[str, tuple[Array, Array]] = {}
    session = stages.session("float64")
    walk = session.walk(inputs, training=False) if stages.shows_layers else None
    for layer, truth in _computed(stages, inputs):
        name = layer.name
        if name in stages.network.outputs:
            outputs[name] = (truth, truth)
        if walk is not None:
            value = walk.value(name)
            if layer.incoming:
                place = f"shorter-layers/{name}"
                stages.add("inference", place, name, "float64", value, truth, truth)
    if len(outputs) < len(set(stages.network.outputs)):
        del stages.comparisons[before:]
        return
    found = session.run(inputs, training=False, masks={}) if walk is None else walk.outputs()
    expected = stages.original.in_order(outputs)
    stages.compare_outputs("inference", "shorter-outputs", "float64", found, expected)


def _computed(stages: Stages, inputs: Sequence[Array]) -> Iterator[tuple[Layer, Array]]:
    """Yield the net's layers with their values, as long as it takes such inputs."""
    try:
        forward = Forward(stages.network, inputs, training=False, params=stages.params_given)
        for layer, computed in zip(stages.network.layers, forward, strict=True):
            yield layer, computed.value
    except ComparisonError as error:
        refused = f"at one size only, for the net refuses inputs one shorter: {error}"
        stages.notes.append(refused)


def _shorter(x: Array, shape: Shape) -> Array:
    """Leave out the last place of every axis that is open, but the batch."""
    open_axes = [axis for axis, size in enumerate(shape) if size is None and axis > 0]
    cuts = [slice(-1 if axis in open_axes else None) for axis in range(x.ndim)]
    return x[tuple(cuts)]

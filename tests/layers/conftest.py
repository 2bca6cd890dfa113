"""What every family has to pass: its golden cases agree with the real Lasagne everywhere.

A family's file lists its cases in ``RECORDS`` and calls ``agreement`` for each of them; the
fixture runs once for each check below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from lasport import lasagne_param_values, load, to_keras
from lasport.compare.gradients import GradientStage
from lasport.compare.metrics import ROUNDING_FACTOR, error_ratio
from lasport.compare.verify import verify_port
from lasport.layout import Layout
from lasport.oracles.record import MODES, Mode
from lasport.oracles.reference import run_reference
from lasport.passes import DataFormat, lower
from lasport.spec import Array, Network
from lasport.targets.keras_calls import PROFILES, Call, Profile, keras_calls
from lasport.translate import translate
from tests.golden_records import Case

# Of the largest magnitude in an array; float64 on nets of a few layers.
TOLERANCE = 1e-12

# Cases whose data meet a kink: zeros behind a rectifier, several maxima in a window. Stock layers
# have another gradient there, which is why there is an exact profile.
KINKS = {
    "net_batchnorm_after_rectify",
    "ties_globalpool_max",
    "ties_inverse_globalpool_max",
    "ties_inverse_maxpool",
    "ties_inverse_maxpool1d",
    "ties_inverse_rectify",
    "ties_maxpool",
    "ties_maxpool1d",
    "ties_maxpool_ceil",
    "ties_prelu",
    "ties_rectify",
    "ties_selu",
}

DATA_FORMATS: tuple[DataFormat, ...] = ("channels_first", "channels_last")

Check = Callable[[Case], None]


def apart(actual: Array, expected: Array) -> float:
    """Return the largest difference relative to the largest magnitude; NaN is never small."""
    assert actual.shape == expected.shape
    largest = max(float(np.abs(expected).max(initial=0)), float(np.finfo(np.float64).tiny))
    return float(np.abs(actual - expected).max(initial=0)) / largest


def assert_agree(recorded: Sequence[Array], compute: Callable[[str], Sequence[Array]]) -> None:
    """Compare what ``compute(dtype)`` returns with a record.

    A float32 record may be off from the float64 result by a small multiple of what our own
    float32 result is off: both round, each in its own order.
    """
    exact = compute("float64")
    rounded = compute("float32") if any(r.dtype == np.float32 for r in recorded) else exact
    for index, (want, have, near) in enumerate(zip(recorded, exact, rounded, strict=True)):
        if want.dtype == np.float32:
            assert error_ratio(want, near, have) <= ROUNDING_FACTOR, index
        else:
            assert apart(have, want) < TOLERANCE, index


def check_reading(case: Case) -> None:
    """Every pickle gives the recorded layers, shapes and parameters."""
    meta = case.record.meta
    for path in case.pickles:
        net = load(path)
        names = [layer.name for layer in net.layers]
        found = [
            (layer.kind, [names.index(name) for name in layer.incoming], layer.output_shape)
            for layer in net.layers
        ]
        assert found == [
            (layer["kind"], layer["incoming"], tuple(layer["output_shape"]))
            for layer in meta["layers"]
        ]
        assert [names.index(name) for name in net.inputs] == meta["inputs"]
        assert [names.index(name) for name in net.outputs] == meta["outputs"]
        owned = [
            (names.index(layer.name), param.name, sorted(param.tags))
            for layer, param in net.owned_params()
        ]
        assert owned == [(*p["owners"][0], p["tags"]) for p in meta["params"]]
        for value, recorded in zip(net.param_values(), case.record.params, strict=True):
            assert value.dtype == recorded.dtype
            np.testing.assert_array_equal(value, recorded)
        for layer, other in zip(net.layers, case.network.layers, strict=True):
            assert layer.name == other.name
            assert layer.attributes == other.attributes


def check_reference(case: Case) -> None:
    """The numpy reference computes every layer, and every parameter after every pass."""
    net, record = case.network, case.record
    for mode in MODES:

        def layers(dtype: str, mode: Mode = mode) -> list[Array]:
            training = mode == "training"
            return run_reference(
                net, record.inputs, training=training, dtype=dtype, masks=record.masks
            ).layers

        assert_agree(record.layers(mode), layers)
    passes = range(1, record.meta["passes"] + 1)

    def params(dtype: str) -> list[Array]:
        after: list[Array] = []
        values = None
        for number in passes:
            masks = record.pass_masks(number)
            batch = record.batch(number)
            values = run_reference(
                net, batch, training=True, dtype=dtype, masks=masks, params=values
            ).params
            after += values
        return after

    assert_agree([value for number in passes for value in record.params_after(number)], params)


def check_model(case: Case) -> None:
    """Every Keras model gives outputs, layers, running averages and the very parameters."""
    for profile, data_format in variants(case.network):
        assert_model_agrees(case, profile, data_format)


def assert_model_agrees(case: Case, profile: Profile, data_format: DataFormat) -> None:
    from lasport.targets.keras_port import KerasPort

    net, record = case.network, case.record
    model = to_keras(net, profile=profile, data_format=data_format, dtype="float64")
    for value, recorded in zip(lasagne_param_values(model), record.params, strict=True):
        assert value.dtype == recorded.dtype
        np.testing.assert_array_equal(value, recorded)
    port = KerasPort(model, net)
    if record.meta["floatX"] == "float64":
        outputs = model(single(physical(port.input_layouts, record.inputs)), training=False)
        for value, layout, recorded in zip(
            several(outputs), port.output_layouts, record.outputs("inference"), strict=True
        ):
            assert apart(layout.to_lasagne(np.asarray(value)), recorded) < TOLERANCE
    passes = sorted({1, record.meta["passes"]})
    report = verify_port(
        net, port, record, oracle="Lasagne", model=case.name, passes=passes, gradients=False
    )
    assert report.ok, report.to_text()
    for comparison in report.comparisons:
        if comparison.dtype == "float64":
            assert comparison.difference is not None
            assert comparison.difference.relative < TOLERANCE, comparison
    subjects = {(comparison.subject, comparison.dtype) for comparison in report.comparisons}
    assert subjects >= {
        (f"{mode}/layers/{layer.name}", dtype)
        for mode, dtype in product(MODES, ("float64", "float32"))
        for layer in net.layers
        if layer.incoming
    }


def check_gradients(case: Case) -> None:
    """Gradients of parameters and inputs are Theano's; at kinks, those of the exact profile."""
    if case.record.meta["no_gradient"] is not None:
        pytest.skip(f"Theano has no gradient: {case.record.meta['no_gradient'].partition(':')[0]}")
    for profile, data_format in variants(case.network):
        assert_gradients_agree(case, profile, data_format)


def assert_gradients_agree(case: Case, profile: Profile, data_format: DataFormat) -> None:
    from lasport.targets.keras_port import KerasPort

    net, record = case.network, case.record
    model = to_keras(net, profile=profile, data_format=data_format, dtype="float64")
    port = KerasPort(model, net)
    stage = GradientStage(
        net, port, port.start, record, None, by_layer=True, arrangement=0, outputs=record.outputs
    )
    stage.compare(MODES)
    for comparison in stage.comparisons:
        assert comparison.ok, comparison
        if comparison.dtype == "float64" and comparison.ratio is None:
            assert comparison.difference is not None
            assert comparison.difference.relative < TOLERANCE, comparison
    if profile == "stock" and case.name in KINKS:
        assert all("entries of gradients are TensorFlow's" in note for note in stage.notes)
        assert len(stage.notes) == len(MODES)
        return
    assert not any("entries of gradients" in note for note in stage.notes)
    assert {one.subject for one in stage.comparisons} - {f"{m}/slopes/all" for m in MODES} == {
        subject
        for mode in MODES
        for subject in (
            *(f"{mode}/grads/{o.name}.{p.name}" for o, p in net.owned_params() if p.trainable),
            *(f"{mode}/input-grads/{net.inputs[i]}" for i in record.input_grads(mode)),
        )
    }


def parts_of(call: Call) -> list[object]:
    """Return how each parameter's part of a call's weights is arranged."""
    weights = call.weights.values()
    return [part.conversions for weight in weights for part, _ in weight.split(weight.value)]


def variants(net: Network) -> Iterator[tuple[Profile, DataFormat]]:
    """Yield all profiles and data formats but those that make the same model as one before."""
    plan = translate(net)
    seen = set()
    for profile, data_format in product(PROFILES, DATA_FORMATS):
        calls = keras_calls(lower(plan, data_format), profile, "float64").calls
        model = repr(
            [
                (
                    call.layer,
                    call.inputs,
                    call.arguments,
                    [p.conversions for w in weights for p, _ in w.split(w.value)],
                )
                for call in calls
                for weights in [call.weights.values()]
            ]
        )
        if model not in seen:
            seen.add(model)
            yield profile, data_format


def physical(
    layouts: Sequence[Layout], arrays: Sequence[Array], dtype: str = "float64"
) -> list[Any]:
    """Return tensors in a model's order of axes, floats in ``dtype``."""
    import keras

    return [
        keras.ops.convert_to_tensor(
            layout.from_lasagne(array), dtype=dtype if array.dtype.kind == "f" else None
        )
        for layout, array in zip(layouts, arrays, strict=True)
    ]


def single(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def several(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


CHECKS: dict[str, Check] = {
    "reading": check_reading,
    "reference": check_reference,
    "model": check_model,
    "gradients": check_gradients,
}


@pytest.fixture(params=CHECKS.values(), ids=list(CHECKS))
def agreement(request: pytest.FixtureRequest) -> Check:
    """Return one of the checks."""
    check: Check = request.param
    return check


@pytest.fixture
def keras_layers() -> Callable[[Case], tuple[str, str]]:
    """Return a function that names a case's Keras layers behind the inputs, channels last.

    Those of the stock profile, and those of the exact one.
    """

    def names(case: Case) -> tuple[str, str]:
        plan = lower(translate(case.network), "channels_last")
        stock, exact = (
            " ".join(
                call.layer.rpartition(".")[2]
                for call in keras_calls(plan, profile).calls
                if call.layer != "keras.Input"
            )
            for profile in PROFILES
        )
        return stock, exact

    return names

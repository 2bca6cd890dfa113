"""The example of users' own layers: read, converted and held against what Theano recorded."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest

import lasport
from lasport import registry, theano_compat
from lasport.cli import main
from lasport.errors import MissingDependencyError
from lasport.oracles.record import Record, read_record
from tests.golden_records import Case
from tests.layers.conftest import check_gradients, check_model, check_reading, check_reference

EXAMPLE = Path(__file__).parent.parent / "examples" / "own_layers"
REGISTRATIONS = EXAMPLE / "keras_layers.py"
NETS = ("attention", "weight_norm")


@pytest.fixture
def own() -> Iterator[ModuleType]:
    """Run the example's registrations, and forget them."""
    spec = importlib.util.spec_from_file_location("keras_layers", REGISTRATIONS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with lasport.temporary_registrations():
        spec.loader.exec_module(module)
        yield module


def load_case(name: str) -> Case:
    path = EXAMPLE / f"{name}.pkl"
    return Case(name, lasport.load(path), read_record(path.with_suffix(".npz")), (path,))


# Attributes of own layers are not compared by value, so there is no check of reading them twice.
CHECKS = (check_reference, check_model, check_gradients)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", NETS)
def test_own_layers_pass_what_every_family_has_to(own, name, check):
    check(load_case(name))


@pytest.mark.parametrize("name", NETS)
def test_the_record_is_of_the_net(name):
    assert check_reading is not None
    case = load_case(name)
    for value, recorded in zip(case.network.param_values(), case.record.params, strict=True):
        np.testing.assert_array_equal(value, recorded)


def test_averages_move_in_compiled_training_too(own):
    case = load_case("weight_norm")
    model = lasport.to_keras(case.network)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    for number in range(1, 6):
        (batch,) = case.record.batch(number)
        model.train_on_batch(batch, np.zeros((len(batch), 3)))
    recorded = case.record.params_after(5)
    for before, value, after in zip(
        case.record.params, lasport.lasagne_param_values(model), recorded, strict=True
    ):
        np.testing.assert_allclose(value, after, rtol=0, atol=1e-14)
        assert np.array_equal(before, after) is np.array_equal(value, before)


@pytest.mark.parametrize("name", NETS)
def test_own_layers_take_a_dtype_policy(own, name):
    case = load_case(name)
    model = lasport.to_keras(case.network, dtype="mixed_float16")
    found = np.asarray(model(case.record.inputs[0].astype(np.float16), training=False))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, case.record.outputs("inference")[0], atol=5e-3)
    for value, recorded in zip(
        lasport.lasagne_param_values(model), case.record.params, strict=True
    ):
        np.testing.assert_array_equal(value, recorded)


# --- mistakes


def in_float32(record: Record) -> Record:
    """Return a record as a net in single precision would have given it, rounded once."""
    arrays = {
        k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in record.arrays.items()
    }
    return Record({**record.meta, "floatX": "float32"}, arrays)


def over_features(own):
    def call(self, x):
        scores = keras.ops.sum(keras.ops.tanh(keras.ops.matmul(x, self.W)) * self.u, axis=-1)
        attention = keras.ops.softmax(scores, axis=0)
        return keras.ops.sum(x * keras.ops.expand_dims(attention, -1), axis=1)

    return own.AttentionPooling, "call", call


def without_tanh(own):
    def call(self, x):
        attention = keras.ops.softmax(keras.ops.sum(keras.ops.matmul(x, self.W) * self.u, axis=-1))
        return keras.ops.sum(x * keras.ops.expand_dims(attention, -1), axis=1)

    return own.AttentionPooling, "call", call


def lengths_of_rows(own):
    def call(self, x):
        lengths = keras.ops.sqrt(keras.ops.sum(keras.ops.square(self.direction)))
        kernel = self.direction * (self.scale / lengths)
        return keras.ops.matmul(x, kernel) + self.bias

    return own.WeightNormDense, "call", call


def never_updated(own):
    def call(self, x, training=False):
        if not training:
            return x - self.mean
        return x - keras.ops.mean(x, axis=tuple(range(len(x.shape) - 1)))

    return own.MeanOnlyBatchNormalization, "call", call


def the_old_average_in_training(own):
    def call(self, x, training=False):
        before = keras.ops.copy(self.mean)
        if training:
            mean = keras.ops.mean(x, axis=tuple(range(len(x.shape) - 1)))
            self.mean.assign((1 - self.alpha) * self.mean + self.alpha * mean)
        return x - before

    return own.MeanOnlyBatchNormalization, "call", call


MISTAKES = (
    ("attention", over_features, "attention"),
    ("attention", without_tanh, "attention"),
    ("weight_norm", lengths_of_rows, "normalized"),
    ("weight_norm", never_updated, "centred"),
    ("weight_norm", the_old_average_in_training, "centred"),
)


def forget_references() -> None:
    for family in registry.families().values():
        if hasattr(family, "declaration"):
            object.__setattr__(family, "has_reference", False)


@pytest.mark.parametrize("name", NETS)
def test_a_record_in_single_precision_will_do_without_reference(own, name):
    forget_references()
    case = load_case(name)
    report = lasport.verify(case.network, oracle=in_float32(case.record))
    assert report, report.to_text()
    assert any("its own Keras layer stands in" in note for note in report.notes)


@pytest.mark.parametrize("single", (False, True), ids=("float64", "float32 without reference"))
@pytest.mark.parametrize(("name", "mistake", "layer"), MISTAKES)
def test_mistakes_in_a_keras_layer_are_found_by_a_record(
    own, monkeypatch, name, mistake, layer, single
):
    case = load_case(name)
    if single:
        forget_references()
    monkeypatch.setattr(*mistake(own))
    record = in_float32(case.record) if single else case.record
    report = lasport.verify(case.network, oracle=record, passes=(1,))
    assert report.first_divergence.layer == layer
    assert report.problems == ()


# --- the commands


def run(capsys, *arguments: object) -> tuple[int, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


@pytest.mark.parametrize("name", NETS)
def test_the_commands_take_registrations(name, tmp_path, capsys):
    net, record = EXAMPLE / f"{name}.pkl", EXAMPLE / f"{name}.npz"
    given = ("--register", REGISTRATIONS)
    code, printed = run(capsys, "convert", net, "-o", tmp_path / "net.keras")
    assert code == 3
    assert '@lasport.register("lasagne_layers.' in printed
    assert not (tmp_path / "net.keras").exists()
    assert run(capsys, "convert", net, "-o", tmp_path / "net.keras", *given)[0] == 0
    code, printed = run(
        capsys, "verify", net, tmp_path / "net.keras", *given, "--oracle", f"record:{record}"
    )
    assert code == 0, printed
    code, printed = run(capsys, "verify", net, tmp_path / "net.keras", *given)
    assert code == {"attention": 0, "weight_norm": 1}[name]
    assert ("registered without reference=" in printed) is (name == "weight_norm")
    # Nothing stays registered once a command is over.
    assert run(capsys, "convert", net, "-o", tmp_path / "net.keras")[0] == 3


def test_inspect_runs_no_file_that_it_was_not_given(tmp_path, capsys):
    marker = tmp_path / "marker"
    bait = tmp_path / "bait.py"
    bait.write_text(f"open({str(marker)!r}, 'w').close()")
    code, printed = run(capsys, "inspect", EXAMPLE / "weight_norm.pkl")
    assert code == 0
    assert "this class is not Lasagne's own" in printed
    assert not marker.exists()
    code, printed = run(capsys, "inspect", EXAMPLE / "weight_norm.pkl", "--register", bait)
    assert code == 2
    assert "bait.py: registers no layer class" in printed
    assert marker.exists()
    sys.modules.pop("bait")


def test_help_says_that_registrations_run(capsys):
    for command in ("inspect", "convert", "verify"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        told = " ".join(capsys.readouterr().out.split())
        assert "it is code, and it RUNS, so it must be one that you trust" in told


def test_inspect_shows_own_layers(capsys):
    code, printed = run(capsys, "inspect", EXAMPLE / "weight_norm.pkl", "--register", REGISTRATIONS)
    assert code == 0
    assert "  centred        MeanOnlyBatchNormalization(alpha=0.2)\n" in printed
    assert "Flatten(), WeightNormDense(units=7), lasport.keras_layers.Nonlinearity(" in printed
    own = "keras_layers.MeanOnlyBatchNormalization, keras_layers.WeightNormDense."
    assert f"Loading the saved model takes your own {own}\n" in printed


# --- the Lasagne side


@pytest.fixture
def lasagne_net(monkeypatch) -> Iterator[ModuleType]:
    """Import the Lasagne side, where the Lasagne is there that it needs."""
    try:
        theano_compat.install(optimizer="None")
    except MissingDependencyError as error:
        pytest.skip(str(error))
    if not hasattr(importlib.import_module("lasagne.layers"), "batch_norm"):
        pytest.skip(
            "needs Lasagne 0.2.dev1, from its repository; the records hold what it computed"
        )
    config = importlib.import_module("theano").config
    before = config.floatX
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield importlib.import_module("lasagne_net")
    config.floatX = before
    for name in ("lasagne_net", "lasagne_layers"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", NETS)
def test_the_live_theano_says_the_same(own, lasagne_net, name):
    case = load_case(name)
    live = lasport.from_lasagne(lasagne_net.build(name))
    assert [layer.kind for layer in live.layers] == [x.kind for x in case.network.layers]
    for value, recorded in zip(live.param_values(), case.record.params, strict=True):
        np.testing.assert_array_equal(value, recorded)
    report = lasport.verify(case.network, oracle="theano")
    assert report, report.to_text()
    assert json.dumps(report.to_dict()["notes"]).count("without reference") == (name != "attention")

"""The commands as their users see them: what they print, what they write, how they end."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

import lasport
from lasport import demo
from lasport.cli import main
from lasport.targets.exports import arrays
from tests.golden_records import pickle_of

# The demo's net is pickled in protocol 2, so a class can be exchanged by its name.
DROPOUT = b"clasagne.layers.noise\nDropoutLayer\n"
SUM = b"clasagne.layers.merge\nElemwiseSumLayer\n"


@pytest.fixture(scope="session")
def net() -> Path:
    return demo.paths().net


@pytest.fixture(scope="module")
def models(net, tmp_path_factory) -> dict[str, Path]:
    """Return what `lasport convert` makes of the demo's net, by profile."""
    made = {}
    for profile in ("stock", "exact"):
        made[profile] = tmp_path_factory.mktemp(profile) / "digits.keras"
        assert main(["convert", str(net), "-o", str(made[profile]), "--profile", profile]) == 0
    return made


@pytest.fixture(scope="module")
def changed(models, tmp_path_factory) -> Path:
    """Return the stock model with one of conv2's 2304 weights changed."""
    model = keras.saving.load_model(models["stock"])
    layer = model.get_layer("conv2")
    (kernel,) = layer.get_weights()
    kernel[2, 1, 13, 19] += 0.01
    layer.set_weights([kernel])
    path = tmp_path_factory.mktemp("changed") / "digits.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def unsupported(net, tmp_path_factory) -> Path:
    """Return the demo's net with two layers that have no translation."""
    data = net.read_bytes()
    assert data.count(DROPOUT) == data.count(SUM) == 1
    data = data.replace(DROPOUT, b"clasagne.layers.base\nLayer\n")
    path = tmp_path_factory.mktemp("unsupported") / "unsupported.pkl"
    path.write_bytes(data.replace(SUM, b"clab.layers\nOwn\x1b[2JLayer\n"))
    return path


def report_of(argv: list[str], path: Path, code: int = 0) -> dict:
    assert main(["verify", *argv, "--json", str(path)]) == code
    return json.loads(path.read_text(encoding="utf-8"))


def subjects(report: dict, dtype: str = "float64") -> dict[str, dict]:
    return {c["subject"]: c for c in report["comparisons"] if c["dtype"] == dtype}


# --- inspect


def test_inspect_shows_layers_and_what_they_become(net, capsys):
    assert main(["inspect", str(net)]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [
        "conv1",
        "Conv2DLayer",
        *["(None,", "16,", "8,", "8)", "W", "(16,", "1,", "3,", "3)", "input"],
    ] in printed
    assert ["conv2_bn", "BatchNormalization(momentum=0.95,", "epsilon=0.001)"] in printed
    ranges = [line for line in printed if line[:2] == ["conv1_bn.inv_std", "float32"]]
    values = lasport.load(net)["conv1_bn"].params["inv_std"].value
    assert [line[2:] for line in ranges] == [[f"{values.min():.6g}", "to", f"{values.max():.6g}"]]
    assert sum("ZeroPadding2D(padding=((1," in line for line in printed) == 1
    assert " ".join(printed[-1]).endswith("loads without lasport.")


def test_inspect_shows_the_profile_that_is_asked_for(net, capsys):
    assert main(["inspect", str(net), "--profile", "exact"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "conv2_bn lasport.keras_layers.InvStdBatchNormalization(axes=(0, 1, 2), eps" in printed
    assert "alpha=0.05" in printed
    assert "`import lasport.keras_layers`, for conv1_bn, conv1_bn_nonlin" in printed


def test_inspect_stops_at_the_outputs_that_are_asked_for(net, capsys):
    assert main(["inspect", str(net), "--outputs", "pool", "conv1"]) == 0
    printed = capsys.readouterr().out
    assert "outputs: pool, conv1" in printed
    assert "conv3" not in printed


def inspected(path, capsys, *options):
    assert main(["inspect", str(path), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_inspect_tells_everything_as_json(net, capsys):
    found = inspected(net, capsys)
    assert (found["kind"], found["outputs"], found["refused"]) == ("network", ["probabilities"], [])
    layers = {layer["name"]: layer for layer in found["layers"]}
    conv = layers["conv1"]
    assert conv["class"] == "lasagne.layers.conv.Conv2DLayer"
    assert conv["output_shape"] == [None, 16, 8, 8]
    assert conv["options"]["filter_size"] == [3, 3]
    assert conv["made_at"].startswith("train_digits.py:")
    (weights,) = conv["parameters"]
    assert (weights["shape"], weights["dtype"]) == ([16, 1, 3, 3], "float32")
    assert weights["smallest"] < 0 < weights["largest"]
    assert weights["not_finite"] == 0
    assert {call["layer"] for call in found["keras"]} >= {"keras.layers.Conv2D"}


def test_inspect_says_where_layers_were_made(net, capsys):
    assert main(["inspect", str(net)]) == 0
    assert re.search(r"conv1 +train_digits\.py:\d+: .*Conv2DLayer", capsys.readouterr().out)


def test_inspect_tells_refusals_as_json(unsupported, capsys):
    found = inspected(unsupported, capsys)
    assert len(found["refused"]) == 2
    assert found["keras"] == []


def test_inspect_warns_of_what_is_no_number(tmp_path, capsys):
    source = (
        "from lasagne.layers import *\ndef build(): return DenseLayer(InputLayer((None, 2)), 3)"
    )
    (tmp_path / "model.py").write_text(source)
    weights = np.array([[1, np.nan, np.inf], [1, 2, 3]])
    np.savez(tmp_path / "saved.npz", weights, np.zeros(3))
    arguments = [f"{tmp_path}/model.py:build", "--params", f"{tmp_path}/saved.npz"]
    assert main(["inspect", *arguments]) == 0
    assert "warning: 2 of 6 values of dense_1.W are not finite" in capsys.readouterr().out
    found = inspected(arguments[0], capsys, *arguments[1:])
    assert found["layers"][1]["parameters"][0]["not_finite"] == 2
    saved = inspected(tmp_path / "saved.npz", capsys)
    assert (saved["kind"], saved["order"], len(saved["arrays"])) == ("parameters", "in order", 2)


def test_inspect_shows_a_net_that_is_not_trained(tmp_path, capsys):
    source = (
        "from lasagne.layers import *\ndef build(): return DenseLayer(InputLayer((None, 2)), 3)"
    )
    (tmp_path / "model.py").write_text(source)
    assert main(["inspect", f"{tmp_path}/model.py:build"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"dense_1 +DenseLayer +\(None, 3\) +W \(2, 3\), b \(3,\)", printed)
    assert "note: " in printed
    assert "draws the values of 1 parameter at random" in printed
    assert main(["convert", f"{tmp_path}/model.py:build", "-o", f"{tmp_path}/o.keras"]) == 2


def test_inspect_lists_the_parameters_of_a_file_that_has_no_net(tmp_path, capsys):
    path = tmp_path / "saved.npz"
    np.savez(path, np.linspace(-1, 2, 6, dtype=np.float32).reshape(2, 3), np.array([1.0, np.nan]))
    assert main(["inspect", str(path)]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["0", "(2,", "3)", "float32", "-1", "to", "2"] in printed
    assert ["1", "(2,)", "float64", "1", "to", "1,", "1", "not", "finite"] in printed
    assert " ".join(printed[-1]).startswith("2 arrays with 8 values, in order; they need their net")


def test_a_net_takes_the_parameters_of_another_file(net, tmp_path, capsys):
    values = [value + 0.125 for value in lasport.load(net).param_values()]
    np.savez(tmp_path / "better.npz", *values)
    output = tmp_path / "better.keras"
    params = ["--params", str(tmp_path / "better.npz")]
    assert main(["convert", str(net), *params, "-o", str(output)]) == 0
    assert main(["verify", str(net), str(output), *params]) == 0
    assert main(["verify", str(net), *params, str(output)]) == 0
    assert main(["verify", str(net), str(output)]) == 1
    capsys.readouterr()
    np.savez(tmp_path / "better.npz", *values[1:])
    assert main(["convert", str(net), *params, "-o", str(output)]) == 2
    assert "parameters do not fit:" in capsys.readouterr().err


def test_inspect_reports_refusals_and_is_content(unsupported, capsys):
    assert main(["inspect", str(unsupported)]) == 0
    printed = capsys.readouterr().out
    assert "2 layers cannot be translated" in printed
    assert "dropout (lasagne.layers.base.Layer): " in printed


def test_a_file_cannot_steer_the_terminal(unsupported, capsys):
    assert main(["inspect", str(unsupported)]) == 0
    assert main(["convert", str(unsupported), "-o", str(unsupported.with_name("o.keras"))]) == 3
    printed = capsys.readouterr()
    for text in printed:
        assert "\x1b" not in text
        assert r"lab.layers.Own\x1b[2JLayer" in text


# --- convert and verify


@pytest.mark.parametrize("profile", ("stock", "exact"))
def test_converted_model_is_equal_in_both_modes(profile, net, models, tmp_path, capsys):
    report = report_of([str(net), str(models[profile])], tmp_path / "report.json")
    assert ": equal" in capsys.readouterr().out
    assert report["ok"] is True
    assert report["first_divergence"] is None
    found = subjects(report)
    assert {"inference/outputs/probabilities", "training/outputs/probabilities"} <= set(found)
    for mode in ("inference", "training"):
        assert sum(subject.startswith(f"{mode}/layers/") for subject in found) == 16
        assert found.pop(f"{mode}/slopes/all")["ratio"] < 1
    assert all(comparison["difference"]["relative"] < 1e-10 for comparison in found.values())


def test_exact_profile_keeps_the_running_averages(net, models, tmp_path):
    found = subjects(report_of([str(net), str(models["exact"])], tmp_path / "report.json"))
    for layer in ("conv1_bn", "conv2_bn", "conv3_bn", "fc_bn"):
        for name in ("mean", "inv_std"):
            compared = found[f"training/params/5/{layer}.{name}"]
            assert compared["difference"]["relative"] < 1e-10


def test_stock_profile_says_how_its_running_averages_part(net, models, tmp_path):
    drifts = report_of([str(net), str(models["stock"])], tmp_path / "report.json")["drifts"]
    after_5 = {drift["layer"]: drift["largest"] for drift in drifts if drift["passes"] == 5}
    assert set(after_5) == {"conv1_bn", "conv2_bn", "conv3_bn", "fc_bn"}
    # An average of inv_std is no function of an average of variances.
    assert all(1e-3 < apart < 10 for apart in after_5.values())


def test_changed_weight_is_found_and_named(net, changed, tmp_path, capsys):
    report = report_of([str(net), str(changed)], tmp_path / "report.json", code=1)
    printed, hint = capsys.readouterr()
    assert "DIFFERENT" in printed
    assert "lasport diagnose, with the same net and model" in hint
    assert report["ok"] is False
    assert report["first_divergence"] == "inference/layers/conv2"
    assert f"first divergence: {report['first_divergence']}" in printed


def test_changed_weight_is_found_by_outputs_alone(net, changed, tmp_path):
    argv = [str(net), str(changed), "--outputs-only", "--modes", "inference"]
    report = report_of(argv, tmp_path / "report.json", code=1)
    assert set(subjects(report)) == {"inference/outputs/probabilities"}


def test_json_holds_what_was_asked_for(net, tmp_path):
    argv = [str(net), "--modes", "training", "--passes", "2,3", "--seed", "17"]
    report = report_of([*argv, "--profile", "exact"], tmp_path / "report.json")
    assert report["settings"]["seed"] == 17
    assert report["settings"]["passes"] == [2, 3]
    assert report["settings"]["modes"] == ["training"]
    found = subjects(report)
    assert {subject.partition("/")[0] for subject in found} == {"training"}
    passes = {s.split("/")[2] for s in found if s.startswith("training/params/")}
    assert passes == {"2", "3"}
    command = shlex.split(report["provenance"]["command"])
    assert command[:5] == ["lasport", "verify", str(net), "--modes", "training"]
    assert report["provenance"]["seed"] == 17


def test_html_is_written_beside_json(net, tmp_path, capsys):
    page = tmp_path / "report.html"
    argv = [str(net), "--modes", "inference", "--html", str(page)]
    report = report_of(argv, tmp_path / "report.json")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    for comparison in report["comparisons"]:
        assert comparison["layer"] in text
    assert "The training mode was not compared." in text


@pytest.mark.parametrize("name", ("net_digits", "net_two_inputs_two_outputs", "net_vgg_block"))
def test_recorded_nets_agree_with_real_lasagne(name, golden, capsys):
    record = golden / f"{name}.npz.bz2"
    assert main(["verify", str(pickle_of(name)), "--oracle", f"record:{record}"]) == 0
    assert f"against record {name}.npz.bz2: equal" in capsys.readouterr().out


def test_channels_last_model_takes_tensorflows_images(net, tmp_path, capsys):
    output = tmp_path / "last.keras"
    argv = ["convert", str(net), "-o", str(output), "--data-format", "channels_last"]
    assert main([*argv, "--dtype", "float64"]) == 0
    assert "(None, 8, 8, 1)" in capsys.readouterr().out
    model = keras.saving.load_model(output)
    assert model.input_shape == (None, 8, 8, 1)
    assert {layer.dtype for layer in model.layers} == {"float64"}
    assert main(["verify", str(net), str(output)]) == 0


def test_chosen_outputs_are_those_of_the_model(net, tmp_path):
    output = tmp_path / "pool.keras"
    assert main(["convert", str(net), "-o", str(output), "--outputs", "pool", "conv1"]) == 0
    assert keras.saving.load_model(output).output_shape == [(None, 24, 4, 4), (None, 16, 8, 8)]


def test_script_and_weights_are_written_together(net, tmp_path, capsys, monkeypatch):
    script, weights = tmp_path / "net.py", tmp_path / "net.weights.h5"
    assert main(["convert", str(net), "-o", str(script)]) == 0
    shown = capsys.readouterr().out
    assert shown == f"{script} and {weights}: profile stock, takes (None, 1, 8, 8)\n"
    before = [script.read_bytes(), weights.read_bytes()]
    monkeypatch.setattr(keras.Model, "load_weights", lambda model, path: None)
    assert main(["convert", str(net), "-o", str(script)]) == 2
    assert "the script gives conv1/kernel another value" in capsys.readouterr().err
    assert [script.read_bytes(), weights.read_bytes()] == before
    assert set(tmp_path.iterdir()) == {script, weights}


def test_exported_file_comes_with_its_proof(net, tmp_path, capsys):
    output = tmp_path / "digits"
    assert main(["convert", str(net), "-o", str(output)]) == 0
    shown = capsys.readouterr().out
    assert f"{output}: profile stock\ndigits against the numpy reference: equal" in shown
    assert (output / "saved_model.pb").exists()
    (output / "saved_model.pb").unlink()
    assert main(["convert", str(net), "-o", str(output)]) == 2
    assert "is there already, and not empty" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ("npz", "safetensors"))
def test_weights_alone_are_those_of_the_model(ending, net, models, tmp_path):
    output = tmp_path / f"digits.{ending}"
    if ending == "safetensors":
        pytest.importorskip("safetensors")
    assert main(["convert", str(net), "-o", str(output)]) == 0
    found = arrays.read(output)
    model = keras.saving.load_model(models["stock"])
    assert list(found) == [weight.path for weight in model.weights] or ending == "safetensors"
    for weight in model.weights:
        np.testing.assert_array_equal(found[weight.path], weight.numpy())


def test_optimized_model_gives_the_same_outputs(net, tmp_path, capsys):
    output = tmp_path / "fast.keras"
    assert main(["convert", str(net), "-o", str(output), "--optimize", "inference"]) == 0
    kinds = {type(layer) for layer in keras.saving.load_model(output).layers}
    assert not kinds & {keras.layers.BatchNormalization, keras.layers.Dropout}
    x = np.random.default_rng(2).normal(size=(5, 1, 8, 8)).astype("float32")
    slow = lasport.to_keras(lasport.load(net))(x)
    np.testing.assert_allclose(keras.saving.load_model(output)(x), slow, rtol=1e-5)


def test_values_that_are_no_numbers_are_said(net, tmp_path, capsys):
    values = lasport.load(net).param_values()
    values[1] = values[1].copy()
    values[1].flat[:2] = np.nan, np.inf
    np.savez(tmp_path / "lost.npz", *values)
    given = ["--params", str(tmp_path / "lost.npz")]
    assert main(["convert", str(net), *given, "-o", str(tmp_path / "o.npz")]) == 0
    warning = "lasport: warning: 2 of 16 values of conv1_bn.beta are not finite\n"
    assert warning in capsys.readouterr().err


def test_script_does_not_replace_the_build_script(tmp_path, capsys):
    (tmp_path / "net.py").write_text("def build(): pass")
    assert main(["convert", f"{tmp_path}/net.py:build", "-o", f"{tmp_path}/net.py"]) == 2
    assert "is the input itself" in capsys.readouterr().err
    (tmp_path / "net.weights.h5").mkdir()
    assert main(["convert", f"{tmp_path}/other.pkl", "-o", f"{tmp_path}/net.py"]) == 2
    assert "net.weights.h5: is there already, and no regular file" in capsys.readouterr().err


# --- errors


class Hostile:
    """Pickles as a call of os.system."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, (f"touch {self.marker}",))


@pytest.fixture(scope="module")
def place(net, models, unsupported, tmp_path_factory) -> Path:
    """Return a directory of files most of which are not right."""
    place = tmp_path_factory.mktemp("place")
    data = net.read_bytes()
    shutil.copy(net, place / "net.pkl")
    shutil.copy(unsupported, place)
    shutil.copy(models["stock"], place / "model.keras")
    (place / "truncated.pkl").write_bytes(data[: len(data) // 2])
    (place / "text.pkl").write_text("no pickle at all\n")
    (place / "parameters.pkl").write_bytes(pickle.dumps([np.zeros((3, 2)), np.ones(2)], 2))
    (place / "hostile.pkl").write_bytes(pickle.dumps([Hostile(place / "marker")]))
    (place / "corrupt.keras").write_bytes(models["stock"].read_bytes()[:-5000])
    (place / "folder.keras").mkdir()
    x = keras.Input((1, 8, 8))
    code = keras.layers.Lambda(lambda tensor: tensor[:, 0], output_shape=(8, 8))
    keras.Model(x, code(x)).save(place / "lambda.keras")
    keras.Model(x, [x, keras.layers.Flatten()(x)]).save(place / "other.keras")
    return place


# Command line, exit code, and what the one message must say.
ERRORS = {
    "no such file": ("inspect none.pkl", 2, "none.pkl: No such file"),
    "truncated": ("inspect truncated.pkl", 2, "truncated.pkl: "),
    "no pickle": ("convert text.pkl -o o.keras", 2, "text.pkl: "),
    "parameters only": ("verify parameters.pkl", 2, "a list of 2 arrays: parameters"),
    "hostile": ("inspect hostile.pkl", 2, "hostile.pkl: "),
    "unknown output": ("inspect net.pkl --outputs fc9", 2, "no layer is called 'fc9'"),
    "no translation": ("convert unsupported.pkl -o o.keras", 3, "2 layers cannot be translated"),
    "none to verify": ("verify unsupported.pkl model.keras", 3, r"residual \(lab.layers.Own"),
    "ending": (
        "convert net.pkl -o o.hdf5",
        2,
        "o.hdf5: the name must end in .* one of .keras, .npz, .onnx, .py, .safetensors",
    ),
    "no directory": ("convert net.pkl -o no/o.keras", 2, "no/o.keras: there is no directory"),
    "a directory": ("convert net.pkl -o folder.keras", 2, "folder.keras: .* no regular file"),
    "dtype": ("convert net.pkl -o o.keras --dtype float7", 2, "dtype 'float7'"),
    "no report": ("verify net.pkl --json no/r.json", 2, "no/r.json: there is no directory"),
    "no page": ("verify net.pkl --html no/r.html", 2, "no/r.html: there is no directory"),
    "page on report": ("verify net.pkl --html r --json ./r", 2, "--json and --html name the same"),
    "page on net": ("verify net.pkl --html net.pkl", 2, "net.pkl: is the input itself"),
    "report on net": ("verify net.pkl --json net.pkl", 2, "net.pkl: is the input itself"),
    "report on model": (
        "verify net.pkl model.keras --json ./model.keras",
        2,
        "model.keras: is the input itself",
    ),
    "report on record": (
        "verify net.pkl --oracle record:truncated.pkl --json truncated.pkl",
        2,
        "truncated.pkl: is the input itself",
    ),
    "no model": ("verify net.pkl none.keras", 2, "none.keras: no such file"),
    "corrupt model": ("verify net.pkl corrupt.keras", 2, "corrupt.keras: Keras cannot load it"),
    "code in model": ("verify net.pkl lambda.keras", 2, "lambda.keras: Keras cannot load it"),
    "another net": ("verify net.pkl other.keras", 2, "the model has 2 outputs, the net 1"),
    "no record": ("verify net.pkl --oracle record:none.npz", 2, "none.npz: No such file"),
    "record": ("verify net.pkl --oracle record:net.pkl", 2, "net.pkl: not a"),
    "profile": ("verify net.pkl model.keras --profile exact", 2, "--profile says which model"),
    "model first": (
        "verify model.keras net.pkl",
        2,
        "model.keras: a saved Keras model, and no net",
    ),
    "net twice": ("verify net.pkl net.pkl", 2, "net.pkl: .* names of saved models end in .keras"),
    "a folder": ("verify net.pkl folder.keras", 2, "folder.keras: a directory; save the model in"),
    "exchanged": (
        "convert model.npz --params model.py:build -o o.keras",
        2,
        "model.py:build is a script that builds a net: give that as FILE, and model.npz as",
    ),
}


@pytest.mark.parametrize(("command", "code", "message"), ERRORS.values(), ids=ERRORS)
def test_error_is_one_message_and_a_code(command, code, message, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    before = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    assert main(command.split()) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("lasport: ")
    assert printed.err.count("lasport: ") == 1
    assert "Traceback" not in printed.err
    assert re.search(message, printed.err)
    assert {path: path.stat().st_mtime_ns for path in place.iterdir()} == before


USAGE = {
    "no command": "",
    "unknown command": "port net.pkl",
    "no output": "convert net.pkl",
    "unknown profile": "convert net.pkl -o o.keras --profile both",
    "unknown data format": "convert net.pkl -o o.keras --data-format NHWC",
    "unknown mode": "verify net.pkl --modes training,test",
    "no passes": "verify net.pkl --passes 0",
    "unknown oracle": "verify net.pkl --oracle keras",
    "record without a file": "verify net.pkl --oracle record:",
    "an address": "inspect https://lab.org/net.pkl",
}


@pytest.mark.parametrize("command", USAGE.values(), ids=USAGE)
def test_wrong_usage_is_explained(command, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit) as leaving:
        main(command.split())
    assert leaving.value.code == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"(lasport( \w+)?): error: .* \(\1 --help says more\)\n", said)


def test_input_is_not_overwritten(models, tmp_path, capsys):
    # A net by the name of a model, and the same file by another name.
    net = tmp_path / "net.keras"
    shutil.copy(demo.paths().net, net)
    (tmp_path / "link.keras").symlink_to(net)
    (tmp_path / "hard.keras").hardlink_to(net)
    for name in ("net.keras", "link.keras", "hard.keras"):
        assert main(["convert", str(net), "-o", str(tmp_path / name)]) == 2
        assert "is the input itself" in capsys.readouterr().err
    assert net.read_bytes() == demo.paths().net.read_bytes()


# --- interrupted and failing runs


def fail_with(error: BaseException) -> Callable[..., None]:
    def save(model: keras.Model, path: Path) -> None:
        path.write_bytes(b"half a model")
        raise error

    return save


FAILURES = {
    "disk full": (OSError(errno.ENOSPC, "No space left on device"), 2, "No space left on device"),
    "interrupted": (KeyboardInterrupt(), 130, "interrupted"),
}


@pytest.mark.parametrize(("error", "code", "message"), FAILURES.values(), ids=FAILURES)
def test_failing_run_leaves_the_old_file(error, code, message, net, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(keras.Model, "save", fail_with(error))
    output = tmp_path / "digits.keras"
    for old in (None, b"the old model"):
        if old is not None:
            output.write_bytes(old)
        assert main(["convert", str(net), "-o", str(output)]) == code
        assert capsys.readouterr().err == f"lasport: {message}\n"
        assert [path.read_bytes() for path in tmp_path.iterdir()] == ([] if old is None else [old])


def test_terminated_run_leaves_nothing(net, tmp_path, run_python):
    program = f"""
import os, signal, sys, time
import keras
from lasport.cli import main

def save(model, path):
    path.write_bytes(b"half a model")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)

keras.Model.save = save
sys.exit(main(["convert", {str(net)!r}, "-o", "digits.keras"]))
"""
    assert run_python("-c", program, cwd=tmp_path).returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_failing_report_leaves_the_old_one(net, tmp_path, monkeypatch):
    report = tmp_path / "report.json"
    report.write_text("the old report")

    def write_text(path: Path, text: str, encoding: str) -> None:
        path.write_bytes(text[:100].encode())
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_text)
    argv = ["verify", str(net), "--modes", "inference", "--json", str(report)]
    assert main(argv) == 2
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the old report"]


def test_gradients_are_left_out_where_that_is_asked_for(net, tmp_path):
    options = [str(net), "--no-gradients", "--modes", "inference"]
    found = subjects(report_of(options, tmp_path / "report.json"))
    assert found
    assert not any("/slopes/" in subject for subject in found)


# --- what is shown


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_on_a_terminal_that_is_wiped(net, tmp_path, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["verify", str(net), "--modes", "inference"]) == 0
    written = terminal.getvalue()
    assert "\n" not in written
    stages = list(dict.fromkeys(line.strip() for line in written.split("\r") if line.strip()))
    assert stages[:3] == ["reading the net", "starting TensorFlow", "building the model"]
    assert stages[-2:] == ["inference", "gradients"]
    assert written.endswith("\r" + " " * len(stages[-1]) + "\r")


def test_refusals_come_before_anybody_waits_for_tensorflow(unsupported, tmp_path, monkeypatch):
    for command in (["convert", "-o", str(tmp_path / "o.keras")], ["verify"]):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        assert main([*command, str(unsupported)]) == 3
        assert "reading the net" in terminal.getvalue()
        assert "starting TensorFlow" not in terminal.getvalue()


def test_pipe_gets_neither_progress_nor_chatter(net, models, tmp_path, run_python, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    argv = ("-m", "lasport", "verify", str(net), str(models["stock"]), "--outputs-only")
    result = run_python(*argv, cwd=tmp_path)
    assert result.returncode == 0
    assert result.stderr == ""
    assert "\r" not in result.stdout


def test_reader_that_leaves_early_is_no_error(net, tmp_path):
    # Longer than any pipe buffers, and read by nobody.
    with subprocess.Popen(
        [sys.executable, "-c", PRINT_MUCH, str(net)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(demo.__file__).parent.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141


PRINT_MUCH = """
import sys
from lasport import cli
from lasport.cli import commands

commands.outline = lambda calls: ["x" * 2**20]
sys.exit(cli.main(["inspect", sys.argv[1]]))
"""

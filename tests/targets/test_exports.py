"""Exported files: what others run them with gives what Lasagne computed."""

from __future__ import annotations

import numpy as np
import pytest

import lasport
from lasport import demo
from lasport.errors import DifferentExportError, ExportError, MissingDependencyError, UsageError
from lasport.targets.exports import saved_model, tflite
from lasport.targets.exports.signature import Signature
from tests.golden_records import REFUSED, families, load_case

FILES = {"SavedModel": "net", "TFLite": "net.tflite", "ONNX": "net.onnx"}
FEW = ("net_digits_float32",)

# What a format, its converter or its runtime lacks operations for.
LACKING = {
    ("gru", "TFLite"): "growing lists",
    ("lstm", "TFLite"): "growing lists",
    ("recurrent", "TFLite"): "growing lists",
    ("lstm_functions", "ONNX"): "INVALID_GRAPH",
    ("transposed2d_output_size_mixed", "ONNX"): "pads must not contain negative values",
}


def one_of_each_family():
    members: dict[str, list[str]] = {}
    for name, family in sorted(families().items()):
        if name not in REFUSED:
            members.setdefault(family, []).append(name)
    return [names[len(names) // 2] for names in members.values()]


CASES = (
    *((name, form) for name in FEW for form in FILES),
    *(
        pytest.param(name, form, marks=pytest.mark.full)
        for name in one_of_each_family()
        for form in FILES
        if name not in FEW
    ),
)


def require(form):
    if form == "ONNX":
        pytest.importorskip("tf2onnx", reason="the extra lasport[onnx] is not installed")


@pytest.mark.parametrize(("name", "form"), CASES)
def test_file_agrees_with_real_lasagne(name, form, tmp_path):
    require(form)
    case, path = load_case(name), tmp_path / FILES[form]
    lacking = LACKING.get((families()[name], form)) or LACKING.get((name, form))
    if lacking is None:
        report = lasport.export(case.network, path, oracle=case.record)
        assert report.ok
        assert {one.layer for one in report.comparisons} == set(case.network.outputs)
        assert path.exists()
    else:
        with pytest.raises(ExportError, match=lacking):
            lasport.export(case.network, path, oracle=case.record)
        assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def net():
    return lasport.load(demo.paths().net)


@pytest.mark.full
@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("name", ("net_two_inputs_two_outputs", "net_vgg_block"))
def test_order_of_axes_is_that_of_the_model(name, form, tmp_path):
    require(form)
    net = load_case(name).network
    assert lasport.export(net, tmp_path / FILES[form], data_format="channels_last").ok


def test_training_signature_is_part_of_the_proof(tmp_path):
    case = load_case("net_vgg_block")
    report = lasport.export(case.network, tmp_path / "net", oracle=case.record)
    found = {one.subject.rpartition("/")[0] for one in report.comparisons}
    assert found == {"inference/model", "training/model", "training/outputs-after/1"}


def test_training_signature_of_a_net_that_draws_is_not(net, tmp_path):
    report = lasport.export(net, tmp_path / "net")
    assert report.settings["modes"] == ["inference"]
    said = "training mode was not compared: dropout draws there, and nobody can say what"
    assert said in report.notes


def without_training(monkeypatch):
    function = Signature.function
    monkeypatch.setattr(
        Signature, "function", lambda self, training: function(self, training=False)
    )


def with_another_momentum(monkeypatch):
    function = Signature.function

    def changed(self, training):
        for layer in self.model.layers:
            if hasattr(layer, "momentum"):
                layer.momentum = 0.5
        return function(self, training=training)

    monkeypatch.setattr(Signature, "function", changed)


@pytest.mark.parametrize(
    ("mistake", "place"),
    (
        (without_training, "training/model"),
        (with_another_momentum, "training/outputs-after/1"),
    ),
)
def test_training_signature_that_differs_is_refused(mistake, place, tmp_path, monkeypatch):
    net = load_case("net_vgg_block").network
    mistake(monkeypatch)
    with pytest.raises(DifferentExportError, match=f"first divergence: {place}"):
        lasport.export(net, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_differs_is_not_put_in_place(net, tmp_path, monkeypatch):
    before = saved_model.write

    def wrong(signature, path):
        weight = signature.model.get_layer("conv2").kernel
        weight.assign(weight[::-1])
        before(signature, path)

    monkeypatch.setattr(saved_model, "write", wrong)
    with pytest.raises(DifferentExportError, match="net was not written, for it differs"):
        lasport.export(net, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_directories_of_others_are_kept(net, tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match="not empty"):
        lasport.export(net, tmp_path / "net")
    assert [path.name for path in (tmp_path / "net").iterdir()] == ["thesis.tex"]


def test_saved_model_replaces_one(net, tmp_path):
    for _ in range(2):
        lasport.export(net, tmp_path / "net")
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_names_are_those_of_the_layers(net, tmp_path):
    require("ONNX")
    import onnxruntime

    lasport.export(net, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    assert [x.name for x in session.get_inputs()] == ["input_"]
    assert [x.name for x in session.get_outputs()] == ["probabilities"]
    assert session.get_inputs()[0].shape[1:] == [1, 8, 8]


def test_open_batch_stays_open(net, tmp_path):
    lasport.export(net, tmp_path / "net.tflite")
    runner = tflite._interpreter(tmp_path / "net.tflite").get_signature_runner()
    for batch in (1, 7):
        x = np.zeros((batch, 1, 8, 8), np.float32)
        assert runner(input_=x)["probabilities"].shape == (batch, 10)


def test_tflite_is_of_single_precision(net, tmp_path):
    with pytest.raises(ExportError, match="convert with dtype float32"):
        lasport.export(net, tmp_path / "net.tflite", dtype="float64")


def test_onnx_says_what_to_install(net, tmp_path, monkeypatch):
    monkeypatch.setattr("lasport.targets.exports.onnx.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'lasport\[onnx\]'"):
        lasport.export(net, tmp_path / "net.onnx")


def test_unknown_endings_are_refused(net, tmp_path):
    with pytest.raises(UsageError, match=r"net.pb: the name must end in .tflite, .onnx"):
        lasport.export(net, tmp_path / "net.pb")

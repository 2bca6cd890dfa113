"""`lasport diagnose` as its users see it."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import pytest

import lasport
from lasport import demo
from lasport.cli import main


@pytest.fixture(scope="module")
def ports(tmp_path_factory) -> dict[str, Path]:
    """Return ports of the demo's net, a right one and one with a wrong momentum."""
    folder = tmp_path_factory.mktemp("ports")
    model = lasport.to_keras(lasport.load(demo.paths().net))
    paths = {name: folder / f"{name}.keras" for name in ("right", "wrong")}
    model.save(paths["right"])
    model.get_layer("conv2_bn").momentum = 0.05
    model.save(paths["wrong"])
    return paths


def test_a_right_port_is_equal(ports, capsys):
    assert main(["diagnose", str(demo.paths().net), str(ports["right"])]) == 0
    printed = capsys.readouterr().out
    assert ": equal, in each of " in printed
    assert "\n  conv2_bn (BatchNormLayer) = conv2_bn (BatchNormalization)\n" in printed


def test_a_wrong_port_is_explained(ports, tmp_path, capsys):
    path = tmp_path / "diagnosis.json"
    assert main(["diagnose", str(demo.paths().net), str(ports["wrong"]), "--json", str(path)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].endswith(": DIFFERENT in 1 place")
    assert printed[1].startswith("  layer conv2_bn: matches to ")
    assert "if momentum 0.05 becomes 0.95 (it is 1 - alpha) (differs by " in printed[1]
    assert json.loads(path.read_text("utf-8"))["sentences"] == [printed[1].strip()]


def test_the_diagnosis_does_not_replace_the_build_script(ports, tmp_path, capsys):
    script = tmp_path / "model.py"
    script.write_text("def build(): pass")
    argv = ["diagnose", f"{script}:build", str(ports["right"]), "--json", str(script)]
    assert main(argv) == 2
    assert "is the input itself" in capsys.readouterr().err
    assert script.read_text() == "def build(): pass"


def test_the_alignment_can_be_given(ports, capsys):
    given = ["--align", "conv1_bn=conv2_bn", "--align", "conv2_bn=conv1_bn"]
    assert main(["diagnose", str(demo.paths().net), str(ports["right"]), *given]) == 1
    assert main(["diagnose", str(demo.paths().net), str(ports["right"]), "--align", "a=b"]) == 2
    assert "the net has no layer 'a'" in capsys.readouterr().err


@pytest.mark.parametrize("given", ("conv1", "=conv1", "conv1="))
def test_an_alignment_is_a_pair(given, ports, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["diagnose", str(demo.paths().net), str(ports["right"]), "--align", given])
    assert f"{given!r} is not LAYER=LAYER" in capsys.readouterr().err


def test_a_model_that_is_no_port_is_refused(tmp_path, capsys):
    x = keras.Input((5,))
    keras.Model(x, keras.layers.Dense(2)(x)).save(tmp_path / "other.keras")
    assert main(["diagnose", str(demo.paths().net), str(tmp_path / "other.keras")]) == 2
    assert "the model takes (None, 5) for 'input', the net " in capsys.readouterr().err
    assert main(["diagnose", str(demo.paths().net), str(tmp_path / "none.keras")]) == 2
    assert "no such file" in capsys.readouterr().err

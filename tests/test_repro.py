"""Folders that comparisons can be made again from, by the command in their README."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest

from lasport import demo, repro
from lasport.cli import main
from tests.golden_records import pickle_of


def command_in(folder: Path) -> list[str]:
    text = (folder / "README.txt").read_text(encoding="utf-8")
    (line,) = re.findall(r"is compared by\n\n  lasport (.*)\n", text)
    return shlex.split(line)


def made_again(folder: Path, monkeypatch, elsewhere: Path) -> tuple[int, dict, dict]:
    """Return the exit code, the report in the folder, and that of its command, made elsewhere."""
    moved = elsewhere / "moved"
    os.replace(folder, moved)  # noqa: PTH105 - as somebody does who sends it
    monkeypatch.chdir(moved)
    code = main([*command_in(moved), "--json", str(elsewhere / "again.json")])
    first = json.loads((moved / "report.json").read_text(encoding="utf-8"))
    again = json.loads((elsewhere / "again.json").read_text(encoding="utf-8"))
    return code, first, again


def figures(report: dict) -> dict[tuple[str, str], float]:
    return {
        (one["subject"], one["dtype"]): one["difference"]["relative"]
        for one in report["comparisons"]
    }


def test_a_comparison_is_made_again_elsewhere(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "evidence"
    argv = ["verify", str(demo.paths().net), "--passes", "2,3", "--seed", "7", "--profile", "exact"]
    assert main([*argv, "--save-repro", str(folder)]) == 0
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        *("README.txt", "record.npz", "report.json", "report.html", "model.keras"),
        f"net/{demo.paths().net.name}",
    }
    code, first, again = made_again(folder, monkeypatch, tmp_path)
    assert code == 0
    assert figures(first) == pytest.approx(figures(again), rel=1e-6, abs=1e-15)
    assert first["settings"] == again["settings"]
    for name in ("inputs_sha256", "params_sha256", "weights_sha256"):
        assert first["provenance"][name] == again["provenance"][name]
    assert again["oracle"] == "record record.npz"


def test_a_wrong_port_is_wrong_again(tmp_path, monkeypatch, capsys):
    assert main(["convert", str(demo.paths().net), "-o", str(tmp_path / "port.keras")]) == 0
    model = keras.saving.load_model(tmp_path / "port.keras")
    kernel = model.get_layer("conv2").weights[0]
    kernel.assign(2 * kernel.value)
    model.save(tmp_path / "port.keras")
    sent = (tmp_path / "port.keras").read_bytes()
    argv = ["verify", str(demo.paths().net), str(tmp_path / "port.keras"), "--modes", "inference"]
    assert main([*argv, "--save-repro", str(tmp_path / "evidence")]) == 1
    assert (tmp_path / "evidence" / "model.keras").read_bytes() == sent
    assert "exits with 1" in (tmp_path / "evidence" / "README.txt").read_text(encoding="utf-8")
    code, first, again = made_again(tmp_path / "evidence", monkeypatch, tmp_path)
    assert code == 1
    assert first["first_divergence"] == again["first_divergence"] == "inference/layers/conv2"


SCRIPT = """
from lasagne.layers import *
def build(units):
    net = DenseLayer(InputLayer((None, 2), name='in'), units, name='first')
    return DenseLayer(net, 2, name='second')
"""
REGISTRATIONS = """
import lasport
lasport.register("lab.Own", like="lasagne.layers.DenseLayer")
"""


def test_scripts_parameters_and_options_come_along(tmp_path, monkeypatch, capsys):
    (tmp_path / "my model.py").write_text(SCRIPT)
    (tmp_path / "mine.py").write_text(REGISTRATIONS)
    values = [np.arange(6.0).reshape(2, 3), np.ones(3), np.arange(6.0).reshape(3, 2), np.ones(2)]
    np.savez(tmp_path / "model.npz", *values)
    words = ["verify", f"{tmp_path}/my model.py:build", "--params", f"{tmp_path}/model.npz"]
    words += ["--kwargs", '{"units": 3}', "--outputs", "second", "first", "--modes", "inference"]
    words += ["--no-gradients"]
    words += ["--register", f"{tmp_path}/mine.py", "--save-repro", f"{tmp_path}/evidence"]
    assert main(words) == 0
    for name in ("my model.py", "mine.py", "model.npz"):
        (tmp_path / name).unlink()
    code, first, again = made_again(tmp_path / "evidence", monkeypatch, tmp_path)
    assert code == 0
    assert figures(first).keys() == figures(again).keys()
    assert not any("/slopes/" in subject for subject, _ in figures(again))
    assert ("inference/outputs/first", "float64") in figures(again)


def test_what_real_lasagne_computed_comes_along(tmp_path, monkeypatch, golden, capsys):
    name = "net_two_inputs_two_outputs"
    record = golden / f"{name}.npz.bz2"
    argv = ["verify", str(pickle_of(name)), "--oracle", f"record:{record}", "--modes", "inference"]
    assert main([*argv, "--save-repro", str(tmp_path / "evidence")]) == 0
    code, first, again = made_again(tmp_path / "evidence", monkeypatch, tmp_path)
    assert code == 0
    assert first["provenance"]["oracle_versions"]["theano"] == "1.0.5"
    assert first["provenance"]["oracle_versions"] == again["provenance"]["oracle_versions"]


def test_files_are_named_with_their_hashes(tmp_path, capsys):
    folder = tmp_path / "evidence"
    argv = ["verify", str(demo.paths().net), "--modes", "inference", "--save-repro", str(folder)]
    assert main(argv) == 0
    text = (folder / "README.txt").read_text(encoding="utf-8")
    assert text.startswith("model 'digits_bn' against the numpy reference: equal\n")
    assert shlex.join(["lasport", *argv]) in text
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "README.txt":
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            name = re.escape(path.relative_to(folder).as_posix())
            assert re.search(
                rf"^{name}: .*\n  {path.stat().st_size} bytes, sha256 {digest}$", text, re.M
            )


def test_a_folder_that_is_not_empty_is_refused_before_anything_is_computed(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    assert main(["verify", "none.pkl", "--save-repro", str(tmp_path / "mine")]) == 2
    assert "mine: is there already, and not empty" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_an_interrupted_run_leaves_no_folder(tmp_path, monkeypatch, capsys):
    def stop(path, record):
        raise KeyboardInterrupt

    monkeypatch.setattr(repro, "write_record", stop)
    argv = ["verify", str(demo.paths().net), "--modes", "inference"]
    assert main([*argv, "--save-repro", str(tmp_path / "evidence")]) == 130
    assert list(tmp_path.iterdir()) == []


def test_every_option_of_verify_is_copied_repeated_or_replaced(capsys):
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    options = {
        option.replace("-", "_")
        for option in re.findall(r"^  (?:-\w, )?--([a-z-]+)", capsys.readouterr().out, re.MULTILINE)
    }
    known = [*repro.COPIED, *repro.REPEATED, *repro.REPLACED]
    assert options - {"help"} == set(known)
    assert len(known) == len(set(known))

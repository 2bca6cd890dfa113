"""The digits example is run, and its README shows what it prints."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import lasport
from lasport import theano_compat
from lasport.errors import MissingDependencyError
from tests.example_output import shown_output

DIGITS = Path(__file__).parent.parent / "examples" / "digits"
PACKAGED = Path(lasport.__file__).parent / "data" / "digits_bn.pkl"


def read_tables(text: str) -> dict[str, list[str]]:
    """Return the three cells of each indented line, by the label before them."""
    lines = re.findall(r"^  (\S.*?)((?: +\S+){3})$", text, re.MULTILINE)
    return {label: row.split() for label, row in lines}


@pytest.fixture
def printed(run_python, tmp_path) -> str:
    result = run_python(str(DIGITS / "keras_net.py"), "--output", str(tmp_path), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    return str(result.stdout)


def test_the_digits_example_holds_its_claims(printed, tmp_path):
    rows = read_tables(printed)
    stock, exact, by_hand = 0, 1, 2
    assert all(float(cell) < 2e-6 for cell in rows["probabilities, from Theano's"])
    assert rows["digits with Theano's class, of 1797"] == ["1797"] * 3
    assert rows["held-out digits right, of 397"] == ["390"] * 3
    assert rows["probabilities, by saving and loading"] == ["0.0e+00"] * 3
    assert "parameters that come back bit for bit, of 22: 22\n" in printed
    assert "lasport.verify of the model built by hand: equal\n" in printed
    averages = ["running means", "running inv_stds, relative"]
    for label in ["losses of the steps", *averages, "held-out probabilities"]:
        cells = [float(cell) for cell in rows[label]]
        assert cells[exact] < 1e-11, label
        assert cells[stock] > 1e-7, label
        # By hand or by lasport, stock layers are stock layers.
        assert cells[by_hand] == pytest.approx(cells[stock], rel=0.05), label
    with np.load(tmp_path / "digits_bn.npz") as archive:
        values = [archive[f"arr_{i}"] for i in range(len(archive.files))]
    for value, original in zip(values, lasport.load(PACKAGED).param_values(), strict=True):
        np.testing.assert_array_equal(value, original)

    shown = read_tables(shown_output(DIGITS / "README.md"))
    assert list(shown) == list(rows)
    for label, row in rows.items():
        for cell, expected in zip(map(float, row), map(float, shown[label]), strict=True):
            # Roundings differ from machine to machine.
            rounding = max(cell, expected) < 1e-11
            assert cell == expected or rounding or 0.1 < cell / expected < 10, label


def test_the_digits_example_trains_from_scratch(run_python, tmp_path):
    arguments = ["--output", str(tmp_path), "--train", "1"]
    result = run_python(str(DIGITS / "keras_net.py"), *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (right,) = re.findall(r"^held out: (\d+) of 397$", result.stdout, re.MULTILINE)
    assert int(right) > 120  # 40 by chance; 391 after 25 epochs
    assert (tmp_path / "trained.keras").exists()


@pytest.fixture(scope="module")
def lasagne_net() -> Iterator[ModuleType]:
    """Import the Lasagne side of the digits example, where the Lasagne is there that it needs."""
    try:
        theano_compat.install(optimizer="None")
    except MissingDependencyError as error:
        pytest.skip(f"{error}; fine_tuned.npz and the packaged net hold what Lasagne computed")
    if not hasattr(importlib.import_module("lasagne.layers"), "batch_norm"):
        pytest.skip(
            "Lasagne 0.1, PyPI's, has no batch normalization: the example needs 0.2.dev1 from its "
            "repository; fine_tuned.npz and the packaged net hold what that computed"
        )
    config = importlib.import_module("theano").config
    before = config.floatX
    spec = importlib.util.spec_from_file_location("lasagne_net", DIGITS / "lasagne_net.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    config.floatX = before


def test_the_lasagne_side_builds_the_packaged_net(lasagne_net, tmp_path):
    lasagne_net.save(lasagne_net.build_net(), tmp_path / "net.pkl")
    built, packaged = lasport.load(tmp_path / "net.pkl").layers, lasport.load(PACKAGED).layers
    for layer, expected in zip(built, packaged, strict=True):
        assert (layer.name, layer.kind, layer.incoming) == (
            expected.name,
            expected.kind,
            expected.incoming,
        )
        # How the input's type is spelt depends on floatX.
        if layer.incoming:
            assert layer.attributes == expected.attributes, layer.name
        assert list(layer.params) == list(expected.params), layer.name


def test_the_lasagne_side_computes_the_packaged_probabilities(lasagne_net, tmp_path):
    assert lasagne_net.check(None, 97) < 2e-6
    values = lasport.lasagne_param_values(lasport.convert(PACKAGED))
    np.savez(tmp_path / "values.npz", *values)
    assert lasagne_net.check(tmp_path / "values.npz", 97) < 2e-6


def test_the_lasagne_side_still_takes_the_recorded_steps(lasagne_net, tmp_path):
    lasagne_net.record_fine_tuning(tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as again, np.load(DIGITS / "fine_tuned.npz") as recorded:
        assert set(again.files) == set(recorded.files)
        for name in recorded.files:
            np.testing.assert_allclose(
                again[name], recorded[name], rtol=1e-10, atol=1e-12, err_msg=name
            )

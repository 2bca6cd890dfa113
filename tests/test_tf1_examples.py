"""The examples of tf.compat.v1 train as their Lasagne twins did, step by step."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lasport
from lasport.compare.metrics import STRUCTURE_BOUND
from lasport.oracles.reference import run_reference
from lasport.spec import Array

tf = pytest.importorskip("tensorflow")
v1 = tf.compat.v1

EXAMPLES = Path(__file__).parent.parent / "examples" / "tf1"
README = (EXAMPLES / "README.md").read_text("utf-8")
# The argument that makes each program average variances, as TensorFlow does.
VARIANCES = {
    "update_ops": {"profile": "stock"},
    "population_statistics": {"average": "variance"},
    "moving_average": {"average": "variance"},
    "normalized_logits": {"profile": "stock"},
    "penalized": {"profile": "stock"},
    "towers": {"profile": "stock"},
}


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(EXAMPLES)):
            del sys.modules[name]


@pytest.fixture
def digits() -> Any:
    return import_module("digits")


def recorded(name: str) -> dict[str, Array]:
    with np.load(EXAMPLES / "recorded" / f"{name}.npz") as archive:
        return {key: archive[key] for key in archive.files}


def project(values: list[Array]) -> list[float]:
    """Return the numbers that stand for arrays in the recorded files."""
    return [
        float(np.dot(np.random.RandomState(v.size).normal(size=v.size), np.ravel(v)))
        for v in values
    ]


def assert_close(found: Any, expected: Array) -> None:
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=STRUCTURE_BOUND * scale)


@pytest.mark.parametrize("name", VARIANCES)
def test_losses_parameters_and_averages_are_lasagnes_in_each_step(name, digits):
    expected = recorded(name)
    with tf.Graph().as_default(), v1.Session() as session:
        program = import_module(name).build()
        digits.initialize(program, session)
        some = digits.load(program.images.shape[1:])[0][-12:]

        def outputs() -> list[Array]:
            return [digits.predict(program, session, some, mode) for mode in (False, True)]

        assert_close(outputs(), expected["before"])
        digits.initialize(program, session)  # one mode of two programs moves the averages
        count = 0
        for loss, wanted, projections in zip(
            digits.train(program, session),
            expected["losses"],
            expected["projections"],
            strict=True,
        ):
            assert_close(loss, wanted)
            assert_close(project(program.values(session)), projections)
            count += 1
        assert count >= 50
        assert expected["losses"][-1] < expected["losses"][0] / 2
        assert_close(outputs(), expected["after"])
        if name == "towers":
            session.run(v1.get_collection("averaged"))
            net = digits.lasagne_net(name)
            values = zip(net.owned_params(), program.values(session), strict=True)
            averages = [value for (_, param), value in values if param.trainable]
            assert_close(project(averages), expected["averages"])


@pytest.mark.parametrize("name", VARIANCES)
def test_both_modes_are_the_references(name, digits):
    """Lasagne 0.1, the one to install, has no batch normalization: the reference stands for it."""
    net = digits.lasagne_net(name)
    shape = net.layers[0].output_shape[1:]
    some = digits.load(shape)[0][-12:]
    for mode, expected in zip((False, True), recorded(name)["before"], strict=True):
        found = run_reference(net, [some], training=mode).layers[-1]
        assert_close(found, expected)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", VARIANCES)
def test_averaged_variances_leave_the_training_as_it_is_and_change_the_test(name, digits):
    expected = recorded(name)
    with tf.Graph().as_default(), v1.Session() as session:
        program = import_module(name).build(**VARIANCES[name])
        digits.initialize(program, session)
        losses = list(digits.train(program, session))
        some = digits.load(program.images.shape[1:])[0][-12:]
        found = digits.predict(program, session, some)
    if name != "towers":  # its max pools meet ties
        assert_close(losses, expected["losses"])
    off = np.abs(found - expected["after"][0]).max() / expected["after"][0].max()
    (shown,) = cells(f"| `{name}.py` | ([0-9.]+) |")
    assert off == pytest.approx(float(shown), rel=0.05)


@pytest.mark.thinned(6)
@pytest.mark.parametrize("name", sorted(VARIANCES))
def test_the_readme_says_what_goes_wrong(name, digits):
    alpha = {"moving_average": 0.25}.get(name, 0.1)
    rows = digits.what_goes_wrong(import_module(name).build, alpha)
    right, *wrong = cells(rf"| `{name}.py` | (\d+) " + r"| (\d+), off by ([0-9.]+) " * 3 + "|")
    expected = [
        (float(right), 0.0),
        *zip(map(float, wrong[::2]), map(float, wrong[1::2]), strict=True),
    ]
    for (count, difference), (shown, far) in zip(rows.values(), expected, strict=True):
        assert abs(count - shown) <= 2
        assert difference == pytest.approx(far, abs=0.02)


@pytest.mark.full
@pytest.mark.parametrize("name", VARIANCES)
def test_the_readme_says_what_lasport_says_of_each_mistake(name, digits):
    alpha = {"moving_average": 0.25}.get(name, 0.1)
    right, *mistakes = digits.what_is_said(import_module(name).build, name, alpha).items()
    assert all(right[1])
    layers, *shown = cells(
        rf"| `{name}.py` | ([a-z0-9_, ]+) " + r"| ([0-9.]+), ([0-9.]+) " * 3 + "|"
    )
    for (mistake, (report, diagnosis)), *figures in zip(
        mistakes, shown[::2], shown[1::2], strict=True
    ):
        (cause,) = diagnosis.causes
        text = (
            re.escape(mistake)
            + r"\n  verify: (.*)\n  diagnose: layers hidden1_bn, hidden2_bn: (.*)"
        )
        ((verified, sentence),) = re.findall(text, README)
        assert without_numbers(str(report.first_divergence)).startswith(without_numbers(verified))
        assert without_numbers(cause.sentence) == without_numbers(f"layers {layers}: {sentence}")
        off = (report.first_divergence.difference.relative, max(cause.before.values()))
        assert off == pytest.approx(list(map(float, figures)), rel=0.05)
        assert cause.after <= STRUCTURE_BOUND


def without_numbers(text: str) -> str:
    """Return a sentence without its figures; names keep theirs."""
    return re.sub(r"(?<![\w/])[0-9.]+(e-?[0-9]+)?", "#", text)


@pytest.mark.full
def test_a_decay_of_1e_minus_5_is_named(digits):
    with tf.Graph().as_default(), v1.Session() as session:
        program = import_module("update_ops").build(alpha=1 - 1e-5)
        digits.initialize(program, session)
        diagnosis = lasport.diagnose(
            digits.lasagne_net("update_ops"), digits.port(program, session)
        )
    (cause,) = diagnosis.causes
    assert " if momentum 1e-05 becomes 0.9 (differs by " in cause.sentence


SAID_OF_CHECKPOINTS = {
    "update": "as in a new layer (never copied, or their updates never run)",
    "alpha": "their numbers are others, as by another decay or of other batches",
}


@pytest.mark.full
@pytest.mark.parametrize(("option", "value"), (("update", False), ("alpha", 0.9)))
def test_a_checkpoint_shows_what_training_made_of_the_averages(option, value, digits, tmp_path):
    """What the weights become does not depend on averages: only these differ."""
    build = import_module("update_ops").build
    for name, options in (("right", {}), ("wrong", {option: value})):
        with tf.Graph().as_default(), v1.Session() as session:
            program = build(**options)
            digits.initialize(program, session)
            list(digits.train(program, session))
            np.savez(tmp_path / f"{name}.npz", *program.values(session))
            path = v1.train.Saver().save(session, str(tmp_path / name), 60)
        if name == "right":
            script = f"{EXAMPLES / 'lasagne_nets.py'}:update_ops"
            net = lasport.load(script, params=tmp_path / "right.npz")
            assert lasport.diagnose(net, path)
    causes = lasport.diagnose(net, path).causes
    assert [cause.layers for cause in causes] == [("hidden1_bn",), ("hidden2_bn",)]
    assert SAID_OF_CHECKPOINTS[option] in causes[0].sentence


SWITCHED_OFF = """
import sys, tensorflow as tf, lasport
v1 = tf.compat.v1
v1.disable_v2_behavior()
sys.path.insert(0, sys.argv[1])
import digits, population_statistics as program
program.variable = lambda value, trainable=True: v1.Variable(
    value, trainable=trainable, use_resource=False
)
for verified, diagnosis in digits.what_is_said(program.build, program.__name__).values():
    print(verified.verdict, *(cause.sentence for cause in diagnosis.causes))
"""


@pytest.mark.full
def test_programs_that_switch_tensorflow_2_off_are_judged_as_well(run_python, tmp_path):
    """With variables that are no resources, and version 1's control flow."""
    script = tmp_path / "program.py"
    script.write_text(SWITCHED_OFF)
    result = run_python(str(script), str(EXAMPLES), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    right, *wrong = result.stdout.splitlines()
    assert right == "equal"
    for line, says in zip(wrong, ("nothing runs", "stays True", "1 - alpha"), strict=True):
        assert line.startswith("DIFFERENT layers batchnorm_2, batchnorm_5: matches to ")
        assert says in line


def cells(row: str) -> list[str]:
    """Return what the groups of a row of the README's tables match."""
    (found,) = re.findall("^" + row.replace("|", r"\|") + "$", README, re.MULTILINE)
    return [found] if isinstance(found, str) else list(found)


@pytest.mark.parametrize("name", VARIANCES)
def test_programs_and_records_are_small(name):
    assert len((EXAMPLES / f"{name}.py").read_text("utf-8").splitlines()) < 100
    assert (EXAMPLES / "recorded" / f"{name}.npz").stat().st_size < 20_000

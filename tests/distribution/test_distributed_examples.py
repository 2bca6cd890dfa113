"""The examples of tf.distribute: trained in two processes, and scored with interruptions."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any

import keras
import numpy as np
import pytest

import lasport.keras_layers  # saved models have layers of it
from lasport import demo

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
HERE = EXAMPLES / "distributed"
TRAIN, SCORE, WORKERS = (str(HERE / f"{x}.py") for x in ("train", "score", "local_workers"))
# In seconds; below the limit of run_python, which would leave workers behind.
TIMEOUT = "240"
BOUND = 1e-12


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(HERE))
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(HERE)):
            del sys.modules[name]


# --- train.py


def printed_differences(text: str) -> list[float]:
    cells = re.findall(r"^  \S.*? +([0-9.e+-]+)$", text, re.MULTILINE)
    assert len(cells) == 4, text
    return [float(cell) for cell in cells]


def assert_averages_are_lasagnes(path: Path) -> None:
    """Compare the averages in a saved model with those that Lasagne recorded."""
    model = keras.saving.load_model(path, compile=False)
    recorded = np.load(EXAMPLES / "digits" / "fine_tuned.npz")
    names = [name for name in recorded.files if "." in name]
    assert len(names) == 8
    for name in names:
        layer, _, statistic = name.partition(".")
        found = getattr(model.get_layer(layer), f"moving_{statistic}").numpy()
        scale = np.abs(recorded[name]).max()
        np.testing.assert_allclose(found, recorded[name], rtol=0, atol=BOUND * scale)


@pytest.mark.full
def test_two_workers_train_as_lasagne_did_in_one_process(run_python, tmp_path):
    saved = tmp_path / "trained.keras"
    program = [WORKERS, "--timeout", TIMEOUT, "2", TRAIN, "--output", str(saved)]
    result = run_python(*program, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("2 replicas, exact, synchronized") == 1
    assert max(printed_differences(result.stdout)) < BOUND
    assert_averages_are_lasagnes(saved)


# Rows of the README's table.
ROWS = {
    "synchronized": "exact, synchronized",
    "per_replica": "exact, per replica",
    "stock_synchronized": "stock, synchronized",
    "stock_per_replica": "stock, per replica",
}


def readme_row(label: str) -> list[float]:
    text = (HERE / "README.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| {label} \|(.*)\|$", text, re.MULTILINE)
    return [float(cell) for cell in row.split("|")]


# Devices train in all four ways; of workers, the test above has the first.
TRAINED = [("devices", row) for row in ROWS]
TRAINED += [("workers", row) for row in ROWS if row.endswith("per_replica")]


@pytest.mark.full
@pytest.mark.parametrize(("where", "row"), TRAINED)
def test_two_replicas_train_as_the_readme_says(where, row, run_python, tmp_path):
    profile, statistics = ROWS[row].split(", ")
    options = ["--profile", profile, *(["--per-replica"] if statistics == "per replica" else [])]
    if where == "devices":
        program = [TRAIN, "--devices", "2", *options]
    else:
        program = [WORKERS, "--timeout", TIMEOUT, "2", TRAIN, *options]
    result = run_python(*program, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"2 replicas, {ROWS[row]}\n")
    shown = readme_row(ROWS[row])
    for found, expected in zip(printed_differences(result.stdout), shown, strict=True):
        assert max(found, expected) < BOUND or found == pytest.approx(expected, rel=0.1)


@pytest.mark.full
def test_fit_trains_on_two_devices_as_lasagne_did(run_python, tmp_path):
    program = """
        import keras, train
        keras.config.set_floatx("float64")  # of the loss, too
        strategy = train.make_strategy(2)
        model, optimizer = train.build(strategy, "exact", True)
        digits, labels, _ = train.load_data()
        def cross_entropy(labels, probabilities):
            return -keras.ops.log(keras.ops.take_along_axis(probabilities, labels, axis=1))
        model.compile(optimizer, cross_entropy)
        count = train.STEPS * train.BATCH
        model.fit(digits[:count], labels[:count, None], batch_size=train.BATCH, shuffle=False)
        model.save("trained.keras")
    """
    (tmp_path / "fit.py").write_text(
        f"import sys\nsys.path.append({str(HERE)!r})" + dedent(program)
    )
    result = run_python("fit.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert_averages_are_lasagnes(tmp_path / "trained.keras")


def test_workers_do_not_wait_for_one_that_failed():
    run_workers = import_module("local_workers").run_workers
    source = (
        "import os, time; '\"index\": 1' in os.environ['TF_CONFIG'] and exit(7); time.sleep(60)"
    )
    began = time.monotonic()
    assert run_workers([sys.executable, "-c", source], 2, timeout=50) == 7
    assert time.monotonic() - began < 30


def test_workers_that_hang_are_stopped(capfd):
    run_workers = import_module("local_workers").run_workers
    source = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    assert run_workers([sys.executable, "-c", source], 2, timeout=2) == 1
    printed = capfd.readouterr()
    assert "still there after 2 seconds" in printed.err
    for number in printed.out.split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(number), 0)


# --- score.py

# Twice the packaged digits and some: parts of 500 rows, the last of which has 94.
COUNT, PART = 3594, 500
NET = demo.paths().net


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    digits = np.load(EXAMPLES.parent / "lasport" / "data" / "digits.npz")["X"]
    path = tmp_path_factory.mktemp("images") / "images.npy"
    np.save(path, np.concatenate([digits, digits]))
    return path


def assert_theanos(scores: Any) -> None:
    expected = np.load(EXAMPLES.parent / "lasport" / "data" / "digits_bn_expected.npz")
    assert scores.shape == (COUNT, 10)
    np.testing.assert_allclose(scores, np.tile(expected["probabilities"], (2, 1)), atol=2e-6)


@pytest.fixture
def score_here(images, monkeypatch, capsys):
    """Return a function that runs score.py in this process, on its one processor."""
    score = import_module("score")
    strategy = score.tf.distribute.MirroredStrategy(["CPU:0"])
    monkeypatch.setattr(score, "make_strategy", lambda devices: strategy)

    def run(directory: Path, *options: str, net: Path = NET) -> str:
        arguments = [str(net), str(images), "--output", str(directory), "--part", str(PART)]
        monkeypatch.setattr(sys, "argv", ["score.py", *arguments, "--batch", "64", *options])
        score.main()
        return str(capsys.readouterr().out)

    return run


def test_interrupted_scoring_goes_on_where_it_was(score_here, tmp_path, monkeypatch):
    score = import_module("score")
    taken: list[int] = []

    def interrupted(parts, scored, progress, fill=score.fill):
        def some():
            for rows, scores in scored:
                taken.extend(rows)
                yield rows, scores
                if len(taken) > 1200:
                    raise KeyboardInterrupt

        fill(parts, some(), progress)

    with monkeypatch.context() as patched:
        patched.setattr(score, "fill", interrupted)
        with pytest.raises(KeyboardInterrupt):
            score_here(tmp_path)
    first = sorted(path.name for path in tmp_path.glob("*.npy"))
    assert first == ["rows-000000000000.npy", "rows-000000000500.npy"]
    assert score_here(tmp_path) == f"{COUNT} rows, 1000 of them from before\n"
    assert_theanos(np.load(tmp_path / "scores.npy"))
    assert score_here(tmp_path) == f"{COUNT} rows, {COUNT} of them from before\n"


def test_a_terminal_shows_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    score = import_module("score")
    progress = score.show_progress(1000, COUNT)
    progress(500)
    assert re.fullmatch(r"\r1500 of 3594 rows, \d+ a second, \d+ s left *", capsys.readouterr().err)
    progress(COUNT - 1500)
    assert capsys.readouterr().err.endswith("\n")


def test_scores_of_other_nets_are_not_mixed(score_here, tmp_path):
    score_here(tmp_path)
    other = tmp_path / "other.pkl"
    other.write_bytes(NET.read_bytes() + b"\n")
    with pytest.raises(SystemExit, match="scores of another run: other net"):
        score_here(tmp_path, net=other)
    with pytest.raises(SystemExit, match="scores of another run: other part"):
        score_here(tmp_path, "--part", "600")


ROWS_WRONG = {
    "twice": ([[0, 1], [1, 2]], "came twice"),
    "lost": ([[0, 1]], "rows are missing"),
}


@pytest.mark.parametrize(("batches", "message"), ROWS_WRONG.values(), ids=ROWS_WRONG)
def test_rows_that_come_twice_or_never_are_noticed(batches, message, tmp_path):
    score = import_module("score")
    parts = score.Parts(tmp_path, 3, 4)
    scored = ((np.array(rows), np.zeros((len(rows), 2))) for rows in batches)
    with pytest.raises(RuntimeError, match=message):
        score.fill(parts, scored, lambda count: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.full
def test_killed_scoring_on_two_devices_goes_on_where_it_was(run_python, images, tmp_path):
    def arguments(directory: str) -> list[str]:
        options = ["--devices", "2", "--batch", "8", "--part", "100"]
        return [SCORE, str(NET), str(images), "--output", directory, *options]

    environment = {**os.environ, "PYTHONPATH": str(Path(lasport.__file__).parent.parent)}
    command = [sys.executable, *arguments("killed")]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment)
    try:
        end = time.monotonic() + 200
        while len(list((tmp_path / "killed").glob("rows-*.npy"))) < 3 and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").glob("rows-*.npy")}
    assert 3 <= len(before) < 36
    for directory in ("killed", "whole"):
        result = run_python(*arguments(directory), cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        from_before = 100 * len(before) if directory == "killed" else 0
        assert result.stdout == f"{COUNT} rows, {from_before} of them from before\n"
        # No terminal, no progress.
        assert "rows" not in result.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    resumed, whole = (np.load(tmp_path / each / "scores.npy") for each in ("killed", "whole"))
    np.testing.assert_array_equal(resumed, whole)
    assert_theanos(resumed)

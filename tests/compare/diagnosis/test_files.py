"""Diagnosing what shows less than a model: SavedModels, and weights alone."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest

import lasport
from lasport.cli import main
from lasport.errors import ComparisonError, UnreadableFileError, UsageError
from tests.compare.diagnosis.mistakes import SINGLE, Mistake
from tests.compare.diagnosis.ports import STYLES, build, load_net

# What weights show by themselves. The order of a dense layer's rows is right for one of two models.
BY_WEIGHTS = {
    "bias",
    "embedding",
    "exchanged parameters",
    "forget bias",
    "order of gates",
    "order of the kernel",
    "parameter left out",
    "variance",
    "weights not copied",
}
OF_WEIGHTS = [
    mistake
    for mistake in SINGLE
    if mistake.hypothesis in BY_WEIGHTS
    and mistake.says != "dense rows as in Lasagne"
    and not mistake.says.startswith("own layer")  # their weights are right
]
# What shows in inference.
OF_INFERENCE = [
    mistake
    for mistake in SINGLE
    if mistake.says
    in ("epsilon 1e-3", "inv_std for the variance", "slope 0.3", "reset before", "softmax missing")
    and mistake.style == "apart"
]


@pytest.fixture(autouse=True)
def _small_graphs() -> Iterator[None]:
    yield
    keras.backend.clear_session()


def named(diagnosis) -> set[tuple[str, str]]:
    return {
        (remedy.layer, remedy.hypothesis)
        for cause in diagnosis.causes
        for alternative in cause.alternatives
        for remedy in alternative
    }


def identify(mistake: Mistake) -> str:
    return f"{mistake.net}: {mistake.says} ({mistake.style})"


# --- weights alone


def save(model: keras.Model, path) -> str:
    if path.suffix == ".npz":
        np.savez(path, *model.get_weights())
    else:
        model.save_weights(path)
    return str(path)


@pytest.mark.parametrize("name", ("a.npz", "a.weights.h5"))
@pytest.mark.parametrize("net", STYLES)
def test_right_weights_are_equal(net, name, tmp_path):
    for style in STYLES[net]:
        path = save(build(net, {}, style), tmp_path / name)
        diagnosis = lasport.diagnose(load_net(net), path)
        assert diagnosis
        assert any("a file of weights shows no options" in note for note in diagnosis.not_compared)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("mistake", OF_WEIGHTS, ids=identify)
def test_wrong_weights_are_named(mistake, tmp_path):
    model = build(mistake.net, mistake.changes, mistake.style)
    for name in ("a.npz", "a.weights.h5"):
        diagnosis = lasport.diagnose(load_net(mistake.net), save(model, tmp_path / name))
        assert named(diagnosis) == {(mistake.layer, mistake.hypothesis)}
        assert all(cause.after == 0 for cause in diagnosis.causes)


def test_the_order_of_rows_is_told(tmp_path):
    for rows, order in (("permuted", "last"), ("as they are", "first")):
        path = save(build("images", {"fc rows": rows}), tmp_path / "a.npz")
        notes = lasport.diagnose(load_net("images"), path).not_compared
        assert any(
            f"fc: its rows are in the order of images that are flattened channels {order}" in n
            for n in notes
        )


def test_weights_of_another_net_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", np.ones((2, 2)), np.ones(2))
    with pytest.raises(ComparisonError, match=r"a\.npz has no weights of the sizes"):
        lasport.diagnose(load_net("digits"), tmp_path / "a.npz")
    with pytest.raises(UsageError, match="shows no layers that could be aligned"):
        lasport.diagnose(load_net("digits"), tmp_path / "a.npz", align={"hidden1": "h1"})


# --- SavedModels


def test_a_right_saved_model_is_equal(tmp_path):
    build("images", {}).export(tmp_path / "port", verbose=False)
    diagnosis = lasport.diagnose(load_net("images"), tmp_path / "port")
    assert diagnosis
    assert diagnosis.not_compared[0].startswith("training mode, and what only shows there")


@pytest.mark.thinned(5)
@pytest.mark.parametrize("mistake", OF_INFERENCE, ids=identify)
def test_a_wrong_saved_model_is_explained(mistake, tmp_path):
    build(mistake.net, mistake.changes).export(tmp_path / "port", verbose=False)
    diagnosis = lasport.diagnose(load_net(mistake.net), tmp_path / "port")
    assert not diagnosis
    assert named(diagnosis) == {(mistake.layer, mistake.hypothesis)}


def test_weights_and_arithmetic_of_a_saved_model_may_both_be_wrong(tmp_path):
    changes = {"hidden3 W": lambda W: W.T, "hidden2 activation": 0.3}
    build("digits", changes).export(tmp_path / "port", verbose=False)
    diagnosis = lasport.diagnose(load_net("digits"), tmp_path / "port")
    assert named(diagnosis) == {("hidden3", "order of the kernel"), ("hidden2", "activation")}


def test_a_directory_that_is_none_is_refused(tmp_path, capsys):
    with pytest.raises(UnreadableFileError, match="TensorFlow cannot load it"):
        lasport.diagnose(load_net("digits"), tmp_path)
    from lasport import demo

    assert main(["diagnose", str(demo.paths().net), str(tmp_path)]) == 2
    assert "TensorFlow cannot load it" in capsys.readouterr().err

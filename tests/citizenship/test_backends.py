"""Models on Keras' other backends: saved on TensorFlow, loaded and trained there; or made there.

The marker `backends` keeps these out of the other jobs: .ci/backends installs what they need.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

import lasport
from lasport import keras_layers, to_keras
from lasport.passes import lower
from lasport.targets.keras_calls import PROFILES, Calls, keras_calls
from lasport.translate import translate
from tests.citizenship import other_backend
from tests.golden_records import REFUSED, families, load_case

BACKENDS = ("jax", "torch")
PROGRAM = Path(other_backend.__file__)

# Layers of Keras' own that another backend does not run.
REFUSED_BY_KERAS = {
    ("torch", "LayerNormalization"): "only trailing axes can be normalized over",
}

pytestmark = [
    pytest.mark.backends,
    pytest.mark.parametrize("backend", BACKENDS),
]


@pytest.fixture
def program(backend):
    """Return a function that runs the program on the backend."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; .ci/backends installs it")

    def run(*arguments: object) -> str:
        package_parent = str(Path(lasport.__file__).parent.parent)
        place = {"KERAS_BACKEND": backend, "PYTHONPATH": package_parent, "JAX_PLATFORMS": "cpu"}
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *map(str, arguments)],
            env={**os.environ, **place},
            capture_output=True,
            text=True,
            timeout=3000,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


def parts(calls: Calls) -> Iterator[tuple[object, ...]]:
    """Yield what kinds of layers a model has, lasport's own with the modes they have."""
    for call in calls.calls:
        own = call.layer.startswith("lasport")
        named = ("function", "mode", "border", "ignore_border", "backwards", "given", "covering")
        modes = [str(call.arguments.get(name)) for name in named] if own else []
        clips = [bool(call.arguments.get(f"gradient_{name}")) for name in ("clipping", "steps")]
        yield (call.layer.rpartition(".")[2], *modes, *clips)
        for net in call.nets.values():
            yield from parts(net)


@pytest.fixture(scope="module")
def cover():
    """Return few golden nets, with profiles, that have whatever kinds of layers all have."""
    kinds = {}
    for name, family in families().items():
        # The models of profile exact are trained, too: of two that serve, take those.
        for profile in PROFILES[::-1] if name not in REFUSED else ():
            plan = lower(translate(load_case(name).network))
            kinds[name, profile] = {*parts(keras_calls(plan, profile)), family}
    chosen = []
    missing = set().union(*kinds.values())
    own = {kind[0] for kind in missing if isinstance(kind, tuple)} & set(keras_layers.__all__)
    assert own == set(keras_layers.__all__) - {"LayerArgumentError"}
    while missing:
        best = max(kinds, key=lambda key: len(kinds[key] & missing))
        chosen.append(best)
        missing -= kinds[best]
    return chosen


@pytest.fixture(scope="module")
def saved(cover, tmp_path_factory):
    """Return a folder of models, and what each computes on TensorFlow."""
    folder = tmp_path_factory.mktemp("saved")
    expected = {}
    for name, profile in cover:
        case = load_case(name)
        model = to_keras(case.network, profile=profile, dtype="float32", name=name)
        path = folder / f"{name}.{profile}.keras"
        model.save(path)
        np.savez(path.with_suffix(".inputs.npz"), *case.record.inputs)
        inputs = case.record.inputs
        expected[path] = (model, other_backend.run(model, inputs, trains=profile == "exact"))
        keras.backend.clear_session()
    return expected


def test_saved_models_compute_and_train_the_same(backend, saved, program):
    program("models", next(iter(saved)).parent)
    wrong, compared = {}, 0
    for path, (model, expected) in saved.items():
        error = path.with_suffix(".error.txt")
        if error.exists():
            kinds = {type(layer).__name__ for layer in model.layers}
            if not any((backend, kind) in REFUSED_BY_KERAS for kind in kinds):
                wrong[path.stem] = error.read_text(encoding="utf-8")[:300]
            error.unlink()
            continue
        with np.load(path.with_suffix(".found.npz")) as arrays:
            found = dict(arrays)
        path.with_suffix(".found.npz").unlink()
        for key, value in expected.items():
            scale = np.abs(value).max(initial=0)
            apart = np.abs(found[key] - value).max(initial=0)
            if not apart <= 2e-5 * scale:
                wrong[path.stem, key] = (apart, scale)
            compared += key.startswith("after")
    assert wrong == {}
    assert compared > 100


def test_nets_are_converted_there_too(backend, program):
    report = json.loads(program("converts").splitlines()[-1])
    assert report["backend"] == backend
    assert report["tensorflow imported"] is False
    for profile in PROFILES:
        # Of probabilities in float32, Theano's against the backend's.
        assert report[profile]["apart"] < 16 * np.finfo("float32").eps
        assert report[profile]["same values"] is True
        assert report[profile]["features"] == [[None, 16, 8, 8], [None, 32]]
    for call in ("verify", "diagnose"):
        assert report[call].startswith("UsageError: models are compared on TensorFlow")
    assert report["float64"].startswith("UsageError: dtype 'float64': Keras on")
    # JAX takes all of it for float32; torch would compare float64 with rounded maxima.
    refused = "LayerArgumentError: Exception encountered" if backend == "torch" else "none"
    assert report["float64 pool"].startswith(refused)

"""The golden records are complete, small, anonymous, and what they claim to be."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import re
import runpy
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lasport.oracles.record import MODES, Record, read_record

HERE = Path(__file__).parent
SUFFIX = ".npz.bz2"
RECORDS = sorted(path.name.removesuffix(SUFFIX) for path in HERE.glob(f"*{SUFFIX}"))
OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

# At least so many cases for every family that First light promises.
FAMILIES = {
    "sharing": 12,
    "batchnorm": 30,
    "bias": 5,
    "conv1d": 15,
    "conv2d": 25,
    "conv3d": 8,
    "custom_recurrent": 20,
    "dense": 20,
    "dilatedconv": 8,
    "dimshuffle": 8,
    "dropout": 10,
    "embedding": 3,
    "expression": 11,
    "featurepool": 11,
    "featurewta": 4,
    "flatten": 3,
    "gaussian": 8,
    "globalpool": 7,
    "gru": 11,
    "input": 2,
    "inverse": 80,
    "local": 10,
    "local_response": 10,
    "lstm": 14,
    "merge": 15,
    "nets": 12,
    "nin": 6,
    "nonlinearity": 15,
    "pad": 6,
    "pool1d": 11,
    "pool2d": 20,
    "pool3d": 10,
    "pyramid": 11,
    "prelu": 11,
    "recurrent": 18,
    "reshape": 5,
    "rrelu": 16,
    "scale": 3,
    "slice": 10,
    "standardization": 18,
    "ties": 8,
    "tps": 13,
    "transformer": 16,
    "transposedconv": 20,
    "upscale": 12,
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((HERE / "MANIFEST.json").read_text(encoding="ascii"))
    return loaded


@cache
def record(name: str) -> Record:
    return read_record(HERE / f"{name}{SUFFIX}")


@pytest.fixture(params=RECORDS)
def each(request: pytest.FixtureRequest) -> Record:
    return record(request.param)


def test_the_manifest_lists_every_file_with_its_sum(manifest: dict[str, Any]) -> None:
    listed = {name: total for case in manifest["cases"] for name, total in case["files"].items()}
    found = [path for path in HERE.iterdir() if {".npz", ".pkl"} & {*path.suffixes}]
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in found}
    assert listed == sums


def test_the_manifest_lists_every_case(manifest: dict[str, Any]) -> None:
    golden = runpy.run_path(str(HERE / "cases.py"))
    cases = {
        name: (case.family, case.pins, golden["seed"](name))
        for name, case in golden["CASES"].items()
    }
    listed = {
        case["name"]: (case["family"], case["pins"], case["seed"]) for case in manifest["cases"]
    }
    assert listed == cases
    for case in manifest["cases"]:
        assert {case["name"] + SUFFIX, case["name"] + ".pkl.bz2"} <= set(case["files"])


def test_the_real_lasagne_made_them(manifest: dict[str, Any]) -> None:
    assert manifest["versions"]["lasagne"] == "0.2.dev1"
    assert manifest["versions"]["theano"] == "1.0.5"
    assert re.fullmatch("[0-9a-f]{40}", manifest["lasagne_commit"])
    for name in RECORDS:
        meta = record(name).meta
        assert manifest["versions"] == {key: meta[key] for key in manifest["versions"]}  # type: ignore[literal-required]


def test_every_family_has_its_cases(manifest: dict[str, Any]) -> None:
    counts = Counter(case["family"] for case in manifest["cases"])
    assert set(counts) == set(FAMILIES)
    assert {family for family, least in FAMILIES.items() if counts[family] < least} == set()


def test_all_files_together_stay_below_5_megabytes() -> None:
    assert sum(path.stat().st_size for path in HERE.iterdir() if path.is_file()) < 5e6


def content(path: Path) -> bytes:
    opener = OPENERS.get(path.suffix)
    if opener is None:
        return path.read_bytes()
    with opener(path, "rb") as stream:
        return bytes(stream.read())


def test_no_file_names_a_place_on_a_machine() -> None:
    place = re.compile(rb"/(home|root|tmp|usr|var|opt|mnt|Users)/|[A-Z]:\\")
    for path in HERE.iterdir():
        if {".npz", ".pkl", ".json"} & {*path.suffixes}:
            assert not place.search(content(path)), path.name


def test_sizes_of_inputs_are_distinct_and_batches_odd(each: Record) -> None:
    for value in each.inputs:
        assert len(set(value.shape)) == value.ndim
        assert value.shape[0] % 2 == 1


def is_integer_input(key: str, value: np.ndarray[Any, Any]) -> bool:
    """Tell whether an array is a mask or an index: an input, and what its layer passes on."""
    return key.startswith(("inputs/", "batches/", *(f"{m}/layers/" for m in MODES))) and (
        value.dtype.kind == "i"
    )


def test_values_are_finite_and_of_the_declared_shape_and_dtype(each: Record) -> None:
    for key, value in each.arrays.items():
        assert value.dtype == each.meta["floatX"] or is_integer_input(key, value), key
        assert value.size, key
        assert np.isfinite(value).all(), key
    for mode in MODES:
        for layer, value in zip(each.meta["layers"], each.layers(mode), strict=True):
            shape = layer["output_shape"]
            assert len(shape) == value.ndim
            assert all(size in (None, n) for size, n in zip(shape, value.shape, strict=True))


def test_what_was_drawn_is_exact_in_single_precision(each: Record) -> None:
    drawn = [*each.inputs, *each.params, *each.cotangents]
    drawn += [value for p in range(1, each.meta["passes"] + 1) for value in each.batch(p)]
    for value in drawn:
        np.testing.assert_array_equal(value, value.astype(np.float32))


def test_no_parameter_is_where_lasagne_would_have_started_it(each: Record) -> None:
    for param, value in zip(each.meta["params"], each.params, strict=True):
        state = param["owners"][0][1] in ("hid_init", "cell_init") and not param["tags"]
        if state and not value.any():
            continue  # what is not learned mostly is 0, and Keras' own layers start there
        assert not (value == 0).any(), param
        assert not (value == 1).any(), param
        if param["owners"][0][1] == "inv_std":
            assert ((value > 0.3) & (value < 1.8)).all()


def test_training_passes_move_running_averages_and_nothing_else(each: Record) -> None:
    before = each.params
    for p in range(1, each.meta["passes"] + 1):
        after = each.params_after(p)
        for param, old, new in zip(each.meta["params"], before, after, strict=True):
            moved = (old != new).any()
            assert moved == ("batch_norm_stat" in param["tags"]), (p, param)
        before = after


def test_nothing_is_dead(each: Record) -> None:
    names = [layer["name"] for layer in each.meta["layers"]]
    fed = [names[layer] for layer in each.meta["inputs"]]
    for mode in MODES:
        for number, gradient in each.grads(mode).items():
            owner = each.meta["params"][number]["owners"][0]
            # What goes back through a linear layer depends neither on its bias nor on its input.
            unused = "cotangent" in fed and owner[1] == "b"
            assert unused or gradient.any() != (tuple(owner) in cut_off(each)), owner
        for number, gradient in each.input_grads(mode).items():
            linear = "cotangent" in fed and fed[number] == "input"
            assert linear or gradient.any() != (fed[number] in ("mask", "scores")), fed[number]


def cut_off(each: Record) -> set[tuple[int, str]]:
    """Return the initial states that are further back than ``gradient_steps``."""
    name = each.meta["command"].partition(":")[2].partition(" ")[0]
    further = name in (
        "custom_steps_3_backwards",
        "gru_steps_2_backwards",
        "lstm_steps_2_learned",
        "recurrent_steps_1",
    )
    return {(1, "hid_init"), (1, "cell_init")} if further else set()


def test_samples_change_from_pass_to_pass(each: Record) -> None:
    for layer, samples in each.masks.items():
        passes = [each.pass_masks(p)[layer] for p in range(1, each.meta["passes"] + 1)]
        draws = [tuple(sample.tobytes() for sample in drawn) for drawn in [samples, *passes]]
        assert len(set(draws)) == len(draws)


def drawn_by(kind: str) -> list[np.ndarray[Any, Any]]:
    """Return everything that layers of a class drew in all records."""
    return [
        sample
        for found in map(record, RECORDS)
        for drawn in (found.masks, *map(found.pass_masks, range(1, found.meta["passes"] + 1)))
        for layer, samples in drawn.items()
        if found.meta["layers"][layer]["kind"] == kind
        for sample in samples
    ]


def test_dropout_draws_zeros_and_ones() -> None:
    assert all(
        set(np.unique(mask)) == {0, 1} for mask in drawn_by("lasagne.layers.noise.DropoutLayer")
    )


def test_gaussian_noise_is_drawn_around_0() -> None:
    for sample in drawn_by("lasagne.layers.noise.GaussianNoiseLayer"):
        assert len(np.unique(sample)) == sample.size
        assert abs(sample.mean()) < 5 * sample.std() / np.sqrt(sample.size)


def test_no_other_layer_draws_but_those_around_such_layers() -> None:
    kinds = {
        found.meta["layers"][layer]["kind"]
        for found in map(record, RECORDS)
        for layer in found.masks
    }
    assert kinds == {
        "lasagne.layers.noise.DropoutLayer",
        "lasagne.layers.noise.GaussianNoiseLayer",
        "lasagne.layers.recurrent.CustomRecurrentLayer",
        "lasagne.layers.special.RandomizedRectifierLayer",
    }


# Case, sigma or bounds of its only layer.
DEVIATIONS = [("gaussian_default", 0.1), ("gaussian_negative", 0.5), ("gaussian_sigma_2_5", 2.5)]
BOUNDS = [("rrelu_nothing_shared", 0.3, 0.8), ("rrelu_bounds", 0, 1), ("rrelu_around_0", -0.5, 0.5)]


@pytest.mark.parametrize(("name", "sigma"), DEVIATIONS)
def test_gaussian_noise_is_as_strong_as_it_should_be(name: str, sigma: float) -> None:
    (sample,) = record(name).masks[1]
    assert abs(sample.std() / sigma - 1) < 5 / np.sqrt(2 * sample.size)
    x, y = record(name).inputs[0], record(name).outputs("training")[0]
    np.testing.assert_allclose(y, x + sample, rtol=1e-15)


@pytest.mark.parametrize(("name", "lower", "upper"), BOUNDS)
def test_slopes_lie_between_their_bounds(name: str, lower: float, upper: float) -> None:
    (sample,) = record(name).masks[1]
    assert lower < sample.min() < lower + 0.4 * (upper - lower)
    assert upper - 0.4 * (upper - lower) < sample.max() < upper
    x, y = record(name).inputs[0], record(name).outputs("training")[0]
    np.testing.assert_allclose(y, np.where(x > 0, x, sample * x), rtol=1e-12)


# Closed forms, so that a mistake in the probe itself would be seen. Parameters: beta, gamma, mean,
# inv_std; all but the axes of the features are averaged over.
BATCHNORMS = [
    ("batchnorm_2d", (0,), 0.1, 1e-4),
    ("batchnorm_4d", (0, 2, 3), 0.1, 1e-4),
    ("batchnorm_axes_0_3", (0, 3), 0.1, 1e-4),
    ("batchnorm_alpha_0_9", (0,), 0.9, 1e-4),
    ("batchnorm_epsilon_1e_1", (0,), 0.1, 0.1),
]


@pytest.mark.parametrize(("name", "axes", "alpha", "epsilon"), BATCHNORMS)
def test_batch_normalization_is_what_its_formula_says(
    name: str, axes: tuple[int, ...], alpha: float, epsilon: float
) -> None:
    found = record(name)
    beta, gamma, mean, inv_std = (np.expand_dims(value, axes) for value in found.params)

    def statistics(x: Any) -> tuple[Any, Any]:
        m, v = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        return m, 1 / np.sqrt(v + epsilon)

    x = found.inputs[0]
    m, s = statistics(x)
    inference, training = (x - mean) * inv_std * gamma + beta, (x - m) * s * gamma + beta
    np.testing.assert_allclose(found.outputs("inference")[0], inference, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.outputs("training")[0], training, rtol=1e-12, atol=1e-13)
    for p in range(1, 6):
        m, s = statistics(found.batch(p)[0])
        mean = (1 - alpha) * mean + alpha * m
        inv_std = (1 - alpha) * inv_std + alpha * s
        np.testing.assert_allclose(found.params_after(p)[2], mean.squeeze(axes), rtol=1e-12)
        np.testing.assert_allclose(found.params_after(p)[3], inv_std.squeeze(axes), rtol=1e-12)


def test_gradients_are_those_of_the_weighted_outputs() -> None:
    found = record("dense_linear")
    x, (w, _), cotangent = found.inputs[0], found.params, found.cotangents[0]
    for mode in MODES:
        np.testing.assert_allclose(found.grads(mode)[0], x.T @ cotangent, rtol=1e-12)
        np.testing.assert_allclose(found.grads(mode)[1], cotangent.sum(0), rtol=1e-12)
        np.testing.assert_allclose(found.input_grads(mode)[0], cotangent @ w.T, rtol=1e-12)


def test_training_gradients_belong_to_the_recorded_masks() -> None:
    found = record("dropout_p_0_2")
    gradient = found.cotangents[0] * found.masks[1][0] / 0.8
    np.testing.assert_allclose(found.input_grads("training")[0], gradient, rtol=1e-12)
    np.testing.assert_array_equal(found.input_grads("inference")[0], found.cotangents[0])


def test_ties_are_ties() -> None:
    found = record("ties_rectify")
    zero = found.inputs[0] == 0
    assert zero.any()
    gradient, cotangent = found.input_grads("inference")[0], found.cotangents[0]
    np.testing.assert_array_equal(gradient[zero], cotangent[zero] / 2)


def test_a_drawn_slope_counts_half_where_the_input_is_0() -> None:
    found = record("ties_rrelu")
    zero = found.inputs[0] == 0
    assert zero.any()
    expected = found.cotangents[0] * (1 + found.masks[1][0]) / 2
    gradient = found.input_grads("training")[0]
    np.testing.assert_allclose(gradient[zero], expected[zero], rtol=1e-12)

"""Keras' quantization: of dense layers and embeddings; all else stays as it is."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport import feature_model, lasagne_param_values, to_keras, verify
from lasport.errors import ComparisonError
from tests.golden_records import load_case

# Keras says of each layer that stays as it is that it does.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")

# Mode, held-out digits that may change sides, largest difference of a probability.
MODES = {"int8": (1, 0.02), "int4": (6, 0.2), "float8": (4, 0.1)}


def quantized(model):
    return [each for each in model._flatten_layers() if each.dtype_policy.quantization_mode]


@pytest.mark.full
@pytest.mark.parametrize(
    ("profile", "mode"),
    (("stock", "int8"), ("exact", "int8"), ("exact", "int4"), ("stock", "float8")),
)
def test_dense_layers_are_quantized_and_nothing_else(net, profile, mode, digits, tmp_path):
    model = to_keras(net, profile=profile)
    images = digits[1][0]
    before = model.predict(images, verbose=0)
    model.quantize(mode)
    assert [layer.name for layer in quantized(model)] == ["fc", "probabilities"]
    after = model.predict(images, verbose=0)
    changed, apart = MODES[mode]
    assert 0 < np.abs(after - before).max() < apart
    assert (after.argmax(axis=1) != before.argmax(axis=1)).sum() <= changed
    [_, dense] = feature_model(model, ["conv1", "fc"]).predict(images[:5], verbose=0)
    assert dense.shape == (5, 32)
    model.save(tmp_path / "quantized.keras")
    loaded = keras.saving.load_model(tmp_path / "quantized.keras")
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), after)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("mode", ("int8", "int4"))
def test_parameters_that_were_rounded_away_are_not_given_back(net, mode):
    model = to_keras(net)
    model.quantize(mode)
    with pytest.raises(ComparisonError, match=r"fc\.kernel is int8: a quantized model has lost"):
        lasagne_param_values(model)


def test_float8_keeps_the_parameters(net):
    model = to_keras(net)
    model.quantize("float8")
    values = zip(lasagne_param_values(model), net.param_values(), strict=True)
    assert all(np.array_equal(a, b) for a, b in values)


@pytest.mark.full
def test_a_quantized_model_is_not_verified(net):
    model = to_keras(net)
    model.quantize("int8")
    report = verify(net, model)
    assert not report
    assert "fc, probabilities are quantized" in str(report)


# What of other nets is quantized: layers inside lasport's own too, and nothing of those themselves.
@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "kinds"),
    (
        ("embedding_matrix", {keras.layers.Embedding}),
        ("lstm_default", set()),
        ("net_inverted_autoencoder", set()),
        ("custom_default", {keras.layers.Dense}),
    ),
)
def test_own_layers_are_passed_over(name, kinds):
    case = load_case(name)
    model = to_keras(case.network, profile="exact", dtype="float32")
    model.quantize("int8")
    assert {type(each) for each in quantized(model)} == kinds

"""Mixed precision as Keras knows it; how exact it is, tests/compare/test_half.py says."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport import feature_model, to_keras
from lasport.targets.keras_calls import PROFILES

MIXED = ("mixed_float16", "mixed_bfloat16")


@pytest.mark.parametrize("policy", MIXED)
def test_a_global_policy_is_not_asked(net, policy):
    keras.config.set_dtype_policy(policy)
    model = to_keras(net)
    assert model.dtype_policy.name == model.output.dtype == "float32"
    computing = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert {layer.dtype_policy.name for layer in computing} == {"float32"}
    model.compile(keras.optimizers.SGD(), "mse")
    assert isinstance(model.optimizer, keras.optimizers.SGD)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("policy", MIXED)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_policy_is_that_of_all_layers_and_of_the_model(net, profile, policy):
    model = to_keras(net, profile=profile, dtype=policy)
    half = policy.removeprefix("mixed_")
    assert model.dtype_policy.name == policy
    assert {str(weight.dtype) for weight in model.weights} - {"uint32"} == {"float32"}
    features = feature_model(model, ["conv1", "dropout", "fc"])
    assert {y.dtype for y in (*model.outputs, *features.outputs)} == {half}
    model.compile(keras.optimizers.SGD(), "mse")
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (half == "float16")


@pytest.mark.full
@pytest.mark.parametrize("policy", MIXED)
def test_mixed_precision_trains_much_as_single_does(net, policy, digits):
    losses = {}
    for dtype in ("float32", policy):
        keras.utils.set_random_seed(7)
        model = to_keras(net, profile="exact", dtype=dtype)
        model.get_layer("dropout").rate = 0.0
        model.compile(keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy")
        history = model.fit(*digits[0], batch_size=64, epochs=2, shuffle=False, verbose=0).history
        losses[dtype] = history["loss"]
    epsilon = {"mixed_float16": 2.0**-10, "mixed_bfloat16": 2.0**-7}[policy]
    np.testing.assert_allclose(losses[policy], losses["float32"], rtol=64 * epsilon)

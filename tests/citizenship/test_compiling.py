"""jit_compile=True: XLA computes what TensorFlow computes op by op.

tests/keras_layers/test_keras_layer_contract.py compiles each of lasport's layers, both ways.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport import to_keras
from lasport.targets.keras_calls import PROFILES
from lasport.targets.keras_model import single
from tests.golden_records import load_case

NETS = (
    "net_digits_float32",
    "net_inverted_autoencoder",
    "shared_siamese",
    "custom_lines",
    "lstm_mask_backwards",
    "transformer_open_size",
    "tps_default",
)
# The demo net's kin in both, of the others what lasport itself computes.
CASES = [
    (name, profile)
    for name in NETS
    for profile in PROFILES
    if profile == "exact" or name in NETS[:1]
]


def train(model, inputs, *, jit):
    """Return predictions and all weights behind three steps of training, if anything is trained."""
    given = [x.astype(taken.dtype) for x, taken in zip(inputs, model.inputs, strict=True)]
    model.compile(keras.optimizers.SGD(1e-3), "mse", jit_compile=jit)
    outputs = model.predict(single(given), batch_size=len(given[0]), verbose=0)
    targets = keras.tree.map_structure(np.zeros_like, outputs)
    for _ in range(3 if model.trainable_weights else 0):
        model.train_on_batch(single(given), targets)
    return [*keras.tree.flatten(outputs), *model.get_weights()]


@pytest.mark.full
@pytest.mark.parametrize(("name", "profile"), CASES)
def test_compiled_models_predict_and_train_the_same(name, profile):
    case = load_case(name)
    found = {}
    for jit in (False, True):
        model = to_keras(case.network, profile=profile, dtype="float64")
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        found[jit] = train(model, case.record.inputs, jit=jit)
    for plain, compiled in zip(found[False], found[True], strict=True):
        scale = np.abs(plain).max(initial=0)
        np.testing.assert_allclose(compiled, plain, rtol=1e-9, atol=1e-11 * scale)

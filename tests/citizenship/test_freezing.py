"""trainable=False against what real Lasagne does with the averages of batch normalization.

A frozen batch norm uses its averages and leaves them as they are: Lasagne's
``batch_norm_use_averages=True, batch_norm_update_averages=False``, which
``deterministic=True`` stands for in a net without noise. So a training step's
gradients are those that Lasagne has in inference mode.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport import lasagne_param_values, to_keras
from lasport.targets.keras_calls import PROFILES
from lasport.targets.keras_model import single
from tests.golden_records import load_case

# Batch norm over channels, and inside a recurrent layer.
NETS = ("net_residual_block", "custom_normalized")
AVERAGES = ("mean", "inv_std")
EACH_NET = pytest.mark.parametrize("name", NETS)
EACH_PROFILE = pytest.mark.parametrize("profile", PROFILES)


def norms(model):
    return [each for each in model._flatten_layers() if "BatchNormalization" in type(each).__name__]


def is_averaged(network):
    return [param.name.rpartition(".")[2] in AVERAGES for _, param in network.owned_params()]


def trained_on(model, inputs):
    return np.asarray(model(single(inputs), training=True))


def decreases(model, record):
    """Take one step down the record's scalar with a learning rate of 1: each is a gradient."""
    [cotangents] = record.cotangents
    before = lasagne_param_values(model)
    model.compile(keras.optimizers.SGD(1.0), lambda _, y: keras.ops.sum(y * cotangents))
    model.train_on_batch(single(record.inputs), np.zeros_like(cotangents))
    return [a - b for a, b in zip(before, lasagne_param_values(model), strict=True)]


def assert_close(found, expected):
    scale = np.abs(expected).max(initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * scale)


@EACH_NET
@EACH_PROFILE
def test_frozen_batch_norm_uses_its_averages_and_keeps_them(name, profile):
    case = load_case(name)
    model = to_keras(case.network, profile=profile)
    for norm in norms(model):
        norm.trainable = False
    [outputs] = case.record.outputs("inference")
    assert_close(trained_on(model, case.record.inputs), outputs)
    gradients = case.record.grads("inference")
    names = [param.name.rpartition(".")[2] for _, param in case.network.owned_params()]
    for number, found in enumerate(decreases(model, case.record)):
        if names[number] in (*AVERAGES, "beta", "gamma") or number not in gradients:
            assert not found.any()
        else:
            assert_close(found, gradients[number])


@EACH_NET
def test_what_is_not_frozen_is_trained_as_lasagne_trains_it(name):
    case = load_case(name)
    gradients = case.record.grads("training")
    found = decreases(to_keras(case.network, profile="exact"), case.record)
    for number, averaged in enumerate(is_averaged(case.network)):
        if number in gradients:
            assert_close(found[number], gradients[number])
        else:
            assert found[number].any() == averaged


@EACH_NET
@EACH_PROFILE
def test_a_frozen_model_is_one_in_inference_mode(name, profile):
    case = load_case(name)
    model = to_keras(case.network, profile=profile)
    model.trainable = False
    assert model.trainable_variables == []
    outputs = trained_on(model, case.record.inputs)
    assert_close(outputs, case.record.outputs("inference")[0])
    values = zip(lasagne_param_values(model), case.record.params, strict=True)
    assert all(np.array_equal(a, b) for a, b in values)
    model.trainable = True
    outputs = trained_on(model, case.record.inputs)
    assert_close(outputs, case.record.outputs("training")[0])


@EACH_NET
@EACH_PROFILE
def test_frozen_gamma_and_beta_leave_the_averages_moving(name, profile):
    """As in Lasagne, where they are left out of the updates."""
    case = load_case(name)
    model = to_keras(case.network, profile=profile)
    for norm in norms(model):
        norm.gamma.trainable = norm.beta.trainable = False
    trained_on(model, case.record.batch(1))
    names = [param.name.rpartition(".")[2] for _, param in case.network.owned_params()]
    after = zip(names, lasagne_param_values(model), case.record.params_after(1), strict=True)
    for each, found, expected in after:
        # Stock batch norm averages the variance.
        if each != "inv_std" or profile == "exact":
            assert_close(found, expected)
    for each, found in zip(names, decreases(model, case.record), strict=True):
        assert each not in ("gamma", "beta") or not found.any()


@EACH_PROFILE
def test_freezing_outlives_a_file(net, profile, tmp_path):
    model = to_keras(net, profile=profile)
    model.get_layer("conv2_bn").trainable = False
    model.save(tmp_path / "frozen.keras")
    loaded = keras.saving.load_model(tmp_path / "frozen.keras")
    frozen = [layer.name for layer in loaded.layers if not layer.trainable]
    assert frozen == ["conv2_bn"]

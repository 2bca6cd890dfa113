"""``synchronized=True``: which layers take it, how it is kept, and what it is in one process."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import lasport
from lasport import demo
from lasport.cli import main
from lasport.errors import UnsupportedLayersError
from lasport.keras_layers import (
    InvertibleBatchNormalization,
    InvStdBatchNormalization,
    LayerArgumentError,
)
from lasport.targets.keras_calls import PROFILES
from tests.golden_records import load_case

STOCK = keras.layers.BatchNormalization
# Case, profile, class. Stock layers normalize over all axes but one, and have no way back.
CLASSES = (
    ("batch_norm_conv", "stock", STOCK),
    ("batch_norm_conv", "exact", InvStdBatchNormalization),
    ("batchnorm_axes_0", "stock", InvStdBatchNormalization),
    ("inverse_batchnorm_image", "stock", InvertibleBatchNormalization),
)


def norms(model):
    return [layer for layer in model.layers if "BatchNorm" in type(layer).__name__]


@pytest.mark.parametrize(("name", "profile", "kind"), CLASSES)
def test_every_batch_norm_is_synchronized_if_asked_for(name, profile, kind):
    net = load_case(name).network
    for wanted in (False, True):
        model = lasport.to_keras(net, profile=profile, synchronized=wanted)
        assert {type(layer) for layer in norms(model)} == {kind}
        assert {layer.synchronized for layer in norms(model)} == {wanted}


def test_by_default_nothing_is_synchronized():
    for function in (lasport.to_keras, lasport.to_source, lasport.convert):
        assert inspect.signature(function).parameters["synchronized"].default is False


@pytest.mark.parametrize(("name", "profile", "kind"), CLASSES)
def test_one_process_computes_what_lasagne_did(name, profile, kind):
    case = load_case(name)
    model = lasport.to_keras(case.network, profile=profile, synchronized=True)
    passes = (1, case.record.meta["passes"])
    assert lasport.verify(case.network, model, case.record, passes=passes), kind


@pytest.mark.parametrize("profile", PROFILES)
def test_model_of_a_strategy_is_verified_and_given_back_as_others_are(profile, tmp_path):
    case = load_case("batch_norm_dense")
    lasport.to_keras(case.network, profile=profile, synchronized=True).save(tmp_path / "net.keras")
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        made = lasport.to_keras(case.network, profile=profile, synchronized=True)
        loaded = keras.saving.load_model(tmp_path / "net.keras")
    for model in (made, loaded):
        assert all(isinstance(v.value, tf.distribute.DistributedValues) for v in model.weights)
        assert lasport.verify(case.network, model, case.record)
        values = lasport.lasagne_param_values(model, case.network)
        for value, original in zip(values, case.network.param_values(), strict=True):
            np.testing.assert_array_equal(value, original)


@pytest.mark.parametrize("profile", PROFILES)
def test_saved_model_and_script_stay_synchronized(profile, tmp_path):
    net = load_case("net_residual_block").network
    model = lasport.to_keras(net, profile=profile, name="net", synchronized=True)
    model.save(tmp_path / "net.keras")
    source = lasport.to_source(net, profile=profile, synchronized=True)
    names = {"__name__": "net", "__file__": "net.py"}
    exec(compile(source, "net.py", "exec"), names)
    for again in (keras.saving.load_model(tmp_path / "net.keras"), names["build"]()):
        expected = [layer.get_config() for layer in norms(model)]
        assert [layer.get_config() for layer in norms(again)] == expected
    for value, restored in zip(
        net.param_values(),
        lasport.lasagne_param_values(keras.saving.load_model(tmp_path / "net.keras"), net),
        strict=True,
    ):
        np.testing.assert_array_equal(restored, value)


def test_command_line_writes_a_synchronized_model(tmp_path, capsys):
    path = tmp_path / "net.keras"
    net = str(demo.paths().net)
    assert main(["convert", net, "--synchronized", "-o", str(path)]) == 0
    assert all(layer.synchronized for layer in norms(keras.saving.load_model(path)))


@pytest.mark.parametrize(
    "options", ("net.onnx", "net.npz", "net", "net.keras --optimize inference")
)
def test_command_line_refuses_it_for_models_that_are_not_trained(options, capsys):
    net = str(demo.paths().net)
    assert main(["convert", net, "--synchronized", "-o", *options.split()]) == 2
    assert "--synchronized is for a model that is trained" in capsys.readouterr().err


def test_other_statistics_of_the_batch_are_refused():
    net = load_case("standardization_axes_0_3").network
    lasport.to_source(net)
    with pytest.raises(UnsupportedLayersError, match=r"standardizes over axes .* the batch among"):
        lasport.to_source(net, synchronized=True)


def test_other_backends_cannot_synchronize(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    InvStdBatchNormalization([0])
    with pytest.raises(LayerArgumentError, match="Only TensorFlow"):
        InvStdBatchNormalization([0], synchronized=True)


def relative_error_of_the_variance(layer, x):
    layer(x, training=True)
    if isinstance(layer, STOCK):
        found = layer.moving_variance.numpy()
    else:
        found = layer.moving_inv_std.numpy().astype("float64") ** -2
    return np.abs(found / x.astype("float64").var(0) - 1).max()


def test_own_statistics_do_not_cancel_where_means_are_large():
    options = {"epsilon": 0.0, "synchronized": True}
    rng = np.random.default_rng(3)
    # The table in docs/distributed.md.
    for mean, stock, own in ((1, 1e-6, 1e-6), (100, 1e-3, 1e-6), (10_000, 1e1, 1e-5)):
        x = (mean + rng.standard_normal((256, 64))).astype("float32")
        of_stock = relative_error_of_the_variance(STOCK(momentum=0.0, **options), x)
        assert stock / 20 < of_stock < stock * 20
        own_layer = InvStdBatchNormalization([0], alpha=1.0, **options)
        assert relative_error_of_the_variance(own_layer, x) < own


@pytest.mark.full
@pytest.mark.parametrize("profile", PROFILES)
def test_diagnosis_finds_nothing(profile):
    net = lasport.load(demo.paths().net)
    assert lasport.diagnose(net, lasport.to_keras(net, profile=profile, synchronized=True))

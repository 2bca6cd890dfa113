"""Building models: nothing random, configurations untouched, files that load anywhere."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import lasagne_param_values, load, to_keras, verify
from lasport.errors import ComparisonError, UsageError
from lasport.readers.network import build_network
from lasport.targets.keras_calls import PROFILES
from tests.golden_records import load_case, pickle_of
from tests.inert_nets import function, image, layer, source

keras = pytest.importorskip("keras")

NETS = ("net_digits", "net_residual_block", "net_odd_names", "net_two_inputs_two_outputs")


def evaluate(model, case):
    """Return a model's outputs in inference, for a record's inputs in Lasagne's order."""
    inputs = [x.astype("float32") for x in case.record.inputs]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    return [np.asarray(y) for y in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


# --- weights go in as layers are built


@pytest.fixture
def _no_randomness(monkeypatch):
    """Let every random function that initializers could call raise."""
    from keras.src.initializers import random_initializers

    def refuse(*arguments, **options):
        raise AssertionError("a random weight was drawn")

    for name in ("normal", "uniform", "truncated_normal", "randint", "categorical", "gamma"):
        monkeypatch.setattr(random_initializers.random, name, refuse)


@pytest.mark.usefixtures("_no_randomness")
def test_drawing_would_be_noticed():
    with pytest.raises(AssertionError, match="a random weight was drawn"):
        keras.layers.Dense(3)(keras.Input((2,)))


@pytest.mark.usefixtures("_no_randomness")
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NETS)
def test_building_draws_nothing_random(name, profile):
    to_keras(load_case(name).network, profile=profile)


@pytest.mark.parametrize("profile", PROFILES)
def test_configurations_keep_stock_initializers(profile):
    model = to_keras(load_case("net_digits").network, profile=profile)
    found = {
        (type(layer).__name__, name): value["class_name"]
        for layer in model.layers
        for name, value in layer.get_config().items()
        if name.endswith("_initializer")
    }
    own = {
        ("InvStdBatchNormalization", "gamma_initializer"): "Ones",
        ("InvStdBatchNormalization", "beta_initializer"): "Zeros",
        ("InvStdBatchNormalization", "moving_mean_initializer"): "Zeros",
        ("InvStdBatchNormalization", "moving_inv_std_initializer"): "Ones",
    }
    stock = {
        ("BatchNormalization", "gamma_initializer"): "Ones",
        ("BatchNormalization", "beta_initializer"): "Zeros",
        ("BatchNormalization", "moving_mean_initializer"): "Zeros",
        ("BatchNormalization", "moving_variance_initializer"): "Ones",
    }
    assert found == {
        ("Conv2D", "kernel_initializer"): "GlorotUniform",
        ("Conv2D", "bias_initializer"): "Zeros",
        ("Dense", "kernel_initializer"): "GlorotUniform",
        ("Dense", "bias_initializer"): "Zeros",
        **(own if profile == "exact" else stock),
    }


def test_a_clone_starts_anew():
    model = to_keras(load_case("net_unnamed_layers").network)
    clone = keras.models.clone_model(model)
    kernels = [m.get_layer("dense_1").kernel.numpy() for m in (model, clone)]
    assert kernels[0].shape == kernels[1].shape
    assert not np.allclose(*kernels)


# --- what the model looks like


def test_names_sizes_and_dtypes():
    case = load_case("net_two_inputs_two_outputs")
    model = to_keras(case.network, name="gated")
    assert model.name == "gated"
    assert [tuple(x.shape) for x in model.inputs] == [(None, 2, 6, 4), (None, 8)]
    assert [tuple(x.shape) for x in model.outputs] == [(None, 2), (None, 4)]
    assert {layer.name for layer in case.network.layers} <= {layer.name for layer in model.layers}
    assert {variable.dtype for variable in model.weights} == {"float64"}


POLICIES = (
    (None, "float64", "float64"),
    ("float32", "float32", "float32"),
    ("float16", "float16", "float16"),
    ("mixed_float16", "float32", "float16"),
    ("mixed_bfloat16", "float32", "bfloat16"),
)


@pytest.mark.parametrize(("dtype", "variables", "outputs"), POLICIES)
def test_dtypes_and_policies(dtype, variables, outputs):
    model = to_keras(load_case("net_vgg_block").network, dtype=dtype)
    assert {weight.dtype for weight in model.trainable_weights} == {variables}
    assert model.outputs[0].dtype == outputs


@pytest.mark.parametrize("dtype", ("int32", "bool", "float17", "nonsense"))
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(UsageError, match=f"dtype '{dtype}'"):
        to_keras(load_case("net_vgg_block").network, dtype=dtype)


def test_a_users_dtype_policy_does_not_leak_in():
    keras.config.set_dtype_policy("mixed_float16")
    model = to_keras(load_case("net_lenet_float32").network)
    assert {layer.compute_dtype for layer in model.layers[1:]} == {"float32"}


@pytest.fixture
def _channels_first_everywhere():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.usefixtures("_channels_first_everywhere")
@pytest.mark.parametrize("data_format", ("channels_first", "channels_last"))
@pytest.mark.parametrize("name", ("net_digits", "net_fully_convolutional", "globalpool_max_4d"))
def test_a_users_image_data_format_does_not_matter(name, data_format):
    case = load_case(name)
    model = to_keras(case.network, data_format=data_format)
    report = verify(case.network, model, case.record, passes=(1,))
    assert report.ok, report.to_text()


# --- saved models


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NETS)
def test_a_saved_model_is_the_same_model(name, profile, tmp_path):
    case = load_case(name)
    model = to_keras(case.network, profile=profile, dtype="float32")
    model.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    for before, after in zip(evaluate(model, case), evaluate(loaded, case), strict=True):
        np.testing.assert_array_equal(before, after)
    values = lasagne_param_values(loaded, case.network)
    for value, recorded in zip(values, case.record.params, strict=True):
        np.testing.assert_array_equal(value, recorded)


# What a process without lasport does with a model of stock layers.
WITHOUT_LASPORT = """
import sys
sys.modules["lasport"] = None
import keras, numpy
model = keras.models.load_model("net.keras")
numpy.save("y.npy", model(numpy.load("x.npy"), training=False))
"""


def test_a_model_of_stock_layers_loads_where_lasport_is_not(run_python, tmp_path):
    case = load_case("net_vgg_block")
    model = to_keras(case.network, dtype="float32")
    model.save(tmp_path / "net.keras")
    np.save(tmp_path / "x.npy", case.record.inputs[0].astype("float32"))
    result = run_python("-c", WITHOUT_LASPORT, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), evaluate(model, case)[0])


# --- reading weights back


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("dtype", ("float64", "float32", "float16", "mixed_bfloat16", "bfloat16"))
def test_untouched_weights_come_back_bit_for_bit(dtype, profile):
    case = load_case("net_digits")
    values = lasagne_param_values(to_keras(case.network, profile=profile, dtype=dtype))
    for value, recorded in zip(values, case.record.params, strict=True):
        assert value.dtype == recorded.dtype
        np.testing.assert_array_equal(value, recorded)


def test_trained_weights_come_back_in_lasagnes_shapes():
    case = load_case("net_digits")
    model = to_keras(case.network, profile="exact")
    model.compile(keras.optimizers.SGD(1e-2), "mse")
    x = case.record.inputs[0]
    model.train_on_batch(x, np.zeros((len(x), 10)))
    values = lasagne_param_values(model)
    for value, before in zip(values, case.record.params, strict=True):
        assert value.shape == before.shape
        assert value.dtype == before.dtype
        assert not np.array_equal(value, before)
    # Parameters that were taken back into Lasagne's shapes make the same model again.
    variables = {variable.path: variable.numpy() for variable in model.weights}
    net = load(pickle_of("net_digits"))
    for (_, param), value in zip(net.owned_params(), values, strict=True):
        object.__setattr__(param, "value", value)
    again = to_keras(net, profile="exact")
    for variable in again.weights:
        np.testing.assert_allclose(variable.numpy(), variables[variable.path], rtol=1e-15)


def test_weights_of_a_changed_model_are_refused():
    net = build_network(
        layer(
            "dense.DenseLayer",
            source((None, 3)),
            {"W": np.ones((3, 2)), "b": np.ones(2)},
            name="dense",
            num_units=2,
            nonlinearity=function("tanh"),
        )
    )
    inputs = keras.Input((3,), name="input_0")
    wider = keras.Model(inputs, keras.layers.Dense(5, name="dense")(inputs))
    unbiased = keras.Model(inputs, keras.layers.Dense(2, use_bias=False, name="dense")(inputs))
    with pytest.raises(ComparisonError, match=r"dense.kernel has shape \(3, 5\), not \(3, 2\)"):
        lasagne_param_values(wider, net)
    with pytest.raises(ComparisonError, match="layer 'dense' has no weight 'bias'"):
        lasagne_param_values(unbiased, net)


def test_a_name_that_a_padding_would_take_can_be_built():
    given = {"num_filters": 3, "filter_size": 2, "stride": 1, "nonlinearity": None, "b": None}
    filters = {"W": np.ones((3, 2, 2, 2))}
    net = layer("conv.Conv2DLayer", image(), filters, name="conv", pad=1, **given)
    net = layer("noise.DropoutLayer", net, {}, name="conv_zeropadding2d", p=0.5, rescale=True)
    net = build_network(net)
    assert verify(net, passes=(1,))

"""What Lasagne layers compute, by their names: as real Lasagne computed it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport import feature_model, to_keras
from lasport.errors import ComparisonError, UsageError
from lasport.layout import channels_last
from lasport.targets.keras_calls import PROFILES
from tests.golden_records import REFUSED, families, load_case

# Rectifiers of their own, flattened images, axes moved and dropped, layers called twice, weights
# shared, nets inside layers; then everything.
TOLD = (
    "net_digits",
    "net_noisy",
    "net_inverted_autoencoder",
    "net_two_inputs_two_outputs",
    "shared_siamese",
    "custom_images_state",
    "cuda_convnet_shuffled",
)
KNOWN = [name for name in families() if name not in REFUSED]
NAMES = [*(name for name in TOLD if name in KNOWN), *(name for name in KNOWN if name not in TOLD)]


def values(model, inputs):
    given = [x.astype(taken.dtype) for x, taken in zip(inputs, model.inputs, strict=True)]
    outputs = model(given if len(given) > 1 else given[0])
    return [np.asarray(y) for y in (outputs if isinstance(outputs, list) else [outputs])]


def some_full(names):
    """Leave the first to the default run, one in fourteen to the full one."""
    full = [pytest.param(name, marks=pytest.mark.full) for name in names[len(TOLD) :: 14]]
    return [*names[: len(TOLD)], *full]


@pytest.mark.parametrize("name", some_full(NAMES))
def test_every_layer_is_found_as_lasagne_computed_it(name):
    case = load_case(name)
    layers = [layer.name for layer in case.network.layers]
    expected = case.record.layers("inference")
    for profile in PROFILES:
        model = to_keras(case.network, profile=profile, dtype="float64")
        found = values(feature_model(model, layers), case.record.inputs)
        for layer, y, truth in zip(layers, found, expected, strict=True):
            assert y.shape == truth.shape, layer
            np.testing.assert_allclose(
                y, truth, rtol=1e-6, atol=1e-6 * np.abs(truth).max(initial=1e-9), err_msg=layer
            )


def test_the_keras_layer_of_that_name_may_be_something_else(net):
    """Why there is a function: the layer's own output stops before the rectifier."""
    case = load_case("net_lenet_float32")
    model = to_keras(case.network, profile="exact")
    [layer] = [each.name for each in case.network.layers if each.kind.endswith("Conv2DLayer")][:1]
    before = keras.Model(model.inputs[0], model.get_layer(layer).output)
    [found], [mine] = (
        values(each, case.record.inputs) for each in (before, feature_model(model, [layer]))
    )
    assert found.min() < 0 <= mine.min()
    np.testing.assert_array_equal(np.maximum(found, 0).transpose(0, 3, 1, 2), mine)


def test_a_saved_model_gives_them_with_its_net(tmp_path):
    case = load_case("net_noisy")
    model = to_keras(case.network)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    names = [layer.name for layer in case.network.layers]
    both = [
        values(feature_model(each, names, case.network), case.record.inputs)
        for each in (model, loaded)
    ]
    for one, other in zip(*both, strict=True):
        np.testing.assert_array_equal(one, other)


def test_features_are_ordered_as_the_model_is_unless_told(net, digits):
    images = digits[1][0][:3]
    first = to_keras(net)
    last = to_keras(net, data_format="channels_last")
    [expected, flat] = values(feature_model(first, ["conv2", "fc"]), [images])
    assert expected.shape == (3, 24, 8, 7)
    given = channels_last(4).from_lasagne(images)
    for model, x, options, layout in (
        (first, images, {"data_format": "channels_last"}, channels_last(4)),
        (last, given, {}, channels_last(4)),
        (last, given, {"data_format": "channels_first"}, None),
    ):
        [found, dense] = values(feature_model(model, ["conv2", "fc"], **options), [x])
        wanted = expected if layout is None else layout.from_lasagne(expected)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(dense, flat, rtol=1e-5, atol=1e-5)


def test_features_share_the_layers_and_leave_the_model_as_it_was(net):
    model = to_keras(net)
    outputs = [layer.output for layer in model.layers]
    features = feature_model(model, ["fc", "conv1", "fc"])
    assert len(features.outputs) == 3
    assert [layer.output for layer in model.layers] == outputs
    kernel = model.get_layer("fc").kernel
    assert any(variable is kernel for variable in features.trainable_variables)
    assert not any(variable.path.startswith("probabilities") for variable in features.variables)


def test_names_that_are_not_there_are_refused(net):
    model = to_keras(net)
    with pytest.raises(UsageError, match="'convolution', 'x': the net has input, conv1, conv1_bn"):
        feature_model(model, ["convolution", "conv1", "x"])
    with pytest.raises(UsageError, match="no layer: the net has"):
        feature_model(model, [])


def test_a_model_that_lacks_a_layer_is_refused(net, monkeypatch):
    model = to_keras(net)
    monkeypatch.setattr(model.get_layer("conv2"), "name", "renamed")
    with pytest.raises(ComparisonError, match="has no layer 'conv2'"):
        feature_model(model, ["conv2"])

"""Copies of models, models of their pieces, and what lasport knows of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport import feature_model, lasagne_param_values, to_keras, verify
from lasport.errors import UsageError
from lasport.targets.keras_calls import PROFILES
from tests.golden_records import load_case


@pytest.mark.thinned(2)
@pytest.mark.parametrize("profile", PROFILES[::-1])
def test_a_clone_is_the_same_model_with_other_weights(net, profile, digits):
    model = to_keras(net, profile=profile)
    clone = keras.models.clone_model(model)
    assert [(type(a), a.get_config()) for a in clone.layers] == [
        (type(b), b.get_config()) for b in model.layers
    ]
    kernels = [each.get_layer("fc").kernel.numpy() for each in (model, clone)]
    assert not np.array_equal(*kernels)
    clone.set_weights(model.get_weights())
    images = digits[1][0][:20]
    for training in (False, True):
        both = [keras.models.clone_model(clone) for _ in range(2)]
        for each in both:
            each.set_weights(model.get_weights())
            each.get_layer("dropout").seed_generator.state.assign([1, 2])
        outputs = [np.asarray(each(images, training=training)) for each in both]
        np.testing.assert_array_equal(*outputs)
    values = zip(lasagne_param_values(clone, net), net.param_values(), strict=True)
    assert all(np.array_equal(a, b) for a, b in values)


def test_a_clone_does_not_know_its_network(net):
    clone = keras.models.clone_model(to_keras(net))
    with pytest.raises(UsageError, match="not built from a network in this process; pass net="):
        lasagne_param_values(clone)
    with pytest.raises(UsageError, match="not built from a network in this process; pass net="):
        feature_model(clone, ["conv1"])


def test_a_clone_with_other_layers_is_not_taken_for_the_network(net):
    def without_dropout(layer):
        if isinstance(layer, keras.layers.Dropout):
            return keras.layers.Activation("linear", name="nothing")
        return layer.__class__.from_config(layer.get_config())

    clone = keras.models.clone_model(to_keras(net), clone_function=without_dropout)
    with pytest.raises(UsageError, match="not those that lasport makes of the network"):
        lasagne_param_values(clone, net)


# Layers of lasport's that hold others, weights of others, or are called twice.
@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", ("custom_default", "shared_siamese", "net_inverted_autoencoder"))
def test_layers_that_hold_others_are_cloned_whole(name):
    case = load_case(name)
    clone = keras.models.clone_model(to_keras(case.network, profile="exact"))
    clone.set_weights(to_keras(case.network, profile="exact").get_weights())
    report = verify(case.network, clone, case.record, modes=("inference",), gradients=False)
    assert report.ok
    values = zip(lasagne_param_values(clone, case.network), case.record.params, strict=True)
    assert all(np.array_equal(a, b) for a, b in values)


class Parity(keras.Model):
    """Whether a digit is even, from what the net makes of it."""

    def __init__(self, backbone: keras.Model) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = keras.layers.GlobalMaxPooling2D(data_format="channels_first")
        self.head = keras.layers.Dense(1, activation="sigmoid")

    def call(self, inputs, training=False):
        return self.head(self.pool(self.backbone(inputs, training=training)))


@pytest.mark.full
def test_a_subclass_trains_its_head_and_then_the_net_below(net, digits):
    keras.utils.set_random_seed(6)
    images, labels = digits[0]
    even = (labels % 2 == 0).astype("float32")
    model = to_keras(net, profile="exact")
    parity = Parity(feature_model(model, ["residual"]))
    parity.backbone.trainable = False
    parity.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    losses = parity.fit(images, even, batch_size=32, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    values = zip(lasagne_param_values(model), net.param_values(), strict=True)
    assert all(np.array_equal(a, b) for a, b in values)

    parity.backbone.trainable = True
    parity.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
    parity.fit(images, even, batch_size=32, verbose=0)
    moved = [
        param.name
        for (layer, param), now in zip(net.owned_params(), lasagne_param_values(model), strict=True)
        if not np.array_equal(param.value, now)
    ]
    # Neither the dense layers behind the residual block nor their batch norm.
    assert len(moved) == len(net.param_values()) - 7

"""Models on disk: what lasport writes, and what it reads of others."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport.errors import UnreadableFileError
from lasport.keras_layers import Nonlinearity
from lasport.targets.keras_file import read_model, write_model


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(5)
    x = keras.Input((3,))
    return keras.Model(x, Nonlinearity("rectify")(keras.layers.Dense(2)(x)))


def test_own_layers_come_back(model, tmp_path):
    write_model(model, tmp_path / "model.keras")
    again = read_model(tmp_path / "model.keras")
    x = np.random.default_rng(7).normal(size=(5, 3)).astype("float32")
    np.testing.assert_array_equal(again(x), model(x))


def test_loss_and_optimizer_are_not_needed(model, tmp_path):
    @keras.saving.register_keras_serializable("test")
    class OwnLoss(keras.losses.Loss):
        pass

    model.compile(optimizer="sgd", loss=OwnLoss())
    model.save(tmp_path / "model.keras")
    keras.saving.get_custom_objects().pop("test>OwnLoss")
    assert read_model(tmp_path / "model.keras").layers[1].units == 2


@pytest.mark.parametrize("name", ("model.keras", "model.h5"))
def test_code_in_a_model_is_refused(name, tmp_path, recwarn):
    x = keras.Input((3,))
    y = keras.layers.Lambda(lambda tensor: tensor, output_shape=(3,))(x)
    keras.Model(x, y).save(tmp_path / name)
    with pytest.raises(UnreadableFileError, match=f"{name}: Keras cannot load it.*Lambda"):
        read_model(tmp_path / name)


@pytest.mark.parametrize("name", ("model.keras", "model.h5", "model.pkl"))
def test_other_bytes_are_refused(name, tmp_path):
    (tmp_path / name).write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(UnreadableFileError, match=f"{name}: Keras cannot load it"):
        read_model(tmp_path / name)


def test_unknown_layer_is_named(tmp_path):
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    x = keras.Input((3,))
    keras.Model(x, Own()(x)).save(tmp_path / "model.keras")
    with pytest.raises(UnreadableFileError, match="'Own'") as error:
        read_model(tmp_path / "model.keras")
    assert "\n" not in str(error.value)

"""fit, evaluate and callbacks, and the way back to Lasagne's parameters."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from lasport import demo, lasagne_param_values, load
from lasport.oracles.reference import run_reference
from lasport.targets.keras_calls import PROFILES


class InterruptedTrainingError(Exception):
    """What a machine does to a training."""


class InterruptAt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise InterruptedTrainingError


@pytest.mark.full
@pytest.mark.parametrize("profile", PROFILES)
def test_evaluate_counts_what_theano_got_right(profile, compiled, digits):
    _, (images, labels) = digits
    with np.load(demo.paths().expected) as expected:
        theano = expected["probabilities"][expected["test"]]
    loss, accuracy = compiled(profile).evaluate(images, labels, verbose=0)
    right = (theano.argmax(axis=1) == labels).sum()
    assert round(accuracy * len(labels)) == right
    picked = np.take_along_axis(theano, labels[:, None].astype(int), axis=1)
    assert loss == pytest.approx(-np.log(picked).mean(), rel=1e-5)


@pytest.mark.full
def test_what_was_fitted_goes_back_to_lasagne(net, compiled, digits, tmp_path):
    model = compiled()
    model.fit(*digits[0], batch_size=64, verbose=0)
    values = lasagne_param_values(model)
    assert [(v.shape, v.dtype) for v in values] == [(p.shape, p.dtype) for p in net.param_values()]
    assert not any(np.array_equal(a, b) for a, b in zip(values, net.param_values(), strict=True))
    np.savez(tmp_path / "fitted.npz", *values)
    fitted = load(demo.paths().net, params=tmp_path / "fitted.npz")
    images = digits[1][0][:50]
    outputs = run_reference(fitted, [images], training=False).layers[-1]
    np.testing.assert_allclose(model.predict(images, verbose=0), outputs, rtol=1e-4, atol=1e-6)


@pytest.mark.full
def test_the_best_model_is_kept_and_training_ends_early(net, compiled, digits, tmp_path):
    model, path = compiled(), tmp_path / "best.keras"
    callbacks = [
        keras.callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, restore_best_weights=True),
        keras.callbacks.LearningRateScheduler(lambda epoch: 1e-4 * 100.0**epoch),
        keras.callbacks.TerminateOnNaN(),
    ]
    history = model.fit(
        *digits[0],
        batch_size=64,
        epochs=4,
        validation_data=digits[1],
        callbacks=callbacks,
        verbose=0,
    ).history
    assert len(history["val_loss"]) == 2  # a learning rate of 0.01 makes it worse at once
    best = keras.saving.load_model(path)
    assert best.evaluate(*digits[1], verbose=0)[0] == pytest.approx(min(history["val_loss"]))
    pairs = zip(lasagne_param_values(best, net), lasagne_param_values(model), strict=True)
    assert all(np.array_equal(saved, restored) for saved, restored in pairs)


@pytest.mark.full
def test_an_interrupted_training_is_taken_up_where_it_was(compiled, digits, tmp_path):
    def fit(*callbacks):
        model = compiled()
        # What Keras' callback does not bring back: moments of Adam, the next numbers of dropout.
        model.get_layer("dropout").rate = 0.0
        model.compile(keras.optimizers.SGD(0.001), model.loss)
        options = {"epochs": 3, "batch_size": 64, "shuffle": False, "verbose": 0}
        model.fit(*digits[0], callbacks=list(callbacks), **options)
        return model

    whole = fit()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(InterruptedTrainingError):
        fit(backup, InterruptAt(2))
    resumed = fit(backup)
    for found, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)

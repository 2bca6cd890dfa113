"""Gradients in windows: those that one gradient tape gives, whatever is computed again."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import to_keras
from lasport.oracles.record import MODES
from tests.golden_records import load_case

tf = pytest.importorskip("tensorflow")

# Branches, noise that is drawn, a layer used twice, a layer inverted, several inputs and outputs.
NETS = (
    "net_inception",
    "net_noisy",
    "net_shared_weights",
    "net_inverted_autoencoder",
    "net_two_inputs_two_outputs",
    "net_residual_block",
)


def session_of(name):
    from lasport.targets.keras_port import KerasPort

    case = load_case(name)
    return case, KerasPort(to_keras(case.network), case.network).start("float64")


def gradients(name, mode):
    case, session = session_of(name)
    masks = {case.network.layers[k].name: drawn for k, drawn in case.record.masks.items()}
    found = session.gradients(
        case.record.inputs, case.record.cotangents, training=mode == "training", masks=masks
    )
    return [*found.params, *found.inputs]


@pytest.mark.thinned(3)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NETS)
def test_windows_give_what_one_tape_around_everything_gives(name, mode, monkeypatch):
    from lasport.targets import keras_backward

    monkeypatch.setattr(keras_backward, "WINDOW", 10**6)
    whole = gradients(name, mode)
    monkeypatch.setattr(keras_backward, "WINDOW", 2)
    monkeypatch.setattr(keras_backward, "PARTS", 3)
    for expected, found in zip(whole, gradients(name, mode), strict=True):
        assert (expected is None) == (found is None)
        if expected is not None:
            scale = np.abs(expected).max(initial=0)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14 * scale)
    assert any(np.abs(each).max() > 1e-3 for each in whole if each is not None)


def test_one_tape_around_the_model_itself_gives_the_same():
    case, session = session_of("net_inception")
    (x,), (cotangent,) = case.record.inputs, case.record.cotangents
    found = session.gradients([x], [cotangent], training=False, masks={})
    (layout,), (outward,) = session.port.input_layouts, session.port.output_layouts
    image = tf.constant(layout.from_lasagne(x))
    with tf.GradientTape() as tape:
        tape.watch(image)
        weighted = session.model(image) * outward.from_lasagne(cotangent)
    expected = layout.to_lasagne(tape.gradient(weighted, image).numpy())
    np.testing.assert_allclose(found.inputs[0], expected, rtol=1e-13, atol=1e-16)


def test_few_calls_are_on_a_tape_at_a_time_and_few_values_are_kept(monkeypatch):
    from lasport.targets import keras_backward
    from lasport.targets.keras_backward import Backward
    from lasport.targets.keras_tape import Tape

    keras = pytest.importorskip("keras")
    depths, plays = {64: 0, 512: 0}, {64: 0, 512: 0}
    for depth in depths:
        tape, x = Tape(), keras.Input((3,), dtype="float64")
        y = x
        for _ in range(depth):
            layer = keras.layers.Activation("tanh", dtype="float64")
            result = layer(y)
            tape.record(layer, (y,), {}, result)
            y = result
        backward = Backward(tape, [], [], training=False)
        held = []
        play, moment = backward._play, backward._moment

        def counted(start, stop, *args, depth=depth, play=play, **kwargs):
            plays[depth] += stop - start
            return play(start, stop, *args, **kwargs)

        def kept(values, held=held, moment=moment, depth=depth):
            import weakref

            made = moment(values)
            held.append(weakref.ref(made))
            depths[depth] = max(depths[depth], sum(each() is not None for each in held))
            return made

        monkeypatch.setattr(backward, "_play", counted)
        monkeypatch.setattr(backward, "_moment", kept)
        value = tf.constant([[0.1, -0.2, 0.3]], tf.float64)
        _, found = backward.run({id(x): value}, [(id(y), tf.ones_like(value))])
        with tf.GradientTape() as around:
            around.watch(value)
            expected = value
            for _ in range(depth):
                expected = tf.tanh(expected)
        exact = around.gradient(expected, value)
        np.testing.assert_allclose(found[id(x)], exact, rtol=1e-12)
    assert keras_backward.WINDOW < 64
    # Eight times the layers: as many more moments as there are levels, and so many more calls.
    assert depths[512] <= depths[64] + 2 * keras_backward.PARTS
    assert plays[512] <= 4 * 512

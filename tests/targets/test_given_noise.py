"""Stand-ins for stochastic Keras layers: which there are, what they are given, what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lasport import to_keras, verify
from lasport.oracles.reference import reference_record
from lasport.readers.network import build_network
from lasport.spec import Network
from tests.golden_records import load_case
from tests.inert_nets import function, layer, source

keras = pytest.importorskip("keras")

IMAGES = (None, 2, 7, 5)


def dropout(incoming: Any, **state: Any) -> Any:
    options = {"p": 0.25, "rescale": True, "shared_axes": (), **state}
    return layer("noise.DropoutLayer", incoming, {}, **options)


def gaussian(incoming: Any, sigma: float = 0.1, **state: Any) -> Any:
    return layer("noise.GaussianNoiseLayer", incoming, {}, sigma=sigma, **state)


def rectifier(incoming: Any, **state: Any) -> Any:
    options = {"lower": 0.3, "upper": 0.8, "shared_axes": (0,), **state}
    return layer("special.RandomizedRectifierLayer", incoming, {}, **options)


def port_of(shape: tuple[int | None, ...], *layers: Any) -> Any:
    """Return a port by hand: layers in a row, channels last."""
    x = inputs = keras.Input(shape[1:])
    for each in layers:
        x = each(x)
    return keras.Model(inputs, x)


def report_on(net: Network, model: Any) -> Any:
    return verify(net, model, passes=(1,), outputs_only=True)


# What people write for a net of one stochastic layer: shape of the model's input, its layer.
def spatial(shape: tuple[int | None, ...]) -> Any:
    return dropout(source(shape), shared_axes=tuple(range(2, len(shape))))


EQUAL = {
    "Dropout": (lambda: dropout(source((None, 5))), (None, 5), "Dropout", {"rate": 0.25}),
    "Dropout of images": (
        lambda: dropout(source(IMAGES)),
        (None, 7, 5, 2),
        "Dropout",
        {"rate": 0.25},
    ),
    "Dropout of images, channels first": (
        lambda: dropout(source(IMAGES)),
        IMAGES,
        "Dropout",
        {"rate": 0.25},
    ),
    "Dropout with a noise shape, channels first": (
        lambda: spatial(IMAGES),
        IMAGES,
        "Dropout",
        {"rate": 0.25, "noise_shape": (None, 2, 1, 1)},
    ),
    "GaussianNoise of sequences": (
        lambda: gaussian(source((None, 7, 5)), 0.3),
        (None, 7, 5),
        "GaussianNoise",
        {"stddev": 0.3},
    ),
    "SpatialDropout1D": (
        lambda: dropout(source((None, 7, 5)), shared_axes=(1,)),
        (None, 7, 5),
        "SpatialDropout1D",
        {"rate": 0.25},
    ),
    "SpatialDropout2D": (
        lambda: spatial(IMAGES),
        (None, 7, 5, 2),
        "SpatialDropout2D",
        {"rate": 0.25},
    ),
    "SpatialDropout2D, channels first": (
        lambda: spatial(IMAGES),
        IMAGES,
        "SpatialDropout2D",
        {"rate": 0.25, "data_format": "channels_first"},
    ),
    "SpatialDropout3D": (
        lambda: spatial((None, 2, 7, 5, 4)),
        (None, 7, 5, 4, 2),
        "SpatialDropout3D",
        {"rate": 0.25},
    ),
    "Dropout with a noise shape": (
        lambda: spatial(IMAGES),
        (None, 7, 5, 2),
        "Dropout",
        {"rate": 0.25, "noise_shape": (None, 1, 1, 2)},
    ),
    "GaussianNoise": (
        lambda: gaussian(source(IMAGES), 0.3),
        (None, 7, 5, 2),
        "GaussianNoise",
        {"stddev": 0.3},
    ),
    "GaussianNoise, channels first": (
        lambda: gaussian(source(IMAGES), 0.3),
        IMAGES,
        "GaussianNoise",
        {"stddev": 0.3},
    ),
    "GaussianNoise, deviation rounded": (
        lambda: gaussian(source((None, 5)), 0.3),
        (None, 5),
        "GaussianNoise",
        {"stddev": float(np.float32(0.3))},
    ),
}


@pytest.mark.parametrize("name", EQUAL)
def test_ports_by_hand_are_equal(name):
    build, shape, kind, options = EQUAL[name]
    report = report_on(
        build_network(build()), port_of(shape, getattr(keras.layers, kind)(**options))
    )
    assert report.ok, report.to_text()
    # On the way back what was dropped stays dropped.
    assert any(one.subject == "training/slopes/all" for one in report.comparisons)


# Net, the port's layer, what is said about it; inputs have 5 features.
WRONG = {
    "another deviation": (
        gaussian,
        lambda: keras.layers.GaussianNoise(0.2, name="mine"),
        "mine adds noise of standard deviation 0.2, the net of 0.1",
    ),
    "dropout of everything": (
        dropout,
        lambda: keras.layers.Dropout(1.0),
        None,
    ),
    "another kind": (
        gaussian,
        lambda: keras.layers.Dropout(0.1, name="mine"),
        "the net draws noise in layer (GaussianNoiseLayer), the model in mine (Dropout)",
    ),
    "multiplied": (
        gaussian,
        lambda: keras.layers.GaussianDropout(0.1, name="mine"),
        "mine (GaussianDropout) drew random numbers that no original can have drawn",
    ),
    "Keras' own way to drop": (
        dropout,
        lambda: keras.layers.AlphaDropout(0.25, name="mine"),
        "mine (AlphaDropout) drew random numbers",
    ),
    "a layer of somebody's": (
        rectifier,
        lambda: RectifierByHand(0.3, 0.8, name="mine"),
        "mine (RectifierByHand) drew random numbers",
    ),
    "dropout that never rests": (
        dropout,
        lambda: MonteCarloDropout(0.25, name="mine"),
        "mine (MonteCarloDropout) drew random numbers",
    ),
    "nothing drawn": (
        dropout,
        lambda: keras.layers.Dropout(0.0),
        "the net draws noise in layer (DropoutLayer), the model in no layer",
    ),
}


class RectifierByHand(keras.layers.Layer):
    """What somebody may write for a randomized rectifier."""

    def __init__(self, lower: float, upper: float, **options: Any) -> None:
        super().__init__(**options)
        self.lower, self.upper = lower, upper
        self.seed_generator = keras.random.SeedGenerator(3)

    def call(self, inputs: Any, training: bool = False) -> Any:
        slope = (self.lower + self.upper) / 2
        if training:
            shape = (1, *inputs.shape[1:])
            slope = keras.random.uniform(shape, self.lower, self.upper, seed=self.seed_generator)
            slope = keras.ops.cast(slope, inputs.dtype)
        return keras.ops.where(inputs > 0, inputs, slope * inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "lower": self.lower, "upper": self.upper}


class MonteCarloDropout(keras.layers.Dropout):
    """Dropout that drops in inference mode too."""

    def call(self, inputs: Any) -> Any:
        return super().call(inputs, training=True)


@pytest.mark.parametrize("name", WRONG)
def test_ports_that_draw_otherwise_differ(name):
    build, port, message = WRONG[name]
    report = report_on(
        build_network(build(source((None, 5)), name="layer")), port_of((None, 5), port())
    )
    assert not report.ok
    if message is not None:
        assert any(message in problem for problem in report.problems), report.to_text()


def test_a_layer_without_effect_needs_no_partner():
    net = build_network(dropout(source((None, 5))))
    layers = keras.layers
    model = port_of((None, 5), layers.GaussianNoise(0.0), layers.Dropout(0.25), layers.Dropout(0.0))
    assert report_on(net, model)


def test_layers_of_a_kind_come_in_order_whatever_is_between_them():
    net = build_network(dropout(gaussian(dropout(source((None, 5))), 0.2), p=0.5))
    first, second = keras.layers.Dropout(0.25), keras.layers.Dropout(0.5)
    noise = keras.layers.GaussianNoise(0.2)
    assert report_on(net, port_of((None, 5), first, noise, second))
    assert not report_on(net, port_of((None, 5), second, noise, first))


def dense(incoming: Any, units: int, inputs: int) -> Any:
    weights = {"W": np.random.RandomState(units).normal(size=(inputs, units)), "b": np.ones(units)}
    options = {"num_units": units, "nonlinearity": function("tanh"), "num_leading_axes": 1}
    return layer("dense.DenseLayer", incoming, weights, **options)


def norm(incoming: Any, channels: int) -> Any:
    rng = np.random.RandomState(channels)
    names = ("beta", "gamma", "mean", "inv_std")
    params = {name: rng.uniform(0.5, 2.0, size=channels) for name in names}
    options = {"axes": (0,), "epsilon": 1e-4, "alpha": 0.1}
    return layer("normalization.BatchNormLayer", incoming, params, **options)


def flattened_port(net: Network, *, transposed: bool, rate: float = 0.25) -> Any:
    """Return a port by hand: images flattened channels last, or transposed before that."""
    scale, out = (one for one in net.layers if one.params)
    kernel, bias = (out.params[name].value for name in ("W", "b"))
    values = {name: param.value for name, param in scale.params.items()}
    values["variance"] = values["inv_std"] ** -2 - 1e-4
    values = {name: values[name] for name in ("gamma", "beta", "mean", "variance")}
    if not transposed:
        order = np.arange(12).reshape(2, 3, 2).transpose(1, 2, 0).ravel()
        kernel, values = kernel[order], {name: each[order] for name, each in values.items()}
    normalization = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-4)
    last = keras.layers.Dense(4, activation="tanh")
    model = port_of(
        (None, 3, 2, 2),
        keras.layers.Permute((3, 1, 2) if transposed else (1, 2, 3)),
        keras.layers.Flatten(),
        keras.layers.Dropout(rate),
        normalization,
        last,
    )
    normalization.set_weights(list(values.values()))
    last.set_weights([kernel, bias])
    return model


@pytest.mark.parametrize("transposed", (False, True))
def test_images_may_be_flattened_in_either_order(transposed):
    flat = layer("shape.FlattenLayer", source((None, 2, 3, 2)), {}, outdim=2, name="flat")
    net = build_network(dense(norm(dropout(flat), 12), 4, 12))
    report = report_on(net, flattened_port(net, transposed=transposed))
    assert report.ok, report.to_text()
    assert any("outputs-after" in one.subject for one in report.comparisons)
    assert not report_on(net, flattened_port(net, transposed=transposed, rate=0.2))


def test_a_recurrent_layer_that_drops_has_no_original():
    case = load_case("lstm_bare")
    model = to_keras(case.network)
    assert verify(case.network, model, case.record, outputs_only=True)
    (lstm,) = (each for each in model.layers if isinstance(each, keras.layers.LSTM))
    config = {**lstm.get_config(), "dropout": 0.5, "name": "mine"}
    dropping = keras.layers.LSTM.from_config(config)
    copy = keras.Model(model.input, dropping(model.input))
    dropping.set_weights(lstm.get_weights())
    report = verify(case.network, copy, case.record, outputs_only=True)
    assert any("mine (LSTM) drew random numbers" in problem for problem in report.problems)


@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_samples_are_used_in_training_mode_only_and_once(dtype):
    from lasport.targets.keras_port import KerasPort

    net = build_network(rectifier(gaussian(source((None, 5)), 0.2, name="noise"), name="rect"))
    record = reference_record(net)
    session = KerasPort(to_keras(net, dtype=dtype), net).start("float64")
    masks = {net.layers[k].name: drawn for k, drawn in record.masks.items()}
    for training, mode in ((True, "training"), (False, "inference"), (True, "training")):
        found = session.run(record.inputs, training=training, masks=masks if training else {})
        np.testing.assert_allclose(found[0], record.outputs(mode)[0], rtol=1e-14)
    other = {**masks, "noise": [-1 * masks["noise"][0]]}
    (changed,) = session.run(record.inputs, training=True, masks=other)
    assert (changed != found[0]).all()


def test_verifying_moves_no_generator_of_the_model():
    case = load_case("net_noisy")
    model = to_keras(case.network)
    states = [each for each in model.variables if each.name == "seed_generator_state"]
    before = [each.numpy() for each in states]
    assert len(before) == 7
    assert verify(case.network, model, case.record)
    np.testing.assert_array_equal([each.numpy() for each in states], before)

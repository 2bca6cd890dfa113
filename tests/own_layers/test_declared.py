"""Users' layers become Keras layers with every parameter in its place, or are refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import lasport
from lasport import KerasLayer
from lasport.errors import ComparisonError, RegistrationError, UnsupportedLayersError
from lasport.oracles.record import Record
from lasport.oracles.reference import reference_record
from lasport.passes import lower
from lasport.readers.network import build_network
from lasport.translate import translate
from lasport.weights import Flip, Transpose
from tests.inert_nets import function, image, layer, merge, source

KIND = "__main__.Odd"
W, B = np.arange(6.0).reshape(3, 2), np.array([7.0, 8.0])


@pytest.fixture(autouse=True)
def _own_registrations():
    with lasport.temporary_registrations():
        yield


@keras.saving.register_keras_serializable("test_declared")
class Affine(keras.layers.Layer):
    """``x W + b`` over the last axis."""

    def __init__(self, units, trained=("W", "b"), extra=False, **options):
        super().__init__(**options)
        self.units, self.trained, self.extra = units, tuple(trained), extra

    def build(self, shape):
        self.W = self.add_weight(
            name="W", shape=(shape[-1], self.units), trainable="W" in self.trained
        )
        self.b = self.add_weight(name="b", shape=(self.units,), trainable="b" in self.trained)
        self.gain = self.add_weight(name="gain", shape=()) if self.extra else None

    def call(self, x):
        return keras.ops.matmul(x, self.W) + self.b

    def get_config(self):
        return {**super().get_config(), "units": self.units, "trained": self.trained}


@keras.saving.register_keras_serializable("test_declared")
class Transposed(Affine):
    """The same, with W the other way round and back to front."""

    def build(self, shape):
        self.W = self.add_weight(name="W", shape=(self.units, shape[-1]))
        self.b = self.add_weight(name="b", shape=(self.units,))

    def call(self, x):
        return keras.ops.matmul(x, keras.ops.flip(keras.ops.transpose(self.W), 0)) + self.b


def units_out(saved):
    return (*saved.input_shapes[0][:-1], saved.params["W"].shape[1])


def affine(saved, inputs, run):
    return inputs[0] @ saved.params["W"] + saved.params["b"]


def net(incoming=None, tags=None, **state):
    """Build a net of one layer, whose parameters have tags by name."""
    built = layer(KIND, incoming or source((None, 3)), {"W": W, "b": B}, name="odd", **state)
    for name, given in (tags or {}).items():
        built.state["params"][built.state[name]] = given
    return build_network(built)


def declare(made, **options):
    options = {"output_shape": units_out, "reference": affine, **options}
    lasport.register(KIND, lambda saved: made(saved) if callable(made) else made, **options)


def test_parameters_go_to_variables_and_come_back_bit_for_bit():
    declare(KerasLayer(Affine, {"units": 2}))
    given = net()
    model = lasport.to_keras(given)
    np.testing.assert_array_equal(model.get_layer("odd").W, W)
    x = np.array([[1.0, -2.0, 0.5]])
    np.testing.assert_array_equal(model(x), x @ W + B)
    for value, expected in zip(lasport.lasagne_param_values(model), (W, B), strict=True):
        np.testing.assert_array_equal(value, expected)
    assert lasport.verify(given, model), lasport.verify(given, model).to_text()


def test_conversions_are_undone_after_training():
    arranged = ("W", Flip((0,)), Transpose((1, 0)))
    declare(KerasLayer(Transposed, {"units": 2}, weights={"W": arranged, "b": "b"}))
    given = net()
    model = lasport.to_keras(given)
    np.testing.assert_array_equal(model.get_layer("odd").W, W[::-1].T)
    assert lasport.verify(given, model)
    model.get_layer("odd").W.assign(W[::-1].T + 0.25)
    value, _ = lasport.lasagne_param_values(model)
    np.testing.assert_array_equal(value, W + 0.25)


def test_a_model_that_was_saved_is_recognized(tmp_path):
    declare(KerasLayer(Affine, {"units": 2}))
    given = net()
    lasport.to_keras(given).save(tmp_path / "net.keras")
    model = keras.saving.load_model(tmp_path / "net.keras")
    assert lasport.verify(given, model)
    for value, expected in zip(lasport.lasagne_param_values(model, given), (W, B), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_layers_in_a_row_with_a_nonlinearity_that_the_profiles_know():
    def made(saved):
        return [
            KerasLayer(keras.layers.Rescaling, {"scale": 1.0}, weights={}),
            KerasLayer(keras.layers.Dense, {"units": 2}, weights={"kernel": "W", "bias": "b"}),
            saved.nonlinearity(),
        ]

    declare(made, reference=lambda *a: np.maximum(affine(*a), 0))
    given = net(nonlinearity=function("rectify"))
    kinds = {"stock": "Activation", "exact": "Nonlinearity"}
    for profile, kind in kinds.items():
        model = lasport.to_keras(given, profile=profile)
        names = {layer.name: type(layer).__name__ for layer in model.layers[1:]}
        assert names == {"odd_rescaling": "Rescaling", "odd": "Dense", "odd_nonlinearity": kind}
        assert lasport.verify(given, model)


# --- order of axes


class Wanted(keras.layers.Layer):
    """Give back what it takes; remember the shape."""

    def call(self, x):
        self.taken = tuple(x.shape)
        return x


@pytest.mark.parametrize(
    ("data_format", "taken"),
    (("channels_first", (None, 2, 7, 5)), ("channels_last", (None, 7, 5, 2))),
)
def test_transposes_are_put_where_they_are_needed(data_format, taken):
    lasport.register(KIND, lambda saved: KerasLayer(Wanted), data_format=data_format)
    given = build_network(layer(KIND, image(), {}, name="odd"))
    for outer in ("channels_first", "channels_last"):
        model = lasport.to_keras(given, data_format=outer)
        assert model.get_layer("odd").taken == taken
        transposes = sum(type(x).__name__ == "Permute" for x in model.layers)
        assert transposes == (0 if outer == data_format else 2)
        shapes = {"channels_first": (None, 2, 7, 5), "channels_last": (None, 7, 5, 2)}
        assert model.output_shape == shapes[outer]


class Pooled(keras.layers.Layer):
    """Two inputs, images and a scale for each channel, channels last."""

    def call(self, inputs):
        x, scale = inputs
        return keras.ops.sum(x, axis=2) * scale


def test_channels_last_of_several_ranks():
    lasport.register(
        KIND,
        lambda saved: KerasLayer(Pooled),
        data_format="channels_last",
        output_shape=lambda saved: saved.input_shapes[0][:-1],
        reference=lambda saved, inputs, run: inputs[0].sum(3) * inputs[1],
    )
    scale = source((None, 2, 1))
    given = build_network(merge(KIND, [image(), scale], name="odd"))
    (own,) = (step for step in lower(translate(given)).steps if step.name == "odd")
    assert [value.layout.axes for value in own.inputs] == [(0, 2, 3, 1), (0, 2, 1)]
    assert lasport.verify(given), lasport.verify(given).to_text()


# --- what is refused


class NotAlike:
    """A conversion that does not undo what it does."""

    def apply(self, array):
        return array * 2

    def undo(self, array):
        return array


ARGUMENTS = {"units": 2}
REFUSED = (
    (KerasLayer(Affine, ARGUMENTS, {"W": "W"}), "parameter b is used nowhere"),
    (KerasLayer(Affine, ARGUMENTS, {"W": "W", "b": "b", "c": "b"}), "b is used for 2 variables"),
    (
        KerasLayer(Affine, ARGUMENTS, {"W": "V"}),
        "variable W shall be 'V'; the parameters are: W, b",
    ),
    (KerasLayer(Affine, ARGUMENTS, {"W": ("W", NotAlike()), "b": "b"}), "W do not undo"),
    ([KerasLayer(Affine, ARGUMENTS), KerasLayer(Wanted)], "each must say its weights="),
)


@pytest.mark.parametrize(("made", "message"), REFUSED)
def test_no_parameter_is_lost(made, message):
    declare(made)
    with pytest.raises(UnsupportedLayersError, match=message):
        translate(net())


def raising(saved):
    raise KeyError("num_units")


MISTAKES = (
    (None, "returned None; a KerasLayer is expected"),
    ([], "a KerasLayer is expected"),
    (Wanted, "a KerasLayer is expected"),
    (raising, r"raising, registered for __main__\.Odd: KeyError: 'num_units'"),
    (KerasLayer(Affine(2), {}), "takes a class"),
)


@pytest.mark.parametrize(("made", "message"), MISTAKES)
def test_mistakes_in_a_registered_function_are_named(made, message):
    lasport.register(KIND, raising if made is raising else lambda saved: made)
    with pytest.raises(RegistrationError, match=message):
        translate(net())


WRONG_LAYERS = (
    (KerasLayer(Affine), "cannot be made, or called: TypeError: .*units"),
    (KerasLayer(Affine, {"units": 3}), r"variable W of Affine has shape \(3, 3\), its parameter"),
    (KerasLayer(Affine, ARGUMENTS, {"v": "W", "b": "b"}), "Affine has no variable 'v'"),
    (KerasLayer(Affine, {**ARGUMENTS, "trained": "W"}), "Lasagne trains it.*trainable=True"),
    (KerasLayer(Affine, {**ARGUMENTS, "extra": True}), "odd/gain would be trained, and is no"),
)


@pytest.mark.parametrize(("made", "message"), WRONG_LAYERS)
def test_keras_layers_are_held_to_the_parameters(made, message):
    declare(made)
    with pytest.raises(RegistrationError, match=message):
        lasport.to_keras(net())


def test_frozen_parameters_stay_frozen():
    declare(KerasLayer(Affine, ARGUMENTS))
    model = lasport.to_keras(net(tags={"W": set(), "b": set()}))
    assert model.trainable_variables == []
    with pytest.raises(RegistrationError, match="Lasagne does not train it"):
        lasport.to_keras(net(tags={"W": set(), "b": {"trainable"}}))


def test_a_layer_may_train_some_of_its_parameters():
    declare(KerasLayer(Affine, {"units": 2, "trained": ("b",)}))
    (trained,) = lasport.to_keras(net(tags={"W": set()})).trainable_variables
    assert trained.path == "odd/b"


def test_a_shape_is_the_inputs_unless_said():
    declare(KerasLayer(Affine, ARGUMENTS), output_shape=None)
    given = net()
    assert given.layers[-1].output_shape == (None, 3)
    with pytest.raises(
        RegistrationError, match=r"gives \(None, 2\), where \(None, 3\) was expected"
    ):
        lasport.to_keras(given)


def test_a_merge_has_to_say_its_shape():
    lasport.register(KIND, lambda saved: KerasLayer(keras.layers.Add))
    given = build_network(merge(KIND, [source((None, 3)), source((None, 3))]))
    with pytest.raises(UnsupportedLayersError, match="register it with output_shape="):
        translate(given)


def test_a_shape_is_a_tuple():
    declare(KerasLayer(Affine, ARGUMENTS), output_shape=lambda saved: 2)
    with pytest.raises(UnsupportedLayersError, match="gives 2, not a tuple"):
        translate(net())


# --- comparison


def test_without_a_reference_verify_fails_and_says_why():
    declare(KerasLayer(Affine, ARGUMENTS), reference=None)
    report = lasport.verify(net())
    assert not report
    assert report.failures == ()
    (problem,) = report.problems
    assert problem.startswith("odd (__main__.Odd): registered without reference=")
    assert str(report).splitlines()[0].endswith("NOT ALL COMPARED")
    # Nothing is compared with itself.
    assert not any(c.layer == "odd" for c in report.comparisons)


def test_a_layer_like_another_is_noted():
    lasport.register(KIND, like="lasagne.layers.DenseLayer")
    report = lasport.verify(net(num_units=2, nonlinearity=None))
    assert report
    assert any(
        "is taken to compute what lasagne.layers.dense.DenseLayer" in n for n in report.notes
    )


def test_a_reference_that_raises_is_named():
    declare(KerasLayer(Affine, ARGUMENTS), reference=lambda saved, inputs, run: inputs[1])
    with pytest.raises(RegistrationError, match=r"registered for __main__\.Odd: IndexError"):
        lasport.verify(net())


def test_a_wrong_reference_or_a_wrong_layer_is_found():
    declare(KerasLayer(Affine, ARGUMENTS), reference=lambda *a: affine(*a) * (1 + 1e-6))
    report = lasport.verify(net())
    assert not report
    assert report.first_divergence.layer == "odd"


class NoConfig(Affine):
    """Without the arguments in its configuration, no copy of it can be made."""

    def get_config(self):
        return {"name": self.name}


def test_a_layer_that_cannot_be_copied_is_not_compared():
    declare(KerasLayer(NoConfig, ARGUMENTS))
    report = lasport.verify(net())
    assert not report
    assert any("odd (NoConfig) cannot be copied" in problem for problem in report.problems)


def test_errors_of_a_reading_stay_what_they_are():
    declare(KerasLayer(Affine, ARGUMENTS))
    given = net()
    with pytest.raises(ComparisonError, match="takes"):
        lasport.verify(given, keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))


class Noisy(keras.layers.Layer):
    """Add noise of its own in training mode."""

    def call(self, x, training=False):
        return x + keras.random.normal(keras.ops.shape(x), dtype=x.dtype) if training else x


def test_a_layer_that_draws_is_compared_in_inference_mode_only():
    lasport.register(KIND, lambda saved: KerasLayer(Noisy), reference=lambda s, x, run: x[0])
    given = build_network(layer(KIND, source((None, 3)), {}, name="odd"))
    assert lasport.verify(given, modes=("inference",))
    assert not lasport.verify(given)
    record = reference_record(given, passes=1)
    drawn = {"training/masks/1/0": record.inputs[0], "passes/1/masks/1/0": record.inputs[0]}
    record = Record({**record.meta, "theano": "1.0.5"}, {**record.arrays, **drawn})
    assert lasport.verify(given, oracle=record, modes=("inference",))
    report = lasport.verify(given, oracle=record, passes=(1,))
    assert not report
    assert any("odd" in problem for problem in report.problems), report.to_text()

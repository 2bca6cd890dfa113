"""Keras models as ports: recognized or foreign, run as they are or as copies, and left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lasport import lasagne_param_values, to_keras, verify
from lasport.errors import ComparisonError
from lasport.layout import channels_last, lasagne_order
from lasport.oracles.reference import draw_inputs, run_reference
from lasport.readers.network import build_network
from lasport.spec import Network
from lasport.targets.keras_calls import PROFILES
from lasport.targets.recognition import recognize
from tests.golden_records import load_case
from tests.inert_nets import function, layer, source

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

FORMATS = ("channels_first", "channels_last")


@pytest.fixture(scope="module")
def port() -> Any:
    """Return the class, whose module needs Keras."""
    from lasport.targets.keras_port import KerasPort

    return KerasPort


def dense(incoming: Any, units: int, inputs: int, **state: Any) -> Any:
    rng = np.random.RandomState(inputs)
    params = {"W": rng.normal(size=(inputs, units)), "b": rng.normal(size=units)}
    options = {"num_units": units, "nonlinearity": function("linear"), **state}
    return layer("dense.DenseLayer", incoming, params, **options)


def dropout(incoming: Any, **state: Any) -> Any:
    options = {"p": 0.5, "rescale": True, "shared_axes": (), **state}
    return layer("noise.DropoutLayer", incoming, {}, **options)


def conv(incoming: Any, channels: int, **state: Any) -> Any:
    rng = np.random.RandomState(channels)
    params = {"W": rng.normal(size=(4, channels, 3, 3)), "b": rng.normal(size=4)}
    options = {"num_filters": 4, "filter_size": (3, 3), "stride": (1, 1), "pad": (0, 0)}
    options |= {"flip_filters": False, "nonlinearity": function("linear"), **state}
    return layer("conv.Conv2DLayer", incoming, params, **options)


def foreign_conv(net: Network, shape: tuple[int | None, ...], **options: Any) -> Any:
    """Return a port of a single convolution, by hand and channels last."""
    params = net.layers[-1].params
    images = keras.Input(shape, dtype="float64")
    mine = keras.layers.Conv2D(4, 3, dtype="float64", name="mine", **options)
    model = keras.Model(images, mine(images))
    mine.set_weights([params["W"].value.transpose(2, 3, 1, 0), params["b"].value])
    return model


def expected(net: Network, inputs: Any, *, training: bool = False) -> dict[str, Any]:
    """Return what each layer should give in float64."""
    values = run_reference(net, inputs, training=training).layers
    return dict(zip((one.name for one in net.layers), values, strict=True))


def assert_close(actual: Any, wanted: Any) -> None:
    assert actual.shape == wanted.shape
    np.testing.assert_allclose(actual, wanted, rtol=1e-10, atol=1e-12)


# --- the model is left alone


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_verifying_leaves_the_model_as_it_was(dtype, profile):
    case = load_case("net_digits")
    model = to_keras(case.network, dtype=dtype, profile=profile)
    model.get_layer("conv1").trainable = False
    before = [variable.numpy() for variable in model.variables]
    config, flags = model.get_config(), [one.trainable for one in model.layers]
    assert any(one.name == "seed_generator_state" for one in model.variables)
    report = verify(case.network, model, case.record)
    frozen = "trained by Lasagne, and not by the model"
    assert {one.problem for one in report.failures} == {frozen}
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert model.get_config() == config
    assert [one.trainable for one in model.layers] == flags


def test_running_a_model_whose_layers_always_train_moves_none_of_its_averages(port):
    case = load_case("net_vgg_block")
    model = to_keras(case.network)

    def always(one: Any, *args: Any, **kwargs: Any) -> Any:
        fixed = {"training": True} if isinstance(one, keras.layers.BatchNormalization) else {}
        return one(*args, **{**kwargs, **fixed})

    copy = keras.models.clone_model(model, call_function=always)
    copy.set_weights(model.get_weights())
    before = copy.get_weights()
    (outputs,) = port(copy, case.network).run(case.record.inputs)
    assert_close(outputs, case.record.outputs("training")[0])
    for value, kept in zip(copy.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, kept)


# --- sessions


def test_a_session_gives_every_layer_in_lasagnes_order_of_axes(port):
    case = load_case("net_digits")
    for data_format in FORMATS:
        model = to_keras(case.network, data_format=data_format)
        session = port(model, case.network).start("float64")
        walk = session.walk(case.record.inputs, training=False)
        for one, recorded in zip(case.network.layers, case.record.layers("inference"), strict=True):
            assert_close(walk.value(one.name), recorded)
        (output,) = walk.outputs()
        assert_close(output, case.record.outputs("inference")[0])


def test_training_moves_the_averages_of_the_session_alone(port):
    case = load_case("net_vgg_block")
    model = to_keras(case.network, profile="exact")
    each = port(model, case.network)
    first, second = each.start("float64"), each.start("float64")
    first.run(case.record.batch(1), training=True, masks={})
    for value, recorded in zip(first.params(), case.record.params_after(1), strict=True):
        assert_close(value, recorded)
    for session in (second, each.start("float64")):
        for value, recorded in zip(session.params(), case.record.params, strict=True):
            assert_close(value, recorded)


@pytest.mark.parametrize("dtype", ("float16", "float32"))
def test_rounded_parameters_are_taken_in_full_and_changed_ones_as_they_are(dtype, port):
    net = build_network(dense(source((None, 5)), 3, 5, name="out"))
    model = to_keras(net, dtype=dtype)
    kernel = model.get_layer("out").kernel
    changed = kernel.numpy()
    changed[2, 1] = np.nextafter(changed[2, 1], np.inf, dtype=changed.dtype)
    kernel.assign(changed)
    weights, bias = port(model, net).start("float64").params()
    wanted = net.param_values()
    differs = np.zeros((5, 3), bool)
    differs[2, 1] = True
    np.testing.assert_array_equal(weights != wanted[0], differs)
    assert weights[2, 1] == changed[2, 1]
    np.testing.assert_array_equal(bias, wanted[1])


def test_masks_are_applied_where_they_were_drawn_whatever_the_order_of_branches(port):
    # Keras lists layers by depth, Lasagne branch by branch: here that swaps the dropout layers.
    vector = source((None, 5), name="in")
    deep = dropout(dense(dense(vector, 4, 5, name="a"), 4, 4, name="b"), name="first")
    shallow = dense(vector, 4, 5, name="c")
    for _ in range(4):
        shallow = dense(shallow, 4, 4)
    early = dropout(dense(vector, 4, 5, name="d"), name="second")
    late = early
    for _ in range(4):
        late = dense(late, 4, 4)
    net = build_network([deep, late])
    order = [one.name for one in to_keras(net).layers if isinstance(one, keras.layers.Dropout)]
    lasagne = [one.name for one in net.layers if one.name in order]
    assert order == lasagne[::-1]
    assert verify(net)


def test_a_dropout_layer_without_a_mask_or_a_mask_without_a_layer_is_refused(port):
    net = build_network(dense(dropout(source((None, 5)), name="drop"), 3, 5, name="out"))
    session = port(to_keras(net), net).start("float64")
    x = np.ones((7, 5))
    with pytest.raises(
        ComparisonError, match=r"the net draws noise in no layer, the model in drop \(Dropout\)$"
    ):
        session.run([x], training=True, masks={})
    with pytest.raises(
        ComparisonError, match=r"in drop \(DropoutLayer\), more \(unknown\), the model in drop"
    ):
        session.run([x], training=True, masks={"drop": [x], "more": [x]})
    with pytest.raises(ComparisonError, match=r"^drop draws a sample of \(7, 5\), .* of \(7, 1\)$"):
        session.run([x], training=True, masks={"drop": [x[:, :1]]})


def test_other_sizes_than_the_model_takes_are_refused(port):
    net = build_network(conv(source((None, 2, None, None)), 2))
    model = foreign_conv(net, (6, 5, 2))
    each = port(model, net)
    images = np.zeros((3, 2, 7, 5))
    for run in (each.run, lambda x: each.start("float64").run(x, training=False, masks={})):
        with pytest.raises(ComparisonError, match=r"takes \(None, 6, 5, 2\), not \(3, 7, 5, 2\)"):
            run([images])


def test_a_layer_that_cannot_be_copied_is_named():
    class Closed(keras.layers.Layer):
        def __init__(self, function_: Any) -> None:
            super().__init__(name="closed", dtype="float64")
            self.function = function_

        def call(self, inputs: Any) -> Any:
            return self.function(inputs)

    net = build_network(dense(source((None, 5)), 3, 5, name="out"))
    model = to_keras(net)
    model = keras.Model(model.input, Closed(keras.ops.tanh)(model.output))
    report = verify(net, model, outputs_only=True)
    assert any(
        problem.startswith("closed (Closed) cannot be copied") for problem in report.problems
    )


# --- which models


STRUCTURES = {
    "tensors": (lambda x: x, lambda y: y),
    "lists": (lambda x: [x], lambda y: [y]),
    "dicts": (lambda x: {"input": x}, lambda y: {"prob": y}),
}


@pytest.mark.parametrize(("inputs", "outputs"), STRUCTURES.values(), ids=STRUCTURES)
def test_any_structure_of_inputs_and_outputs(inputs, outputs):
    case = load_case("net_vgg_block")
    model = to_keras(case.network)
    model = keras.Model(inputs(model.input), outputs(model.output))
    assert verify(case.network, model, case.record)


def test_several_inputs_and_outputs_in_a_list():
    case = load_case("net_two_inputs_two_outputs")
    assert verify(case.network, to_keras(case.network), case.record)


def test_a_sequential_model():
    case = load_case("net_unnamed_layers")
    functional = to_keras(case.network)
    start = keras.Input((7,), name=functional.inputs[0].name, dtype="float64")
    model = keras.Sequential([start, *functional.layers[1:]])
    assert verify(case.network, model, case.record)
    start = keras.Input((7,), name="another_name", dtype="float64")
    model = keras.Sequential([start, *functional.layers[1:]])
    assert verify(case.network, model, case.record, outputs_only=True)


def test_a_model_within_a_model():
    case = load_case("net_unnamed_layers")
    inner = to_keras(case.network)
    model = keras.Sequential([keras.Input((7,), dtype="float64"), inner])
    assert verify(case.network, model, case.record, outputs_only=True)


class Doubled(keras.Model):
    """A model that computes otherwise than its layers."""

    def call(self, inputs: Any, training: Any = None) -> Any:
        return 2 * super().call(inputs, training=training)


class Unbuilt(keras.Model):
    """A model that nobody knows the layers of."""

    def call(self, inputs: Any) -> Any:
        return inputs


def test_models_that_no_copy_of_layers_stands_for_are_refused(port):
    case = load_case("net_unnamed_layers")
    model = to_keras(case.network)
    with pytest.raises(ComparisonError, match=r"Doubled has a call\(\) of its own"):
        port(Doubled(model.inputs, model.outputs), case.network)
    with pytest.raises(ComparisonError, match="only built functional and Sequential models"):
        port(Unbuilt(), case.network)


def test_models_with_other_numbers_of_inputs_or_outputs_are_refused(port):
    one, two = load_case("net_unnamed_layers"), load_case("net_two_inputs_two_outputs")
    with pytest.raises(ComparisonError, match="the model has 2 inputs, the net 1"):
        port(to_keras(two.network), one.network)
    model = to_keras(one.network)
    with pytest.raises(ComparisonError, match="the model has 2 outputs, the net 1"):
        port(keras.Model(model.input, [model.output, model.output]), one.network)


# --- data formats


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_model_that_was_saved_is_recognized(profile, data_format, tmp_path):
    case = load_case("net_vgg_block")
    path = tmp_path / "model.keras"
    to_keras(case.network, profile=profile, data_format=data_format).save(path)
    model = keras.models.load_model(path)
    calls = recognize(model, case.network)
    assert calls is not None
    assert calls.profile == profile
    wanted = channels_last(4) if data_format == "channels_last" else lasagne_order(4)
    assert calls.plan.inputs[0].layout == wanted
    assert verify(case.network, model, case.record)


def test_a_float64_model_with_several_inputs_is_recognized():
    leaky = {"nonlinearity": function("LeakyRectify", leakiness=0.1)}
    branches = [source((None, 3)), source((None, 5))]
    net = build_network(
        [dense(x, 2, units, **leaky) for x, units in zip(branches, (3, 5), strict=True)]
    )
    model = to_keras(net, dtype="float64", profile="exact")
    assert recognize(keras.models.clone_model(model), net) is not None


def test_a_model_of_another_net_is_not_recognized():
    first, second = load_case("net_vgg_block"), load_case("net_digits")
    assert recognize(to_keras(first.network), second.network) is None


# A net's image, the model's, and the format that they tell.
SHAPES = {
    "channels first": ((2, 6, 5), (2, 6, 5), "channels_first"),
    "channels last": ((2, 6, 5), (6, 5, 2), "channels_last"),
    "sizes open on both sides": ((2, None, None), (None, None, 2), "channels_last"),
    "sizes open in the net": ((2, None, None), (6, 5, 2), "channels_last"),
    "sizes open in the model": ((2, 6, 5), (None, None, 2), "channels_last"),
    "one size open": ((2, None, 2), (None, 2, 2), "channels_last"),
}


@pytest.mark.parametrize(("net_shape", "shape", "data_format"), SHAPES.values(), ids=SHAPES)
def test_the_data_format_of_a_foreign_model_is_told_by_shapes(net_shape, shape, data_format, port):
    net = build_network(source((None, *net_shape), name="image"))
    images = keras.Input(shape)
    model = keras.Model(images, keras.layers.Rescaling(1.0, name="mine")(images))
    each = port(model, net)
    assert each.calls is None
    wanted = channels_last(4) if data_format == "channels_last" else lasagne_order(4)
    assert each.input_layouts == [wanted]
    assert each.output_layouts == [wanted]


def test_a_data_format_that_shapes_do_not_tell_has_to_be_said():
    net = build_network(conv(source((None, 3, 3, 3), name="image"), 3))
    model = foreign_conv(net, (3, 3, 3))
    with pytest.raises(ComparisonError, match="fit channels_first and channels_last; say which"):
        verify(net, model, outputs_only=True)
    assert verify(net, model, data_format="channels_last", outputs_only=True)
    assert not verify(net, model, data_format="channels_first", outputs_only=True)


def test_vectors_have_no_data_format(port):
    net = build_network(dense(source((None, 5)), 3, 5))
    model = to_keras(net)
    foreign = keras.Model(model.input, keras.layers.Rescaling(1.0, name="mine")(model.output))
    assert port(foreign, net).input_layouts == [lasagne_order(2)]


def test_shapes_that_fit_no_format_are_refused(port):
    net = build_network(conv(source((None, 2, 6, 5), name="image"), 2))
    images = keras.Input((7, 5, 2))
    model = keras.Model(images, keras.layers.Conv2D(4, 3, name="mine")(images))
    with pytest.raises(
        ComparisonError, match=r"takes \(None, 7, 5, 2\), the net \(None, 2, 6, 5\)"
    ):
        port(model, net)


def test_a_loaded_model_whose_format_cannot_be_told_gives_no_weights_in_a_guessed_order(tmp_path):
    # No layer but the dense one, whose rows alone depend on the format.
    net = build_network(dense(source((None, 3, 3, 3), name="image"), 4, 27, name="out"))
    built = to_keras(net, data_format="channels_last")
    path = tmp_path / "model.keras"
    built.save(path)
    loaded = keras.models.load_model(path)
    with pytest.raises(ComparisonError, match="say which it is with data_format="):
        lasagne_param_values(loaded, net)
    for found in (
        lasagne_param_values(built),
        lasagne_param_values(built, net),
        lasagne_param_values(loaded, net, data_format="channels_last"),
    ):
        for value, wanted in zip(found, net.param_values(), strict=True):
            np.testing.assert_array_equal(value, wanted)
    assert verify(net, loaded, data_format="channels_last")


def test_a_foreign_model_with_images_at_both_ends(port):
    net = build_network(conv(source((None, 2, 6, 5), name="image"), 2))
    inputs = draw_inputs(net, seed=3)[0]
    (outputs,) = port(foreign_conv(net, (6, 5, 2)), net).run(inputs)
    assert_close(outputs, expected(net, inputs)[net.outputs[0]])


@keras.saving.register_keras_serializable("tests.targets.test_keras_port")
class Untraceable(keras.layers.Layer):
    """Doubles in numpy, which no graph has."""

    def call(self, x: Any) -> Any:
        return keras.ops.convert_to_tensor(2 * x.numpy())

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


@pytest.mark.parametrize("doubled", (False, True))
def test_a_large_model_runs_in_a_graph_where_it_can(doubled, port, monkeypatch):
    net = build_network(dense(source((3, 5)), 4, 5, name="dense"))
    model = to_keras(net)
    if doubled:
        y = Untraceable()(model.output)
        model = keras.Model(model.inputs, y)
    (inputs,) = draw_inputs(net, seed=1)
    eager = port(model, net).run(inputs)
    monkeypatch.setattr("lasport.targets.keras_port.LARGE", 0)
    traced = []
    graph = tf.function
    monkeypatch.setattr(tf, "function", lambda f: traced.append(f) or graph(f))
    (found,) = port(model, net).run(inputs)
    assert len(traced) == 1
    np.testing.assert_allclose(found, eager[0], rtol=1e-6)

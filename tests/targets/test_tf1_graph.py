"""Nets in graphs of tf.compat.v1 compute what real Lasagne recorded, in both modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lasport import UnsupportedLayersError, temporary_registrations, to_keras, to_tf1
from lasport.errors import UsageError
from lasport.operations import BatchNorm, Noise
from lasport.oracles.record import MODES
from lasport.readers.network import build_network
from lasport.spec import Array, Network
from lasport.translate import refusals, translate
from tests.golden_records import REFUSED, Case, families, load_case
from tests.inert_nets import function, layer, source
from tests.layers.conftest import KINKS, apart, assert_agree

tf = pytest.importorskip("tensorflow")
v1 = tf.compat.v1

LOOPS_OVER_NETS = {name for name, family in families().items() if family == "custom_recurrent"}
CASES = [name for name in families() if name not in LOOPS_OVER_NETS.union(REFUSED)]
PROFILES = dict(zip(CASES, cycle(("stock", "exact"))))
PROFILES |= dict.fromkeys(KINKS, "exact")


def several(given: Any) -> list[Any]:
    return list(given) if isinstance(given, (list, tuple)) else [given]


class Running:
    """A net in a graph of its own, with a placeholder for each input and for the mode."""

    def __init__(self, net: Network, inputs: Sequence[Array], **options: Any) -> None:
        self.net, self.options = net, options
        self.tf_graph = tf.Graph()
        with self.tf_graph.as_default():
            self.training = v1.placeholder_with_default(input=False, shape=())
            self.inputs = [v1.placeholder(self.type_of(x), x.shape) for x in inputs]
            self.graph = to_tf1(net, self.inputs, self.training, **options)

    @cached_property
    def session(self) -> Any:
        with self.tf_graph.as_default():
            session = v1.Session()
            session.run(v1.global_variables_initializer())
            return session

    def type_of(self, x: Array) -> Any:
        return self.options["dtype"] if x.dtype.kind == "f" else x.dtype

    def fed(self, inputs: Sequence[Array], training: bool = False) -> dict[Any, Any]:
        return {**dict(zip(self.inputs, inputs, strict=True)), self.training: training}

    def layers(self, graph: Any, inputs: Sequence[Array], training: bool) -> list[Array]:
        shown = [graph.layers[layer.name] for layer in self.net.layers]
        return self.session.run([*shown, *several(graph.outputs)], self.fed(inputs, training))

    def gradients(self, graph: Any, case: Case, mode: Any) -> Callable[[], list[Array]]:
        """Return what computes gradients of parameters, then inputs, for the recorded cotangents.

        They are built before anything runs: TensorFlow has none of a loop that has run.
        """
        record = case.record
        fed = [self.inputs[number] for number in record.input_grads(mode)]
        outputs = several(graph.outputs)
        with self.tf_graph.as_default():
            cotangents = [
                tf.constant(g, dtype=y.dtype)
                for g, y in zip(record.cotangents, outputs, strict=True)
            ]
            found = v1.gradients(
                outputs,
                [*graph.variables.values(), *fed],
                cotangents,
                unconnected_gradients="zero",
            )
            found = [tf.convert_to_tensor(gradient) for gradient in found]

        def compute() -> list[Array]:
            arrays = iter(self.session.run(found, self.fed(record.inputs, mode == "training")))
            by_name = dict(zip(graph.variables, arrays, strict=False))
            by_param = {
                id(part.param.value): part.undo(piece)
                for call in graph.calls.calls
                for path, weight in call.weights.items()
                if weight.trainable
                for part, piece in weight.split(by_name[f"{call.name}/{path.rpartition('.')[2]}"])
            }
            owned = [param for _, param in self.net.owned_params()]
            return [*(by_param[id(owned[n].value)] for n in record.grads(mode)), *arrays]

        return compute


@pytest.fixture
def with_samples(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that gives a net's stochastic layers what the original drew."""
    from lasport.targets import tf1_graph
    from lasport.targets.given_noise import hand_out, stand_in

    build_model = tf1_graph.build_model

    def give(masks: Any) -> None:
        def build(calls: Any) -> Any:
            model = build_model(calls)
            given = {x.name: stand_in(x, calls.dtype) for x in model.layers}
            given = {name: x for name, x in given.items() if x is not None}
            steps = [step for step in calls.plan.steps if isinstance(step.operation, Noise)]
            places = {step.name: (step, [step.output.layout]) for step in steps}
            drawn = {name: [[sample] for sample in each] for name, each in masks.items() if each}
            assert hand_out(calls.plan.network, given, places, drawn) is None
            return _WithStandIns(model, given)

        monkeypatch.setattr(tf1_graph, "build_model", build)

    return give


class _WithStandIns:
    def __init__(self, model: Any, given: dict[str, Any]) -> None:
        self.model, self.given = model, given
        self.inputs, self.layers = model.inputs, model.layers

    def get_layer(self, name: str) -> Any:
        return self.given.get(name) or self.model.get_layer(name)


# --- every family


@pytest.mark.thinned(60)
@pytest.mark.parametrize("name", CASES)
def test_a_graph_computes_what_lasagne_recorded(name, with_samples):
    case, profile = load_case(name), PROFILES[name]
    net, record = case.network, case.record
    single = name.startswith("lrn")
    modes_with_gradient = MODES if record.meta["no_gradient"] is None and not single else ()

    def run(dtype: str) -> list[Array]:
        running = Running(net, record.inputs, profile=profile, dtype=dtype)
        graphs = {"inference": running.graph, "training": again(running, record.masks)}
        gradients = [running.gradients(graphs[mode], case, mode) for mode in modes_with_gradient]
        computed: list[Array] = []
        for mode in MODES:
            computed += running.layers(graphs[mode], record.inputs, mode == "training")
        for compute in gradients:
            computed += compute()
        if profile == "exact":
            for number in range(1, record.meta["passes"] + 1):
                moved = again(running, record.pass_masks(number))
                fed = running.fed(record.batch(number), training=True)
                running.session.run(moved.update_ops, fed)
                computed += moved.param_values(running.session)
        return computed

    def again(running: Running, masks: Any) -> Any:
        """Build the net once more on the same variables, where it draws."""
        if not any(masks.values()):
            return running.graph
        with_samples({net.layers[index].name: each for index, each in masks.items()})
        with running.tf_graph.as_default(), v1.variable_scope("", reuse=True):
            return to_tf1(net, running.inputs, training=True, **running.options)

    recorded = []
    for mode in MODES:
        recorded += [*record.layers(mode), *record.outputs(mode)]
    for mode in modes_with_gradient:
        recorded += [*record.grads(mode).values(), *record.input_grads(mode).values()]
    if profile == "exact":
        for number in range(1, record.meta["passes"] + 1):
            recorded += record.params_after(number)
    assert_agree(recorded, run)


@pytest.mark.parametrize("name", ("lrn_default", "lrn_beta"))
def test_gradients_that_add_up_in_single_precision_are_single_precisions(name):
    # Theano and graphs add up in different orders; Keras' layer in eager mode has Theano's.
    case = load_case(name)
    running = Running(case.network, case.record.inputs, profile="exact", dtype="float64")
    (found,) = running.gradients(running.graph, case, "inference")()
    (recorded,) = case.record.input_grads("inference").values()
    assert 0 < apart(found, recorded) < np.finfo(np.float32).eps


def test_the_parameters_come_back_bit_for_bit():
    for name in ("net_digits_float32", "net_vgg_block", "tied_expressions", "net_odd_names"):
        case = load_case(name)
        running = Running(case.network, case.record.inputs, dtype=case.network.dtype.name)
        found = running.graph.param_values(running.session)
        for value, recorded in zip(found, case.record.params, strict=True):
            assert value.dtype == recorded.dtype
            np.testing.assert_array_equal(value, recorded)


@pytest.mark.parametrize("name", ("net_vgg_block", "batchnorm_3d"))
def test_variances_move_as_in_the_keras_model(name):
    case = load_case(name)
    model = to_keras(case.network, dtype="float64")
    running = Running(case.network, case.record.inputs, dtype="float64")
    before = running.session.run(dict(running.graph.variables))
    for number in (1, 2):
        batch = case.record.batch(number)
        model(batch[0], training=True)
        running.session.run(running.graph.update_ops, running.fed(batch, training=True))
    moved = 0
    for name, value in running.session.run(dict(running.graph.variables)).items():
        layer_name, _, variable = name.rpartition("/")
        expected = np.asarray(getattr(model.get_layer(layer_name), variable))
        assert apart(value, expected) < 1e-13
        moved += not np.array_equal(value, before[name])
    norms = [
        step for step in translate(case.network).steps if isinstance(step.operation, BatchNorm)
    ]
    assert moved == 2 * len(norms)


# --- modes, updates and noise


@pytest.fixture
def vgg() -> Running:
    case = load_case("net_vgg_block")
    return Running(case.network, case.record.inputs, profile="exact", dtype="float64")


def test_averages_move_only_by_the_update_ops_and_only_in_training(vgg):
    inputs = load_case("net_vgg_block").record.inputs
    assert len(vgg.graph.update_ops) > 0
    collected = vgg.tf_graph.get_collection(v1.GraphKeys.UPDATE_OPS)
    assert collected == list(vgg.graph.update_ops)
    start = vgg.graph.param_values(vgg.session)
    for ops, training, moves in (
        (vgg.graph.outputs, True, False),
        (vgg.graph.update_ops, False, False),
        (vgg.graph.update_ops, True, True),
    ):
        vgg.session.run(ops, vgg.fed(inputs, training))
        now = vgg.graph.param_values(vgg.session)
        same = all(map(np.array_equal, now, start))
        assert same is not moves
    vgg.graph.load(vgg.session)
    assert all(map(np.array_equal, vgg.graph.param_values(vgg.session), start))


def test_a_fixed_mode_is_that_of_the_placeholder(vgg):
    inputs = load_case("net_vgg_block").record.inputs
    for training in (False, True):
        with vgg.tf_graph.as_default(), v1.variable_scope("", reuse=True):
            fixed = to_tf1(vgg.net, vgg.inputs, training, profile="exact")
        assert bool(fixed.update_ops) is training
        chosen = vgg.session.run(vgg.graph.outputs, vgg.fed(inputs, training))
        given = vgg.session.run(fixed.outputs, vgg.fed(inputs))
        np.testing.assert_array_equal(given, chosen)


def test_dropout_draws_anew_in_each_run_and_the_same_with_the_same_seed():
    case = load_case("net_digits")

    def draw(seed: int) -> list[Array]:
        with tf.Graph().as_default(), v1.Session() as session:
            v1.set_random_seed(seed)
            graph = to_tf1(case.network, case.record.inputs, training=True)
            session.run(v1.global_variables_initializer())
            return [session.run(graph.outputs) for _ in range(2)]

    first, second = draw(5)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(draw(5)[0], first)
    assert not np.array_equal(draw(6)[0], first)


# --- variables


def dense(incoming: Any, inputs: int, units: int, **state: Any) -> Any:
    rng = np.random.RandomState(units)
    params = {"W": rng.normal(size=(inputs, units)), "b": rng.normal(size=units)}
    return layer(
        "dense.DenseLayer",
        incoming,
        params,
        num_units=units,
        nonlinearity=function("tanh"),
        **state,
    )


def test_variables_are_named_as_the_layers_and_scoped_as_the_caller_says():
    net = build_network(
        dense(dense(source((None, 3), name="x"), 3, 5, name="hidden"), 5, 2, name="out")
    )
    with tf.Graph().as_default():
        with v1.variable_scope("model"):
            graph = to_tf1(net, tf.zeros((7, 3), tf.float64), training=False)
        assert list(graph.variables) == ["hidden/kernel", "hidden/bias", "out/kernel", "out/bias"]
        names = [variable.op.name for variable in v1.trainable_variables()]
        assert names == [f"model/{name}" for name in graph.variables]
        assert v1.global_variables() == v1.trainable_variables()


def test_towers_share_variables_and_keep_their_own_updates():
    case = load_case("net_vgg_block")
    x = case.record.inputs[0]
    with tf.Graph().as_default(), v1.Session() as session:
        towers = []
        for number in range(2):
            with tf.name_scope(f"tower_{number}"), v1.variable_scope("net", reuse=v1.AUTO_REUSE):
                towers.append(to_tf1(case.network, x * (number + 1), training=True))
        first, second = towers
        assert len(v1.global_variables()) == len(first.variables)
        for name, variable in first.variables.items():
            assert second.variables[name] is variable
        by_tower = v1.get_collection(v1.GraphKeys.UPDATE_OPS, "tower_1")
        assert by_tower == list(second.update_ops)
        session.run(v1.global_variables_initializer())
        one, other = session.run([first.outputs, second.outputs])
        assert not np.allclose(one, other)


def test_a_checkpoint_carries_the_net_into_another_graph(tmp_path, vgg):
    inputs = load_case("net_vgg_block").record.inputs
    vgg.session.run(vgg.graph.update_ops, vgg.fed(inputs, training=True))
    expected = vgg.session.run(vgg.graph.outputs, vgg.fed(inputs))
    with vgg.tf_graph.as_default():
        path = v1.train.Saver(dict(vgg.graph.variables)).save(vgg.session, str(tmp_path / "net"))
    with tf.Graph().as_default(), v1.Session() as session:
        graph = to_tf1(vgg.net, inputs, training=False, profile="exact")
        v1.train.Saver().restore(session, path)
        np.testing.assert_array_equal(session.run(graph.outputs), expected)


def test_weights_are_no_part_of_the_graphs_definition():
    net = build_network(dense(source((None, 300)), 300, 400))
    with tf.Graph().as_default() as tf_graph:
        to_tf1(net, tf.zeros((1, 300), tf.float64), training=False)
    assert tf_graph.as_graph_def().ByteSize() < 300 * 400 * 8 / 50


def test_frozen_parameters_are_not_trainable():
    case = load_case("shared_frozen")
    frozen = [param.name for _, param in case.network.owned_params() if not param.trainable]
    assert frozen
    with tf.Graph().as_default():
        graph = to_tf1(case.network, case.record.inputs, training=True)
        trained = v1.trainable_variables()
    assert 0 < len(trained) < len(graph.variables)


# --- inputs


@pytest.mark.parametrize("data_format", ("channels_first", "channels_last"))
def test_inputs_may_be_named_and_have_an_open_batch(data_format):
    case = load_case("net_vgg_block")
    net, (x,) = case.network, case.record.inputs
    order = (0, 2, 3, 1) if data_format == "channels_last" else (0, 1, 2, 3)
    x = x.transpose(order)
    with tf.Graph().as_default(), v1.Session() as session:
        given = v1.placeholder(tf.float64, (None, *x.shape[1:]))
        graph = to_tf1(net, {net.inputs[0]: given}, training=False, data_format=data_format)
        session.run(v1.global_variables_initializer())
        outputs, shown = session.run([graph.outputs, graph.layers], {given: x})
    assert apart(outputs, case.record.outputs("inference")[0]) < 1e-12
    for each, recorded in zip(net.layers, case.record.layers("inference"), strict=True):
        assert apart(shown[each.name], recorded) < 1e-12


def small() -> Network:
    return build_network(dense(source((None, 3), name="x"), 3, 5))


@pytest.mark.parametrize(
    ("inputs", "training", "message"),
    (
        ({"y": np.zeros((7, 3))}, False, r"inputs are those of \['y'\], the net's \('x',\)"),
        ([np.zeros((7, 3))] * 2, False, "got 2 inputs, the net has 1"),
        (np.zeros((7, 4)), False, r"input x has shape \(7, 4\), the net takes \(None, 3\)"),
        (np.zeros((7, 3)), 1, "training must be True, False or a boolean tensor"),
        (np.zeros((7, 3)), "yes", "training must be True, False or a boolean tensor"),
    ),
)
def test_what_does_not_fit_is_refused(inputs, training, message):
    with tf.Graph().as_default(), pytest.raises(UsageError, match=message):
        to_tf1(small(), inputs, training)


def test_there_must_be_a_graph_to_build_into():
    x = np.zeros((7, 3))
    with pytest.raises(UsageError, match=r"with tf.Graph\(\).as_default"):
        to_tf1(small(), x, training=False)
    with pytest.raises(UsageError, match="not within a tf"):
        tf.function(lambda: to_tf1(small(), x, training=False).outputs, autograph=False)()


# --- refusals


def test_layers_that_graphs_do_not_take_are_all_named():
    case = load_case(sorted(LOOPS_OVER_NETS)[0])
    assert refusals(case.network) == []
    (loop,) = [one for one in case.network.layers if "CustomRecurrent" in one.kind]
    with tf.Graph().as_default(), pytest.raises(UnsupportedLayersError) as caught:
        to_tf1(case.network, case.record.inputs, training=False)
    (refusal,) = caught.value.refusals
    assert refusal.layer == loop.name
    assert "not told the mode" in refusal.reason


def test_classes_that_users_registered_are_refused():
    import lasport

    with temporary_registrations():
        lasport.register("lasagne.layers.special.MyLayer")(
            lambda saved: lasport.KerasLayer(tf.keras.layers.Identity)
        )
        net = build_network(layer("lasagne.layers.special.MyLayer", source((None, 3)), {}))
        with tf.Graph().as_default(), pytest.raises(UnsupportedLayersError, match="registered"):
            to_tf1(net, np.zeros((7, 3)), training=False)


# --- programs written for TensorFlow 1

PROGRAM = """
import sys, numpy as np, tensorflow as tf, lasport
tf.compat.v1.disable_v2_behavior()
sys.path.insert(0, sys.argv[1])  # behind the import of lasport, which may be the installed one
from tests.golden_records import load_case
v1 = tf.compat.v1
for name in ("net_digits", "recurrent_mask_final", "inverse_conv1d_same_strided"):
    case = load_case(name)
    v1.reset_default_graph()
    inputs = [v1.placeholder(x.dtype, (None, *x.shape[1:])) for x in case.record.inputs]
    training = v1.placeholder_with_default(input=False, shape=())
    graph = lasport.to_tf1(case.network, inputs, training, profile="exact")
    outputs = graph.outputs if isinstance(graph.outputs, list) else [graph.outputs]
    gradients = [g for g in tf.gradients(outputs, list(graph.variables.values())) if g is not None]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        fed = dict(zip(inputs, case.record.inputs))
        for found, recorded in zip(session.run(outputs, fed), case.record.outputs("inference")):
            np.testing.assert_allclose(found, recorded, rtol=1e-10, atol=1e-12)
        assert all(np.isfinite(g).all() for g in session.run(gradients, {**fed, training: True}))
    assert not tf.executing_eagerly() and type(tf.TensorShape([1])[0]).__name__ == "Dimension"
"""


def test_programs_that_switch_tensorflow_2_off_are_served(run_python, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    checkout = str(Path(__file__).parents[2])
    result = run_python(str(script), checkout, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]

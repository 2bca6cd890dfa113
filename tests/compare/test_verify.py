"""Comparing a port with a record: nothing is passed over; what cannot be compared is a failure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from lasport import to_keras, verify
from lasport.compare.verify import verify_port
from lasport.errors import ComparisonError, UsageError
from lasport.oracles.record import MODES, Record
from lasport.oracles.reference import reference_record
from lasport.readers.network import build_network
from lasport.spec import Array, Network
from tests.golden_records import load_case
from tests.inert_nets import function, layer, named, source

keras = pytest.importorskip("keras")

DTYPES = ("float64", "float32")
CONV = {"pad": (1, 1), "untie_biases": False, "flip_filters": True}


def rng_for(*what: object) -> np.random.RandomState:
    """Return random numbers of a layer's own, whatever ran before."""
    return np.random.RandomState(zlib.crc32(repr(what).encode()))


def dense(incoming: Any, units: int, inputs: int, function_: str = "linear", **state: Any) -> Any:
    rng = rng_for(units, inputs, state.get("name"))
    params = {"W": rng.normal(size=(inputs, units)), "b": rng.normal(size=units)}
    options = {"num_units": units, "nonlinearity": function(function_), **state}
    return layer("dense.DenseLayer", incoming, params, **options)


def conv(incoming: Any, filters: int, channels: int, size: int = 3, **state: Any) -> Any:
    rng = rng_for(filters, channels, size)
    params = {"W": rng.normal(size=(filters, channels, size, size)), "b": rng.normal(size=filters)}
    options = {**CONV, "filter_size": (size, size), "stride": (1, 1), "num_filters": filters}
    options["nonlinearity"] = function("linear")
    return layer("conv.Conv2DLayer", incoming, params, **{**options, **state})


def norm(incoming: Any, channels: int, axes: tuple[int, ...], **state: Any) -> Any:
    rng, names = rng_for(channels), ("beta", "gamma", "mean", "inv_std")
    params = {name: rng.uniform(0.5, 2.0, size=channels) for name in names}
    options = {"axes": axes, "epsilon": 1e-4, "alpha": 0.1, **state}
    made = layer("normalization.BatchNormLayer", incoming, params, **options)
    for name in ("mean", "inv_std"):
        made.state["params"][made.state[name]] = set()
    return made


def edited(record: Record, **changes: Array | None) -> Record:
    """Return a record with arrays replaced, or left out (None); "/" is written "__"."""
    arrays = dict(record.arrays)
    for name, value in changes.items():
        key = name.replace("__", "/")
        if value is None:
            del arrays[key]
        else:
            arrays[key] = value
    return Record(record.meta, arrays)


# --- what is compared


@pytest.mark.parametrize("name", ("net_digits", "net_digits_float32"))
def test_every_layer_output_and_parameter_is_compared(name):
    case = load_case(name)
    net, record = case.network, case.record
    report = verify(net, oracle=record, passes=(2, 4))
    assert report.ok
    layers = [layer.name for layer in net.layers if layer.incoming]
    kept = {
        (owner.name, "variance" if param.name == "inv_std" else param.name)
        for owner, param in net.owned_params()
    }
    expected = {f"{mode}/layers/{one}" for mode, one in product(MODES, layers)}
    expected |= {f"{mode}/single/{one}" for mode, one in product(MODES, layers)}
    expected |= {f"{mode}/outputs/{one}" for mode, one in product(MODES, net.outputs)}
    expected |= {f"training/params/{n}/{one}.{param}" for n in (2, 4) for one, param in kept}
    for dtype in DTYPES:
        found = [one.subject for one in report.comparisons if one.dtype == dtype]
        assert len(found) == len(set(found))
        assert set(found) >= expected
        extra = {subject.partition("/")[2].partition("/")[0] for subject in set(found) - expected}
        # Where the reference says what is expected, the record judges the reference.
        judged = {"reference"} if record.meta["floatX"] == dtype else set()
        if record.meta["floatX"] == dtype:
            judged |= {"grads", "input-grads"}
        elif dtype == "float64":
            judged |= {"slopes"}
        assert extra == judged | {"model" if dtype == "float32" else "params"}
    parameters = {f"inference/params/{o.name}.{p.name}" for o, p in net.owned_params()}
    assert parameters <= {one.subject for one in report.comparisons}


def keys_that_matter(record: Record) -> list[str]:
    """Return one array of each kind that a record holds and a comparison looks at."""
    moved = {
        int(key.rpartition("/")[2])
        for key, value in record.arrays.items()
        if key.startswith("training/params/1/")
        and not np.array_equal(value, record.params[int(key.rpartition("/")[2])])
    }
    last = len(record.meta["layers"]) - 1
    keys = ["inputs/0", "batches/1/0", "batches/3/0"]
    keys += [f"{mode}/layers/{k}" for mode in MODES for k in (1, last // 2, last)]
    keys += [f"training/params/{p}/{n}" for p in (1, 5) for n in (min(moved), max(moved))]
    keys += [f"training/params/5/{len(record.params) - 1}"]
    return keys


TAMPERED = [
    (name, key)
    for name in ("net_digits", "net_digits_float32")
    for key in keys_that_matter(load_case(name).record)
]


@pytest.mark.thinned(3)
@pytest.mark.parametrize(("name", "key"), TAMPERED)
def test_a_record_with_one_number_changed_differs(name, key):
    case = load_case(name)
    array = case.record.arrays[key].copy()
    array.flat[1] += 1e-3 * np.abs(array).max()
    record = edited(case.record, **{key.replace("/", "__"): array})
    assert not verify(case.network, oracle=record)


def test_a_changed_mask_differs():
    case = load_case("net_digits")
    (key,) = (key for key in case.record.arrays if key.startswith("training/masks/"))
    mask = case.record.arrays[key].copy()
    mask.flat[0] = 1 - mask.flat[0]
    report = verify(case.network, oracle=edited(case.record, **{key.replace("/", "__"): mask}))
    assert report.first_divergence is not None
    assert report.first_divergence.subject == "training/layers/drop"


def test_one_mode_alone():
    case = load_case("net_digits")
    for mode in MODES:
        report = verify(case.network, oracle=case.record, modes=(mode,))
        assert report.ok
        assert {one.subject.partition("/")[0] for one in report.comparisons} == {mode}


def test_the_settings_say_how_to_do_it_again(tmp_path):
    case = load_case("net_vgg_block")
    report = verify(case.network, seed=7, passes=(1,), modes=["training"])
    assert report.settings["seed"] == 7
    assert report.settings["modes"] == ["training"]
    assert report.settings["passes"] == [1]
    report.to_json(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["ok"] is True


def test_numbers_may_be_numpys(tmp_path):
    case = load_case("net_unnamed_layers")
    seed, passes = np.int64(7), np.arange(1, 3)
    report = verify(case.network, seed=seed, passes=passes)
    report.to_json(tmp_path / "report.json")
    settings = json.loads((tmp_path / "report.json").read_text("utf-8"))["settings"]
    assert (settings["seed"], settings["passes"]) == (7, [1, 2])


def test_progress_is_told_each_stage():
    stages: list[str] = []
    verify(load_case("dense_tanh").network, passes=(1,), progress=stages.append)
    assert stages[-4:] == ["inference", "training", "running averages", "gradients"]


@pytest.mark.parametrize(("profile", "drifts"), (("stock", True), ("exact", False)))
def test_stock_averages_part_and_are_reported(profile, drifts):
    case = load_case("net_vgg_block")
    report = verify(case.network, profile=profile)
    assert report.ok
    norms = {"conv1_1_bn", "conv1_2_bn"} if drifts else set()
    assert {(one.layer, one.passes) for one in report.drifts} == set(product(norms, (1, 5)))
    assert all(0 < one.median <= one.largest for one in report.drifts)


# --- what is refused


WRONG_ARGUMENTS = (
    ({"modes": ()}, "modes must be some of inference, training"),
    ({"modes": ("train",)}, "modes must be some of .* not \\('train',\\)"),
    ({"modes": "training"}, "not 'training'"),
    ({"passes": ()}, "passes must be one or more numbers from 1"),
    ({"passes": (0, 1)}, "passes must be"),
)


@pytest.mark.parametrize(("arguments", "message"), WRONG_ARGUMENTS)
def test_arguments_that_would_compare_less_are_refused(arguments, message):
    case = load_case("net_unnamed_layers")
    with pytest.raises(UsageError, match=message):
        verify(case.network, oracle=case.record, **arguments)


def test_a_record_of_other_layers_is_refused():
    with pytest.raises(ComparisonError, match=r"the record has layers .*DenseLayer.*, the net"):
        verify(load_case("batchnorm_2d").network, oracle=load_case("dense_tanh").record)


def test_a_record_of_a_net_without_some_parameters_is_refused():
    with pytest.raises(ComparisonError, match="the record has 1 parameters, the net 2"):
        verify(load_case("dense_tanh").network, oracle=load_case("dense_no_bias").record)


def test_a_record_of_other_weights_is_refused():
    case = load_case("dense_tanh")
    record = edited(case.record, params__0=case.record.params[0] * (1 + 1e-15))
    with pytest.raises(ComparisonError, match=r"parameter layer.W is not the recorded one"):
        verify(case.network, oracle=record)


def test_more_passes_than_were_recorded_are_a_failure():
    case = load_case("net_digits")
    report = verify(case.network, oracle=case.record, passes=(1, 6))
    assert not report.ok
    assert report.problems == ("the record holds only 5 training passes",)


def test_a_record_without_masks_is_a_failure():
    case = load_case("net_digits")
    (key,) = (key for key in case.record.arrays if key.startswith("training/masks/"))
    report = verify(case.network, oracle=edited(case.record, **{key.replace("/", "__"): None}))
    assert not report.ok
    assert any(
        "fewer samples were recorded than the layer draws" in problem for problem in report.problems
    )


def test_a_mask_of_another_shape_is_a_failure():
    case = load_case("net_digits")
    (key,) = (key for key in case.record.arrays if key.startswith("training/masks/"))
    narrow = case.record.arrays[key][:, :, :1]
    report = verify(case.network, oracle=edited(case.record, **{key.replace("/", "__"): narrow}))
    assert any("a sample of" in problem for problem in report.problems)


def test_more_masks_than_a_layer_draws_are_a_failure():
    case = load_case("net_digits")
    (key,) = (key for key in case.record.arrays if key.startswith("training/masks/"))
    second = key.replace("/", "__")[:-1] + "1"
    report = verify(case.network, oracle=edited(case.record, **{second: case.record.arrays[key]}))
    twice = "drop (DropoutLayer), drop (DropoutLayer)"
    assert report.problems == (f"the net draws noise in {twice}, the model in drop (Dropout)",)


# --- what was compared too little


def test_a_layer_that_the_model_does_not_show_is_a_failure():
    case = load_case("net_vgg_block")
    model = to_keras(case.network)
    tail = keras.layers.Rescaling(1.0, dtype="float64", name="tail")(model.output)
    report = verify(case.network, keras.Model(model.input, tail), case.record)
    assert not report.ok
    assert not report.failures
    (problem,) = report.problems
    assert problem.startswith("the model has no layers for input, conv1_1, ")
    assert verify(case.network, keras.Model(model.input, tail), case.record, outputs_only=True)


class PortWithoutOutputs:
    """A port that shows every layer but gives no outputs."""

    dtype = weights_dtype = "float32"

    def __init__(self, port: Any) -> None:
        self.port = port
        self.shown_layers = port.shown_layers
        self.versions = port.versions
        self.weights = port.weights

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        return []

    def start(self, dtype: str) -> Any:
        session = self.port.start(dtype)
        walk = session.walk

        def cut(*args: Any, **options: Any) -> Any:
            whole = walk(*args, **options)
            whole.outputs = list
            return whole

        session.walk = cut
        return session


def test_outputs_that_are_missing_are_a_failure():
    from lasport.targets.keras_port import KerasPort

    case = load_case("net_unnamed_layers")
    port = PortWithoutOutputs(KerasPort(to_keras(case.network), case.network))
    report = verify_port(case.network, port, case.record, oracle="Lasagne", model="port")
    assert report.problems == ("the model gives 0 outputs",)


def test_outputs_of_one_shape_are_told_apart():
    vector = source((None, 5))
    net = build_network([dense(vector, 3, 5, name="first"), dense(vector, 3, 5, name="second")])
    model = to_keras(net)
    assert verify(net, model)
    exchanged = keras.Model(model.input, model.outputs[::-1])
    first = verify(net, exchanged).first_divergence
    assert first is not None
    assert first.subject == "inference/outputs/first"


def test_inputs_of_one_shape_are_told_apart():
    left, right = source((None, 5), name="left"), source((None, 5), name="right")
    net = build_network([dense(left, 3, 5, name="first"), dense(right, 4, 5, name="second")])
    model = to_keras(net)
    assert verify(net, model)
    assert not verify(net, keras.Model(model.inputs[::-1], model.outputs))


def test_a_layer_that_does_nothing_is_compared_with_what_feeds_it():
    still = {"p": 0, "rescale": True, "shared_axes": ()}
    dropout = layer("noise.DropoutLayer", source((None, 5)), {}, **still, name="drop")
    report = verify(build_network(dense(dropout, 3, 5, name="out")))
    assert report.ok
    assert "training/layers/drop" in {one.subject for one in report.comparisons}


def open_net() -> Network:
    """Return a net that takes images of any size: a strided convolution."""
    image = source((None, 2, None, None), name="image")
    return build_network(conv(image, 4, 2, stride=(2, 2), name="strided"))


def foreign_open_model(net: Network, *, padding: str) -> Any:
    """Return a port by hand, padded explicitly or by TensorFlow's rule."""
    params = net["strided"].params
    x = images = keras.Input((None, None, 2), dtype="float64")
    if padding == "valid":
        x = keras.layers.ZeroPadding2D(1, dtype="float64")(x)
    mine = keras.layers.Conv2D(4, 3, strides=2, padding=padding, dtype="float64", name="mine")
    model = keras.Model(images, mine(x))
    kernel = params["W"].value[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)
    mine.set_weights([kernel, params["b"].value])
    return model


def test_open_sizes_are_compared_odd_and_even():
    # At odd sizes TensorFlow's 'same' pads both sides alike, as Theano does.
    net = open_net()
    record = reference_record(net)
    assert all(size % 2 for size in record.inputs[0].shape[2:])
    assert verify(net, foreign_open_model(net, padding="valid"), record, outputs_only=True)
    report = verify(net, foreign_open_model(net, padding="same"), record, outputs_only=True)
    assert [one.subject for one in report.failures] == ["inference/shorter-outputs/strided"]


def test_a_net_that_takes_no_shorter_inputs_is_compared_at_one_size():
    whole = conv(source((None, 1, None, 4), name="in"), 2, 1, size=5, pad=(0, 1), name="whole")
    net = build_network(whole)
    record = reference_record(net)
    assert record.inputs[0].shape[2] == 5
    report = verify(net, oracle=record)
    assert report.ok
    assert len(report.notes) == 1
    assert report.notes[0].startswith("at one size only, for the net refuses inputs one shorter")


def test_layers_that_hide_what_is_before_them_are_named():
    net = dense(source((None, 5)), 4, 5, "rectify", name="dead")
    net.state["b"].state["container"].state["storage"][0] = np.full(4, -1e3)
    report = verify(build_network(dense(net, 3, 4, "tanh", name="out")))
    assert report.ok
    assert [note.split(" gave ")[0] for note in report.notes] == [
        "in inference mode dead",
        "in training mode dead",
    ]


def test_weights_that_no_input_touches_are_compared_as_well():
    # Indices are 0 and 1.
    rows = {"W": rng_for(6, 3).normal(size=(6, 3))}
    table = layer(
        "embedding.EmbeddingLayer", source((None, 4), "int32"), rows, input_size=6, output_size=3
    )
    net = build_network(table)
    model = to_keras(net)
    assert verify(net, model)
    embedding = model.layers[-1]
    changed = embedding.get_weights()[0]
    changed[5, 2] += 1e-6
    embedding.set_weights([changed])
    for modes in (MODES, ("inference",)):
        (first, *_) = verify(net, model, modes=modes).failures
        assert first.subject.endswith(f"params/{'1/' * (len(modes) - 1)}{first.layer}.W")


def test_nothing_but_nan_is_no_evidence():
    net = dense(source((None, 5)), 4, 5, name="broken")
    weights = np.full((5, 4), np.inf)
    weights[0] = -np.inf
    net.state["W"].state["container"].state["storage"][0] = weights
    with np.errstate(invalid="ignore"):
        report = verify(build_network(net))
    assert not report.ok
    assert report.first_divergence is not None
    assert "no evidence" in str(report.first_divergence)


# --- float types


@pytest.mark.parametrize("dtype", ("float16", "bfloat16"))
def test_weights_in_half_precision_differ(dtype):
    case = load_case("net_digits")
    report = verify(case.network, to_keras(case.network, dtype=dtype), case.record)
    assert not report.ok
    assert all(one.dtype == "float32" for one in report.failures)
    assert [one.ok for one in report.comparisons if one.dtype == dtype] == [True]


def test_a_mean_over_a_large_image_rounds_otherwise_and_is_equal():
    # numpy sums pairwise, TensorFlow does not: far from the oracle's own error.
    mean = named("theano.tensor.basic.mean")
    image = source((2, 7, 224, 200))
    net = build_network(layer("pool.GlobalPoolLayer", image, {}, pool_function=mean))
    assert verify(net, passes=(1,))


def test_an_elu_of_small_numbers_rounds_otherwise_and_is_equal():
    # Keras computes exp(x) - 1, Theano and the reference have expm1.
    net = dense(source((None, 5)), 4, 5, "elu", name="small")
    for name in ("W", "b"):
        net.state[name].state["container"].state["storage"][0] *= 1e-3
    report = verify(build_network(net), passes=(1,))
    worst = max(one.difference.relative for one in report.comparisons if one.dtype == "float32")
    assert worst > 1e-6
    assert report.ok


def hand_port(net: Network, dtype: str, momentum: float = 0.9) -> Any:
    """Return a port of dense -> normalization -> dense, as somebody would write it."""
    first, norm_layer, last = (one for one in net.layers if one.params)
    x = vector = keras.Input((5,), dtype=dtype)
    hidden = keras.layers.Dense(4, dtype=dtype)
    normalized = keras.layers.BatchNormalization(momentum=momentum, epsilon=1e-4, dtype=dtype)
    out = keras.layers.Dense(3, activation="tanh", dtype=dtype)
    model = keras.Model(vector, out(normalized(hidden(x))))
    hidden.set_weights([first.params[name].value for name in ("W", "b")])
    values = {name: param.value for name, param in norm_layer.params.items()}
    variance = values["inv_std"] ** -2.0 - 1e-4
    normalized.set_weights([values["gamma"], values["beta"], values["mean"], variance])
    out.set_weights([last.params[name].value for name in ("W", "b")])
    return model


@pytest.fixture(scope="module", params=DTYPES)
def normalized_net(request) -> Network:
    """Return dense -> normalization -> dense with parameters of each float type."""
    hidden = norm(dense(source((None, 5)), 4, 5), 4, (0,))
    root = dense(hidden, 3, 4, "tanh")
    for one in (root, hidden, hidden.state["input_layer"]):
        for variable in one.state["params"]:
            storage = variable.state["container"].state["storage"]
            storage[0] = storage[0].astype(request.param)
    return build_network(root)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_port_by_hand_is_equal_by_its_outputs(normalized_net, dtype):
    report = verify(normalized_net, hand_port(normalized_net, dtype), outputs_only=True)
    assert report.ok, report.to_text()
    assert {f"training/outputs-after/{n}" for n in (1, 5)} <= {
        one.subject.rpartition("/")[0] for one in report.comparisons
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_port_by_hand_whose_averages_go_wrong_differs(normalized_net, dtype):
    model = hand_port(normalized_net, dtype, momentum=0.1)
    report = verify(normalized_net, model, outputs_only=True)
    assert report.failures
    assert all("outputs-after" in one.subject for one in report.failures)


def test_averages_of_inv_std_are_right_as_well(normalized_net):
    model = to_keras(normalized_net, profile="exact")
    tail = keras.layers.Rescaling(1.0, dtype=model.output.dtype, name="tail")(model.output)
    report = verify(normalized_net, keras.Model(model.input, tail), outputs_only=True)
    assert report.ok, report.to_text()

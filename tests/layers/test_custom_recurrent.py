"""CustomRecurrentLayer: nets inside a loop, and what they may hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lasport import lasagne_param_values, to_keras, verify
from lasport.errors import InvalidNetworkError, UnsupportedLayersError
from lasport.operations import Conv, Dense, NetLoop, TransposeAxes
from lasport.oracles.reference import run_reference
from lasport.passes import lower
from lasport.readers.network import build_network
from lasport.targets.keras_calls import keras_calls
from lasport.translate import translate
from tests.golden_records import load_case
from tests.inert_nets import function, layer, merge, read, source
from tests.random_nets.agreement import assert_port_agrees
from tests.recurrent_nets import recurrent

# Golden cases.
RECORDS = (
    "custom_default",
    "custom_open",
    "custom_merging",
    "custom_input_only",
    "custom_fixed",
    "custom_images",
    "custom_images_learned",
    "custom_images_state",
    "custom_images_unrolled",
    "custom_lines",
    "custom_images_to_vectors",
    "custom_mask_backwards",
    "custom_mask_learned",
    "custom_mask_state_final",
    "custom_backwards_final",
    "custom_clipped_not_precomputed",
    "custom_steps_3_backwards",
    "custom_unrolled_mask",
    "custom_dropping",
    "custom_dropping_unrolled",
    "custom_dropping_each_step",
    "custom_normalized",
    "custom_normalized_images",
)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    for names in keras_layers(load_case(name)):
        assert names.split().count("CustomRecurrence") == 1


def test_sequences_of_images_keep_their_order_of_axes():
    plan = lower(translate(load_case("custom_images").network), "channels_last")
    (value,) = {value.layout.axes for value in (*plan.inputs, *plan.outputs)}
    assert value == (0, 1, 2, 3, 4)
    plan = lower(translate(load_case("custom_images_state").network), "channels_last")
    assert plan.outputs[0].layout.axes == (0, 2, 3, 1)


# --- nets inside

UNITS = 2


def dense(incoming: Any, features: int, units: int = UNITS, weight: float = 1, **state: Any) -> Any:
    """Return a linear dense layer without bias, all of whose weights are alike."""
    given = {"num_units": units, "nonlinearity": function("linear"), "num_leading_axes": 1}
    kernel = np.full((features, units), float(weight))
    return layer("dense.DenseLayer", incoming, {"W": kernel}, **{**given, "b": None, **state})


def custom(
    *incoming: Any, without: tuple[str, ...] = (), state: Any = (UNITS,), **options: Any
) -> Any:
    """Return a CustomRecurrentLayer of dense nets, on 5 steps of 3 features unless told."""
    given = {
        "input_to_hidden": dense(source((None, 3)), 3),
        "hidden_to_hidden": dense(source((None, UNITS)), UNITS, weight=0.5),
        "nonlinearity": function("linear"),
        **options,
    }
    params = {"hid_init": (1, *state)}
    return recurrent("CustomRecurrentLayer", params, incoming, without, **given)


def test_output_shape():
    assert read(custom()).output_shape == (None, 5, UNITS)
    assert read(custom(only_return_final=True)).output_shape == (None, UNITS)
    assert read(custom(source((7, None, 3)))).output_shape == (7, None, UNITS)


def test_parameters_of_the_nets_come_behind_the_layers_own():
    names = ["hid_init", "input_to_hidden.1.W", "hidden_to_hidden.1.W"]
    assert list(read(custom()).params) == names


def test_steps_by_hand():
    # h' = (h_1 + h_2) / 2 + sum of x, both entries alike.
    network = build_network(custom(source((None, 3, 3))))
    (output,) = run_reference(network, [np.ones((1, 3, 3))], training=False).layers[-1]
    np.testing.assert_array_equal(output, [[4.0] * 2, [7.0] * 2, [10.0] * 2])


def test_older_instances_have_neither_numbered_inputs_nor_a_last_state():
    net = custom(source((None, 5, 3)), source((None, 5)))
    for name in ("mask_incoming_index", "hid_init_incoming_index", "only_return_final"):
        del net.state[name]
    (step,) = translate(build_network(net)).steps[2:]
    assert step.operation.loop.given == ("mask",)


def test_parameters_are_checked():
    with pytest.raises(InvalidNetworkError, match=r"hid_init has shape \(1, 3\).*\(1, 2\)"):
        build_network(custom(state=(3,)))
    with pytest.raises(InvalidNetworkError, match=r"W has shape \(4, 2\).*ask for \(3, 2\)"):
        build_network(custom(input_to_hidden=dense(source((None, 3)), 4)))


PROBLEMS = {
    "no net": ({"hidden_to_hidden": None}, "attribute 'hidden_to_hidden' is not a layer"),
    "an unknown class": (
        {"hidden_to_hidden": layer("__main__.Mine", source((None, UNITS)), {}, name="mine")},
        "attribute 'hidden_to_hidden': mine (__main__.Mine): no family of lasport declares",
    ),
    "a refused class": (
        {"input_to_hidden": layer("base.Layer", source((None, 3)), {})},
        "(lasagne.layers.base.Layer): an abstract base class",
    ),
    "two inputs": (
        {
            "input_to_hidden": merge(
                "merge.ConcatLayer", [source((None, 1)), source((None, 2))], axis=1
            )
        },
        "attribute 'input_to_hidden': a net with one input is expected, not 2",
    ),
    "other features": (
        {"input_to_hidden": dense(source((None, 4)), 4)},
        "input_to_hidden takes (4,), and a step of the input is (3,)",
    ),
    "another state": (
        {"input_to_hidden": dense(source((None, 3)), 3, units=4)},
        "input_to_hidden makes (4,) and hidden_to_hidden makes (2,) of (2,)",
    ),
    "another state behind": (
        {"hidden_to_hidden": dense(source((None, 2)), 2, units=4), "state": (4,)},
        "input_to_hidden makes (2,) and hidden_to_hidden makes (4,) of (2,)",
    ),
}


@pytest.mark.parametrize(("options", "message"), PROBLEMS.values(), ids=PROBLEMS)
def test_problems(options, message):
    assert message in read(custom(**options)).problem


def normalized(incoming: Any, units: int = UNITS) -> Any:
    params = {name: np.ones(units) for name in ("beta", "gamma", "mean", "inv_std")}
    options = {"axes": (0,), "epsilon": 1e-4, "alpha": 0.1, "name": "norm"}
    return layer("normalization.BatchNormLayer", incoming, params, **options)


def dropping(incoming: Any, **options: Any) -> Any:
    return layer("noise.DropoutLayer", incoming, {}, p=0.5, rescale=True, name="drop", **options)


IMAGES = {
    "input_to_hidden": source((None, 2, 4, 6)),
    "hidden_to_hidden": source((None, 2, 4, 6)),
    "state": (2, 4, 6),
}
DRAWING = (
    "drop (lasagne.layers.noise.DropoutLayer), which runs once for each step: in training mode "
    "Lasagne runs it with unroll_scan=True only"
)
AVERAGING = "norm (lasagne.layers.normalization.BatchNormLayer), which runs once for each step"
REFUSED = {
    "averages of the state": (
        {"hidden_to_hidden": normalized(source((None, UNITS)))},
        f"hidden_to_hidden has {AVERAGING}",
    ),
    "averages of the state, unrolled": (
        {"hidden_to_hidden": normalized(source((None, UNITS))), "unroll_scan": True},
        f"hidden_to_hidden has {AVERAGING}",
    ),
    "averages of each step": (
        {
            "input_to_hidden": normalized(dense(source((None, 3)), 3)),
            "precompute_input": False,
        },
        f"input_to_hidden has {AVERAGING}",
    ),
    "noise of the state": (
        {"hidden_to_hidden": dropping(source((None, UNITS)))},
        f"hidden_to_hidden has {DRAWING}",
    ),
    "noise of each step": (
        {
            "input_to_hidden": dropping(dense(source((None, 3)), 3)),
            "precompute_input": False,
        },
        f"input_to_hidden has {DRAWING}",
    ),
    "a mask for images": (
        {
            "incoming": [source((None, 5, 2, 4, 6)), source((None, 5))],
            "mask_incoming_index": 1,
            **IMAGES,
        },
        "a mask for states of shape (2, 4, 6): Lasagne spreads it over the wrong axes",
    ),
    "open images": (
        {
            "incoming": [source((None, 5, 2, None, 6))],
            "input_to_hidden": source((None, 2, None, 6)),
            "hidden_to_hidden": source((None, 2, None, 6)),
            "without": ("hid_init",),
            "hid_init_incoming_index": 1,
        },
        "the state of shape (2, None, 6) has open sizes",
    ),
    "a function that is not known": (
        {"input_to_hidden": dense(source((None, 3)), 3, nonlinearity=function("mine"))},
        "input_to_hidden, dense_1 (lasagne.layers.dense.DenseLayer): attribute 'nonlinearity'",
    ),
    "a net in a net": (
        {
            "incoming": [source((None, 5, 4, 3))],
            "input_to_hidden": custom(
                source((None, 4, 3)),
                only_return_final=True,
                hidden_to_hidden=normalized(source((None, UNITS))),
                name="inner",
            ),
        },
        "a net inside has inner (lasagne.layers.recurrent.CustomRecurrentLayer): hidden_to_hidden",
    ),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals(options, message):
    options = dict(options)
    incoming = options.pop("incoming", [])
    if options.get("hid_init_incoming_index") == 1:
        incoming = [*incoming, source((None, 2, None, 6))]
    with pytest.raises(UnsupportedLayersError) as raised:
        translate(build_network(custom(*incoming, **options)))
    (refusal,) = raised.value.refusals
    assert message in refusal.reason


def tied(net: Any, other: Any) -> Any:
    """Return a net with the matrix of another one."""
    net.state["W"], net.state["params"] = other.state["W"], other.state["params"]
    return net


def test_nets_do_not_share_with_each_other():
    into = dense(source((None, UNITS)), UNITS)
    across = tied(dense(source((None, UNITS)), UNITS), into)
    sequence = source((None, 5, UNITS))
    net = custom(sequence, input_to_hidden=into, hidden_to_hidden=across)
    with pytest.raises(UnsupportedLayersError, match="a net inside it shares weight"):
        keras_calls(lower(translate(build_network(net))))


def test_layers_of_a_net_share_with_each_other():
    first = dense(source((None, UNITS)), UNITS, weight=0.5)
    net = custom(hidden_to_hidden=tied(dense(first, UNITS), first))
    assert_port_agrees(build_network(net), "stock", "channels_first", seed=1)


def test_batch_norm_in_front_of_the_loop_is_no_matter():
    net = custom(input_to_hidden=normalized(dense(source((None, 3)), 3)))
    translate(build_network(net))


NOISY = (
    {"input_to_hidden": dropping(dense(source((None, 3)), 3))},
    {"hidden_to_hidden": dropping(source((None, UNITS))), "unroll_scan": True},
)


@pytest.mark.parametrize("options", NOISY)
def test_noise_where_lasagne_can_draw_is_no_matter(options):
    translate(build_network(custom(**options)))


def test_dropout_that_drops_nothing_is_no_noise():
    net = custom(
        hidden_to_hidden=layer("noise.DropoutLayer", source((None, UNITS)), {}, p=0, rescale=True)
    )
    translate(build_network(net))


# --- plans inside plans


def loop_of(name: str) -> NetLoop:
    plan = lower(translate(load_case(name).network), "channels_last")
    (loop,) = (s.operation for s in plan.steps if isinstance(s.operation, NetLoop))
    return loop


def test_nets_are_lowered_and_met_channels_first():
    for net in loop_of("custom_images").nets().values():
        operations = [step.operation for step in net.steps]
        (conv,) = (op for op in operations if isinstance(op, Conv))
        assert conv.kernel.value.shape[-1] == 2  # filters come last
        assert sum(isinstance(op, TransposeAxes) for op in operations) == 2
        assert net.inputs[0].layout.axes == net.outputs[0].layout.axes == (0, 1, 2, 3)


def test_rows_of_dense_kernels_are_folded_inside_too():
    net = loop_of("custom_images_to_vectors").input_to_hidden
    (dense_step,) = (step for step in net.steps if isinstance(step.operation, Dense))
    assert len(dense_step.operation.kernel.conversions) == 1


def test_a_layer_calls_for_its_nets_in_the_exact_profile():
    for profile in ("stock", "exact"):
        plan = lower(translate(load_case("custom_normalized").network))
        call = keras_calls(plan, profile).calls[-1]
        assert {name: calls.profile for name, calls in call.nets.items()} == {
            "input_to_hidden": "exact",
            "hidden_to_hidden": "exact",
        }
        assert "input_to_hidden/batchnorm_3/moving_inv_std" in call.weights
        assert "hidden_to_hidden/dense_3/kernel" in call.weights


def test_a_recurrent_layer_in_a_net_in_a_recurrent_layer():
    inner = custom(source((None, 4, 3)), only_return_final=True, name="inner")
    outer = custom(source((None, 5, 4, 3)), input_to_hidden=inner)
    network = build_network(outer)
    assert list(read(outer).params)[1:3] == [
        "input_to_hidden.1.hid_init",
        "input_to_hidden.1.input_to_hidden.1.W",
    ]
    (loop,) = (s.operation for s in translate(network).steps if isinstance(s.operation, NetLoop))
    assert len(list(translate(network).with_nets())) == 5
    assert isinstance(loop.input_to_hidden.steps[-1].operation, NetLoop)


def test_a_net_tied_to_its_batch_size_ties_the_model():
    scales = {"scales": np.ones(7)}
    tied = layer("special.ScaleLayer", source((7, UNITS)), scales, shared_axes=(1,))
    for net, size in ((dense(source((7, UNITS)), UNITS), None), (tied, 7)):
        plan = translate(build_network(custom(source((7, 5, 3)), hidden_to_hidden=net)))
        assert plan.steps[0].operation.shape == (size, 5, 3)


# --- models


@pytest.fixture(params=("custom_images_learned", "custom_normalized"))
def case(request):
    return load_case(request.param)


def trained(model, case):
    """Move all weights of a model by one step of training."""
    keras = pytest.importorskip("keras")
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    x = list(case.record.inputs)
    model.fit(x if len(x) > 1 else x[0], case.record.outputs("training")[0] + 1, verbose=0)


def test_a_trained_model_is_saved_and_read_back(case, tmp_path):
    pytest.importorskip("keras")
    from lasport.targets.keras_file import read_model, write_model

    net = case.network
    model = to_keras(net)
    before = net.param_values()
    for value, expected in zip(lasagne_param_values(model), before, strict=True):
        np.testing.assert_array_equal(value, expected)
    trained(model, case)
    after = lasagne_param_values(model)
    moved = [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]
    averages = {"mean", "inv_std"}
    assert moved == [
        param.trainable or param.name.rpartition(".")[2] in averages
        for _, param in net.owned_params()
    ]
    write_model(model, tmp_path / "model.keras")
    loaded = read_model(tmp_path / "model.keras")
    for value, expected in zip(lasagne_param_values(loaded, net), after, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_a_loaded_model_is_compared_in_full(case, tmp_path):
    pytest.importorskip("keras")
    from lasport.targets.keras_file import read_model, write_model

    write_model(to_keras(case.network), tmp_path / "model.keras")
    report = verify(case.network, read_model(tmp_path / "model.keras"), case.record, passes=(1,))
    assert report.ok, report.to_text()
    subjects = {comparison.subject for comparison in report.comparisons}
    assert {"inference/layers/layer", "training/layers/layer"} <= subjects

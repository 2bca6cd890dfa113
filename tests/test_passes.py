"""Layouts: few transposes, dense rows folded, names that stay."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import to_keras, verify
from lasport.layout import channels_last, lasagne_order
from lasport.operations import Adjoint, Dense, Flatten, Input, Reshape, TransposeAxes
from lasport.passes import lower, separate_frozen
from lasport.readers.network import build_network
from lasport.translate import translate
from lasport.weights import Rows
from tests.golden_records import REFUSED, families, load_case
from tests.inert_nets import function, image, layer, merge, named, source

TRANSLATED = tuple(name for name in families() if name not in REFUSED)


def transposes(plan):
    return [step for step in plan.steps if isinstance(step.operation, TransposeAxes)]


def sources(plan, step):
    """Return all steps that a step's result depends on."""
    made = {other.output.id: other for other in plan.steps}
    found = []
    pending = list(step.inputs)
    while pending:
        found.append(made[pending.pop().id])
        pending.extend(found[-1].inputs)
    return found


# --- how many transposes there are

# Net: with channels first at inputs and outputs, and with channels last.
COUNTS = {
    "net_shared_weights": (0, 0),
    "net_lenet": (1, 0),
    "net_vgg_block": (1, 0),
    "net_residual_block": (1, 0),  # two convolutions on one input
    "net_inception": (2, 1),  # the flattened image is the output
    "net_autoencoder": (0, 2),  # pixels are reshaped in Lasagne's order
    "net_batchnorm_after_rectify": (1, 0),
    "net_two_inputs_two_outputs": (1, 0),
    "net_unnamed_layers": (0, 0),
    "net_duplicate_names": (0, 0),
    "net_odd_names": (0, 0),
    "net_fixed_batch": (2, 1),  # a reshape in Lasagne's order
    "net_digits": (1, 0),
    "net_dropout_before_batchnorm": (1, 0),
    "net_fully_convolutional": (1, 0),
    "net_lenet_float32": (1, 0),
    "net_digits_float32": (1, 0),
    # one layer: at most one transpose in and one out
    "conv2d_same_stride_2": (2, 0),
    "nin_5d": (2, 0),
    "globalpool_mean_3d": (1, 0),
    "concat_cropped": (3, 0),
    # operations that work in any order
    "batchnorm_axes_0_2": (0, 0),
    "pad_value": (0, 0),
    "bias_shared_0_2": (0, 0),
    "dropout_locations": (0, 0),
    "net_inverted_autoencoder": (4, 2),  # what is flattened comes back
    "net_denoising_autoencoder": (0, 0),
    "net_noisy": (1, 0),
    "net_noisy_sequences": (0, 0),
}


@pytest.mark.parametrize("name", COUNTS)
def test_number_of_transposes(name):
    plan = translate(load_case(name).network)
    first, last = lower(plan, "channels_first"), lower(plan, "channels_last")
    assert (len(transposes(first)), len(transposes(last))) == COUNTS[name]


def test_every_net_is_counted():
    nets = {name for name, family in families().items() if family == "nets"}
    assert nets == nets & COUNTS.keys()


@pytest.mark.parametrize("data_format", ("channels_first", "channels_last"))
@pytest.mark.parametrize("name", TRANSLATED)
def test_no_transpose_lies_between_two_operations_on_space(name, data_format):
    plan = lower(translate(load_case(name).network), data_format)
    moved = transposes(plan)
    assert len({(step.inputs[0].id, step.output.layout) for step in moved}) == len(moved)
    for step in moved:
        before = [other.operation for other in sources(plan, step)]
        assert not isinstance(before[0], TransposeAxes)
        if step.output.layout == channels_last(len(step.output.shape)):
            came_back = isinstance(before[0], Adjoint) and before[0].wants == "lasagne"
            # A decoder's image is made in Lasagne's order, whatever its encoder did before.
            made_anew = isinstance(before[0], Reshape)
            spatial = any(operation.wants == "channels_last" for operation in before)
            assert came_back or made_anew or not spatial


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_operation_gets_the_order_it_can_work_in(name):
    plan = lower(translate(load_case(name).network), "channels_first")
    for step in plan.steps:
        for value in step.inputs:
            rank = len(value.shape)
            if step.operation.wants == "channels_last":
                assert value.layout == channels_last(rank)
            if step.operation.wants == "lasagne" and not isinstance(step.operation, Flatten):
                assert value.layout == lasagne_order(rank)
    for value in (*plan.inputs, *plan.outputs):
        assert value.layout == lasagne_order(len(value.shape))


def test_images_at_inputs_and_outputs_may_be_channels_last():
    plan = lower(translate(load_case("conv2d_valid").network), "channels_last")
    assert [value.layout for value in (*plan.inputs, *plan.outputs)] == [channels_last(4)] * 2
    assert plan.steps[0].operation.shape == (None, 7, 4, 2)


# --- names


@pytest.mark.parametrize("data_format", ("channels_first", "channels_last"))
@pytest.mark.parametrize("name", TRANSLATED)
def test_names_are_unique_and_those_of_translation(name, data_format):
    plan = translate(load_case(name).network)
    lowered = lower(plan, data_format)
    names = [step.name for step in lowered.steps]
    assert len(set(names)) == len(names)
    kept = [step.name for step in lowered.steps if not isinstance(step.operation, TransposeAxes)]
    assert kept == [step.name for step in separate_frozen(plan, data_format).steps]
    assert names == [step.name for step in lower(plan, data_format).steps]


def test_transposes_are_named_after_what_they_move_and_make_room():
    net = image(None, 2, 7, 5)
    net.state["name"] = "in"
    for name in ("pool", "in_channels_last"):
        net = pool(net, name=name)
    names = [step.name for step in lower(translate(build_network(net))).steps]
    assert names == [
        "in",
        "in_channels_last_2",
        "pool",
        "in_channels_last",
        "in_channels_last_channels_first",
    ]


# --- a dense layer behind an image


def pool(net, **state):
    given = {"pool_size": 2, "stride": 1, "pad": 0, "ignore_border": True, "mode": "max", **state}
    return layer("pool.MaxPool2DLayer", net, {}, **given)


def flatten(net, **state):
    return layer("shape.FlattenLayer", net, {}, **{"name": "flat", "outdim": 2, **state})


def dense(net, units=3, inputs=48, **state):
    rng = np.random.default_rng(units)
    params = {"W": rng.normal(size=(inputs, units)), "b": rng.normal(size=units)}
    given = {"num_units": units, "nonlinearity": None, "num_leading_axes": 1, **state}
    return layer("dense.DenseLayer", net, params, **given)


def dropout(net, **state):
    return layer("noise.DropoutLayer", net, {}, **{"p": 0.5, "rescale": True, **state})


def norm(net):
    rng = np.random.default_rng(7)
    params = {name: rng.uniform(0.5, 2, size=48) for name in ("beta", "gamma", "mean", "inv_std")}
    state = {"axes": (0,), "epsilon": 1e-4, "alpha": 0.25}
    made = layer("normalization.BatchNormLayer", net, params, **state)
    for name in ("mean", "inv_std"):
        made.state["params"][made.state[name]] = set()  # averaged, not trained
    return made


def bias(net):
    b = np.random.default_rng(8).normal(size=48)
    return layer("special.BiasLayer", net, {"b": b}, shared_axes=(0,))


def scale(net):
    scales = np.random.default_rng(9).normal(size=48)
    return layer("special.ScaleLayer", net, {"scales": scales}, shared_axes=(0,))


def tanh(net):
    return layer("special.NonlinearityLayer", net, {}, nonlinearity=function("tanh"))


def pooled():
    """Return images of 2 channels and 6 x 4 places."""
    return pool(image(None, 2, 7, 5))


FOLDED = {
    "dense alone": lambda: dense(pooled()),
    "dense behind flatten": lambda: dense(flatten(pooled())),
    "dropout between": lambda: dense(dropout(flatten(pooled()))),
    "unscaled dropout between": lambda: dense(dropout(flatten(pooled()), rescale=False)),
    "a mask for all features": lambda: dense(dropout(flatten(pooled()), shared_axes=(1,))),
    "batch norm between": lambda: dense(norm(flatten(pooled()))),
    "bias, scale and function between": lambda: dense(tanh(scale(bias(flatten(pooled()))))),
    "everything between": lambda: dense(dropout(norm(scale(tanh(bias(flatten(pooled()))))))),
}


@pytest.mark.parametrize("profile", ("stock", "exact"))
@pytest.mark.parametrize("build", FOLDED.values(), ids=FOLDED)
def test_rows_are_folded_into_what_follows(build, profile):
    net = build_network(build())
    plan = lower(translate(net), "channels_last")
    assert transposes(plan) == []
    (flat,) = (step for step in plan.steps if isinstance(step.operation, Flatten))
    assert flat.output.layout.rows == Rows((2, 6, 4), (1, 2, 0))
    report = verify(net, to_keras(net, profile=profile))
    assert report.ok, report.to_text()


def flat_is_output():
    flat = flatten(pooled())
    return [flat, dense(flat)]


def also_concatenated():
    flat = flatten(pooled())
    joined = merge("merge.ConcatLayer", [flat, source((None, 5))], axis=1)
    return [dense(flat), dense(joined, inputs=53)]


NOT_FOLDED = {
    "the flattened image is an output": flat_is_output,
    "a concatenation wants Lasagne's order": also_concatenated,
    "the order of features matters in a reshape": lambda: dense(
        layer("shape.ReshapeLayer", flatten(pooled()), {}, shape=([0], 8, 6)), inputs=48
    ),
    "rows of a product over the last axis only": lambda: dense(
        pooled(), inputs=24, num_leading_axes=2
    ),
}


@pytest.mark.parametrize("build", NOT_FOLDED.values(), ids=NOT_FOLDED)
def test_an_order_that_somebody_sees_is_restored_once(build):
    net = build_network(build())
    plan = lower(translate(net), "channels_last")
    (moved,) = transposes(plan)
    assert moved.output.layout == lasagne_order(4)
    assert all(value.layout.rows is None for value in plan.layers.values())
    report = verify(net)
    assert report.ok, report.to_text()


def test_open_sizes_cannot_be_folded():
    net = build_network(dense(flatten(pool(image(None, 2, None, 5)))))
    assert len(transposes(lower(translate(net), "channels_last"))) == 1


def test_two_dense_layers_fold_one_flattening():
    flat = flatten(pooled())
    net = build_network([dense(flat, units=3), dense(flat, units=4)])
    plan = lower(translate(net), "channels_last")
    kernels = [s.operation.kernel for s in plan.steps if isinstance(s.operation, Dense)]
    assert [kernel.conversions for kernel in kernels] == [(Rows((2, 6, 4), (1, 2, 0)),)] * 2
    assert verify(net)


# --- more axes than any image has


def four_spatial_axes():
    return source((None, 2, 3, 4, 5, 6), name="in")


MANY_AXES = {
    "global pool": lambda: layer(
        "pool.GlobalPoolLayer",
        four_spatial_axes(),
        {},
        pool_function=named("theano.tensor.basic.mean"),
    ),
    "cropping": lambda: merge(
        "merge.ConcatLayer",
        [four_spatial_axes(), source((None, 2, 3, 4, 5, 7))],
        axis=1,
        cropping=[None] * 5 + ["lower"],
    ),
    "padding": lambda: layer("shape.PadLayer", four_spatial_axes(), {}, width=1),
    "dense": lambda: dense(four_spatial_axes(), inputs=720),
}


@pytest.mark.parametrize("profile", ("stock", "exact"))
@pytest.mark.parametrize("build", MANY_AXES.values(), ids=MANY_AXES)
def test_four_spatial_axes_take_the_own_layers(build, profile):
    net = build_network(build())
    report = verify(net, profile=profile, passes=(1,))
    assert report.ok, report.to_text()


# --- sharing


def test_consumers_of_one_image_share_its_transpose():
    net = image(None, 2, 7, 5)
    plan = lower(translate(build_network([pool(net, name="a"), pool(net, name="b")])))
    first, *others = transposes(plan)
    assert isinstance(plan.steps[0].operation, Input)
    assert first.inputs == (plan.steps[0].output,)
    assert first.output.layout == channels_last(4)
    assert len(others) == 2  # each output goes back to Lasagne's order
    assert all(step.output.layout == lasagne_order(4) for step in others)


def test_an_input_that_is_an_output_too_is_given_back_as_it_came():
    net = image(None, 2, 7, 5)
    net.state["name"] = "in"
    network = build_network(pool(net, name="pool"), outputs=["in", "pool"])
    plan = lower(translate(network), "channels_first")
    assert plan.outputs[0] == plan.inputs[0]
    assert len(transposes(plan)) == 2
    assert verify(network, passes=(1,))

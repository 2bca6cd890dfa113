"""The numpy reference as an oracle: its records are whole, repeatable, and those of the net."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import ComparisonError
from lasport.oracles.record import MODES, read_record, write_record
from lasport.oracles.reference import draw_inputs, reference_record, run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import function, layer, merge, source

NETS = ("net_digits", "net_two_inputs_two_outputs", "net_dropout_before_batchnorm")


def dropout(net, **state):
    return layer("noise.DropoutLayer", net, {}, **{"p": 0.5, "rescale": True, **state})


# --- one pass


def test_the_same_seed_draws_the_same_masks():
    net = build_network(dropout(source((None, 40))))
    x = np.ones((3, 40))
    first, same, other = (
        run_reference(net, [x], training=True, seed=seed).layers[-1] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_layers_draw_masks_of_their_own():
    x = source((None, 40))
    net = build_network(merge("merge.ConcatLayer", [dropout(x), dropout(x)], axis=1))
    masks = run_reference(net, [np.ones((3, 40))], training=True).masks
    assert set(masks) == {1, 2}
    assert not np.array_equal(masks[1][0], masks[2][0])


@pytest.mark.parametrize("p", (0.1, 0.75))
def test_entries_are_dropped_at_the_rate(p):
    net = build_network(dropout(source((None, 200)), p=p))
    (mask,) = run_reference(net, [np.ones((200, 200))], training=True).masks[1]
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert abs(mask.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / mask.size)


def test_given_masks_are_used_and_given_back():
    net = build_network(dropout(source((None, 3)), rescale=False))
    mask = np.array([[1.0, 0.0, 1.0]])
    forward = run_reference(net, [np.full((1, 3), 5.0)], training=True, masks={1: [mask]})
    assert forward.layers[-1].tolist() == [[5.0, 0.0, 5.0]]
    assert forward.masks[1] == [mask]


def test_given_parameters_replace_the_nets_own_and_nothing_is_changed():
    case = load_case("net_digits")
    before = [value.copy() for value in case.network.param_values()]
    changed = [value + 0.5 for value in before]
    plain = run_reference(case.network, case.record.inputs, training=False)
    other = run_reference(case.network, case.record.inputs, training=False, params=changed)
    assert not np.allclose(plain.layers[-1], other.layers[-1])
    for value, kept in zip(other.params, changed, strict=True):
        np.testing.assert_array_equal(value, kept)
    run_reference(case.network, case.record.inputs, training=True)
    for value, kept in zip(case.network.param_values(), before, strict=True):
        np.testing.assert_array_equal(value, kept)


@pytest.mark.parametrize("dtype", ("float32", "float64"))
@pytest.mark.parametrize("name", NETS)
def test_everything_is_computed_in_the_dtype(name, dtype):
    case = load_case(name)
    forward = run_reference(case.network, case.record.inputs, training=True, dtype=dtype)
    assert {y.dtype.name for y in forward.layers} == {dtype}


def test_indices_stay_integers():
    net = build_network(layer("shape.FlattenLayer", source((None, 2, 3), dtype="int64"), {}))
    x = np.arange(12).reshape(2, 2, 3)
    assert run_reference(net, [x], training=False).layers[-1].dtype == np.int64


# --- what does not fit


def test_inputs_must_be_as_many_as_the_net_has():
    net = build_network(source((None, 3), name="x"))
    with pytest.raises(ComparisonError, match="2 arrays for the inputs x"):
        run_reference(net, [np.ones((2, 3))] * 2, training=False)


SHAPES = (((2, 4), (None, 3)), ((2, 3, 1), (None, 3)), ((2,), (None, 3)), ((2, 3, 4), (None, 3, 5)))


@pytest.mark.parametrize(("given", "shape"), SHAPES)
def test_inputs_must_have_the_nets_shape(given, shape):
    net = build_network(source(shape, name="x"))
    with pytest.raises(ComparisonError, match="input 'x' takes"):
        run_reference(net, [np.ones(given)], training=False)


def test_a_batch_size_may_be_another():
    net = build_network(dropout(source((7, 3))))
    assert run_reference(net, [np.ones((2, 3))], training=False).layers[-1].shape == (2, 3)


MASKS = (
    ({}, "fewer samples were recorded than the layer draws"),
    ({1: []}, "fewer samples were recorded than the layer draws"),
    ({1: [np.ones((2, 2))]}, r"a sample of \(2, 2\) was recorded where \(2, 3\) is drawn"),
)


@pytest.mark.parametrize(("masks", "message"), MASKS)
def test_masks_must_fit(masks, message):
    net = build_network(dropout(source((None, 3))))
    with pytest.raises(ComparisonError, match=message):
        run_reference(net, [np.ones((2, 3))], training=True, masks=masks)


def test_what_a_formula_refuses_names_the_layer():
    state = {"name": "f", "nonlinearity": function("softmax")}
    net = layer("special.NonlinearityLayer", source((None, 3, 5)), {}, **state)
    with pytest.raises(ComparisonError, match=r"f \(lasagne.*\): softmax takes a matrix"):
        run_reference(build_network(net), [np.ones((2, 3, 5))], training=False)


# --- inputs


def test_drawn_inputs_are_repeatable_and_of_the_nets_shape():
    net = load_case("net_two_inputs_two_outputs").network
    first, same, other = (draw_inputs(net, seed, passes=2) for seed in (1, 1, 2))
    assert len(first) == 3
    for drawn in first:
        image, vector = drawn
        assert image.shape[1:] == (2, 6, 4)
        assert vector.shape[1:] == (8,)
        assert len(image) == len(vector)
    np.testing.assert_array_equal(first[2][1], same[2][1])
    assert not np.array_equal(first[0][0], first[1][0])
    assert not np.array_equal(first[0][0], other[0][0])


def test_open_sizes_are_unlike_all_others():
    net = load_case("net_fully_convolutional").network
    ((x,),) = draw_inputs(net, 1)
    known = {size for layer in net.layers for size in layer.output_shape}
    open_sizes = [x.shape[0], *x.shape[2:]]
    assert len(set(open_sizes)) == 3
    assert not known & set(open_sizes)


def test_drawn_indices_are_integers():
    ((x,),) = draw_inputs(build_network(source((None, 4), dtype="int32")), 1)
    assert x.dtype == np.int32


def test_channels_differ_in_mean_and_scale():
    ((x,),) = draw_inputs(build_network(source((50, 3, 20, 20))), 1)
    means, scales = x.mean(axis=(0, 2, 3)), x.std(axis=(0, 2, 3))
    assert np.ptp(means) > 0.5
    assert np.ptp(scales) > 0.5


# --- records


@pytest.mark.parametrize("name", NETS)
def test_a_record_is_what_the_passes_compute(name):
    net = load_case(name).network
    record = reference_record(net, seed=3, passes=2)
    for mode in MODES:
        training = mode == "training"
        forward = run_reference(net, record.inputs, training=training, masks=record.masks)
        for value, recorded in zip(forward.layers, record.layers(mode), strict=True):
            np.testing.assert_array_equal(value, recorded)
    values = None
    for number in (1, 2):
        values = run_reference(
            net,
            record.batch(number),
            training=True,
            params=values,
            masks=record.pass_masks(number),
        ).params
        for value, recorded in zip(values, record.params_after(number), strict=True):
            np.testing.assert_array_equal(value, recorded)
    assert record.meta["passes"] == 2
    assert record.meta["no_gradient"] == "the numpy reference computes no gradients"
    assert [layer["name"] for layer in record.meta["layers"]] == [x.name for x in net.layers]


def test_masks_differ_from_pass_to_pass():
    record = reference_record(load_case("net_dropout_before_batchnorm").network, passes=2)
    first, second = (record.pass_masks(number) for number in (1, 2))
    assert first.keys() == second.keys() == record.masks.keys()
    assert not any(np.array_equal(first[k][0], second[k][0]) for k in first)


def test_inputs_can_be_given():
    case = load_case("net_digits")
    record = reference_record(case.network, inputs=case.record.inputs, passes=1)
    np.testing.assert_allclose(
        record.outputs("inference")[0], case.record.outputs("inference")[0], rtol=1e-12
    )


@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_records_are_written_and_read(dtype, tmp_path):
    net = load_case("net_two_inputs_two_outputs").network
    record = reference_record(net, dtype=dtype, passes=1)
    write_record(tmp_path / "net.npz", record)
    read = read_record(tmp_path / "net.npz")
    assert read.meta == record.meta
    assert read.meta["floatX"] == dtype
    assert read.arrays.keys() == record.arrays.keys()
    for key, value in record.arrays.items():
        np.testing.assert_array_equal(read.arrays[key], value)
        assert read.arrays[key].dtype == value.dtype

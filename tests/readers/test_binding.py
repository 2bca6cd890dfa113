"""Parameters given to a net: bound by order or name, checked by shape, never made to fit."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import lasagne_param_values, load, to_keras
from lasport.errors import InvalidNetworkError
from lasport.readers.binding import bind
from lasport.readers.parameters import SavedParameters
from tests.golden_records import load_case, pickle_of


def in_order(values):
    return SavedParameters("in order", tuple(map(str, range(len(values)))), tuple(values))


def other_values(net):
    """Return values unlike the net's own, plausible for an inv_std too."""
    return [np.full_like(value, (n + 1) / 100) for n, value in enumerate(net.param_values())]


def assert_bound(net, values):
    for found, value in zip(net.param_values(), values, strict=True):
        np.testing.assert_array_equal(found, value)
        assert not found.flags.writeable


@pytest.fixture
def net():
    return load_case("net_vgg_block").network


def test_values_are_taken_in_order(net):
    values = other_values(net)
    bound = bind(net, in_order(values))
    assert_bound(bound, values)
    assert [layer.name for layer in bound.layers] == [layer.name for layer in net.layers]
    assert bound.origin == net.origin


def test_the_file_decides_the_dtype(net):
    values = [value.astype(np.float32) for value in other_values(net)]
    assert bind(net, in_order(values)).dtype == np.float32


def test_values_by_parameter_name(net):
    values = other_values(net)
    names = [f"{layer.name}.{param.name}" for layer, param in net.owned_params()]
    backwards = SavedParameters("by parameter", tuple(names[::-1]), tuple(values[::-1]))
    assert_bound(bind(net, backwards), values)


def test_the_parameters_of_the_only_layer_may_lack_its_name():
    net = load_case("dense_linear").network
    w, b = other_values(net)
    assert_bound(bind(net, SavedParameters("by parameter", ("b", "W"), (b, w))), [w, b])


def test_values_by_layer(net):
    values = other_values(net)
    layers = tuple(layer.name for layer, _ in net.owned_params())
    everyone = tuple(layer.name for layer in net.layers)
    assert_bound(bind(net, SavedParameters("by layer", layers, tuple(values), everyone)), values)


def test_layers_that_share_a_variable_have_it_each():
    net = load_case("net_shared_weights").network
    every = [(layer.name, param.value) for layer in net.layers for param in layer.params.values()]
    names, values = zip(*every, strict=True)
    shared = next(n for n, value in enumerate(values) if any(value is v for v in values[:n]))
    everyone = tuple(layer.name for layer in net.layers)
    bound = bind(net, SavedParameters("by layer", names, values, everyone))
    assert_bound(bound, net.param_values())
    other = (*values[:shared], values[shared] + 1, *values[shared + 1 :])
    with pytest.raises(InvalidNetworkError, match="are one variable in the net, and two values"):
        bind(net, SavedParameters("by layer", names, other, everyone))


def test_one_vector_is_cut_in_order(net):
    values = other_values(net)
    vector = np.concatenate([value.ravel() for value in values])
    assert_bound(bind(net, SavedParameters("one vector", ("all",), (vector,))), values)
    with pytest.raises(InvalidNetworkError, match=r"one vector of \d+ values, the net's.* are"):
        bind(net, SavedParameters("one vector", ("all",), (vector[1:],)))


def test_nets_inside_layers_get_theirs_too():
    case = load_case("recurrent_default")
    values = [value + 0.25 for value in case.network.param_values()]
    bound = bind(case.network, in_order(values))
    assert_bound(bound, values)
    for found, value in zip(lasagne_param_values(to_keras(bound)), values, strict=True):
        np.testing.assert_array_equal(found, value)


def test_all_that_does_not_fit_is_in_one_table(net):
    values = other_values(net)
    values[0] = values[0][1:]
    values[-1] = values[-1].astype(np.int64)
    with pytest.raises(InvalidNetworkError) as caught:
        bind(net, in_order(values))
    first, header, *rows = str(caught.value).splitlines()
    assert first == f"2 of {len(values)} parameters do not fit:"
    assert header.split() == ["parameter", "expected", "got"]
    labels = [f"{layer.name}.{param.name}" for layer, param in net.owned_params()]
    assert [row.split()[0] for row in rows[:2]] == [labels[0], labels[-1]]
    assert rows[1].endswith("of int64")


def trainable(net, values):
    return [value for (_, p), value in zip(net.owned_params(), values, strict=True) if p.trainable]


CAUSES = {
    "trainable=True": (trainable, "get_all_params(trainable=True)"),
    "no statistics": (
        lambda net, values: [
            value
            for (_, p), value in zip(net.owned_params(), values, strict=True)
            if "regularizable" not in p.tags
        ],
        "all but the parameters tagged regularizable",
    ),
    "more": (lambda net, values: [np.ones((2, 2)), *values], "Arrays 1 to"),
    "fewer": (lambda net, values: values[:3], "the net goes on where it ends"),
    "backwards": (lambda net, values: values[::-1], "backwards, as nolearn 0.5 did with a later"),
    "another order": (
        lambda net, values: [*values[2:], *values[:2]],
        "The same shapes in another order",
    ),
    "transposed": (
        lambda net, values: [v.T if v.ndim == 2 else v for v in values],
        "(inputs, units) in Lasagne",
    ),
    "another pool": (
        lambda net, values: [v[1:] if v.ndim == 2 else v for v in values],
        "the other ignore_border",
    ),
}


@pytest.mark.parametrize(("change", "words"), CAUSES.values(), ids=CAUSES)
def test_the_likely_cause_is_named(net, change, words):
    with pytest.raises(InvalidNetworkError) as caught:
        bind(net, in_order(change(net, other_values(net))))
    assert words in str(caught.value)


def test_an_extra_name_is_no_parameter_of_the_net():
    net = load_case("dense_linear").network
    w, b = other_values(net)
    with pytest.raises(InvalidNetworkError, match=r"c of the file +nothing +\(4,\)"):
        bind(net, SavedParameters("by parameter", ("W", "b", "c"), (w, b, b)))


def test_what_cannot_be_an_inv_std_is_refused():
    net = load_case("batchnorm_2d").network
    beta, gamma, mean, _ = other_values(net)
    variances = np.array([400.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])[: beta.size]
    values = in_order([beta, gamma, mean, variances])
    with pytest.raises(InvalidNetworkError, match=r"1 of \d+ values cannot be an inv_std.*= 100"):
        bind(net, values)
    bound = bind(net, values, bn_stat="var")
    np.testing.assert_allclose(bound.param_values()[3], (variances + 1e-4) ** -0.5, rtol=1e-15)
    with pytest.raises(InvalidNetworkError, match="a variance below 0"):
        bind(net, in_order([beta, gamma, mean, -variances]), bn_stat="var")


def test_nets_inside_layers_take_their_values_and_variances_too():
    net = load_case("custom_normalized").network
    place = next(n for n, (_, p) in enumerate(net.owned_params()) if p.name.endswith("inv_std"))
    values = other_values(net)
    values[place] = np.full_like(values[place], 4.0)
    bound = bind(net, in_order(values), bn_stat="var")
    values[place] = 1 / np.sqrt(values[place] + 1e-4)
    assert_bound(bound, values)
    into = bound["layer"].attributes.input_to_hidden
    inside = {id(value) for value in into.param_values()}
    assert inside < {id(value) for value in bound.param_values()}


def test_a_pickled_net_takes_parameters_from_a_file(tmp_path):
    case = load_case("net_digits")
    values = [value + 0.125 for value in case.network.param_values()]
    np.savez(tmp_path / "better.npz", *values)
    assert_bound(load(pickle_of("net_digits"), params=tmp_path / "better.npz"), values)
    np.savez(tmp_path / "less.npz", *values[:-1])
    with pytest.raises(InvalidNetworkError, match=r"less\.npz: 1 of \d+ parameters do not fit"):
        load(pickle_of("net_digits"), params=tmp_path / "less.npz")

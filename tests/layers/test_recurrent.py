"""RecurrentLayer, and the parameters of the nets inside it."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import InvalidNetworkError
from lasport.oracles.reference import run_reference
from lasport.readers.network import MAX_NESTING, build_network
from tests.golden_records import load_case
from tests.inert_nets import function, read, source
from tests.recurrent_nets import UNITS, dense, rnn

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "recurrent_default": ("SimpleRNN", "DenseRecurrence"),
    "recurrent_open": ("SimpleRNN", "SimpleRNN"),
    "recurrent_no_bias": ("SimpleRNN", "SimpleRNN"),
    "recurrent_linear_backwards_final": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_hid_init": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_of_images": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_mask_backwards": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_mask_learned": ("Activation DenseRecurrence", "Nonlinearity DenseRecurrence"),
    "recurrent_mask_final": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_mask_state_backwards": ("Activation DenseRecurrence",) * 2,
    "recurrent_clipped_mask_final": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_steps_1": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_steps_3_backwards": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_steps_beyond": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_steps_final_clipped": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_unrolled": ("SimpleRNN", "SimpleRNN"),
    "recurrent_unrolled_mask_backwards": ("DenseRecurrence", "DenseRecurrence"),
    "recurrent_not_precomputed": ("DenseRecurrence", "DenseRecurrence"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


def test_output_shape():
    assert read(rnn()).output_shape == (None, 5, UNITS)
    assert read(rnn(only_return_final=True)).output_shape == (None, UNITS)


def test_parameters_of_the_nets_inside_come_behind_the_layers_own():
    assert list(read(rnn()).params) == ["hid_init", "W_in_to_hid", "b", "W_hid_to_hid"]


def test_parameters_have_to_fit():
    with pytest.raises(InvalidNetworkError, match=r"W_in_to_hid has shape \(3, 2\).*\(4, 2\)"):
        build_network(rnn(source((None, 5, 4))))


def inside(attribute="input_to_hidden", **state):
    """Return a layer one of whose nets has other attributes."""
    net = rnn()
    net.state[attribute].state.update(state)
    return net


PROBLEMS = (
    (rnn(input_to_hidden=None), "attribute 'input_to_hidden' is not a layer"),
    (
        rnn(hidden_to_hidden=source((None, UNITS)), W_hid_to_hid=None),
        "parameter W_hid_to_hid is missing",
    ),
    (rnn(hidden_to_hidden=source((None, UNITS))), "W_hid_to_hid is set but not among"),
    (inside(nonlinearity=function("tanh")), "a linear DenseLayer is expected, not DenseAttributes"),
    (
        inside(num_units="two"),
        "input_to_hidden, dense_1 (lasagne.layers.dense.DenseLayer): attribute 'num_units': an",
    ),
)


@pytest.mark.parametrize(("net", "message"), PROBLEMS)
def test_problems(net, message):
    assert message in read(net).problem


def test_nets_are_not_nested_forever():
    net = rnn()
    net.state["hidden_to_hidden"] = net
    with pytest.raises(InvalidNetworkError, match=f"nets inside nets, {MAX_NESTING} deep"):
        build_network(net)


def test_a_net_inside_is_checked_as_any_other():
    with pytest.raises(InvalidNetworkError, match=r"W has shape \(2, 2\).*ask for \(3, 2\)"):
        build_network(rnn(hidden_to_hidden=dense(3, {"W": rnn().state["W_hid_to_hid"]})))


def test_steps_by_hand():
    network = build_network(rnn(source((None, 2, 3))))
    (output,) = run_reference(network, [np.zeros((1, 2, 3))], training=False).layers[-1]
    np.testing.assert_array_equal(output, [[3.0, 3.0], [7.0, 7.0]])

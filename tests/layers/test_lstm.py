"""LSTMLayer: gates, peepholes, masks, initial states, and what older instances leave out."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import InvalidNetworkError, UnsupportedLayersError
from lasport.oracles.reference import draw_inputs, run_reference
from lasport.readers.network import build_network
from lasport.translate import translate
from tests.golden_records import load_case
from tests.inert_nets import function, read, shared, source
from tests.recurrent_nets import UNITS, lstm

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "lstm_default": ("LSTMRecurrence", "LSTMRecurrence"),
    "lstm_bare": ("LSTM", "LSTM"),
    "lstm_bare_backwards_final": ("LSTM", "LSTM"),
    "lstm_bare_relu": ("LSTM", "LSTMRecurrence"),
    "lstm_bare_hid_init": ("LSTMRecurrence", "LSTMRecurrence"),
    "lstm_functions": ("LSTMRecurrence", "LSTMRecurrence"),
    "lstm_of_images": ("LSTMRecurrence", "LSTMRecurrence"),
    "lstm_mask_backwards": ("LSTMRecurrence", "LSTMRecurrence"),
    "lstm_mask_learned": ("Activation LSTMRecurrence", "Nonlinearity LSTMRecurrence"),
    "lstm_states": ("Activation Activation LSTMRecurrence",) * 2,
    "lstm_cell_state": ("Activation LSTMRecurrence", "Activation LSTMRecurrence"),
    "lstm_clipped": ("LSTMRecurrence", "LSTMRecurrence"),
    "lstm_steps_2_learned": ("LSTMRecurrence", "LSTMRecurrence"),
    "lstm_unrolled": ("LSTMRecurrence", "LSTMRecurrence"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


SHAPES = (
    ({}, (None, 5, 3), (None, 5, UNITS)),
    ({"only_return_final": True}, (None, 5, 3), (None, UNITS)),
    ({}, (7, None, 3), (7, None, UNITS)),
    ({"features": 12}, (None, 5, 3, 4), (None, 5, UNITS)),
)


@pytest.mark.parametrize(("state", "sequence", "expected"), SHAPES)
def test_output_shape(state, sequence, expected):
    assert read(lstm(source(sequence), **state)).output_shape == expected


def test_parameters_come_in_lasagnes_order():
    names = list(read(lstm()).params)
    assert names[:3] == ["W_in_to_ingate", "W_hid_to_ingate", "b_ingate"]
    assert names[-4:] == ["W_cell_to_forgetgate", "W_cell_to_outgate", "cell_init", "hid_init"]


def test_parameters_have_to_fit():
    with pytest.raises(InvalidNetworkError, match=r"W_in_to_ingate has shape \(3, 2\).*\(4, 2\)"):
        build_network(lstm(source((None, 5, 4))))


# --- inputs

MASK, STATE = source((None, 5)), source((None, UNITS))
INPUTS = (
    ((MASK,), {"mask_incoming_index": 1}, ("mask",)),
    ((STATE,), {"hid_init_incoming_index": 1, "hid_init": STATE}, ("hidden",)),
    ((STATE,), {"cell_init_incoming_index": 1, "cell_init": STATE}, ("cell",)),
    (
        (MASK, STATE, source((None, UNITS))),
        {
            "mask_incoming_index": 1,
            "hid_init_incoming_index": 2,
            "cell_init_incoming_index": 3,
            "hid_init": STATE,
            "cell_init": STATE,
        },
        ("mask", "hidden", "cell"),
    ),
)


@pytest.mark.parametrize(("others", "state", "given"), INPUTS)
def test_what_the_inputs_are(others, state, given):
    params = [name for name in ("hid_init", "cell_init") if name in state]
    net = lstm(source((None, 5, 3)), *others)
    for name in params:
        del net.state["params"][net.state[name]]
    net.state.update(state)
    network = build_network(net)
    operation = translate(network).steps[-1].operation
    assert operation.loop.given == given
    assert set(operation.loop.initial) == {"hidden", "cell"} - set(given)
    assert not set(params) & set(network.layers[-1].params)


PROBLEMS = (
    ((source((None, 5)),), {}, "of 2 inputs, it takes one"),
    ((), {"mask_incoming_index": 1}, "of 1 inputs, it takes {'mask': 1}"),
    ((source((None, 6)),), {"mask_incoming_index": 1}, "the mask of shape (None, 6) should have"),
    ((), {"gradient_steps": None}, "attribute 'gradient_steps': an integer was expected"),
    ((), {"nonlinearity_cell": function("my_own")}, "attribute 'nonlinearity_cell': the function"),
    ((), {"hid_init": shared(np.ones((1, UNITS)))}, "hid_init is set but not among the layer's"),
)


@pytest.mark.parametrize(("others", "state", "message"), PROBLEMS)
def test_problems(others, state, message):
    net = lstm(source((None, 5, 3)), *others, without=["hid_init"] if "hid_init" in state else [])
    net.state.update(state)
    assert message in read(net).problem


def test_a_matrix_is_no_sequence():
    assert (
        "a sequence (batch, steps, features) is expected" in read(lstm(source((None, 3)))).problem
    )


def test_gates_are_trained_all_or_not_at_all():
    net = lstm()
    for gate in ("ingate", "cell"):
        net.state["params"][net.state[f"W_hid_to_{gate}"]] = set()
    with pytest.raises(
        UnsupportedLayersError, match="W_hid_to_ingate, W_hid_to_cell is not trained"
    ):
        translate(build_network(net))


# --- what instances of older Lasagnes hold


def test_a_second_input_is_a_mask_before_december_2015():
    net = lstm(
        source((None, 5, 3)), MASK, without=["mask_incoming_index", "hid_init_incoming_index"]
    )
    del net.state["cell_init_incoming_index"]
    layer = read(net)
    assert layer.problem is None
    assert layer.attributes.places(2) == {"mask": 1}


def test_clipping_could_be_false():
    assert read(lstm(grad_clipping=False)).attributes.grad_clipping == 0


def test_without_only_return_final_all_steps_are_returned():
    layer = read(lstm(peepholes=False, without=["only_return_final"]))
    assert (layer.problem, layer.output_shape) == (None, (None, 5, UNITS))


def test_instances_of_2015_with_peepholes_are_refused():
    # Lasagne 0.1 gives other values: (sigmoid(o) + c * W_cell_to_outgate) * tanh(c).
    problem = read(lstm(without=["only_return_final"])).problem
    assert "peephole was added behind the gate's nonlinearity" in problem


# --- the reference


def test_drawn_masks_leave_steps_out_and_are_as_long_as_the_sequence():
    sequence, mask = source((None, None, 3)), source((None, None))
    network = build_network(lstm(sequence, mask, mask_incoming_index=1))
    (drawn, further) = draw_inputs(network, seed=3, passes=1)
    for x, m in (drawn, further):
        assert x.shape[:2] == m.shape
        assert set(m.ravel()) == {0.0, 1.0}


def test_a_step_by_hand():
    network = build_network(lstm(source((None, 1, 3))))
    (output,) = run_reference(network, [np.zeros((1, 1, 3))], training=False).layers[-1]
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731 - the formula below reads better so
    # Every weight is 1, so is every state; two units feed each other.
    cell = sigmoid(2 + 1 + 1) + sigmoid(2 + 1 + 1) * np.tanh(2 + 1)
    hidden = sigmoid(2 + cell + 1) * np.tanh(cell)
    np.testing.assert_allclose(output, [[hidden, hidden]], rtol=1e-15)

"""GRULayer: gates, masks, initial states."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import InvalidNetworkError
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import function, read, source
from tests.recurrent_nets import UNITS, gru

# Golden cases: Keras layers of the stock profile, and of the exact one. Keras' GRU has a bias more.
RECORDS = {
    "gru_default": ("GRURecurrence", "GRURecurrence"),
    "gru_open": ("GRURecurrence", "GRURecurrence"),
    "gru_functions": ("GRURecurrence", "GRURecurrence"),
    "gru_of_images": ("GRURecurrence", "GRURecurrence"),
    "gru_mask_backwards": ("GRURecurrence", "GRURecurrence"),
    "gru_mask_learned": ("Activation GRURecurrence", "Nonlinearity GRURecurrence"),
    "gru_state": ("Activation GRURecurrence", "Activation GRURecurrence"),
    "gru_clipped": ("GRURecurrence", "GRURecurrence"),
    "gru_clipped_input": ("GRURecurrence", "GRURecurrence"),
    "gru_steps_2_backwards": ("GRURecurrence", "GRURecurrence"),
    "gru_unrolled": ("GRURecurrence", "GRURecurrence"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


def test_output_shape():
    assert read(gru()).output_shape == (None, 5, UNITS)
    assert read(gru(only_return_final=True)).output_shape == (None, UNITS)


def test_the_update_gate_is_registered_first():
    assert list(read(gru()).params)[::3] == [
        "W_in_to_updategate",
        "W_in_to_resetgate",
        "W_in_to_hidden_update",
        "hid_init",
    ]


def test_parameters_have_to_fit():
    with pytest.raises(
        InvalidNetworkError, match=r"W_in_to_.*has shape \(3, 2\).*ask for \(4, 2\)"
    ):
        build_network(gru(source((None, 5, 4))))


def test_a_function_of_the_users_own_is_a_problem():
    problem = read(gru(nonlinearity_hid=function("my_own"))).problem
    assert "attribute 'nonlinearity_hid': the function" in problem


def test_a_step_by_hand():
    network = build_network(gru(source((None, 1, 3))))
    (output,) = run_reference(network, [np.zeros((1, 1, 3))], training=False).layers[-1]
    gate = 1 / (1 + np.exp(-(2 + 1)))
    # Every weight is 1, so is the state; two units feed each other.
    hidden = (1 - gate) + gate * np.tanh(1 + gate * 2)
    np.testing.assert_allclose(output, [[hidden, hidden]], rtol=1e-15)

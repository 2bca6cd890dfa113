"""Weights that several layers share, and weights that are expressions of others."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import UnsupportedLayersError
from lasport.translate import translate
from tests.golden_records import REFUSED, load_case

RECORDS = (
    "shared_siamese",
    "shared_siamese_columns",
    "shared_biases",
    "shared_recurrent",
    "shared_repeated",
    "shared_frozen",
    "tied_alone",
    "tied_conv",
    "tied_dense",
    "tied_embedding",
    "tied_expressions",
)


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


# --- running averages, of which Theano keeps one layer's update

REFUSED_RECORDS = REFUSED


@pytest.mark.parametrize("name", REFUSED_RECORDS)
def test_shared_running_averages_are_refused(name):
    with pytest.raises(UnsupportedLayersError) as caught:
        translate(load_case(name).network)
    refusals = caught.value.refusals
    assert [refusal.layer for refusal in refusals] == ["first", "second"]
    for refusal in refusals:
        assert refusal.reason.startswith("running average mean is shared with another layer")


def test_theano_keeps_the_update_of_one_layer():
    """A pass moves the averages as if there were one of the two layers only."""
    record = load_case("shared_averages").record
    mean = record.params[2]
    for number in (1, 2):
        batch = record.batch(number)
        moved = [0.75 * mean + 0.25 * x.mean(axis=0) for x in batch]
        mean = record.params_after(number)[2]
        np.testing.assert_allclose(mean, moved[0], rtol=1e-13)
        assert abs(mean - moved[1]).max() > 1e-2

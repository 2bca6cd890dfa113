"""Weights that several layers share, and weights that are expressions of others."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import lasagne_param_values, to_keras, verify
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


@pytest.mark.thinned(3)
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


# --- saved models


@pytest.mark.parametrize("profile", ("stock", "exact"))
@pytest.mark.parametrize(
    "name", ("net_shared_weights", "tied_dense", "tied_embedding", "shared_siamese", "tied_alone")
)
def test_a_saved_model_is_recognized_and_gives_its_parameters(name, profile, tmp_path):
    from lasport.targets.keras_file import read_model, write_model

    case = load_case(name)
    write_model(to_keras(case.network, profile=profile), tmp_path / "model.keras")
    model = read_model(tmp_path / "model.keras")
    for value, recorded in zip(
        lasagne_param_values(model, case.network), case.record.params, strict=True
    ):
        np.testing.assert_array_equal(value, recorded)
    report = verify(case.network, model, case.record, passes=(1,))
    assert report.ok, report.to_text()
    assert any("layers/" in comparison.subject for comparison in report.comparisons)
    owned = [param for _, param in case.network.owned_params()]
    trained = sum(param.value.size for param in owned if param.trainable)
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == trained

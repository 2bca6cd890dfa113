"""DropoutLayer and GaussianNoiseLayer: rates, shared axes, strengths, and what does nothing."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import ComparisonError
from lasport.inert import Instance
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import layer, named, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "dropout_default": ("Dropout", "Dropout"),
    "dropout_p_0": ("", ""),
    "dropout_p_0_2": ("Dropout", "Dropout"),
    "dropout_no_rescale": ("UnscaledDropout", "UnscaledDropout"),
    "dropout_4d": ("Dropout", "Dropout"),
    "dropout_shared_2_3": ("Dropout", "Dropout"),
    "dropout_shared_1": ("Dropout", "Dropout"),
    "dropout_shared_minus_1": ("Dropout", "Dropout"),
    "dropout_shared_0": ("UnscaledDropout", "UnscaledDropout"),
    "dropout_fixed_batch": ("Dropout", "Dropout"),
    "dropout_channels": ("Dropout", "Dropout"),
    "spatial_dropout": ("Dropout", "Dropout"),
    "dropout_locations": ("Dropout", "Dropout"),
    "gaussian_default": ("GaussianNoise", "GaussianNoise"),
    "gaussian_sigma_0": ("", ""),
    "gaussian_sigma_1": ("GaussianNoise", "GaussianNoise"),
    "gaussian_sigma_2_5": ("WideGaussianNoise", "WideGaussianNoise"),
    "gaussian_negative": ("GaussianNoise", "GaussianNoise"),
    "gaussian_images": ("GaussianNoise", "GaussianNoise"),
    "gaussian_fixed_batch": ("GaussianNoise", "GaussianNoise"),
    "gaussian_float32": ("GaussianNoise", "GaussianNoise"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


def dropout(shape=(None, 7), **state):
    given = {"p": 0.2, "rescale": True, "shared_axes": (), **state}
    return layer("noise.DropoutLayer", source(shape), {}, **given)


def test_output_shape_is_the_inputs():
    assert read(dropout((None, 3, None, 5))).output_shape == (None, 3, None, 5)


def test_without_shared_axes_every_entry_is_drawn():
    net = dropout()
    del net.state["shared_axes"]  # introduced in October 2016
    assert read(net).attributes.shared_axes == ()


# p, rescale, and what becomes of an entry of 6 that is kept
KEPT = ((0.25, True, 8.0), (0.25, False, 6.0), (0.5, True, 12.0))


@pytest.mark.parametrize(("p", "rescale", "kept"), KEPT)
def test_only_rescaled_entries_grow_and_only_in_training(p, rescale, kept):
    net = build_network(dropout(p=p, rescale=rescale))
    x = np.full((3, 7), 6.0)
    trained = run_reference(net, [x], training=True).layers[-1]
    assert set(trained.ravel()) == {0.0, kept}
    np.testing.assert_array_equal(run_reference(net, [x], training=False).layers[-1], x)


# Negative ones count from the end; Lasagne takes one that is not there for none.
@pytest.mark.parametrize("axes", ((1,), (-2,), (1, 3)))
def test_shared_axes_share_a_mask(axes):
    net = build_network(dropout((None, 3, 50), p=0.5, shared_axes=axes))
    (mask,) = run_reference(net, [np.ones((2, 3, 50))], training=True).masks[1]
    assert mask.shape == (2, 1, 50)


def gaussian(sigma=0.1):
    return layer("noise.GaussianNoiseLayer", source((None, 50)), {}, sigma=sigma, name="noise")


def test_gaussian_noise_is_added_in_training_only():
    net, x = build_network(gaussian(0.5)), np.full((40, 50), 6.0)
    noise = run_reference(net, [x], training=True).layers[-1] - 6
    assert abs(noise.mean()) < 0.05
    assert 0.45 < noise.std() < 0.55
    np.testing.assert_array_equal(run_reference(net, [x], training=False).layers[-1], x)


# Sigma of the net, and of what is said to have been drawn.
UNLIKELY = ((0.1, 0.2), (0.2, 0.1), (0.1, 0.0), (0.1, np.nan))


@pytest.mark.parametrize(("sigma", "drawn"), UNLIKELY)
def test_noise_of_another_strength_cannot_have_been_drawn(sigma, drawn):
    net, x = build_network(gaussian(sigma)), np.zeros((40, 50))
    sample = np.random.RandomState(4).normal(size=x.shape)
    run_reference(net, [x], training=True, masks={1: [sigma * sample]})
    with pytest.raises(ComparisonError, match=r"^noise .*deviation 0\.. is drawn, noise of .* was"):
        run_reference(net, [x], training=True, masks={1: [drawn * sample]})


def test_a_mask_of_other_numbers_cannot_have_been_drawn():
    net = build_network(dropout())
    with pytest.raises(ComparisonError, match="zeros and ones are drawn, something else was"):
        run_reference(net, [np.ones((3, 7))], training=True, masks={1: [np.full((3, 7), 0.5)]})


PROBLEMS = (
    ({"p": 1.0}, "attribute 'p': a probability in [0, 1) was expected, not 1"),
    ({"p": -0.5}, "attribute 'p': a probability in [0, 1) was expected, not -0.5"),
    (
        {"p": Instance(named("theano.tensor.sharedvar.ScalarSharedVariable"))},
        "attribute 'p': a number was expected, not <Instance of theano.tensor.sharedvar.Scalar",
    ),
    ({"rescale": None}, "attribute 'rescale': True or False was expected, not None"),
    ({"shared_axes": 1}, "attribute 'shared_axes': a tuple of integers was expected, not 1"),
)


GAUSSIAN_PROBLEMS = (
    (np.inf, "attribute 'sigma': a standard deviation was expected, not inf"),
    (np.nan, "attribute 'sigma': a standard deviation was expected, not nan"),
    (
        Instance(named("theano.tensor.sharedvar.ScalarSharedVariable")),
        "attribute 'sigma': a number was expected, not <Instance of theano.tensor.sharedvar.Scal",
    ),
)


@pytest.mark.parametrize(("sigma", "message"), GAUSSIAN_PROBLEMS)
def test_gaussian_problems(sigma, message):
    assert message in read(gaussian(sigma)).problem


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(dropout(**state)).problem

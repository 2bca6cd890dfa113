"""RandomizedRectifierLayer: bounds, shared axes, and what draws nothing."""

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
DRAWN = ("RandomizedRectifier", "RandomizedRectifier")
RECORDS = {
    "rrelu_default": DRAWN,
    "rrelu_sequences": DRAWN,
    "rrelu_images": DRAWN,
    "rrelu_volumes": DRAWN,
    "rrelu_all": DRAWN,
    "rrelu_axis_1": DRAWN,
    "rrelu_axes_0_2": DRAWN,
    "rrelu_axis_minus_1": DRAWN,
    "rrelu_nothing_shared": DRAWN,
    "rrelu_fixed_batch": DRAWN,
    "rrelu_bounds": DRAWN,
    "rrelu_around_0": DRAWN,
    "rrelu_around_1": DRAWN,
    "rrelu_one_slope": ("LeakyReLU", "Nonlinearity"),
    "rrelu_float32": DRAWN,
    "rrelu_of_dense": ("Dense RandomizedRectifier", "Dense RandomizedRectifier"),
    "ties_rrelu": DRAWN,
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


def rectifier(shape=(None, 7), **state):
    given = {"lower": 0.3, "upper": 0.8, "shared_axes": (0,), **state}
    return layer("special.RandomizedRectifierLayer", source(shape), {}, **given)


def test_output_shape_is_the_inputs():
    assert read(rectifier((None, 3, None, 5))).output_shape == (None, 3, None, 5)


def test_slopes_are_drawn_in_training_and_their_mean_is_taken_in_inference():
    net = build_network(rectifier((None, 200)))
    x = np.full((3, 200), -10.0)
    x[1] = 10.0
    trained = run_reference(net, [x], training=True).layers[-1]
    assert -8.0 < trained[0].min() < -7.5
    assert -3.5 < trained[0].max() < -3.0
    np.testing.assert_array_equal(trained[0], trained[2])
    np.testing.assert_array_equal(trained[1], x[1])
    tested = run_reference(net, [x], training=False).layers[-1]
    np.testing.assert_allclose(tested[0], -5.5)


@pytest.mark.parametrize("axes", ((1,), (-2,), [1], (1, 1)))
def test_shared_axes_share_a_slope(axes):
    net = build_network(rectifier((None, 3, 50), shared_axes=axes))
    (slopes,) = run_reference(net, [np.ones((2, 3, 50))], training=True).masks[1]
    assert slopes.shape == (2, 1, 50)
    assert len(np.unique(slopes)) == 100


@pytest.mark.parametrize("wrong", (0.29, 0.81))
def test_a_slope_that_cannot_have_been_drawn_is_refused(wrong):
    net = build_network(rectifier(name="rect"))
    slopes = np.full((1, 7), 0.5)
    slopes[0, 2] = wrong
    with pytest.raises(ComparisonError, match=r"^rect .* between 0.3 and 0.8 are drawn, others"):
        run_reference(net, [np.ones((5, 7))], training=True, masks={1: [slopes]})


PROBLEMS = (
    ({"lower": 0.9}, "slopes between 0.9 and 0.8 cannot be drawn"),
    ({"upper": float("nan")}, "slopes between 0.3 and nan cannot be drawn"),
    (
        {"upper": Instance(named("theano.tensor.sharedvar.ScalarSharedVariable"))},
        "attribute 'upper': a number was expected, not <Instance of theano.tensor.sharedvar.Scal",
    ),
    ({"shared_axes": "auto"}, "attribute 'shared_axes': a tuple of integers was expected"),
    ({"shared_axes": (0, 2)}, "(0, 2) names an axis that an input of (None, 7) does not have"),
)


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(rectifier(**state)).problem

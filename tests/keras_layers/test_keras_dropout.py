"""UnscaledDropout: what is drawn, what is shared, what is kept."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.keras_layers import LayerArgumentError, UnscaledDropout

SHAPE = (7, 5, 4, 3)


@pytest.fixture
def x():
    return np.random.default_rng(6).normal(size=SHAPE)


def test_inference_returns_the_inputs(x):
    np.testing.assert_array_equal(UnscaledDropout(0.5, dtype="float64")(x), x)


def test_training_keeps_entries_as_they_are_or_drops_them(x, in_keras):
    output, [gradient] = in_keras(UnscaledDropout(0.5, seed=1, dtype="float64"), x, training=True)
    kept = output != 0
    assert 0 < kept.sum() < x.size
    np.testing.assert_array_equal(output[kept], x[kept])
    np.testing.assert_array_equal(gradient, kept)


@pytest.mark.parametrize(
    ("shared", "draws"),
    (([], 420), ([0], 60), ([1, 2], 21), ([-1], 140)),
)
def test_shared_axes_share_a_draw(shared, draws):
    layer = UnscaledDropout(0.5, shared_axes=shared, seed=2)
    mask = np.asarray(layer(np.ones(SHAPE), training=True))
    one_of_each = mask
    for axis in shared:
        first = np.take(mask, [0], axis=axis)
        np.testing.assert_array_equal(mask, np.broadcast_to(first, SHAPE))
        one_of_each = np.take(one_of_each, [0], axis=axis)
    assert one_of_each.size == draws
    # The rest is drawn entry by entry: along every other axis, something differs.
    for axis in set(range(4)) - {axis % 4 for axis in shared}:
        assert (mask != np.take(mask, [0], axis=axis)).any()


@pytest.mark.parametrize("rate", (0.001, 0.75))
@pytest.mark.parametrize("dtype", ("float16", "bfloat16", "float32", "float64"))
def test_drops_at_the_rate(rate, dtype):
    drawn = 40_000
    layer = UnscaledDropout(rate, seed=3, dtype=dtype)
    kept = np.asarray(layer(np.ones((200, drawn // 200)), training=True)).astype("float64").mean()
    five_sigma = 5 * np.sqrt(rate * (1 - rate) / drawn)
    assert abs(kept - (1 - rate)) < five_sigma


@pytest.mark.parametrize(("rate", "value"), ((0.0, 1.0), (1.0, 0.0)))
def test_the_extreme_rates_are_exact(rate, value):
    output = np.asarray(UnscaledDropout(rate, seed=4)(np.ones(SHAPE), training=True))
    np.testing.assert_array_equal(output, np.full(SHAPE, value))


def test_a_seed_determines_the_draws_and_calls_differ(x):
    first, again = (UnscaledDropout(0.5, seed=5) for _ in range(2))
    one, two = (np.asarray(first(x, training=True)) for _ in range(2))
    np.testing.assert_array_equal(again(x, training=True), one)
    assert (one != two).any()


@pytest.mark.parametrize("rate", (-0.1, 1.5))
def test_rates_that_are_no_probability_are_refused(rate):
    with pytest.raises(LayerArgumentError, match=f"probability; got {rate}"):
        UnscaledDropout(rate)


def test_shared_axes_that_do_not_exist_are_refused(x):
    with pytest.raises(LayerArgumentError, match=r"Axes \[4\] do not exist"):
        UnscaledDropout(0.5, shared_axes=[4])(x, training=True)

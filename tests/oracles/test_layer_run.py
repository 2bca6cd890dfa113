"""Samples of the reference: fresh ones of their kind, recorded ones believed or refused."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.oracles.layer_run import LayerRun
from lasport.readers.network import build_network
from tests.inert_nets import source

LAYER = build_network(source((None, 3))).layers[0]


def run(given=None, seed=0):
    rng = np.random.RandomState(seed)
    return LayerRun(LAYER, lambda run, inputs: inputs[0], training=True, rng=rng, given=given)


def test_fresh_samples_are_of_their_kind():
    mask = run().binomial((100, 100), 0.25)
    assert set(mask.ravel()) == {0.0, 1.0}
    assert abs(mask.mean() - 0.25) < 0.02
    noise = run().normal((100, 100), 3.0)
    assert abs(noise.mean()) < 0.15
    assert abs(noise.std() - 3) < 0.1
    slopes = run().uniform((100, 100), -1.0, 3.0)
    assert -1 <= slopes.min() < -0.99
    assert 2.99 < slopes.max() < 3
    assert abs(slopes.mean() - 1) < 0.05


def test_samples_are_handed_out_in_order_and_kept():
    given = [np.ones((2, 3)), np.zeros((2, 3))]
    layer = run(given)
    assert [layer.binomial((2, 3), 0.5).max() for _ in given] == [1, 0]
    assert layer.drawn == given
    with pytest.raises(ValueError, match="fewer samples were recorded"):
        layer.binomial((2, 3), 0.5)


@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_no_right_sample_is_refused(dtype):
    rng = np.random.RandomState(1)
    for size in (1, 2, 3, 10, 100):
        for _ in range(500):
            std, low, high = rng.uniform(0.01, 9), -rng.uniform(), rng.uniform()
            noise = rng.normal(scale=std, size=size).astype(dtype)
            run([noise]).normal((size,), std)
            slopes = rng.uniform(low, high, size=size).astype(dtype)
            run([slopes]).uniform((size,), low, high)


@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_the_bounds_themselves_can_be_drawn(dtype):
    bounds = np.array([0.3, 0.8], dtype)
    run([bounds]).uniform((2,), 0.3, 0.8)
    with pytest.raises(ValueError, match=r"others were recorded: 0\.3 to 0\.800001"):
        run([bounds + np.array([0, 1e-6], dtype)]).uniform((2,), 0.3, 0.8)


# How many numbers it takes to tell that noise is too weak or too strong by a factor.
TELLING = ((2.0, 40), (0.5, 70), (1.1, 4800), (0.9, 4200))


@pytest.mark.parametrize(("factor", "size"), TELLING)
def test_noise_of_another_strength_is_refused_once_there_is_enough_of_it(factor, size):
    noise = np.where(np.arange(size) % 2, factor, -factor)
    with pytest.raises(ValueError, match=f"deviation 1 is drawn, noise of {factor:g} was recorded"):
        run([noise]).normal((size,), 1.0)
    run([noise[: size // 10]]).normal((size // 10,), 1.0)

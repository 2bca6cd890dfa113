"""Dilate: zeros between the entries."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.keras_layers import Dilate, LayerArgumentError


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize("factors", ((3,), (1, 2), (2, 3, 1)))
def test_entries_lie_factors_apart_and_so_do_their_gradients(factors, jit, in_keras):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2, *(4, 3, 5)[: len(factors)], 3))
    places = (slice(None), *(slice(None, None, factor) for factor in factors))
    expected = np.zeros((2, *np.multiply(x.shape[1:-1], factors), 3))
    expected[places] = x
    cotangent = rng.normal(size=expected.shape)
    output, [gradient] = in_keras(Dilate(factors, dtype="float64"), x, cotangent=cotangent, jit=jit)
    np.testing.assert_array_equal(output, expected)
    np.testing.assert_array_equal(gradient, cotangent[places])


@pytest.mark.parametrize("factors", ((), (2, 0)))
def test_factors_must_be_positive(factors):
    with pytest.raises(LayerArgumentError, match="must be positive"):
        Dilate(factors)


def test_inputs_of_another_rank_are_refused():
    with pytest.raises(LayerArgumentError, match=r"2 spatial axes.*\(2, 3, 4\)"):
        Dilate((2, 3))(np.zeros((2, 3, 4)))

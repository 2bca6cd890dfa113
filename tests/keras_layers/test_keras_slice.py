"""Slice against numpy's indexing."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.keras_layers import LayerArgumentError, Slice

CASES = {
    "place": (1, 1, np.s_[:, 1]),
    "place_from_the_end": (-2, -1, np.s_[..., -2]),
    "range": ([1, 4, None], 2, np.s_[:, :, 1:4]),
    "backwards": ([None, None, -2], 1, np.s_[:, ::-2]),
    "backwards_between": ([-1, 0, -1], 2, np.s_[:, :, -1:0:-1]),
    "backwards_beyond_both_ends": ([9, -9, -3], 2, np.s_[:, :, 9:-9:-3]),
    "examples": ([None, 2, None], 0, np.s_[:2]),
}


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize(("indices", "axis", "expected"), CASES.values(), ids=CASES)
def test_takes_what_python_would(indices, axis, expected, jit, in_keras):
    x = np.random.default_rng(10).normal(size=(3, 4, 5))
    cotangent = np.random.default_rng(11).normal(size=x[expected].shape)
    layer = Slice(indices, axis, dtype="float64")
    output, [gradient] = in_keras(layer, x, cotangent=cotangent, jit=jit)
    np.testing.assert_array_equal(output, x[expected])
    share = np.zeros_like(x)
    share[expected] = cotangent
    np.testing.assert_array_equal(gradient, share)


@pytest.mark.parametrize(("indices", "axis"), ((4, 1), (-5, 1), (0, 3), ([0, 1, None], -4)))
def test_places_that_are_not_there_are_refused(indices, axis):
    with pytest.raises(LayerArgumentError, match=r"shape \(3, 4, 5\) has no places"):
        Slice(indices, axis)(np.zeros((3, 4, 5)))


@pytest.mark.parametrize("indices", ([1, 2], [0, 4, 0]))
def test_bad_indices_are_refused(indices):
    with pytest.raises(LayerArgumentError, match=r"an integer or \(start, stop, step\)"):
        Slice(indices)

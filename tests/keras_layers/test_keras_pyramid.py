"""PyramidPooling: its bins, and the gradient of ties."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.keras_layers import LayerArgumentError, PyramidPooling

MODES = {"max": np.max, "mean": np.mean, "sum": np.sum}


@pytest.mark.parametrize("jit", (False, True), ids=["eager", "jit"])
@pytest.mark.parametrize("mode", MODES)
def test_covering_bins_overlap_where_they_must(mode, jit, in_keras):
    x = np.random.default_rng(9).normal(size=(2, 5, 7, 3))
    output, _ = in_keras(PyramidPooling([2, 1], mode, dtype="float64"), x, jit=jit)
    boxes = [
        (slice(0, 3), slice(0, 4)),
        (slice(0, 3), slice(3, 7)),
        (slice(2, 5), slice(0, 4)),
        (slice(2, 5), slice(3, 7)),
        (slice(0, 5), slice(0, 7)),
    ]
    expected = [MODES[mode](x[:, rows, columns], axis=(1, 2)) for rows, columns in boxes]
    np.testing.assert_allclose(output, np.stack(expected, axis=1), rtol=1e-14, atol=1e-15)


def test_other_bins_are_equally_large():
    x = np.arange(6.0).reshape(1, 6, 1, 1) * np.ones((1, 6, 3, 1))
    output = PyramidPooling([3], "sum", covering=False, dtype="float64")(x)
    np.testing.assert_array_equal(np.ravel(output), [1, 1, 1, 5, 5, 5, 9, 9, 9])


def test_every_tie_gets_the_gradient_of_every_bin(in_keras):
    x = np.ones((1, 3, 1, 1))
    _, [gradient] = in_keras(PyramidPooling([2], dtype="float64"), x)
    # Two columns of bins see the one column; the middle row is in both rows of bins.
    np.testing.assert_array_equal(np.ravel(gradient), [2, 4, 2])


@pytest.mark.parametrize("size", (7, 3))
def test_sizes_that_make_no_equal_bins_are_refused(size):
    with pytest.raises(LayerArgumentError, match=f"{size} entries do not make 4 equal bins"):
        PyramidPooling([4], covering=False)(np.zeros((1, size, 8, 2)))


def test_bad_arguments_are_refused():
    with pytest.raises(LayerArgumentError, match=r"must have bins; got \(2, 0\)"):
        PyramidPooling([2, 0])
    with pytest.raises(LayerArgumentError, match="got 'min'"):
        PyramidPooling([2], "min")
    with pytest.raises(LayerArgumentError, match=r"\(batch, rows, columns, channels\)"):
        PyramidPooling([2])(np.zeros((2, 3, 4)))

"""EmbeddingLayer: rows of a matrix in the place of their numbers."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import to_keras
from lasport.errors import ComparisonError, InvalidNetworkError
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import layer, read, source

# Golden cases: Keras layers, the same in both profiles. Images are channels last.
RECORDS = {
    "embedding_matrix": "Embedding",
    "embedding_vector": "Embedding",
    "embedding_images": "Permute Embedding Permute",
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == (RECORDS[name], RECORDS[name])


def embedding(rows=5, dtype="int32", **state):
    """Return a layer of 5 rows of 3."""
    given = {"input_size": 5, "output_size": 3, **state}
    weights = {"W": np.arange(3.0 * rows).reshape(rows, 3)}
    return layer("embedding.EmbeddingLayer", source((None, 4), dtype), weights, **given)


def test_output_shape():
    assert read(embedding()).output_shape == (None, 4, 3)


def test_negative_numbers_count_from_the_end():
    net = build_network(embedding())
    x = np.array([[0, -1, 4, -5]], dtype="int32")
    expected = np.array([[[0, 1, 2], [12, 13, 14], [12, 13, 14], [0, 1, 2]]])
    np.testing.assert_array_equal(run_reference(net, [x], training=False).layers[-1], expected)
    np.testing.assert_array_equal(to_keras(net, dtype="float64")(x), expected)


@pytest.mark.parametrize("number", (5, -6))
def test_numbers_without_a_row_are_an_error(number):
    x = np.array([[0, number, 1, 2]], dtype="int32")
    with pytest.raises(ComparisonError, match="meet 5 rows"):
        run_reference(build_network(embedding()), [x], training=False)


def test_floats_are_an_error_that_names_the_remedy():
    net = build_network(embedding(dtype="float32"))
    with pytest.raises(ComparisonError, match=r"input_var of integers, such as T.imatrix\(\)"):
        run_reference(net, [np.zeros((2, 4))], training=False)


def test_a_matrix_of_another_size_is_an_error():
    with pytest.raises(InvalidNetworkError, match="W"):
        build_network(embedding(rows=6))

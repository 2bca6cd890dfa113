"""Weights are in memory once while they are read, however they were saved."""

from __future__ import annotations

import gzip
import pickle
import tracemalloc

import numpy as np
import pytest

from lasport.readers import containers
from lasport.readers.parameters import read_parameters
from lasport.readers.pickle_machine import load_inert
from tests.python2_pickle import write_pickle

# Of different sizes, one larger than the others together, as in real nets.
VALUES = [np.arange(n, dtype=np.float32) for n in (1_500_000, 300_000, 7, 20_000)]
SIZE = sum(value.nbytes for value in VALUES)


def python2(values, path):
    write_pickle(values, path)


def python3(protocol):
    return lambda values, path: path.write_bytes(pickle.dumps(values, protocol))


def npz(values, path):
    with path.open("wb") as file:
        np.savez(file, *values)


WRITERS = {"Python 2": python2, "3": python3(3), "4": python3(4), "5": python3(5), "npz": npz}


@pytest.mark.parametrize("writer", WRITERS)
def test_weights_are_held_once(tmp_path, writer):
    path = tmp_path / "weights"
    WRITERS[writer](VALUES, path)
    read_parameters(path)  # imports
    tracemalloc.start()
    try:
        found = read_parameters(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * SIZE
    for value, original in zip(found.values, VALUES, strict=True):
        np.testing.assert_array_equal(value, original)
        assert value.flags.aligned
        assert not value.flags.writeable


def test_compressed_weights_are_held_once(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "_IN_MEMORY", 2**21)
    path = tmp_path / "weights.gz"
    with gzip.open(path, "wb", 1) as file:
        pickle.dump(VALUES, file, 4)
    read_parameters(path)
    tracemalloc.start()
    try:
        found = read_parameters(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * SIZE + 2**22  # what stays in memory, and a chunk
    np.testing.assert_array_equal(found.values[0], VALUES[0])


LONG = "é" * 70_000


@pytest.mark.parametrize("value", (LONG, [LONG], (1, (2,), 3, False, LONG), {LONG: LONG}))
def test_a_long_text_of_python_2_that_is_no_array_is_text(tmp_path, value):
    write_pickle(value, tmp_path / "text")
    assert load_inert((tmp_path / "text").read_bytes()) == value

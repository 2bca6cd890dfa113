"""Reading what files hold in the place of Python's own values."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.layers import values

READ = (
    (values.integer, np.int64(3), 3),
    (values.integer, np.array(3), 3),
    (values.number, np.float32(0.25), 0.25),
    (values.number, 2, 2.0),
    (values.boolean, np.bool_(1), True),
    (values.boolean, 0, False),
    (values.boolean, np.int64(1), True),
    (values.text, "max", "max"),
    (values.integers, [1, np.int32(2)], (1, 2)),
    (values.integers, np.array([1, 2]), (1, 2)),
    (values.at_least(2), np.int64(2), 2),
    (values.repeated(2, least=0), 3, (3, 3)),
    (values.repeated(3, least=1), np.int64(1), (1, 1, 1)),
    (values.repeated(2, least=0), [3, 0], (3, 0)),
    (values.shape, [None, 3], (None, 3)),
    (values.optional(values.integer), None, None),
    (values.optional(values.integer), 3, 3),
)


@pytest.mark.parametrize(("read", "stored", "value"), READ)
def test_reads(read, stored, value):
    found = read(stored)
    assert (found, type(found)) == (value, type(value))


REFUSED = (
    (values.integer, True),
    (values.integer, 3.0),
    (values.integer, "3"),
    (values.integer, np.array([3])),
    (values.number, False),
    (values.number, 1j),
    (values.number, None),
    (values.boolean, 2),
    (values.boolean, "True"),
    (values.boolean, None),
    (values.text, b"max"),
    (values.integers, 3),
    (values.integers, (1, 2.5)),
    (values.integers, "12"),
    (values.at_least(2), 1),
    (values.repeated(2, least=0), (1, 2, 3)),
    (values.repeated(2, least=0), (1, -1)),
    (values.repeated(2, least=1), 0),
    (values.repeated(2, least=1), None),
    (values.shape, 3),
    (values.shape, (3, "x")),
    (values.optional(values.integer), "3"),
)


@pytest.mark.parametrize(("read", "stored"), REFUSED)
def test_says_what_was_expected(read, stored):
    with pytest.raises(ValueError, match=r"(was|were) expected, not|cuda-convnet's order"):
        read(stored)


def test_descriptions_are_short():
    assert values.describe("x" * 1000) == "'" + "x" * 56 + "... (str)"

"""Formulas: computed, written down, spelt."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lasport.formula import Formula, FormulaError, compute, constant, variable

V, U = variable(0), variable(1)
A = np.arange(6.0).reshape(2, 3) + 1
B = np.array([[2.0, 3.0], [5.0, 7.0], [11.0, 13.0]])

# What it is, how it is spelt, what it gives.
CASES = [
    (V, "V", A),
    (Formula("transpose", (1, 0), (V,)), "V.T", A.T),
    (Formula("transpose", (0, 1), (V,)), "V.transpose(0, 1)", A),
    (Formula("reshape", (3, 2), (V,)), "V.reshape(3, 2)", A.reshape(3, 2)),
    (Formula("slice", ((None, None, -1), (1, 3, None)), (V,)), "V[::-1, 1:3]", A[::-1, 1:3]),
    (Formula("slice", ((2, 0, -1),), (U,)), "U[2:0:-1]", B[2:0:-1]),
    (Formula("multiply", (), (constant(2), V)), "2 * V", 2 * A),
    (
        Formula("divide", (), (Formula("add", (), (V, V)), constant(4))),
        "(V + V) / 4",
        A / 2,
    ),
    (
        Formula("transpose", (1, 0), (Formula("subtract", (), (V, constant(1))),)),
        "(V - 1).T",
        A.T - 1,
    ),
    (
        Formula("concatenate", (1,), (Formula("transpose", (1, 0), (V,)), U)),
        "concatenate(V.T, U, axis=1)",
        np.concatenate([A.T, B], axis=1),
    ),
    (Formula("tanh", (), (U,)), "tanh(U)", np.tanh(B)),
    (Formula("square", (), (Formula("negative", (), (V,)),)), "square(negative(V))", A**2),
]


@pytest.mark.parametrize(("formula", "spelt", "value"), CASES, ids=[c[1] for c in CASES])
def test_a_formula_is_computed_spelt_and_written_down(formula, spelt, value):
    assert formula.spell(["V", "U"]) == spelt
    np.testing.assert_array_equal(compute(formula, [A, B]), value)
    assert Formula.from_plain(json.loads(json.dumps(formula.to_plain()))) == formula


def test_a_formula_takes_others_in_place_of_variables():
    transposed = Formula("transpose", (1, 0), (V,))
    doubled = Formula("add", (), (V, V))
    assert doubled.fed([transposed]).spell(["W"]) == "W.T + W.T"


@pytest.mark.parametrize(
    "plain", (3, [], ["tanh"], ["tanh", 3], "tanh", ["eval", [], ["tanh", []]])
)
def test_what_is_no_formula_is_refused(plain):
    with pytest.raises(FormulaError):
        Formula.from_plain(plain)

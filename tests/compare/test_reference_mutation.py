"""Real Lasagne judges the other side too: a reference with a mistake disagrees with its records.

The reference is what ports are compared with where nobody has Theano, and it
reads the same attributes as the translation; a mistake in it, or in reading,
is one that only the records can show.
"""

from __future__ import annotations

import pytest

from lasport import verify
from lasport.layers.normalization import BatchNormAttributes
from tests.compare.reference_mutants import REFERENCE_MUTANTS, first_difference, misread
from tests.golden_records import load_case

CASES = sorted({mutant.case for mutant in REFERENCE_MUTANTS.values()})


@pytest.mark.parametrize("name", CASES)
def test_the_reference_agrees_with_the_records(name):
    case = load_case(name)
    assert first_difference(case.network, case.record) is None


@pytest.mark.parametrize("name", REFERENCE_MUTANTS)
def test_a_wrong_reference_is_caught(name, record_property):
    mutant = REFERENCE_MUTANTS[name]
    network = load_case(mutant.case).network
    if mutant.attributes:
        wrong = misread(network, mutant.layer, mutant.attributes)
        assert wrong[mutant.layer].attributes != network[mutant.layer].attributes
    record_property("mutant", name.partition(":")[0])
    caught = mutant.first_difference() is not None
    record_property("caught", caught)
    assert caught


@pytest.mark.parametrize(
    ("wrong", "at"),
    (
        ({"epsilon": 1e-3}, "training/reference/conv1_bn"),
        ({"alpha": 0.2}, "training/reference/1/conv1_bn.mean"),
    ),
    ids=["epsilon", "alpha"],
)
def test_a_port_and_a_reference_with_the_same_mistake_do_not_vouch_for_each_other(wrong, at):
    # In single precision the reference stands in for the truth, so the record has to judge it.
    case = load_case("net_digits_float32")
    network = misread(case.network, "conv1_bn", wrong)
    assert isinstance(network["conv1_bn"].attributes, BatchNormAttributes)
    assert verify(case.network, oracle=case.record)
    report = verify(network, oracle=case.record)
    assert report.first_divergence is not None
    assert report.first_divergence.subject == at
    assert all("reference" in failure.subject for failure in report.failures)

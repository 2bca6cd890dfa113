"""The comparison proves itself: every wrong port is caught, at its mistake, and no right one is."""

from __future__ import annotations

import pytest

from lasport import verify
from tests.compare.edits import renamed, unchanged
from tests.compare.mutants import MUTANTS
from tests.compare.mutation_table import report_on

NETS = sorted({mutant.net for mutant in MUTANTS.values()})
SEEDS = (1, 2, 3, 4, 5)
LAYERS = ("inference/layers", "training/layers")


@pytest.mark.thinned(4)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught_at_its_mistake(name, record_property):
    mutant = MUTANTS[name]
    record_property("mutant", name.partition(":")[0])
    report = report_on(mutant)
    record_property("caught", not report.ok)
    assert not report.ok
    first = report.first_divergence
    if first is None:
        assert any(mutant.at in problem for problem in report.problems), report.problems
    else:
        assert first.subject == mutant.at
        # Run alone, only the layers with the mistake are wrong.
        wrong = (first.layer, *mutant.also) if first.place in LAYERS else ()
        assert report.alone_wrong == wrong


@pytest.mark.thinned(3)
@pytest.mark.parametrize("profile", ("stock", "exact"))
@pytest.mark.parametrize("net", NETS)
def test_the_same_nets_unmutated_are_equal(net, profile, build_port, net_and_record):
    network, record = net_and_record(net)
    model = build_port(net, unchanged, profile)
    passes = (1, record.meta["passes"])
    report = verify(network, model, record, passes=passes)
    assert report.ok, report.to_text()


@pytest.mark.thinned(3)
@pytest.mark.parametrize("net", NETS)
def test_ports_with_other_names_are_equal(net, build_port, net_and_record):
    network, record = net_and_record(net)
    model = build_port(net, renamed)
    passes = (1, record.meta["passes"])
    report = verify(network, model, record, passes=passes, outputs_only=True)
    assert report.ok, report.to_text()
    assert not any("layers/" in comparison.subject for comparison in report.comparisons)


@pytest.mark.thinned(9)
@pytest.mark.parametrize("net", NETS)
def test_no_seed_raises_a_false_alarm(net, build_port, net_and_record):
    network, _ = net_and_record(net)
    model = build_port(net)
    for seed in SEEDS:
        report = verify(network, model, seed=seed, passes=(1, 2))
        assert report.ok, report.to_text()

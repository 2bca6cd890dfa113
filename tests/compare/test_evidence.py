"""What a report shows beside its verdict: histograms, running statistics, provenance."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timezone

import numpy as np
import pytest

import lasport
from lasport import verify
from lasport.compare.evidence import Evidence, histogram
from lasport.compare.provenance import digest

NAN, INF = math.nan, math.inf


def test_both_arrays_are_counted_in_the_same_bins():
    found = histogram(np.array([0.0, 6.4, 3.2, 3.2]), np.array([0.1, 0.1, 6.3]))
    assert len(found.edges) == 65
    assert (found.edges[0], found.edges[-1]) == (0.0, 6.4)
    assert (sum(found.expected), sum(found.actual)) == (3, 4)
    assert (found.expected[1], found.actual[1]) == (2, 0)
    assert (found.actual[0], found.actual[32], found.actual[63]) == (1, 2, 1)


@pytest.mark.parametrize(
    ("actual", "expected", "lost", "counted"),
    (
        ([NAN, 1.0], [INF, -INF], (2, 1), (0, 1)),
        ([], [], (0, 0), (0, 0)),
        ([5.0, 5.0], [5.0], (0, 0), (1, 2)),
        ([1e308, -1e308], [0.0], (0, 0), (1, 2)),
    ),
)
def test_histograms_of_odd_arrays(actual, expected, lost, counted):
    found = histogram(np.array(actual), np.array(expected))
    assert found.not_finite == lost
    assert (sum(found.expected), sum(found.actual)) == counted
    assert np.isfinite(found.edges).all()
    assert (np.diff(found.edges) > 0).all()


def add(evidence, name, badness):
    evidence.add_output(
        name, f"inference/layers/{name}", "float64", badness, np.ones(2), np.ones(2)
    )


def test_the_worst_layer_is_the_first_that_differs_or_else_the_furthest():
    evidence = Evidence()
    add(evidence, "a", (False, 0.25))
    add(evidence, "b", (False, 0.5))
    add(evidence, "c", (False, 0.125))
    assert evidence.worst.layer == "b"
    add(evidence, "d", (True, 2.0))
    add(evidence, "e", (True, 9.0))
    assert evidence.worst.layer == "d"


def test_only_the_worst_layers_weights_are_kept():
    evidence = Evidence()
    add(evidence, "a", (False, 0.25))
    evidence.add_param("a", "W", np.zeros(3), np.ones(3))
    evidence.add_param("b", "W", np.zeros(3), np.ones(3))
    assert list(evidence.worst.weights) == ["W"]
    assert evidence.worst.weights["W"].actual[0] == 3


def test_a_digest_is_of_dtypes_shapes_and_entries():
    a, b = np.arange(6, dtype="float32").reshape(2, 3), np.array([7], "int64")
    by_hand = hashlib.sha256()
    by_hand.update(b"float32 (2, 3)\n" + a.tobytes() + b"int64 (1,)\n" + b.tobytes())
    assert digest([a, b]) == by_hand.hexdigest()
    assert digest([np.asfortranarray(a), b]) == digest([a, b])
    assert digest([a.astype(">f4"), b]) == digest([a, b])
    others = ([b, a], [a], [a.reshape(3, 2), b], [a.astype("float64"), b], [a + 1, b])
    assert len({digest(arrays) for arrays in others} | {digest([a, b])}) == 6


@pytest.mark.parametrize("profile", ("stock", "exact"))
def test_a_report_shows_running_averages_and_where_it_comes_from(
    profile, net_and_record, build_port
):
    net, record = net_and_record("net_residual_block")
    model = build_port("net_residual_block", profile=profile)
    before = datetime.now(timezone.utc).replace(microsecond=0)
    report = verify(net, model, record, passes=(1, 3), profile=profile)

    norms = [layer.name for layer in net.layers if "inv_std" in layer.params]
    other = "variance" if profile == "stock" else "inv_std"
    assert [(one.layer, one.name) for one in report.running_statistics] == [
        (norm, name) for norm in norms for name in ("mean", other)
    ]
    names = [f"{layer.name}.{param.name}" for layer, param in net.owned_params()]
    for one in report.running_statistics:
        assert one.passes == (0, 1, 3)
        if one.name == "variance":
            continue
        place = names.index(f"{one.layer}.{one.name}")
        recorded = [record.params, record.params_after(1), record.params_after(3)]
        assert one.expected == tuple(tuple(values[place].ravel()) for values in recorded)
        np.testing.assert_allclose(one.actual, one.expected, rtol=1e-12)

    made = report.provenance
    assert before <= datetime.fromisoformat(made.date) <= datetime.now(timezone.utc)
    assert made.command.startswith("lasport.verify(net, model, record, ('inference', 'training'),")
    assert f"profile='{profile}', passes=(1, 3)" in made.command
    assert made.versions["lasport"] == lasport.__version__
    assert made.versions.keys() >= {"python", "numpy", "keras", "backend", "tensorflow"}
    assert made.oracle_versions["theano"] == record.meta["theano"] == "1.0.5"
    assert made.inputs_sha256 == digest(record.inputs)
    assert made.params_sha256 == digest(record.params)
    assert made.weights_sha256 == digest(model.get_weights())

    worst = report.worst_layer
    assert sum(worst.outputs.expected) == sum(worst.outputs.actual)
    assert sum(worst.outputs.expected) > 0

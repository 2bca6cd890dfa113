"""Classes without a translation: each says why, and an unknown one says so."""

from __future__ import annotations

import pytest

from lasport import registry
from lasport.layers import refused
from lasport.readers.network import build_network
from lasport.translate import UNKNOWN, refusals
from tests.inert_nets import layer, source

REASONS = (
    ("base.Layer", "abstract base class"),
    ("cuda_convnet.CCLayer", "abstract base class"),
    ("recurrent.Gate", "no layer of its own"),
    ("lasagne.layers.base.MMLayer", "abstract base class"),
    ("__main__.DenseLayer", UNKNOWN.format(kind="__main__.DenseLayer")),
    ("lasagne.layers.dense.SparseLayer", UNKNOWN.format(kind="lasagne.layers.dense.SparseLayer")),
)


@pytest.mark.parametrize(("kind", "reason"), REASONS)
def test_reasons(kind, reason):
    (refusal,) = refusals(build_network(layer(kind, source((None, 3)), {}, name="odd")))
    assert refusal.layer == "odd"
    assert reason in refusal.reason


def test_nothing_is_both_refused_and_ported():
    assert refused.__doc__
    assert not registry.refusals().keys() & registry.families().keys()

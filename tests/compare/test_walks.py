"""The single-step walk: one wrong layer is wrong alone, and whatever follows only inherits."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

from lasport import verify
from lasport.compare.original import Original
from lasport.oracles.oracle import ReferenceOracle
from lasport.oracles.record import MODES
from lasport.oracles.reference import reference_record
from lasport.readers.network import build_network
from lasport.spec import Network
from lasport.targets.keras_calls import Call
from lasport.weights import Rows
from tests.compare.edits import Edit, arguments, conversions, fed_by, weights
from tests.golden_records import load_case
from tests.inert_nets import function, layer, source

keras = pytest.importorskip("keras")

NET = "net_digits"
WRONG: dict[str, tuple[str, str, Edit]] = {
    "an epsilon": (NET, "conv1_bn", arguments("conv1_bn", epsilon=1e-3)),
    "flipped filters": (NET, "conv2", weights("conv2", kernel=lambda k: k[::-1, ::-1])),
    "dense rows": (NET, "hidden", conversions("hidden", drop=Rows)),
    "another pool": ("net_inception", "pool", arguments("pool", mode="average_inc_pad")),
}


def reached(net: Network, start: str) -> list[str]:
    """Return the layers that a layer's output has an effect on."""
    behind = {start}
    for one in net.layers:
        behind |= {one.name} if behind & set(one.incoming) else set()
    return [one.name for one in net.layers if one.name in behind - {start}]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_layer_is_named_alone_in_either_mode(mistake, mode, build_port):
    net, wrong, edit = WRONG[mistake]
    case = load_case(net)
    report = verify(case.network, build_port(net, edit), case.record, modes=(mode,), passes=(1,))
    assert report.alone_wrong == (wrong,)
    behind = reached(case.network, wrong)
    assert report.inheriting == tuple(behind)
    count = (
        f"{len(behind)} layer only inherits" if len(behind) == 1 else f"{len(behind)} layers only"
    )
    assert f"wrong when run alone: {wrong}; {count}" in report.to_text()
    assert report.to_dict()["alone_wrong"] == [wrong]


def test_two_wrong_layers_are_both_named(build_port):
    case = load_case(NET)

    def edit(calls: list[Call]) -> Any:
        return WRONG["an epsilon"][-1](list(WRONG["dense rows"][-1](calls)))

    report = verify(case.network, build_port(NET, edit), case.record, passes=(1,))
    assert report.first_divergence is not None
    assert report.first_divergence.layer == "conv1_bn"
    assert report.alone_wrong == ("conv1_bn", "hidden")


def test_a_layer_that_is_wired_otherwise_is_wrong_alone(build_port):
    case = load_case(NET)
    model = build_port(NET, fed_by("sum", "conv3_bn_nonlin", "conv3_bn"))
    report = verify(case.network, model, case.record, passes=(1,))
    assert report.alone_wrong == ("sum",)
    (first, *_) = (one for one in report.failures if one.place == "inference/single")
    assert first.problem == "takes conv3_bn, which does not feed it in the net"


def test_errors_that_no_layer_has_alone_are_said_to_be_inherited():
    # A record whose hidden layer was changed: what feeds it is right, and so is what follows.
    case = load_case("net_unnamed_layers")
    record = case.record
    arrays = dict(record.arrays)
    index = 1
    for mode in MODES:
        key = f"{mode}/layers/{index}"
        arrays[key] = arrays[key] + 1e-3
    report = verify(case.network, oracle=type(record)(record.meta, arrays), passes=(1,))
    wrong, behind = (case.network.layers[k].name for k in (index, index + 1))
    assert {one.layer for one in report.failures if one.place.endswith("layers")} == {wrong}
    assert report.alone_wrong == (wrong, behind)


def chain(layers: int) -> Network:
    """Return dense layers in a row, some of which draw."""
    rng, net = np.random.RandomState(layers), source((5, 7), name="input")
    for k in range(layers):
        params = {"W": rng.normal(size=(7, 7)), "b": rng.normal(size=7)}
        options = {"num_units": 7, "nonlinearity": function("tanh"), "name": f"dense{k}"}
        net = layer("dense.DenseLayer", net, params, **options)
        drops = {"p": 0.3, "rescale": True, "shared_axes": (), "name": f"drop{k}"}
        net = layer("noise.DropoutLayer", net, {}, **drops)
    return build_network(net)


@pytest.mark.parametrize("mode", MODES)
def test_the_original_holds_a_few_layers_whatever_the_depth(mode):
    most = {}
    for depth in (5, 20):
        net = chain(depth)
        born: list[weakref.ref[Any]] = []
        alive = 0
        for step in Original(net, ReferenceOracle(net)).walk(mode):
            born += [weakref.ref(each) for each in (step.truth, step.oracle, *step.drawn)]
            alive = max(alive, sum(each() is not None for each in born))
        assert len(born) > 2 * depth
        most[depth] = alive
    assert most[5] == most[20]


def test_the_reference_as_an_oracle_says_what_its_record_says():
    net = load_case("net_dropout_before_batchnorm").network
    oracle, record = ReferenceOracle(net, seed=3), reference_record(net, seed=3)
    for mode in MODES:
        streamed, recorded = (Original(net, one).walk(mode) for one in (oracle, record))
        for one, other in zip(streamed, recorded, strict=True):
            for name in ("truth", "oracle", *["drawn"] * (mode == "training")):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert [one.tolist() for one in oracle.batch(2)] == [one.tolist() for one in record.batch(2)]
    assert oracle.batch(6) == record.batch(6) == []


def test_alone_a_layer_is_judged_by_what_rounding_costs_it_alone():
    net = chain(3)
    steps = list(Original(net, ReferenceOracle(net)).walk("inference"))
    first, last = steps[1], steps[-2]
    np.testing.assert_array_equal(first.alone(), first.oracle)
    errors = [np.abs(value - last.truth).max() for value in (last.alone(), last.oracle)]
    assert 0 < errors[0] < errors[1]

"""Random nets built again in the real Lasagne: it reads, computes and differentiates the same.

Lasagne 0.2.dev1 has to be importable, which PyPI does not have: 100 nets with ``pytest -m full``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note, reject, seed
from hypothesis import strategies as st

import lasport
from lasport import theano_compat
from lasport.compare.metrics import measure
from lasport.errors import ComparisonError, MissingDependencyError
from lasport.oracles.record import MODES, Record
from lasport.oracles.reference import run_reference
from lasport.oracles.theano_live import FLAGS, theano_record
from lasport.spec import Array, Network
from tests.random_nets.agreement import compare, inputs_for
from tests.random_nets.live_layers import LIVE_KINDS, build_live
from tests.random_nets.networks import examples, networks
from tests.test_live_parity import check_same_network

GRADIENT_BOUND = 1e-8

BLOCKS = [
    *(pytest.param(block, 5, id=f"quick{block}") for block in range(2)),
    *(pytest.param(block, 10, id=f"{block}", marks=pytest.mark.full) for block in range(2, 12)),
]


@pytest.fixture(scope="module", autouse=True)
def _float64() -> Iterator[None]:
    try:
        theano_compat.install(**FLAGS)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    if importlib.import_module("lasagne").__version__ == "0.1":
        pytest.skip("Lasagne 0.1 lacks many of the classes and options")
    config = importlib.import_module("theano").config
    before = config.floatX
    config.floatX = "float64"
    yield
    config.floatX = before


@pytest.mark.parametrize(("block", "count"), BLOCKS)
def test_random_nets_are_what_the_real_lasagne_makes_of_them(block: int, count: int) -> None:
    @seed(block)
    @examples(count)
    @given(networks(LIVE_KINDS), st.integers(0, 2**16))
    def check(net: Network, number: int) -> None:
        note(f"seed of the inputs: {number}")
        live = lasport.from_lasagne(build_live(net))
        check_same_network(live, net)
        try:
            record = theano_record(live, seed=number, passes=1, inputs=inputs_for(net, number))
        except ComparisonError as error:
            # Such as an axis of size 1 that Theano does not know to be one.
            if "cannot run this net" not in str(error):
                raise
            reject()
        check_reference(net, record)
        check_gradients(net, record)

    check()


def check_reference(net: Network, record: Record) -> None:
    """Compare every layer in both modes, and parameters after a training pass."""
    for mode in MODES:
        forward = run_reference(net, record.inputs, training=mode == "training", masks=record.masks)
        for layer, value, recorded in zip(
            net.layers, forward.layers, record.layers(mode), strict=True
        ):
            compare(net, f"{mode}, {layer.name}", value, recorded)
            declared = layer.output_shape or ()
            assert all(
                size in (None, found) for size, found in zip(declared, recorded.shape, strict=True)
            )
    after = run_reference(net, record.batch(1), training=True, masks=record.pass_masks(1)).params
    for (layer, param), value, recorded in zip(
        net.owned_params(), after, record.params_after(1), strict=True
    ):
        compare(net, f"{layer.name}.{param.name} after a pass", value, recorded)


def check_gradients(net: Network, record: Record) -> None:
    """Compare the exact port's gradients, where Theano has any."""
    if record.meta["no_gradient"] is not None:
        return
    from lasport.targets.keras_port import KerasPort

    port = KerasPort(lasport.to_keras(net, profile="exact", dtype="float64"), net)
    for mode in MODES:
        recorded = [*record.grads(mode).values(), *record.input_grads(mode).values()]
        masks = {net.layers[index].name: drawn for index, drawn in record.masks.items()}
        gradients = port.start("float64").gradients(
            record.inputs, record.cotangents, training=mode == "training", masks=masks
        )
        assert gradients.params is not None
        found = [gradients.params[n] for n in record.grads(mode)]
        found += [gradients.inputs[i] for i in record.input_grads(mode)]
        # What cancels out in one gradient is rounding of the size of the others.
        scale = max((largest(array) for array in recorded), default=0.0)
        for value, wanted in zip(found, recorded, strict=True):
            assert value is not None
            difference = measure(value, wanted)
            close = difference.largest <= GRADIENT_BOUND * 1e-2 * scale
            assert close or difference.relative < GRADIENT_BOUND, mode


def largest(array: Array) -> Any:
    return np.abs(array).max(initial=0)

"""A copied model walked layer by layer: as a whole, and each layer on values that are given."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

from lasport import to_keras
from lasport.errors import ComparisonError
from tests.golden_records import load_case

keras = pytest.importorskip("keras")


def started(name: str, profile: str = "exact") -> Any:
    """Return a golden case and a session of its port."""
    from lasport.targets.keras_port import KerasPort

    case = load_case(name)
    return case, KerasPort(to_keras(case.network, profile=profile), case.network).start("float64")


@pytest.mark.parametrize("name", ("net_residual_block", "net_two_inputs_two_outputs"))
def test_a_layer_alone_gives_what_the_original_makes_of_the_same_values(name):
    case, session = started(name)
    for mode in ("inference", "training"):
        values = dict(
            zip((x.name for x in case.network.layers), case.record.layers(mode), strict=True)
        )
        walk = session.walk(case.record.inputs, training=mode == "training")
        for one in case.network.layers:
            walk.give(one.name, ())
            if one.incoming:
                found = walk.alone(one.name, {x: values[x] for x in one.incoming})
                np.testing.assert_allclose(found, values[one.name], rtol=1e-10, atol=1e-12)


def test_a_layer_alone_moves_no_averages():
    case, session = started("net_vgg_block")
    before = session.params()
    walk = session.walk(case.record.inputs, training=True)
    walk.alone("conv1_1_bn", {"conv1_1": case.record.layers("training")[1]})
    for value, kept in zip(session.params(), before, strict=True):
        np.testing.assert_array_equal(value, kept)
    walk.value("conv1_1_bn")
    assert any((a != b).any() for a, b in zip(session.params(), before, strict=True))


def test_a_session_starts_again_with_the_models_weights():
    case, session = started("net_vgg_block")
    before = session.params()
    session.run(case.record.batch(1), training=True, masks={})
    session.restart()
    for value, kept in zip(session.params(), before, strict=True):
        np.testing.assert_array_equal(value, kept)


def test_values_of_another_shape_are_refused_by_name():
    case, session = started("net_vgg_block")
    walk = session.walk(case.record.inputs, training=False)
    with pytest.raises(ComparisonError, match=r"^conv1_1_bn cannot be run alone: in the model con"):
        walk.alone("conv1_1_bn", {"conv1_1": np.zeros((3, 5, 8, 4))})


def test_values_that_nobody_asks_for_any_more_are_let_go():
    from lasport.targets.keras_tape import Playback

    case, session = started("net_digits")
    inputs = session.port.tensors(case.record.inputs, ["float64"])
    shown = [id(tensor) for tensor, _ in session.shown.values()]
    fed = dict(zip(map(id, session.model.inputs), inputs, strict=True))
    asked = [*shown, *map(id, session.model.outputs)]
    playback = Playback(session.tape, fed, asked, training=False)
    found = [weakref.ref(playback.value(each)) for each in shown]
    # The last layer's output is still to be asked for as the model's.
    assert [k for k, each in enumerate(found) if each() is not None] == [0, len(found) - 1]
    del inputs, fed
    assert [k for k, each in enumerate(found) if each() is not None] == [len(found) - 1]

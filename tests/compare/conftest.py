"""Nets with what is right for them, and their ports, to be built right or wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import lasport
from lasport.oracles.record import Record
from lasport.oracles.reference import reference_record
from lasport.passes import lower
from lasport.spec import Network
from lasport.targets.keras_calls import Calls, keras_calls
from lasport.translate import translate
from tests.compare.edits import Edit, unchanged
from tests.compare.mutant import Mutant
from tests.golden_records import load_case


@cache
def load_net(name: str) -> tuple[Network, Record]:
    """Return a golden net with its record, or the demo net with the reference's."""
    if name == "demo":
        demo = lasport.load(Path(lasport.__file__).parent / "data" / "digits_bn.pkl")
        return demo, reference_record(demo)
    case = load_case(name)
    return case.network, case.record


@cache
def calls_for(name: str, profile: Any) -> Calls:
    net, _ = load_net(name)
    return keras_calls(lower(translate(net)), profile, net.dtype.name)


@pytest.fixture(scope="session")
def net_and_record() -> Callable[[str], tuple[Network, Record]]:
    """Return a function that gives a net, and a record of what it computes."""
    return load_net


@pytest.fixture(scope="session")
def build_port() -> Callable[..., Any]:
    """Return the function that makes a model of a net."""
    pytest.importorskip("keras")
    return build


def build(name: str, edit: Edit = unchanged, profile: str = "stock") -> Any:
    """Make a model of a net.

    lasport does not remember how it was built, as if it were loaded from a
    file or somebody else had made it.
    """
    import keras

    from lasport.targets.keras_model import build_model

    calls = calls_for(name, profile)
    edited = tuple(edit(list(calls.calls)))
    names = {call.name for call in edited}
    results = {
        value: result if result in names else f"my_{result}"
        for value, result in calls.results.items()
    }
    model = build_model(replace(calls, calls=edited, results=results))
    return keras.Model(model.inputs, model.outputs)


def build_mutant(mutant: Mutant) -> Any:
    """Make a wrong model."""
    model = build(mutant.net, mutant.edit, mutant.profile)
    return model if mutant.remake is None else mutant.remake(model)

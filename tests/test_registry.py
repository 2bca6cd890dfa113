"""The registry: one family for each class, old paths found, attributes read by name."""

from __future__ import annotations

import dataclasses

import pytest

from lasport import registry
from lasport.errors import RegistrationError
from lasport.layers.values import integer, text
from lasport.registry import Family, attribute
from lasport.spec import Layer


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    """Let a test register what it likes."""
    monkeypatch.setattr(registry, "_families", registry.families())
    monkeypatch.setattr(registry, "_refusals", registry.refusals())
    monkeypatch.setattr(registry, "_paths", dict(registry._paths))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attributes:
    units: int = attribute(integer)
    width: int = attribute(integer, formerly=("size", "ds"))
    mode: str = attribute(text, absent="max")


def family(**changes):
    def nothing(*arguments):
        raise NotImplementedError

    given = {
        "attributes": Attributes,
        "params": (),
        "output_shape": nothing,
        "reference": nothing,
        "translate": nothing,
        **changes,
    }
    return Family(**given)


def test_users_register_their_own_classes():
    own = family()
    registry.register(own, kinds=["mylab.layers.MyLayer"])
    assert registry.family_of("mylab.layers.MyLayer") is own
    assert registry.families()["mylab.layers.MyLayer"] is own


@pytest.mark.parametrize(
    "kind", ("lasagne.layers.dense.DenseLayer", "lasagne.layers.recurrent.LSTMLayer")
)
def test_a_class_is_registered_once(kind):
    with pytest.raises(RegistrationError, match=f"{kind} is registered twice"):
        registry.register(family(), kinds=[kind])
    with pytest.raises(RegistrationError, match=f"{kind} is registered twice"):
        registry.refuse("no", kinds=[kind])


OLD_PATHS = (
    "nntools.layers.DenseLayer",
    "nntools.layers.base.DenseLayer",
    "lasagne.layers.base.DenseLayer",
    "lasagne.layers.dense.DenseLayer",
)


@pytest.mark.parametrize("kind", OLD_PATHS)
def test_old_paths_of_lasagnes_classes(kind):
    assert registry.canonical(kind) == "lasagne.layers.dense.DenseLayer"
    assert registry.family_of(kind) is registry.families()["lasagne.layers.dense.DenseLayer"]


def test_refused_classes_moved_too():
    reason = registry.refusal_of("lasagne.layers.corrmm.MMLayer")
    assert reason is not None
    assert registry.refusal_of("nntools.layers.base.MMLayer") == reason


@pytest.mark.parametrize("kind", ("__main__.DenseLayer", "mylab.DenseLayer", "DenseLayer"))
def test_another_class_of_the_same_name_is_another_class(kind):
    assert registry.canonical(kind) == kind
    assert registry.family_of(kind) is None
    assert registry.refusal_of(kind) is None


def test_a_users_class_is_not_found_under_lasagnes_old_paths():
    registry.register(family(), kinds=["mylab.layers.OddLayer"])
    assert registry.family_of("lasagne.layers.base.OddLayer") is None


def test_attributes_are_read_by_name_former_name_or_absence():
    assert family().read({"units": 3, "ds": 5}) == Attributes(units=3, width=5, mode="max")
    assert family().read({"units": 3, "width": 4, "ds": 5, "mode": "sum"}) == Attributes(
        units=3, width=4, mode="sum"
    )
    assert family().read({"units": 3, "size": 4, "unknown": object()}).width == 4


def test_a_class_may_have_its_own_defaults():
    correlation = family(absent={"mode": "sum", "units": 7})
    assert correlation.read({"width": 1}) == Attributes(units=7, width=1, mode="sum")
    assert correlation.read({"width": 1, "units": 2}).units == 2


WRONG = (
    ({"width": 1}, "attribute 'units' is missing"),
    ({"units": 1}, "attribute 'width' is missing"),
    ({"units": 1, "ds": "x"}, "attribute 'ds': an integer was expected, not 'x'"),
    ({"units": 1, "width": 2, "mode": 3}, "attribute 'mode': a string was expected, not 3"),
)


@pytest.mark.parametrize(("values", "message"), WRONG)
def test_what_cannot_be_read_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        family().read(values)


def test_a_layer_that_nobody_checked():
    layer = Layer("odd", "mylab.OddLayer", (), None, {}, (), None)
    with pytest.raises(
        RegistrationError, match=r"odd: no family is registered for mylab\.OddLayer"
    ):
        registry.require_family(layer)

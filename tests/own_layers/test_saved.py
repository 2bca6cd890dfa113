"""What a registered function is given is plain data."""

from __future__ import annotations

import numpy as np
import pytest

import lasport
from lasport.inert import Instance
from lasport.own_layers import SavedObject
from lasport.readers.network import build_network
from lasport.translate import refusals, translate
from tests.inert_nets import function, layer, named, source

KIND = "__main__.Odd"


@pytest.fixture
def given():
    """Return a function that gives what the registered function was given."""
    seen = []
    with lasport.temporary_registrations():

        @lasport.register(KIND, output_shape=lambda saved: (None, saved.params["W"].shape[1]))
        def build(saved):
            seen.append(saved)
            raise ValueError("seen")

        def look(**state):
            params = {"W": np.arange(6.0).reshape(3, 2), "b": [1.0, 2.0]}
            net = build_network(layer(KIND, source((None, 3)), params, name="odd", **state))
            (refusal,) = refusals(net) or [None]
            assert refusal is None, refusal
            assert net.layers[-1].output_shape == (None, 2)
            with pytest.raises(lasport.UnsupportedLayersError, match=r"odd .*: seen"):
                translate(net)
            return seen[-1]

        yield look


def test_a_layer_as_data(given):
    saved = given(units=2, modes=["a", ("b", 1)], scale={"x": 0.5}, input_shape=(None, 3))
    assert (saved.name, saved.kind, saved.input_shapes) == ("odd", KIND, ((None, 3),))
    assert dict(saved.attributes) == {
        "name": "odd",
        "units": 2,
        "modes": ["a", ("b", 1)],
        "scale": {"x": 0.5},
    }
    assert list(saved.params) == ["W", "b"]
    np.testing.assert_array_equal(saved.params["W"], np.arange(6.0).reshape(3, 2))
    assert saved.tags == {"W": {"trainable"}, "b": {"trainable"}}
    with pytest.raises(ValueError, match="read-only"):
        saved.params["W"][0, 0] = 1


def test_names_and_objects_are_told_by_path(given):
    inner = Instance(named("__main__.Options"), state={"f": named("__main__.f"), "sizes": [1, 2]})
    saved = given(f=function("tanh"), options=[inner])
    assert saved.attributes["f"] == "lasagne.nonlinearities.tanh"
    (options,) = saved.attributes["options"]
    assert isinstance(options, SavedObject)
    assert options.kind == "__main__.Options"
    assert dict(options.attributes) == {"f": "__main__.f", "sizes": [1, 2]}


def test_nonlinearities_are_read_as_lasagnes(given):
    saved = given(nonlinearity=function("LeakyRectify", leakiness=0.25), out=named("__main__.f"))
    leaky = saved.nonlinearity()
    assert str(leaky) == "leaky_rectify(leakiness=0.25)"
    np.testing.assert_array_equal(leaky(np.array([-4.0, 4.0])), [-1.0, 4.0])
    with pytest.raises(ValueError, match=r"__main__\.f is not one of lasagne\.nonlinearities"):
        saved.nonlinearity("out")


def test_lists_without_end_are_not_followed(given):
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="more than 16 deep"):
        given(endless=endless).attributes["endless"]


def test_what_stands_in_many_places_is_made_plain_once(given):
    value: object = "x"
    for _ in range(12):
        value = [value] * 100
    found = given(value=value).attributes["value"]
    while isinstance(found, list):
        assert len(found) == 100
        found = found[-1]
    assert found == "x"


def test_a_layer_of_an_old_lasagne_does_not_say_what_its_parameters_are():
    with lasport.temporary_registrations():
        lasport.register(KIND, like="lasagne.layers.NonlinearityLayer")
        lasport.register("__main__.Other", lambda saved: None)
        net = build_network(layer("__main__.Other", source((None, 3))))
    assert "before May 2015" in str(net.layers[-1].problem)

"""Registering: once for each class, never for Lasagne's own, and for as long as wanted."""

from __future__ import annotations

import sys

import pytest

import lasport
from lasport import registry
from lasport.errors import RegistrationError, UnsupportedLayersError, UsageError
from lasport.own_layers import run_registrations
from lasport.readers.network import build_network
from lasport.translate import translate
from tests.inert_nets import function, layer, source

KIND = "__main__.MyDense"


@pytest.fixture(autouse=True)
def _own_registrations():
    with lasport.temporary_registrations():
        yield


def nothing(saved):
    raise NotImplementedError


def dense():
    """Build a net that ends in a dense layer under a class path of its user's."""
    params = {"W": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "b": [7.0, 8.0]}
    return layer(KIND, source((None, 3)), params, num_units=2, nonlinearity=function("tanh"))


def test_a_subclass_is_ported_once_its_author_says_what_it_is():
    with pytest.raises(UnsupportedLayersError):
        translate(build_network(dense()))
    lasport.register(KIND, like="lasagne.layers.DenseLayer")
    net = build_network(dense())
    assert net.layers[-1].kind == KIND
    assert net.layers[-1].attributes.num_units == 2
    assert [step.layer for step in translate(net).steps] == [net.inputs[0], *[net.outputs[0]] * 2]
    assert registry.taken_for(KIND) == "lasagne.layers.dense.DenseLayer"


def test_the_refusal_shows_the_calls_to_write():
    with pytest.raises(UnsupportedLayersError) as caught:
        translate(build_network(dense()))
    assert 'lasport.register("__main__.MyDense", like="lasagne.layers.THAT_ONE")' in str(
        caught.value
    )
    assert '@lasport.register("__main__.MyDense")' in str(caught.value)
    assert "--register FILE.py" in str(caught.value)


@pytest.mark.parametrize("arguments", ({"like": "lasagne.layers.DenseLayer"}, {"build": nothing}))
def test_a_net_that_was_read_before_has_to_be_read_again(arguments):
    net = build_network(dense())
    lasport.register(KIND, **arguments)
    with pytest.raises(UnsupportedLayersError, match="registered after the net had been read"):
        translate(net)


def test_register_decorates():
    assert lasport.register(KIND)(nothing) is nothing
    assert lasport.register("__main__.Other", nothing) is nothing
    assert {KIND, "__main__.Other"} <= set(registry.families())


TAKEN = (
    "lasagne.layers.dense.DenseLayer",
    "lasagne.layers.DenseLayer",
    "nntools.layers.DenseLayer",
    "lasagne.layers.base.MergeLayer",
    "lasagne.layers.MergeLayer",
)


@pytest.mark.parametrize("kind", TAKEN)
def test_lasagnes_own_classes_are_refused(kind):
    for arguments in ({"like": "lasagne.layers.DenseLayer"}, {"build": nothing}):
        with pytest.raises(RegistrationError, match=f"{kind} is a class of Lasagne's"):
            lasport.register(kind, **arguments)


def test_a_class_that_lasagne_does_not_have_may_live_in_its_modules():
    lasport.register("lasagne.layers.hacked.MyDense", nothing)
    assert registry.family_of("lasagne.layers.hacked.MyDense") is not None


def test_a_class_is_registered_once():
    lasport.register(KIND, nothing)
    for arguments in ({"like": "lasagne.layers.DenseLayer"}, {"build": nothing}):
        with pytest.raises(RegistrationError, match=r"__main__\.MyDense is registered twice"):
            lasport.register(KIND, **arguments)


UNLIKE = (
    ("lasagne.layers.OddLayer", "lasagne.layers.OddLayer, which lasport does not port$"),
    ("lasagne.layers.MergeLayer", "does not port: an abstract base class"),
    ("DenseLayer", "does not port"),
)


@pytest.mark.parametrize(("like", "message"), UNLIKE)
def test_a_class_is_like_one_that_is_ported(like, message):
    with pytest.raises(RegistrationError, match=message):
        lasport.register(KIND, like=like)


WRONG = (
    ({"like": "lasagne.layers.DenseLayer", "build": nothing}, "like= says all"),
    ({"like": "lasagne.layers.DenseLayer", "reference": nothing}, "like= says all"),
    ({"build": nothing, "data_format": "NCHW"}, "data_format must be"),
)


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_arguments_do_not_contradict_each_other(arguments, message):
    with pytest.raises(UsageError, match=message):
        lasport.register(KIND, **arguments)
    assert registry.family_of(KIND) is None


def test_temporary_registrations_are_forgotten_even_after_an_error():
    before = registry.families()
    with pytest.raises(RegistrationError, match="twice"), lasport.temporary_registrations():
        lasport.register(KIND, lasport.register(KIND)(nothing))
    assert registry.families() == before
    assert registry.taken_for(KIND) is None


# --- files


def test_a_file_is_run_and_finds_its_neighbours(tmp_path):
    (tmp_path / "own_neighbour.py").write_text("KIND = '__main__.MyDense'\n")
    path = tmp_path / "own_registrations.py"
    path.write_text(
        "from __future__ import annotations\n"
        "import dataclasses, lasport, own_neighbour\n"
        "@dataclasses.dataclass\n"
        "class Options:\n"
        "    units: int\n"
        "lasport.register(own_neighbour.KIND, like='lasagne.layers.DenseLayer')\n"
    )
    before = list(sys.path)
    try:
        run_registrations(path)
    finally:
        for name in ("own_neighbour", "own_registrations"):
            sys.modules.pop(name, None)
    assert registry.taken_for(KIND) is not None
    assert sys.path == before


BROKEN = (
    ("import lasport", "registers no layer class"),
    ("1 / 0", "ZeroDivisionError: division by zero"),
    ("def", "SyntaxError"),
    ("import lasport; lasport.register('a.B')", "registers no layer class"),
)


@pytest.mark.parametrize(("code", "message"), BROKEN)
def test_what_is_wrong_with_a_file_is_told(tmp_path, code, message):
    path = tmp_path / "broken_registrations.py"
    path.write_text(code)
    try:
        with pytest.raises(UsageError, match=message):
            run_registrations(path)
    finally:
        sys.modules.pop("broken_registrations", None)


@pytest.mark.parametrize("name", ("missing.py", "."))
def test_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(UsageError, match="no such file"):
        run_registrations(tmp_path / name)


def test_a_file_that_is_no_python(tmp_path):
    (tmp_path / "net.pkl").write_bytes(b"")
    with pytest.raises(UsageError, match="not a Python file"):
        run_registrations(tmp_path / "net.pkl")

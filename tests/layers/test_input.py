"""InputLayer: shapes and dtypes of the data."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.inert import Instance
from lasport.readers.network import build_network
from lasport.translate import translate
from tests.golden_records import load_case
from tests.inert_nets import named, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {"input_alone": ("", ""), "input_fixed_batch": ("", "")}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


SHAPES = (
    ((None, 3, 5), (None, 3, 5)),
    ([None, 3, 5], (None, 3, 5)),  # a list was possible until November 2016
    ((np.int64(7), np.int32(2)), (7, 2)),
    ((None,), (None,)),
)


@pytest.mark.parametrize(("stored", "shape"), SHAPES)
def test_output_shape_is_the_declared_one(stored, shape):
    assert read(source(stored)).output_shape == shape


def test_dtypes():
    assert read(source((None, 4), dtype="float32")).attributes.input_var == "float32"
    assert not read(source((None, 4), dtype="float32")).attributes.is_integer
    assert read(source((None, 4), dtype="int32")).attributes.is_integer


def test_indices_stay_integers_and_measurements_follow_the_model():
    for dtype, declared in (("int64", "int64"), ("float32", None)):
        (step,) = translate(build_network(source((None, 4), dtype=dtype))).steps
        assert step.operation.dtype == declared


PROBLEMS = (
    ({"shape": 7}, "attribute 'shape': a shape was expected, not 7"),
    ({"shape": (None, 2.5)}, "attribute 'shape': an integer was expected, not 2.5"),
    ({"shape": (None, 0)}, "leave an output of"),
    ({"input_var": None}, "attribute 'input_var': a Theano variable was expected, not None"),
    ({"input_var": Instance(named("theano.Variable"))}, "a Theano variable was expected"),
)


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(source(**{"shape": (None, 4), **state})).problem


def test_a_dtype_is_one_of_theanos_and_not_what_numpy_makes_of_a_text():
    for text in ("2float32", "f4", "float32,float32", ">f8"):
        assert f"the dtype {text!r} is unknown" in read(source((None, 4), dtype=text)).problem


def test_an_unknown_dtype_is_named():
    assert "the dtype 'float17' is unknown" in read(source((None, 4), dtype="float17")).problem


def test_the_first_days_of_lasagne_stored_no_shape():
    layer = source(None)
    del layer.state["shape"]
    assert read(layer).problem == "attribute 'shape' is missing"

"""The order in which parameters were listed at the time.

Orders are those that Lasagne's development version of 2015-03-23 (before ca666c0) and nolearn 0.5
really gave on Python 2.7 and Theano 0.7, each parameter known by its shape.
"""

from __future__ import annotations

import numpy as np
import pytest

import lasport
from lasport.errors import InvalidNetworkError

SCRIPT = """
import numpy as np
import lasagne
from lasagne.layers import *

def chain():
    a = InputLayer((None, 3)); b = DenseLayer(a, 4); return DenseLayer(b, 5)

def branched():
    a = InputLayer((None, 3)); b = DenseLayer(a, 4); c = DenseLayer(b, 5); d = DenseLayer(a, 6)
    return DenseLayer(ConcatLayer([c, d, a]), 7)

def shortcut():
    a = InputLayer((None, 3)); b = DenseLayer(a, 4); c = DenseLayer(b, 5); d = DenseLayer(c, 6)
    return DenseLayer(ConcatLayer([d, b]), 7)

def several():
    a = InputLayer((None, 3)); b = DenseLayer(a, 4); c = DenseLayer(b, 5); d = DenseLayer(b, 6)
    return [d, c]

def shared():
    a = InputLayer((None, 3)); b = DenseLayer(a, 4); i = InputLayer((None, 3))
    d = DenseLayer(DenseLayer(i, 4, W=b.W), 5)
    return DenseLayer(ConcatLayer([b, d]), 7)

def sets_them_itself(shapes):
    net = branched()
    values = [np.full(shape, n) for n, shape in enumerate(shapes)]
    lasagne.layers.set_all_param_values(net, values)
    return net
"""
FORMER = {
    "chain": [(4, 5), (5,), (3, 4), (4,)],
    "branched": [(14, 7), (7,), (4, 5), (5,), (3, 6), (6,), (3, 4), (4,)],
    "shortcut": [(10, 7), (7,), (5, 6), (6,), (3, 4), (4,), (4, 5), (5,)],
    "several": [(4, 6), (6,), (4, 5), (5,), (3, 4), (4,)],
    "shared": [(9, 7), (7,), (3, 4), (4,), (4, 5), (5,), (4,)],
}
LAST_DAY = "2015-03-24"


@pytest.fixture
def script(tmp_path):
    (tmp_path / "model.py").write_text(SCRIPT)
    return lambda function: f"{tmp_path / 'model.py'}:{function}"


@pytest.fixture
def saved(tmp_path):
    def save(shapes):
        values = [np.full(shape, n, np.float32) for n, shape in enumerate(shapes)]
        np.savez(tmp_path / "saved.npz", *values)
        return tmp_path / "saved.npz"

    return save


def places(net):
    """Return the place in the file of each parameter, by its shape."""
    return {value.shape: int(value.flat[0]) for value in net.param_values()}


@pytest.mark.parametrize("name", FORMER)
def test_files_of_the_time_are_bound_in_its_order(script, saved, name):
    path = saved(FORMER[name])
    net = lasport.load(script(name), params=path, lasagne_version=LAST_DAY)
    expected = {shape: place for place, shape in enumerate(FORMER[name])}
    if name == "shared":  # two biases of 4, of which the shared layer's comes first
        assert [int(v.flat[0]) for v in net.param_values() if v.shape == (4,)] == [3, 6]
        del expected[(4,)]
    assert places(net).items() >= expected.items()
    (note,) = net.notes
    assert "not in today's" in note


@pytest.mark.parametrize("name", FORMER)
def test_the_order_of_the_time_is_a_likely_cause(script, saved, name):
    with pytest.raises(InvalidNetworkError, match=r"before 2015-03-25.*--lasagne-version 2015-03"):
        lasport.load(script(name), params=saved(FORMER[name]))


def test_todays_order_is_a_likely_cause_too(script, saved):
    path = saved([(3, 4), (4,), (4, 5), (5,)])
    with pytest.raises(InvalidNetworkError, match="as Lasagne lists them since 2015-03-25"):
        lasport.load(script("chain"), params=path, lasagne_version=LAST_DAY)
    assert not lasport.load(script("chain"), params=path, lasagne_version="2015-03-25").notes


def test_one_vector_is_cut_in_the_order_of_the_time(script, tmp_path):
    values = [np.full(shape, n, np.float32) for n, shape in enumerate(FORMER["branched"])]
    np.save(tmp_path / "vector.npy", np.concatenate([value.ravel() for value in values]))
    net = lasport.load(script("branched"), params=tmp_path / "vector.npy", lasagne_version=LAST_DAY)
    assert places(net) == {shape: place for place, shape in enumerate(FORMER["branched"])}


def test_scripts_that_set_parameters_do_it_in_the_order_of_the_time(script):
    net = lasport.load(
        script("sets_them_itself"),
        kwargs={"shapes": FORMER["branched"]},
        lasagne_version=LAST_DAY,
    )
    assert places(net) == {shape: place for place, shape in enumerate(FORMER["branched"])}


def test_parameters_by_name_have_no_order(script, tmp_path):
    values = {"b": np.full(4, 2, np.float32), "W": np.full((3, 4), 1, np.float32)}
    np.savez(tmp_path / "named.npz", **values)
    (tmp_path / "model.py").write_text(SCRIPT.replace("return DenseLayer(b, 5)", "return b"))
    net = lasport.load(script("chain"), params=tmp_path / "named.npz", lasagne_version=LAST_DAY)
    assert places(net) == {(3, 4): 1, (4,): 2}
    assert not net.notes

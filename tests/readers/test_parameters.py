"""Parameters that were saved without their net, in every shape that people gave them."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict

import h5py
import numpy as np
import pytest

from lasport.errors import UnreadableFileError
from lasport.readers.parameters import read_parameters

W, B, GAMMA = (
    np.arange(12, dtype=np.float32).reshape(3, 4),
    np.arange(4, dtype=np.float32),
    np.float64(0.5),
)


def npz(*arrays, **named):
    stream = io.BytesIO()
    np.savez(stream, *arrays, **named)
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def objects(*entries):
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array


def hdf5(**arrays):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as archive:
        for name, array in arrays.items():
            archive[name] = array
    return stream.getvalue()


LISTS = {
    "npz": npz(W, B),
    "npz of a list": npz(objects(W, B)),
    "npy of a list": npy(objects(W, B)),
    "HDF5": hdf5(param_00=W, param_01=B),
    "list, protocol 0": pickle.dumps([W, B], 0),
    "tuple, protocol 2": pickle.dumps((W, B), 2),
    "object array": pickle.dumps(objects(W, B)),
    "Model Zoo": pickle.dumps({"param values": [W, B], "synset words": ["cat"], "mean": B}),
    "Model Zoo, other keys": pickle.dumps({"values": (W, B), "model": "vgg"}),
    "params": pickle.dumps({"params": objects(W, B), "epoch": 7}),
    "npz beside other things": npz(W, B, epoch=np.array(7), mean=B),
    "HDF5 of numbers": hdf5(**{"0": W, "1": B}),
    "HDF5 group": hdf5(**{"weights/param_0": W, "weights/param_1": B}),
    "dict of numbers": pickle.dumps({1: B, 0: W}, 2),
    "dict of what was an npz": pickle.dumps({"arr_1": B, "arr_0": W}, 2),
    "a list behind a number": pickle.dumps((7, [W, B]), 2),
    "a list before losses": pickle.dumps([[W, B], [0.5, 0.25]], 2),
    "text mode": pickle.dumps([W, B], 0).replace(b"\n", b"\r\n"),
    "a list beside other things": pickle.dumps({"epoch": 7, "weights": [W, B], "losses": [1.0]}),
}


@pytest.fixture
def read(tmp_path):
    def save(data, key=None):
        path = tmp_path / "saved.model"
        path.write_bytes(data)
        return read_parameters(path, key)

    return save


@pytest.mark.parametrize("data", LISTS.values(), ids=LISTS)
def test_a_list_is_in_order(read, data):
    found = read(data)
    assert (found.order, found.keys) == ("in order", ("0", "1"))
    for value, expected in zip(found.values, (W, B), strict=True):
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)


DICTS = {
    "pickle": pickle.dumps(OrderedDict([("conv.W", W), ("conv.b", B)]), 2),
    "npz": npz(**{"conv.W": W, "conv.b": B}),
    "HDF5": hdf5(**{"conv.W": W, "conv.b": B}),
}


@pytest.mark.parametrize("data", DICTS.values(), ids=DICTS)
def test_a_dict_of_arrays_is_by_parameter(read, data):
    found = read(data)
    assert (found.order, found.keys) == ("by parameter", ("conv.W", "conv.b"))


NESTED = {
    "pickle": pickle.dumps({"in": {}, "conv": {"W": W, "b": B}, "out": {"W": B}}, 2),
    "HDF5": hdf5(**{"conv/W": W, "conv/b": B, "out/W": B}),
}


@pytest.mark.parametrize("data", NESTED.values(), ids=NESTED)
def test_a_dict_of_dicts_is_by_parameter(read, data):
    found = read(data)
    assert (found.order, found.keys) == ("by parameter", ("conv.W", "conv.b", "out.W"))


def test_groups_of_numbers_are_by_layer(read):
    found = read(hdf5(**{"dense/0": W, "dense/1": B, "out/0": B}))
    assert (found.order, found.keys) == ("by layer", ("dense", "dense", "out"))


def test_a_dict_of_lists_is_by_layer(read):
    saved = OrderedDict([("in", []), ("dense", [W, B]), ("scale", [GAMMA])])
    found = read(pickle.dumps(saved, 2))
    assert (found.order, found.keys) == ("by layer", ("dense", "dense", "scale"))
    assert found.layers == ("in", "dense", "scale")
    assert found.values[2].shape == ()


def test_one_array_of_one_axis_is_a_vector(read):
    assert read(npy(B)).order == "one vector"
    assert read(npz(B)).order == "one vector"
    assert read(pickle.dumps({"params": B})).order == "one vector"


@pytest.mark.parametrize("name", ("9" * 5000, "arr_" + "9" * 5000))
def test_a_name_of_thousands_of_digits_is_a_name(read, name):
    assert read(npz(**{name: W, "b": B})).keys == (name, "b")
    assert read(pickle.dumps({name: W, "b": B})).keys == (name, "b")


def test_of_several_sets_one_is_named(read):
    data = pickle.dumps({"generator": [W, B], "critic": [B]})
    assert len(read(pickle.dumps({"generator": [W, B], "epoch": 3})).values) == 2
    assert read(data).order == "by layer"
    both = pickle.dumps({"generator": {"W": W}, "critic": {"W": B}, "epoch": 3})
    with pytest.raises(UnreadableFileError, match="under generator, critic; say which one"):
        read(both)
    assert read(both, "critic").values[0].shape == (4,)
    with pytest.raises(UnreadableFileError, match="no 'actor' in the file, but: generator, critic"):
        read(both, "actor")
    pair = pickle.dumps([[W, B], [B, W]])
    with pytest.raises(UnreadableFileError, match="under 0, 1; say which one"):
        read(pair)
    assert read(pair, "1").values[0].shape == (4,)


OTHERS = {
    "a matrix": (npy(W), "holds no parameters but a ndarray"),
    "a history": (pickle.dumps([{"train_loss": 0.5, "epoch": 1}]), "history of a training over 1"),
    "text": (pickle.dumps({"a": "b"}), "a dict of 1 entries: str"),
    "text among arrays": (pickle.dumps([W, "b"]), "a list of 2 entries: ndarray, str"),
    "arrays of objects": (npz(W.astype(object), B.astype(object)), "a dict of 2 entries: ndarray"),
    "nothing": (pickle.dumps({}), "a dict of 0 entries: nothing"),
}


@pytest.mark.parametrize(("data", "words"), OTHERS.values(), ids=OTHERS)
def test_anything_else_is_described(read, data, words):
    with pytest.raises(UnreadableFileError, match=words):
        read(data)

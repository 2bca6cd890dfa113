"""Reading a net from a file: every container and compression, and what is said about others."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import shutil
from collections import OrderedDict

import numpy as np
import pytest

from lasport.errors import InvalidNetworkError, RefusedFileError, UnreadableFileError
from lasport.inert import Global, Instance
from lasport.readers import saved_net
from lasport.readers.containers import read_bytes
from lasport.readers.files import Content
from lasport.readers.saved_net import load_network
from tests import inert_nets
from tests.golden_records import GOLDEN, load_case, pickle_of

NET = pickle_of("net_vgg_block")


def assert_same(net, name):
    case = load_case(name)
    for value, recorded in zip(net.param_values(), case.record.params, strict=True):
        np.testing.assert_array_equal(value, recorded)
    assert [layer.name for layer in net.layers] == [layer.name for layer in case.network.layers]


COMPRESSIONS = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "gzip in xz": lambda data: lzma.compress(gzip.compress(data)),
    "none": lambda data: data,
}


@pytest.mark.parametrize("ending", ("pkl", "gz", "model"))
@pytest.mark.parametrize("compress", COMPRESSIONS.values(), ids=COMPRESSIONS)
def test_compression_is_known_by_content(compress, ending, tmp_path):
    path = tmp_path / f"net.{ending}"
    path.write_bytes(compress(read_bytes(NET)))
    assert_same(load_network(path), "net_vgg_block")


@pytest.mark.parametrize("path", (NET, str(NET)))
def test_the_path_is_the_origin(path):
    assert load_network(path).origin == NET


def test_a_net_that_drags_a_trained_graph_along_is_read():
    assert_same(load_network(GOLDEN / "net_fixed_batch.trained.pkl.bz2"), "net_fixed_batch")


def test_outputs_can_be_chosen():
    net = load_network(NET, outputs=["pool1"])
    assert net.outputs == ("pool1",)
    assert net.layers[-1].name == "pool1"


# --- nolearn's nets


def chain(path, definitions):
    """Return a net of nolearn 0.5: it kept its last layer, whose names it did not tell Lasagne."""
    w, b = np.ones((3, 4)), np.zeros(4)
    dense = inert_nets.layer(
        "dense.DenseLayer",
        inert_nets.source((None, 3)),
        {"W": w, "b": b},
        num_units=4,
        nonlinearity=inert_nets.function("tanh"),
    )
    state = {"_output_layer": dense, "layers": definitions, "train_history_": []}
    iterators = {"batch_iterator_train": None, "batch_iterator_test": None}
    return Instance(Global(*path.rsplit(".", 1)), state=state | iterators)


NAMES = [("input", None), ("output", None)]
CHAINS = {
    "nolearn 0.5": ("nolearn.lasagne.NeuralNet", NAMES, ["input", "output"]),
    "a class of its own": ("__main__.MyNet", NAMES, ["input", "output"]),
    "within a search": (
        "nolearn.lasagne.NeuralNet",
        Instance(Global("nolearn.lasagne", "_list"), elements=NAMES),
        ["input", "output"],
    ),
    "other names": ("nolearn.lasagne.NeuralNet", NAMES[:1], ["input_0", "output"]),
}


@pytest.mark.parametrize(("path", "definitions", "names"), CHAINS.values(), ids=CHAINS)
def test_nolearns_first_nets_are_read(monkeypatch, path, definitions, names):
    content = Content("pickle", [7, chain(path, definitions)])
    monkeypatch.setattr(saved_net, "read_content", lambda path: content)
    net = load_network("net.pkl")
    assert [layer.name for layer in net.layers] == names
    assert net.outputs == ("output",)
    assert [(layer.problem, len(layer.params)) for layer in net.layers] == [(None, 0), (None, 2)]


# --- files without a net in them


def dump(content):
    return pickle.dumps(content, protocol=2)


def archive(*arrays):
    buffer = io.BytesIO()
    np.savez(buffer, *arrays)
    return buffer.getvalue()


OTHERS = {
    "an empty file": (b"", UnreadableFileError, ""),
    "text": (
        b"epoch 1: loss 0.5\n",
        UnreadableFileError,
        "It begins with b'epoch 1: loss 0.",
    ),
    "JSON": (b'{"message": "Not Found"}', UnreadableFileError, "It begins with b'{"),
    "another archive": (b"Rar!\x1a\x07\x00", UnreadableFileError, "It begins with b'Rar!"),
    "half a net": (read_bytes(NET)[:2000], UnreadableFileError, ""),
    "half a gzip file": (gzip.compress(read_bytes(NET))[:500], UnreadableFileError, "gzip"),
    "a list of parameters": (dump([np.ones(3)]), UnreadableFileError, "a list of 1 arrays"),
    "named parameters": (
        dump(OrderedDict(W=np.ones(3))),
        UnreadableFileError,
        "a dict of 1 arrays: parameters, which go with the net as its params (--params)",
    ),
    "parameters in an npz": (
        archive(np.ones(3)),
        UnreadableFileError,
        "an npz archive, which",
    ),
    "half an npy": (b"\x93NUMPY\x01\x00", UnreadableFileError, "corrupt npy data"),
    "half an HDF5 file": (b"\x89HDF\r\n\x1a\n", UnreadableFileError, "corrupt HDF5 data"),
    "a number": (dump(7), UnreadableFileError, "holds no Lasagne layers but a int"),
}


@pytest.mark.parametrize(("content", "error", "words"), OTHERS.values(), ids=OTHERS)
def test_other_files_are_described_with_their_path(content, error, words, tmp_path):
    path = tmp_path / "other.pkl"
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        load_network(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).count(str(path)) == 1
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ("missing.pkl", "."))
def test_a_path_that_is_no_file(name, tmp_path):
    path = tmp_path / name
    with pytest.raises(UnreadableFileError, match=f"^{path}: "):
        load_network(path)


def test_a_contradiction_names_the_file_too(tmp_path):
    data = read_bytes(pickle_of("dense_linear"))
    stored = b"sS'num_units'\np62\nI4\n"
    assert data.count(stored) == 1
    path = tmp_path / "net.pkl"
    path.write_bytes(data.replace(stored, stored.replace(b"I4", b"I5")))
    with pytest.raises(
        InvalidNetworkError, match=r"W has shape \(7, 4\).*ask for \(7, 5\)"
    ) as caught:
        load_network(path)
    assert str(caught.value).startswith(f"{path}: layer (lasagne.layers.dense.DenseLayer)")


def test_a_file_that_asks_for_execution_is_refused_or_inert(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (shutil.rmtree, (str(tmp_path / "precious"),))

    (tmp_path / "precious").mkdir()
    path = tmp_path / "net.pkl"
    path.write_bytes(dump(Hostile()))
    with pytest.raises((UnreadableFileError, RefusedFileError, InvalidNetworkError)):
        load_network(path)
    assert (tmp_path / "precious").is_dir()

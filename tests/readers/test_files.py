"""What is in a file: every format by its content, and what is said about the others."""

from __future__ import annotations

import importlib.util
import io
import pickle
import sys
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

from lasport.errors import RefusedFileError, UnreadableFileError
from lasport.inert import Instance
from lasport.readers import hdf5 as readers_hdf5
from lasport.readers.files import read_content

ARRAYS = [np.arange(n + 1.0, dtype=np.float32) for n in range(12)]


@pytest.fixture
def saved(tmp_path):
    """Return a function that writes bytes to a file and reads it."""

    def save(data):
        path = tmp_path / "saved.bin"
        path.write_bytes(data)
        return read_content(path)

    return save


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def hdf5(fill):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as archive:
        fill(archive)
    return stream.getvalue()


def as_objects(entries):
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array


def test_numbered_arrays_come_in_the_order_of_their_numbers_and_not_of_the_archive(saved):
    shuffled = {f"arr_{n}": ARRAYS[n] for n in (10, 2, 0, 11, 1, 9, 3, 8, 4, 7, 5, 6)}
    content = saved(npz(**shuffled))
    assert content.format == "npz archive"
    assert list(content.root) == [f"arr_{n}" for n in range(12)]
    assert [value.size for value in content.root.values()] == list(range(1, 13))


def test_names_stay_in_the_order_of_the_archive(saved):
    assert list(saved(npz(W=ARRAYS[0], b=ARRAYS[1], arr_0=ARRAYS[2])).root) == ["W", "b", "arr_0"]


@pytest.mark.parametrize("order", ("C", "F"))
@pytest.mark.parametrize("dtype", ("<f4", ">f4", "<f8", "<i8", "|b1", "<f2"))
def test_an_npy_file_gives_the_array(saved, dtype, order):
    array = np.asarray(np.arange(24).reshape(2, 3, 4) % 5, dtype, order=order)
    content = saved(npy(array))
    assert content.format == "npy file"
    assert content.root.dtype == np.dtype(dtype).newbyteorder("=")
    assert not content.root.flags.writeable
    np.testing.assert_array_equal(content.root, array)


def test_an_npy_file_of_objects_is_read_without_pickle(saved):
    class Hostile:
        def __reduce__(self):
            return (exec, ("raise SystemExit('executed')",))

    content = saved(npy(as_objects([ARRAYS[3], Hostile()])))
    np.testing.assert_array_equal(content.root[0], ARRAYS[3])
    assert isinstance(content.root[1], Instance)


def test_hdf5_datasets_come_in_the_order_of_their_numbers(saved):
    def fill(archive):
        for n in (10, 1, 0, 2):
            archive[f"param_{n}"] = ARRAYS[n]
        archive["note"] = "text is no parameter"

    content = saved(hdf5(fill))
    assert content.format == "HDF5 file"
    assert list(content.root) == ["param_0", "param_1", "param_2", "param_10"]


def test_hdf5_that_declares_more_than_it_holds_is_refused(saved):
    def fill(archive):
        archive.create_dataset("param_0", (2**33,), "f4", chunks=(1024,))

    with pytest.raises(RefusedFileError, match="param_0 is not in the file with all its values"):
        saved(hdf5(fill))


ENDED = {
    "before it wrote": "import os; os.abort()",
    "within an array": """print('{{"name": "W", "bytes": 200}}\\n\\x93NUMPY')""",
    "with nonsense": "print('[]')",
}


@pytest.mark.parametrize("program", ENDED.values(), ids=ENDED)
def test_hdf5_that_ends_the_process_which_reads_it_is_unreadable(saved, monkeypatch, program):
    monkeypatch.setattr(readers_hdf5, "PROGRAM", program)
    with pytest.raises(UnreadableFileError, match=r"saved\.bin: .*corrupt"):
        saved(hdf5(lambda archive: archive.update(p=ARRAYS[3])))


def test_hdf5_is_read_by_another_process(saved):
    before = [name for name in sys.modules if name.endswith("hdf5_process")]
    saved(hdf5(lambda archive: archive.update(p=ARRAYS[3])))
    assert [name for name in sys.modules if name.endswith("hdf5_process")] == before


def test_hdf5_may_begin_behind_something_else(saved):
    stream = io.BytesIO()
    with h5py.File(stream, "w", userblock_size=512) as archive:
        archive["p"] = ARRAYS[3]
    content = saved(stream.getvalue())
    np.testing.assert_array_equal(content.root["p"], ARRAYS[3])


def test_hdf5_whose_values_are_in_another_file_is_refused(saved, tmp_path):
    def fill(archive):
        archive.create_dataset("param_0", (4,), "u1", external=[(str(tmp_path / "other"), 0, 4)])

    (tmp_path / "other").write_bytes(b"secret")
    with pytest.raises(RefusedFileError, match="param_0 is not in the file"):
        saved(hdf5(fill))


needs_theano = pytest.mark.skipif(
    importlib.util.find_spec("theano") is None, reason="theano is not installed"
)


@needs_theano
def test_what_theanos_pkl_utils_wrote_is_read(saved, run_python, tmp_path):
    script = (
        "from lasport import theano_compat; theano_compat.install();"
        "import numpy as np; from theano.misc import pkl_utils;"
        "x = np.arange(6, dtype='float32').reshape(2, 3);"
        "pkl_utils.dump({'W': x, 'again': x, 'b': np.ones(3)}, open('net.zip', 'wb'))"
    )
    done = run_python("-W", "ignore", "-c", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    content = read_content(tmp_path / "net.zip")
    assert content.format == "pkl_utils archive"
    assert content.root["W"] is content.root["again"]
    np.testing.assert_array_equal(content.root["W"], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(content.root["b"], np.ones(3))


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_npy", ".npy"), content)
    return stream.getvalue()


def refers_to(name):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return name if obj is ARRAYS[0] else None

    stream = io.BytesIO()
    Pickler(stream, 2).dump([ARRAYS[0]])
    return stream.getvalue()


def test_arrays_of_pkl_utils_may_have_dots_in_their_names(tmp_path):
    """As all parameters have whose layers have names; Theano itself cannot read them back."""
    array = io.BytesIO()
    np.save(array, ARRAYS[0])
    members = {"pkl": refers_to("ndarray.hidden.W"), "hidden.W": array.getvalue()}
    (tmp_path / "net.zip").write_bytes(zipped(**members))
    (found,) = read_content(tmp_path / "net.zip").root
    np.testing.assert_array_equal(found, ARRAYS[0])


def header(shape, dtype="'<f4'"):
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


OTHERS = {
    "nothing": (b"", "the file is empty"),
    "a Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        "a pointer to a file in Git LFS",
    ),
    "a web page": (b"\n<!DOCTYPE html><html><body>404", "a web page"),
    "text": (b"epoch 1: loss 0.5\n", "pickle opcode"),
    "half a zip": (npz(a=ARRAYS[9])[:-40], "truncated or corrupt zip archive"),
    "a damaged zip": (npz(a=ARRAYS[9]).replace(b"\0\0\x80?", b"\1\0\x80?"), "Bad CRC-32"),
    "a zip of text": (zipped(readme="hello"), "a zip archive without arrays"),
    "a Keras model": (zipped(**{"model.weights.h5": "..."}), "a saved Keras model, and no net of"),
    "an empty zip": (zipped(), "a zip archive without arrays"),
    "a lost array": (zipped(pkl=refers_to("ndarray.array_0")), "lacks the array 'ndarray.array_0'"),
    "half an npy": (npy(ARRAYS[9])[:-3], r"shape \(10,\) takes 40 bytes, but there are 37"),
    "a huge shape": (header("(1048576, 1048576, 1048576)"), "takes 4611686018427387904 bytes"),
    "a shape that overflows": (header("(4294967296, 4294967296, 4)"), "takes 29514790517935282"),
    "a negative size": (header("(-1, 4)"), "takes -16 bytes|corrupt npy"),
    "a strange version": (b"\x93NUMPY\x09\x00", "an npy file of version"),
    "no header": (b"\x93NUMPY\x01\x00\x04\x00abcd", "corrupt npy data"),
    "half an HDF5 file": (hdf5(lambda a: a.update(p=ARRAYS[9]))[:100], "corrupt HDF5 data"),
}


@pytest.mark.parametrize(("data", "words"), OTHERS.values(), ids=OTHERS)
def test_other_files_are_described_with_their_path(saved, data, words, tmp_path):
    with pytest.raises(UnreadableFileError, match=words) as caught:
        saved(data)
    assert str(caught.value).startswith(f"{tmp_path / 'saved.bin'}: ")


def test_an_array_of_text_is_refused(saved):
    with pytest.raises(RefusedFileError, match="parameters are numbers"):
        saved(npy(np.array(["a", "b"])))


def test_a_zip_that_unpacks_to_a_gigabyte_is_refused(saved):
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("arr_0.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(300):
            member.write(bytes(2**20))
    assert len(stream.getvalue()) < 2**20
    with pytest.raises(RefusedFileError, match="unpacks to 314572800 bytes"):
        saved(stream.getvalue())


def lying_zip(size):
    """Return an archive whose member says that it has few bytes, and unpacks to many."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arr_0.npy", npy(np.zeros(size, np.uint8)))
    data = bytearray(stream.getvalue())
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (200).to_bytes(4, "little")
    return bytes(data)


def test_a_member_cannot_unpack_to_more_than_it_says(saved):
    data = lying_zip(2**26)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match="zip"):
            saved(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize("method", (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
def test_members_packed_as_numpy_never_does_are_refused(saved, method):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("arr_0.npy", npy(np.zeros(9)))
    with pytest.raises(RefusedFileError, match=r"arr_0\.npy is compressed in a way"):
        saved(stream.getvalue())


def many_empty(archive):
    for n in range(300):
        archive.create_dataset(f"d{n}", (2**20,), "u1", chunks=(2**20,), compression="gzip")[:] = 0


def never_written(archive):
    archive.create_dataset("d", (2**20,), "f4")


HDF5_BOMBS = {"many small bombs": many_empty, "no storage": never_written}


@pytest.mark.parametrize("name", HDF5_BOMBS)
def test_datasets_that_are_not_there_are_refused(saved, name):
    with pytest.raises(RefusedFileError, match="not in the file with all its values"):
        saved(hdf5(HDF5_BOMBS[name]))


def test_a_filter_that_is_a_plugin_is_refused(saved):
    data = hdf5(lambda archive: archive.create_dataset("d", data=ARRAYS[3], compression="lzf"))
    assert list(saved(data).root) == ["d"]
    assert data.count((32000).to_bytes(2, "little")) == 1
    with pytest.raises(RefusedFileError, match="filter 32015"):
        saved(data.replace((32000).to_bytes(2, "little"), (32015).to_bytes(2, "little")))


def test_names_that_are_no_text_are_unreadable(saved):
    data = hdf5(lambda archive: archive.create_dataset(b"layer\xff", data=ARRAYS[3]))
    with pytest.raises(UnreadableFileError, match="a name that is no text"):
        saved(data)

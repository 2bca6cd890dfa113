"""Reading and writing parity records."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import weakref
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lasport.errors import UnreadableFileError
from lasport.oracles.members import read_members
from lasport.oracles.record import Record, read_record, write_record

Members = dict[str, Any]


@pytest.fixture
def dropout_net(golden: Path) -> Record:
    return read_record(golden / "net_dropout_before_batchnorm.npz.bz2")


@pytest.fixture
def record_file(golden: Path, tmp_path: Path) -> Path:
    """Return a record as `write_record` writes it."""
    path = tmp_path / "dense_tanh.npz"
    write_record(path, read_record(golden / "dense_tanh.npz.bz2"))
    return path


def members(path: Path) -> Members:
    with np.load(path) as archive:
        return dict(archive)


def change_meta(content: Members, **changes: Any) -> None:
    content["meta"] = np.array(json.dumps({**json.loads(str(content["meta"])), **changes}))


def test_every_golden_record_is_whole(golden: Path) -> None:
    paths = sorted(golden.glob("*.npz.bz2"))
    assert len(paths) >= 120
    for path in paths:
        read_record(path)


def test_writing_gives_the_bytes_that_were_read(record_file: Path, tmp_path: Path) -> None:
    write_record(tmp_path / "copy.npz", read_record(record_file))
    assert (tmp_path / "copy.npz").read_bytes() == record_file.read_bytes()


@pytest.mark.parametrize("compress", (bz2.compress, gzip.compress, lzma.compress))
def test_what_is_compressed_is_read(
    compress: Callable[[bytes], bytes], record_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "compressed"
    path.write_bytes(compress(record_file.read_bytes()))
    expected, found = read_record(record_file), read_record(path)
    assert found.meta == expected.meta
    assert all(np.array_equal(found.arrays[key], value) for key, value in expected.arrays.items())


def test_failed_writing_leaves_the_old_file_and_nothing_else(golden: Path, tmp_path: Path) -> None:
    record = read_record(golden / "dense_tanh.npz.bz2")
    target = tmp_path / "record.npz"
    target.write_bytes(b"old")
    broken = Record(record.meta, {**record.arrays, "zzz": np.array([object()])})
    with pytest.raises(ValueError, match="Object arrays"):
        write_record(target, broken)
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["record.npz"]


def test_series_come_in_numerical_order(golden: Path) -> None:
    record = read_record(golden / "net_digits.npz.bz2")
    assert len(record.params) == len(record.meta["params"]) > 10
    assert [id(p) for p in record.params] == [
        id(record.arrays[f"params/{n}"]) for n in range(len(record.params))
    ]


def test_values_have_the_shapes_of_their_layers(dropout_net: Record) -> None:
    for mode in ("inference", "training"):
        for layer, value in zip(dropout_net.meta["layers"], dropout_net.layers(mode), strict=True):
            assert layer["output_shape"][1:] == list(value.shape[1:])


def test_outputs_are_values_of_the_output_layers(golden: Path) -> None:
    record = read_record(golden / "net_two_inputs_two_outputs.npz.bz2")
    assert len(record.inputs) == len(record.outputs("training")) == 2
    for mode in ("inference", "training"):
        layers = record.layers(mode)
        for index, output in zip(record.meta["outputs"], record.outputs(mode), strict=True):
            np.testing.assert_array_equal(output, layers[index])


def test_masks_are_listed_by_layer(dropout_net: Record) -> None:
    kinds = [layer["kind"].rpartition(".")[2] for layer in dropout_net.meta["layers"]]
    stochastic = [k for k, kind in enumerate(kinds) if kind == "DropoutLayer"]
    batch = dropout_net.inputs[0].shape[0]
    assert list(dropout_net.masks) == stochastic
    assert [mask.shape for mask in dropout_net.masks[stochastic[0]]] == [(batch, 7, 1, 1)]
    for training_pass in range(1, dropout_net.meta["passes"] + 1):
        assert list(dropout_net.pass_masks(training_pass)) == stochastic
        assert dropout_net.batch(training_pass)[0].shape == dropout_net.inputs[0].shape


def test_gradients_are_of_trainable_parameters(dropout_net: Record) -> None:
    trainable = [n for n, p in enumerate(dropout_net.meta["params"]) if "trainable" in p["tags"]]
    for mode in ("inference", "training"):
        grads = dropout_net.grads(mode)
        assert list(grads) == trainable
        assert all(grads[n].shape == dropout_net.params[n].shape for n in trainable)
        assert dropout_net.input_grads(mode)[0].shape == dropout_net.inputs[0].shape


def test_a_record_without_gradients_says_why(golden: Path) -> None:
    record = read_record(golden / "pool2d_exc_pad.npz.bz2")
    assert "AveragePoolGrad" in str(record.meta["no_gradient"])
    assert record.grads("training") == record.input_grads("inference") == {}


def no_meta(content: Members) -> None:
    del content["meta"]


def bad_json(content: Members) -> None:
    content["meta"] = np.array("{")


def other_format(content: Members) -> None:
    change_meta(content, format=99)


def short_meta(content: Members) -> None:
    meta = json.loads(str(content["meta"]))
    del meta["passes"]
    content["meta"] = np.array(json.dumps(meta))


def lost_array(content: Members) -> None:
    del content["training/params/1/0"]


def lost_gradient(content: Members) -> None:
    del content["inference/grads/1"]


def extra_array(content: Members) -> None:
    content["params/2"] = np.zeros(3)


def misnamed_mask(content: Members) -> None:
    content["training/masks/one/0"] = np.zeros(3)


def unclaimed_gradients(content: Members) -> None:
    change_meta(content, no_gradient="none wanted")


DAMAGES = [
    (no_meta, "no 'meta'"),
    (bad_json, "not JSON"),
    (other_format, "format 99"),
    (short_meta, "lacks passes"),
    (lost_array, "lacks training/params/1/0"),
    (lost_gradient, "lacks inference/grads/1"),
    (extra_array, "unexpected params/2"),
    (misnamed_mask, "unexpected training/masks/one/0"),
    (unclaimed_gradients, "unexpected inference/grads/0.* and 3 more"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES, ids=lambda x: getattr(x, "__name__", None))
def test_a_record_that_is_not_whole_is_refused(
    damage: Callable[[Members], None], message: str, record_file: Path, tmp_path: Path
) -> None:
    content = members(record_file)
    damage(content)
    path = tmp_path / "damaged.npz"
    np.savez(path, **content)
    with pytest.raises(UnreadableFileError, match=rf"damaged\.npz.*{message}"):
        read_record(path)


def single_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((2, 3)))
    return buffer.getvalue()


def pickled_objects() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, meta=np.array([{"format": 1}], dtype=object))
    return buffer.getvalue()


def empty_archive() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


FILES = [
    (lambda: b"", "not a parity record"),
    (lambda: b"not an archive", "not a parity record"),
    (single_array, "single array"),
    (pickled_objects, "not a parity record: Object arrays"),
    (empty_archive, "no 'meta'"),
]


@pytest.mark.parametrize(("content", "message"), FILES)
def test_a_file_that_is_no_record_is_refused(
    content: Callable[[], bytes], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.npz"
    path.write_bytes(content())
    with pytest.raises(UnreadableFileError, match=rf"file\.npz: .*{message}"):
        read_record(path)


@pytest.mark.parametrize("part", (0.01, 0.3, 0.7, 0.99))
def test_a_truncated_record_is_refused(part: float, record_file: Path, tmp_path: Path) -> None:
    whole = record_file.read_bytes()
    path = tmp_path / "cut.npz"
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(UnreadableFileError, match=r"cut\.npz"):
        read_record(path)


@pytest.mark.parametrize("small", (0, 2**24))
def test_a_record_with_flipped_bytes_is_refused(
    small: int, record_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lasport.oracles.members.SMALL", small)
    whole = bytearray(record_file.read_bytes())
    with zipfile.ZipFile(record_file) as archive:
        start = archive.getinfo("params/0.npy").header_offset
    for position in range(start + 60, start + 90):
        whole[position] ^= 0xFF
    path = tmp_path / "flipped.npz"
    path.write_bytes(whole)
    with pytest.raises(UnreadableFileError, match=r"flipped\.npz"):
        read_record(path)


def test_arrays_of_a_large_record_are_read_when_they_are_asked_for(
    record_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_record(record_file)
    monkeypatch.setattr("lasport.oracles.members.SMALL", 0)
    record = read_record(record_file)
    first, again = (weakref.ref(record.arrays["params/0"]) for _ in range(2))
    assert first() is again() is None
    assert record.arrays.keys() == whole.arrays.keys()
    assert len(record.arrays) == len(whole.arrays)
    for key, array in whole.arrays.items():
        np.testing.assert_array_equal(record.arrays[key], array)
    assert "meta" not in record.arrays
    assert "params/99" not in record.arrays


def test_the_file_of_a_large_record_is_closed_with_it(
    record_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lasport.oracles.members.SMALL", 0)
    with record_file.open("rb") as content:
        arrays = read_members(content)
        assert arrays["params/0"].size
        del arrays
        assert content.closed


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"absent\.npz: No such file"):
        read_record(tmp_path / "absent.npz")

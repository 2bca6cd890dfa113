"""Files come decompressed by content, and what cannot be read says which file it was."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import threading

import pytest

from lasport.errors import RefusedFileError, UnreadableFileError
from lasport.readers import containers
from lasport.readers.containers import read_bytes

COMPRESS = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
CONTENT = random.Random(3).randbytes(5000) + b"a pickle" * 500


def write(tmp_path, data, name="net.pkl"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("content", (CONTENT, b"", b"\x80\x02N.", b"(lp1\n."))
def test_a_plain_file_is_read_as_it_is(tmp_path, content):
    path = write(tmp_path, content, "net.pkl.gz")
    assert read_bytes(path) == content
    assert read_bytes(str(path)) == content


@pytest.mark.parametrize("inner", (None, *COMPRESS))
@pytest.mark.parametrize("outer", COMPRESS)
def test_compressed_files_are_known_by_content(tmp_path, outer, inner):
    data = COMPRESS[inner](CONTENT) if inner else CONTENT
    assert read_bytes(write(tmp_path, COMPRESS[outer](data))) == CONTENT


@pytest.mark.parametrize("outer", COMPRESS)
def test_an_empty_content(tmp_path, outer):
    assert read_bytes(write(tmp_path, COMPRESS[outer](b""))) == b""


@pytest.mark.parametrize("name", COMPRESS)
def test_streams_one_after_the_other_are_one_content(tmp_path, name):
    compress = COMPRESS[name]
    assert read_bytes(write(tmp_path, compress(b"first, ") + compress(b"second"))) == (
        b"first, second"
    )


def test_three_layers_are_opened_and_no_more(tmp_path):
    data = [CONTENT]
    for _ in range(4):
        data.append(gzip.compress(data[-1]))
    assert read_bytes(write(tmp_path, data[3])) == CONTENT
    assert read_bytes(write(tmp_path, data[4])) == data[1]


@pytest.mark.parametrize("name", COMPRESS)
@pytest.mark.parametrize("kept", (12, 100, -1))
def test_truncated_data_are_unreadable(tmp_path, name, kept):
    path = write(tmp_path, COMPRESS[name](CONTENT)[:kept])
    with pytest.raises(UnreadableFileError, match=rf"net\.pkl: truncated or corrupt {name} data"):
        read_bytes(path)


# A checksum that does not fit, and content that does not even decompress.
@pytest.mark.parametrize("place", (2000, 15))
@pytest.mark.parametrize("name", COMPRESS)
def test_corrupt_data_are_unreadable(tmp_path, name, place):
    data = bytearray(COMPRESS[name](CONTENT))
    data[place] ^= 0xFF
    path = write(tmp_path, bytes(data))
    with pytest.raises(UnreadableFileError, match=rf"net\.pkl: truncated or corrupt {name} data"):
        read_bytes(path)


@pytest.mark.parametrize("compress", (bytes, gzip.compress))
def test_a_pipe_is_read(tmp_path, compress):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(compress(CONTENT)))
    writer.start()
    assert read_bytes(path) == CONTENT
    writer.join()


def test_a_missing_file_is_unreadable(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"missing\.pkl: No such file"):
        read_bytes(tmp_path / "missing.pkl")


def test_a_directory_is_unreadable(tmp_path):
    with pytest.raises(UnreadableFileError, match=str(tmp_path.name)):
        read_bytes(tmp_path)


def test_a_path_that_no_system_takes_is_unreadable():
    with pytest.raises(UnreadableFileError, match="null"):
        read_bytes("net\0.pkl")


@pytest.mark.parametrize("name", COMPRESS)
def test_content_out_of_proportion_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(containers, "_ALWAYS_ALLOWED", 2**20)
    zeros = COMPRESS[name](bytes(2**23))
    with pytest.raises(RefusedFileError, match=r"net\.pkl: .* decompress it and give the result"):
        read_bytes(write(tmp_path, zeros))
    with pytest.raises(RefusedFileError, match=r"net\.pkl: "):
        read_bytes(write(tmp_path, gzip.compress(zeros)))


def test_weights_that_are_mostly_zero_are_read(tmp_path):
    zeros = bytes(2**23)
    assert read_bytes(write(tmp_path, gzip.compress(zeros))) == zeros

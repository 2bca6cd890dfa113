"""Pickles made to harm: nothing of them is imported, called or allocated."""

from __future__ import annotations

import contextlib
import pickle
import sys
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lasport.errors import LasportError, RefusedFileError, UnreadableFileError
from lasport.inert import Instance
from lasport.readers.pickle_machine import _OPCODES, load_inert


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


def by_name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


# How a pickle can ask for a call of `name` in `module`, with the arguments that `args` pushes.
Spelling = Callable[[str, str, bytes], bytes]
SPELLINGS: dict[str, Spelling] = {
    "GLOBAL and REDUCE": lambda module, name, args: by_name(module, name) + b"(" + args + b"tR",
    "STACK_GLOBAL and REDUCE": lambda module, name, args: (
        b"\x80\x04" + text(module) + text(name) + b"\x93(" + args + b"tR"
    ),
    "INST": lambda module, name, args: b"(" + args + f"i{module}\n{name}\n".encode(),
    "OBJ": lambda module, name, args: b"(" + by_name(module, name) + args + b"o",
    "NEWOBJ": lambda module, name, args: by_name(module, name) + b"(" + args + b"t\x81",
    "NEWOBJ_EX": lambda module, name, args: by_name(module, name) + b"(" + args + b"t}\x92",
    "__newobj__": lambda module, name, args: (
        by_name("copy_reg", "__newobj__") + b"(" + by_name(module, name) + args + b"tR"
    ),
    "_reconstructor": lambda module, name, args: (
        by_name("copy_reg", "_reconstructor")
        + b"("
        + by_name(module, name)
        + by_name("__builtin__", "object")
        + b"NtR("
        + args
        + b"tb"
    ),
    "BUILD of the callable": lambda module, name, args: (
        by_name(module, name) + b")R}" + text("__setstate__") + args + b"0Nsb"
    ),
    "partial": lambda module, name, args: (
        by_name("functools", "partial") + b"(" + by_name(module, name) + args + b"tR)R"
    ),
    "map": lambda module, name, args: (
        by_name("__builtin__", "list")
        + b"("
        + by_name("__builtin__", "map")
        + b"("
        + by_name(module, name)
        + b"("
        + args
        + b"ltRtR"
    ),
    "__setstate__": lambda module, name, args: (
        by_name("argparse", "Namespace")
        + b")R}"
        + text("__setstate__")
        + by_name(module, name)
        + b"sb("
        + args
        + b"1"
        + args
        + b"b"
    ),
    "element of a list": lambda module, name, args: (
        by_name("__builtin__", "set") + b"](" + by_name(module, name) + b"(" + args + b"tRe\x85R"
    ),
    "key of a dict": lambda module, name, args: (
        b"}" + by_name(module, name) + b"(" + args + b"tRNs"
    ),
}
# What Python's own unpickler falls for with os.mkdir: proof that the bait is good.
EFFECTIVE = (
    *("GLOBAL and REDUCE", "STACK_GLOBAL and REDUCE", "INST", "OBJ", "map", "__setstate__"),
    *("element of a list", "key of a dict"),
)

# Callables that would leave the marker (a file or directory at that path), with their arguments.
CALLS: dict[tuple[str, str], Callable[[Path], bytes]] = {
    ("os", "mkdir"): lambda marker: text(str(marker)),
    ("os", "system"): lambda marker: text(f'mkdir "{marker}"'),
    ("posix", "system"): lambda marker: text(f'mkdir "{marker}"'),
    ("nt", "system"): lambda marker: text(f'mkdir "{marker}"'),
    ("os", "popen"): lambda marker: text(f'mkdir "{marker}"'),
    ("subprocess", "Popen"): lambda marker: b"(" + text("mkdir") + text(str(marker)) + b"l",
    ("subprocess", "check_output"): lambda marker: b"(" + text("mkdir") + text(str(marker)) + b"l",
    ("__builtin__", "eval"): lambda marker: text(f"__import__('os').mkdir({str(marker)!r})"),
    ("builtins", "exec"): lambda marker: text(f"import os; os.mkdir({str(marker)!r})"),
    ("builtins", "open"): lambda marker: text(str(marker)) + text("w"),
    ("__builtin__", "execfile"): lambda marker: text(str(marker.with_name("hostile_module.py"))),
    ("runpy", "run_path"): lambda marker: text(str(marker.with_name("hostile_module.py"))),
    ("importlib", "import_module"): lambda marker: text("hostile_module"),
    ("hostile_module", "anything"): lambda marker: b"",
    ("numpy", "load"): lambda marker: text(str(marker.with_name("hostile.npy"))) + b"N\x88",
    ("numpy.core.multiarray", "fromfile"): lambda marker: text(str(marker)),
    ("numpy", "memmap"): lambda marker: text(str(marker)) + text("u1") + text("w+") + b"K\0K\5",
    ("theano.compile.function", "function"): lambda marker: b"]]",
    ("theano.gof.cmodule", "gcc_module_compile_str"): lambda marker: text(str(marker)) + b"NN",
    ("torch.storage", "_load_from_bytes"): lambda marker: text("x"),
    ("pickle", "loads"): lambda marker: (
        text("") + b"0C" + bytes([len(mkdir(marker))]) + mkdir(marker)
    ),
}


def mkdir(marker: Path) -> bytes:
    return SPELLINGS["GLOBAL and REDUCE"]("os", "mkdir", text(str(marker))) + b"."


@pytest.fixture
def marker(tmp_path, monkeypatch) -> Path:
    """Return where a marker would appear; what would plant it lies beside."""
    marker = tmp_path / "marker"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "hostile_module.py").write_text(f"import os\nos.mkdir({str(marker)!r})\n")
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (117 - len(header)) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + mkdir(marker)
    (tmp_path / "hostile.npy").write_bytes(content)
    load_inert(b"S'x'\n0Vx\n.")  # the codecs that the reader itself uses are modules
    return marker


def assert_inert(data: bytes, marker: Path) -> None:
    before = set(sys.modules)
    with contextlib.suppress(LasportError):  # refused: as good as read inertly
        load_inert(data)
    assert not marker.exists()
    assert set(sys.modules) == before


@pytest.mark.parametrize("call", CALLS, ids=".".join)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_call_is_made(marker, spelling, call):
    assert_inert(SPELLINGS[spelling](*call, CALLS[call](marker)) + b".", marker)


@pytest.mark.parametrize("spelling", EFFECTIVE)
def test_python_itself_would_make_the_call(marker, spelling):
    pickle.loads(SPELLINGS[spelling]("os", "mkdir", CALLS["os", "mkdir"](marker)) + b".")
    assert marker.exists()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_harmless_spelling_is_read_and_not_only_refused(spelling):
    load_inert(SPELLINGS[spelling]("os", "mkdir", text("path")) + b".")


def getattr_chain(marker: Path) -> bytes:
    # getattr(__import__("os"), "mkdir")(marker)
    module = SPELLINGS["GLOBAL and REDUCE"]("__builtin__", "__import__", text("os"))
    function = SPELLINGS["GLOBAL and REDUCE"]("__builtin__", "getattr", module + text("mkdir"))
    return function + b"(" + text(str(marker)) + b"tR."


def test_a_chain_of_getattr_is_only_recorded(marker):
    data = getattr_chain(marker)
    assert_inert(data, marker)
    result = load_inert(data)
    assert result.cls.path == "builtins.getattr"
    assert result.cls.args[1] == "mkdir"
    assert repr(result) == "<Instance of the result of another call>"
    pickle.loads(data)
    assert marker.exists()


def test_a_dotted_name_is_only_a_name(marker):
    data = (
        b"\x80\x04" + text("os") + text("path.os.mkdir") + b"\x93" + text(str(marker)) + b"\x85R."
    )
    assert_inert(data, marker)
    assert load_inert(data).path == "os.path.os.mkdir"
    pickle.loads(data)
    assert marker.exists()


ATTRIBUTES = ("__class__", "__dict__", "__reduce__", "__setstate__", "__getattr__", "__del__")


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_special_names_in_a_state_are_only_keys(marker, name):
    data = b"cm\nC\n)\x81}" + text(name) + by_name("os", "mkdir") + b"sb."
    assert_inert(data, marker)
    result = load_inert(data)
    assert result.get(name).path == "os.mkdir"
    assert type(result).__name__ == "Instance"


ARRAY = by_name("numpy.core.multiarray", "_reconstruct") + (
    by_name("numpy", "ndarray") + b"K\x00\x85U\x01b\x87R"
)


def dtype(code: str) -> bytes:
    return by_name("numpy", "dtype") + b"(" + text(code) + b"K\x00K\x01tR"


def array(shape: bytes, raw: bytes, code: str = "f8") -> bytes:
    return ARRAY + b"(K\x01" + shape + dtype(code) + b"\x89" + raw + b"tb"


MILLION_MILLION = b"\x8a\x06\x00\x10\xa5\xd4\xe8\x00"
LEVELS = 100_000

# Small files that ask for much: memory, time, or C stack. Those that need no more than a small
# multiple of their own size are read; the others end in the error given.
BOMBS: dict[str, tuple[bytes, type[LasportError] | None]] = {
    "a declared shape": (
        array(MILLION_MILLION + b"\x85", b"U\x0812345678"),
        UnreadableFileError,
    ),
    "a declared shape without data": (
        array(b"K\x00" + MILLION_MILLION + b"\x86", b"U\x00"),
        UnreadableFileError,
    ),
    "a text dtype of 400 MB": (array(b"K\x00\x85", b"U\x00", "U100000000"), RefusedFileError),
    "BINBYTES8 of 2**60": (b"\x8e" + (2**60).to_bytes(8, "little") + b"abc.", UnreadableFileError),
    "BINUNICODE8 of 2**63": (b"\x8d" + (2**63).to_bytes(8, "little") + b"a.", UnreadableFileError),
    "BYTEARRAY8 of 2**62": (b"\x96" + (2**62).to_bytes(8, "little") + b"a.", UnreadableFileError),
    "BINBYTES of 2**32": (b"B\xff\xff\xff\xffabc.", UnreadableFileError),
    "LONG4 of 2**31": (b"\x8b\xff\xff\xff\x7f\x01.", UnreadableFileError),
    "FRAME of 2**63": (
        b"\x80\x04\x95" + (2**63).to_bytes(8, "little") + b"N.",
        UnreadableFileError,
    ),
    "a giant memo index": (b"Nr\xff\xff\xff\x7f.", None),
    "a giant memo index as text": (b"Np99999999999999999999\n.", None),
    "a giant range": (
        by_name("__builtin__", "xrange") + b"K\x00" + MILLION_MILLION + b"K\x01\x87R.",
        None,
    ),
    "a list of a giant range": (
        by_name("__builtin__", "list")
        + by_name("__builtin__", "xrange")
        + (b"K\x00" + MILLION_MILLION + b"K\x01\x87R\x85R."),
        None,
    ),
    "DUP": (b"]" + b"2" * LEVELS + b".", None),
    "a list that holds itself": (b"]" + b"2a" * LEVELS + b".", None),
    "marks": (b"(" * LEVELS + b"N.", None),
    "nested slices": (
        by_name("__builtin__", "slice") + b"q\x00N" + b"q\x01h\x00Nh\x01N\x87R" * LEVELS + b".",
        UnreadableFileError,
    ),
    "nested object arrays": (
        dtype("O")
        + (b"q\x000" + ARRAY + b"q\x010N")
        + (b"q\x02" + ARRAY + b"(K\x01K\x01\x85h\x00\x89(h\x02ltb") * (LEVELS // 10)
        + b".",
        UnreadableFileError,
    ),
    "object arrays nested before they are filled": (
        dtype("O")
        + (b"q\x000" + ARRAY + b"q\x01")
        + (b"h\x01(K\x01K\x01\x85h\x00\x89(" + ARRAY + b"q\x01ltb0") * (LEVELS // 10)
        + b"N.",
        UnreadableFileError,
    ),
    "a deep tuple as key": (b"}N" + b"\x85" * LEVELS + b"Ns.", UnreadableFileError),
    "a deep frozenset": (b"N" + b"q\x00(h\x00\x91" * LEVELS + b".", UnreadableFileError),
    "a tuple of 2**60 parts as key": (b"}N" + b"2\x86" * 60 + b"Ns.", UnreadableFileError),
    "one list copied over and over": (
        (b"](" + b"N" * LEVELS + b"eq\x00" + by_name("__builtin__", "list") + b"q\x01")
        + b"h\x01h\x00\x85R" * LEVELS
        + b".",
        RefusedFileError,
    ),
    "one text encoded over and over": (
        text("a" * LEVELS)
        + (b"U\x06latin1\x86q\x00" + by_name("_codecs", "encode") + b"q\x01")
        + b"h\x01h\x00R" * LEVELS
        + b".",
        RefusedFileError,
    ),
    "one state merged over and over": (
        by_name("m", "C")
        + (b")\x81}(" + b"".join(b"M" + i.to_bytes(2, "little") + b"N" for i in range(50_000)))
        + (b"ub}K\x01Nsq\x00" + b"bh\x00" * LEVELS + b"b."),
        RefusedFileError,
    ),
    "one dict of keyword arguments checked over and over": (
        by_name("m", "C")
        + (b")}(" + b"".join(text(str(i)) + b"N" for i in range(50_000)) + b"uq\x00")
        + (b"\x92q\x01" + b"h\x01)h\x00\x92" * LEVELS + b"."),
        RefusedFileError,
    ),
    "one array filled over and over": (
        text("a" * 80_000)
        + b"q\x000"
        + (ARRAY + b"(K\x01J\x10\x27\x00\x00\x85" + dtype("f8") + b"\x89h\x00tb") * 500
        + b".",
        RefusedFileError,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_in_an_error_or_stays_small(name):
    data, error = BOMBS[name]
    tracemalloc.start()
    try:
        if error is None:
            load_inert(data)
        else:
            with pytest.raises(error):
                load_inert(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The most that one byte costs: "(" starts a list, and lists grow in steps.
    assert peak < 2**20 + 400 * len(data)


# Neither reading these nor freeing them may recurse.
NESTS: dict[str, tuple[bytes, type]] = {
    "tuples": (b"N" + b"\x85" * LEVELS, tuple),
    "lists": (b"]" * LEVELS + b"a" * (LEVELS - 1), list),
    "dicts": (b"(N" * LEVELS + b"N" + b"d" * LEVELS, dict),
    "calls": (by_name("m", "f") + b")R" * LEVELS, Instance),
    "arguments": (by_name("m", "f") + b"q\x00N" + b"q\x01h\x00h\x01\x85R" * LEVELS, Instance),
    "states": (by_name("m", "C") + b"q\x00N" + b"q\x01h\x00)\x81h\x01b" * LEVELS, Instance),
    "elements": (by_name("m", "C") + b"q\x00)R" + b"q\x01h\x00)Rh\x01a" * LEVELS, Instance),
    "OrderedDicts": (
        by_name("collections", "OrderedDict") + b"q\x00N" + b"q\x01h\x00)RNh\x01s" * LEVELS,
        OrderedDict,
    ),
}


@pytest.mark.parametrize("name", NESTS)
def test_deep_nesting_is_read(name):
    data, expected = NESTS[name]
    assert type(load_inert(data + b".")) is expected


VALUES = [
    {"a": [1, 2.5, None, True], (1, ("x",)): {"b": b"\xff", "c": "é"}},
    OrderedDict([(1, {2}), ("k", frozenset({3})), (-(10**30), slice(1, 2))]),
    [np.arange(6).astype(code).reshape(2, 3) for code in ("<f4", ">f8", "<i2", "?")],
    [np.array(["ab", "é"]), np.float32(0.5), np.array([[1], None], object)],
    [Path("a"), complex(1, 2), bytearray(b"abc"), range(3), pickle.PicklingError("x", 1)],
]
VALID = [pickle.dumps(value, protocol) for value in VALUES for protocol in range(6)]


def load_or_refuse(data: bytes) -> None:
    with contextlib.suppress(LasportError):
        load_inert(data)


@settings(max_examples=300)
@given(data=st.sampled_from(VALID), cut=st.floats(0, 1, exclude_max=True))
def test_truncated_pickles_are_unreadable(data, cut):
    with pytest.raises(UnreadableFileError):
        load_inert(data[: int(cut * len(data))])


@settings(max_examples=1000)
@given(
    data=st.sampled_from(VALID),
    changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(1, 255)), min_size=1, max_size=8),
)
def test_flipped_bytes_give_an_object_or_an_error(data, changes):
    changed = bytearray(data)
    for place, flip in changes:
        changed[place % len(data)] ^= flip
    load_or_refuse(bytes(changed))


@settings(max_examples=1000)
@given(
    parts=st.lists(
        st.one_of(
            st.sampled_from(list(_OPCODES)),
            st.sampled_from(VALID).map(lambda data: data[:-1]),
            st.sampled_from(
                [by_name("numpy", "dtype"), dtype("f8"), ARRAY, text("latin1"), b"1\n"]
            ),
            st.binary(max_size=4),
        ),
        max_size=30,
    )
)
def test_any_opcodes_in_any_order_give_an_object_or_an_error(parts):
    load_or_refuse(b"".join(parts) + b".")

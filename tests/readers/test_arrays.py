"""Numpy arrays come from the bytes that a pickle holds, whoever wrote it."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from lasport.errors import RefusedFileError, UnreadableFileError
from lasport.inert import Instance
from lasport.readers.pickle_machine import load_inert

PROTOCOLS = range(6)

DTYPES = (
    *("?", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8"),
    *("<u8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c8", "<c16", ">c16"),
    *("longdouble", "clongdouble", "S3", "<U2", ">U2"),
)


def numbers(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    count = math.prod(shape)
    return np.random.default_rng(7).integers(0, 100, count).astype(dtype).reshape(shape)


LAYOUTS = {
    "C": lambda dtype: numbers(dtype, (2, 3, 4)),
    "Fortran": lambda dtype: np.asfortranarray(numbers(dtype, (2, 3, 4))),
    "transposed": lambda dtype: numbers(dtype, (2, 3, 4)).transpose(1, 2, 0),
    "strided": lambda dtype: numbers(dtype, (2, 5, 4))[:, ::2],
    "large": lambda dtype: numbers(dtype, (30, 50)),
    "0-d": lambda dtype: numbers(dtype, ()),
    "empty": lambda dtype: numbers(dtype, (0,)),
    "empty with extent": lambda dtype: numbers(dtype, (3, 0, 2)),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_comes_back_as_it_was(dtype, layout, protocol):
    value = LAYOUTS[layout](dtype)
    result = load_inert(pickle.dumps(value, protocol))
    assert type(result) is np.ndarray
    assert result.dtype == value.dtype.newbyteorder("=")
    assert result.dtype.isnative
    assert result.shape == value.shape
    np.testing.assert_array_equal(result, value)
    assert not result.flags.writeable


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_values_that_do_not_equal_themselves_keep_their_bits(protocol):
    value = np.array([np.nan, -0.0, np.inf, 5e-324])
    assert load_inert(pickle.dumps(value, protocol)).tobytes() == value.tobytes()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_scalar_comes_back_as_it_was(dtype, protocol):
    value = numbers(dtype, (1,))[0]
    result = load_inert(pickle.dumps(value, protocol))
    assert type(result) is type(value)
    assert result == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ("<f4", ">f4", "O", "S5", "<U5"))
def test_a_dtype_comes_back_as_it_was(dtype, protocol):
    assert load_inert(pickle.dumps(np.dtype(dtype), protocol)) == np.dtype(dtype)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_that_share_a_dtype_and_arrays_that_are_shared(protocol):
    dtype = np.dtype(">f4")
    first, second = np.arange(3).astype(dtype), np.arange(4).astype(dtype)
    one, two, three = load_inert(pickle.dumps([first, second, first], protocol))
    assert one is three
    np.testing.assert_array_equal(two, second)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_object_array_holds_what_it_held(protocol):
    weights, shared = np.arange(6.0).reshape(2, 3), [1]
    value = np.empty((2, 2), object)
    value[0, 0], value[0, 1], value[1, 0], value[1, 1] = weights, None, shared, shared
    result = load_inert(pickle.dumps(value, protocol))
    assert result.dtype == object
    assert result.shape == (2, 2)
    np.testing.assert_array_equal(result[0, 0], weights)
    assert result[0, 1] is None
    assert result[1, 0] is result[1, 1]
    assert result[1, 0] == [1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_object_array_may_hold_object_arrays(protocol):
    # Parameters by layer: [array([W, b]), array([W, b])].
    value, layer = np.empty(1, object), np.empty(2, object)
    layer[0], layer[1], value[0] = np.ones((2, 3)), np.zeros(3), layer
    result = load_inert(pickle.dumps(value, protocol))
    assert [parameter.shape for parameter in result[0]] == [(2, 3), (3,)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_becomes_a_plain_array(protocol):
    result = load_inert(pickle.dumps(np.matrix([[1.0, 2.0, 3.0]]), protocol))
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, [[1.0, 2.0, 3.0]])


class Tagged(np.ndarray):
    pass


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_subclasses_of_arrays_are_recorded(protocol):
    result = load_inert(pickle.dumps(np.arange(3).view(Tagged), protocol))
    assert type(result) is Instance
    assert result.args[0].path == f"{__name__}.Tagged"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_random_state_is_recorded(protocol):
    result = load_inert(pickle.dumps(np.random.RandomState(5), protocol))
    assert type(result) is Instance
    assert result.path == "numpy.random._pickle.__randomstate_ctor"


# Written by cPickle of Python 2.7.18 and numpy 1.16: [array([[250, 251, 252], [253, 254, 255]],
# 'u1'), arange(6.).astype('>f4').reshape(3, 2), Fortran-ordered arange(6) as i2 (2, 3),
# float64(0.1), array(['ab', '\xff'])]
PYTHON_2_ARRAYS = {
    0: b"(lp1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntS'b'\ntRp4\n"
    b"(I1\n(I2\nI3\ntcnumpy\ndtype\np5\n(S'u1'\nI0\nI1\ntRp6\n(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\n"
    b"S'\\xfa\\xfb\\xfc\\xfd\\xfe\\xff'\ntbag2\n(g3\n(I0\ntS'b'\ntRp7\n(I1\n(I3\nI2\ntg5\n(S'f4'\n"
    b"I0\nI1\ntRp8\n(I3\nS'>'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x00\\x00?\\x80\\x00\\x00@"
    b"\\x00\\x00\\x00@@\\x00\\x00@\\x80\\x00\\x00@\\xa0\\x00\\x00'\ntbag2\n(g3\n(I0\ntS'b'\ntRp9\n"
    b"(I1\n(I2\nI3\ntg5\n(S'i2'\nI0\nI1\ntRp10\n(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI01\n"
    b"S'\\x00\\x00\\x03\\x00\\x01\\x00\\x04\\x00\\x02\\x00\\x05\\x00'\ntbacnumpy.core.multiarray\n"
    b"scalar\np11\n(g5\n(S'f8'\nI0\nI1\ntRp12\n(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
    b"S'\\x9a\\x99\\x99\\x99\\x99\\x99\\xb9?'\ntRp13\nag2\n(g3\n(I0\ntS'b'\ntRp14\n(I1\n(I2\ntg5\n"
    b"(S'S2'\nI0\nI1\ntRp15\n(I3\nS'|'\nNNNI2\nI1\nI0\ntbI00\nS'ab\\xff\\x00'\ntba.",
    1: b"]q\x01(cnumpy.core.multiarray\n_reconstruct\nq\x02(cnumpy\nndarray\nq\x03(K\x00tU\x01btRq"
    b"\x04(K\x01(K\x02K\x03tcnumpy\ndtype\nq\x05(U\x02u1K\x00K\x01tRq\x06(K\x03U\x01|NNNJ\xff\xff"
    b"\xff\xffJ\xff\xff\xff\xffK\x00tbI00\nU\x06\xfa\xfb\xfc\xfd\xfe\xfftbh\x02(h\x03(K\x00tU\x01"
    b"btRq\x07(K\x01(K\x03K\x02th\x05(U\x02f4K\x00K\x01tRq\x08(K\x03U\x01>NNNJ\xff\xff\xff\xffJ"
    b"\xff\xff\xff\xffK\x00tbI00\nU\x18\x00\x00\x00\x00?\x80\x00\x00@\x00\x00\x00@@\x00\x00@\x80"
    b"\x00\x00@\xa0\x00\x00tbh\x02(h\x03(K\x00tU\x01btRq\t(K\x01(K\x02K\x03th\x05(U\x02i2K\x00K"
    b"\x01tRq\n(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbI01\nU\x0c\x00\x00\x03\x00"
    b"\x01\x00\x04\x00\x02\x00\x05\x00tbcnumpy.core.multiarray\nscalar\nq\x0b(h\x05(U\x02f8K\x00K"
    b"\x01tRq\x0c(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x08\x9a\x99\x99\x99"
    b"\x99\x99\xb9?tRq\rh\x02(h\x03(K\x00tU\x01btRq\x0e(K\x01(K\x02th\x05(U\x02S2K\x00K\x01tRq"
    b"\x0f(K\x03U\x01|NNNK\x02K\x01K\x00tbI00\nU\x04ab\xff\x00tbe.",
    2: b"\x80\x02]q\x01(cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00"
    b"\x85U\x01b\x87Rq\x04(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K"
    b"\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\xfa\xfb\xfc\xfd\xfe\xfftbh"
    b"\x02h\x03K\x00\x85U\x01b\x87Rq\x07(K\x01K\x03K\x02\x86h\x05U\x02f4K\x00K\x01\x87Rq\x08(K"
    b"\x03U\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x18\x00\x00\x00\x00?\x80\x00"
    b"\x00@\x00\x00\x00@@\x00\x00@\x80\x00\x00@\xa0\x00\x00tbh\x02h\x03K\x00\x85U\x01b\x87Rq\t(K"
    b"\x01K\x02K\x03\x86h\x05U\x02i2K\x00K\x01\x87Rq\n(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff"
    b"\xff\xffK\x00tb\x88U\x0c\x00\x00\x03\x00\x01\x00\x04\x00\x02\x00\x05\x00tbcnumpy.core."
    b"multiarray\nscalar\nq\x0bh\x05U\x02f8K\x00K\x01\x87Rq\x0c(K\x03U\x01<NNNJ\xff\xff\xff\xffJ"
    b"\xff\xff\xff\xffK\x00tbU\x08\x9a\x99\x99\x99\x99\x99\xb9?\x86Rq\rh\x02h\x03K\x00\x85U\x01b"
    b"\x87Rq\x0e(K\x01K\x02\x85h\x05U\x02S2K\x00K\x01\x87Rq\x0f(K\x03U\x01|NNNK\x02K\x01K\x00tb"
    b"\x89U\x04ab\xff\x00tbe.",
}


@pytest.mark.parametrize("protocol", PYTHON_2_ARRAYS)
def test_arrays_from_python_2(protocol):
    high, big_endian, fortran, scalar, text = load_inert(PYTHON_2_ARRAYS[protocol])
    assert (high.dtype, high.tolist()) == (np.uint8, [[250, 251, 252], [253, 254, 255]])
    assert (big_endian.dtype, big_endian.tolist()) == (np.float32, [[0, 1], [2, 3], [4, 5]])
    assert (fortran.dtype, fortran.tolist()) == (np.int16, [[0, 1, 2], [3, 4, 5]])
    assert (type(scalar), scalar) == (np.float64, 0.1)
    assert text.tolist() == [b"ab", b"\xff"]


def call(module: bytes, name: bytes, *args: bytes) -> bytes:
    return b"c" + module + b"\n" + name + b"\n(" + b"".join(args) + b"tR"


def text(value: bytes) -> bytes:
    return b"U" + bytes([len(value)]) + value


def numbers_tuple(*values: int) -> bytes:
    return b"(" + b"".join(b"L%dL\n" % value for value in values) + b"t"


DTYPE_STATE = b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"


def dtype(code: bytes, state: bytes = DTYPE_STATE) -> bytes:
    return call(b"numpy", b"dtype", text(code), b"K\x00K\x01") + state + b"b"


EMPTY = call(
    b"numpy.core.multiarray", b"_reconstruct", b"cnumpy\nndarray\n", b"(K\x00t", text(b"b")
)


def array(shape: bytes, content: bytes, code: bytes = b"f4", order: bytes = b"\x89") -> bytes:
    return EMPTY + b"(K\x01" + shape + dtype(code) + order + content + b"tb"


def buffer(*args: bytes, package: bytes = b"numpy._core") -> bytes:
    return call(package + b".numeric", b"_frombuffer", *args)


def raw(value: bytes) -> bytes:
    return b"\x96" + len(value).to_bytes(8, "little") + value


SIX = np.arange(6, dtype="<f4").tobytes()

# Numpy 2 spells its package differently, and since 2.3 keeps the order of axes.
PROGRAMS = {
    "numpy 2's package": (
        array(numbers_tuple(2, 3), text(SIX)).replace(b"numpy.core", b"numpy._core"),
        [[0, 1, 2], [3, 4, 5]],
    ),
    "a buffer in C order": (
        buffer(raw(SIX), dtype(b"f4"), numbers_tuple(2, 3), text(b"C")),
        [[0, 1, 2], [3, 4, 5]],
    ),
    "a buffer in Fortran order": (
        buffer(raw(SIX), dtype(b"f4"), numbers_tuple(2, 3), text(b"F"), package=b"numpy.core"),
        [[0, 2, 4], [1, 3, 5]],
    ),
    "a buffer with an order of axes": (
        # What numpy 2.4 writes for arange(6).reshape(1, 2, 3).transpose(1, 2, 0).
        buffer(raw(SIX), dtype(b"f4"), numbers_tuple(1, 2, 3), text(b"K"), numbers_tuple(1, 2, 0)),
        [[[0], [1], [2]], [[3], [4], [5]]],
    ),
    "a shape of no dimensions": (array(b")", text(SIX[4:8])), 1),
    "objects": (array(numbers_tuple(2), b"(K\x07Nl", code=b"O8"), [7, None]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    data, expected = PROGRAMS[name]
    result = load_inert(data + b".")
    assert type(result) is np.ndarray
    assert result.tolist() == expected
    assert not result.flags.writeable


# As several versions of numpy spell them.
ARRAY_CLASSES = (
    (b"numpy", b"matrix"),
    (b"numpy.matrixlib.defmatrix", b"matrix"),
    (b"numpy", b"memmap"),
    (b"numpy.core.memmap", b"memmap"),
)


@pytest.mark.parametrize(("module", "name"), ARRAY_CLASSES)
def test_numpy_s_own_subclasses_become_plain_arrays(module, name):
    data = array(numbers_tuple(2, 3), text(SIX))
    result = load_inert(data.replace(b"cnumpy\nndarray\n", b"c%s\n%s\n" % (module, name)) + b".")
    assert type(result) is np.ndarray
    assert result.tolist() == [[0, 1, 2], [3, 4, 5]]


FIELDS = b"(K\x03U\x01|N(U\x01at}U\x01aNsK\x04K\x01K\x10t"

UNREADABLE = {
    "more declared than there is": (array(numbers_tuple(2, 4), text(SIX)), "takes 32 .* are 24"),
    "less declared than there is": (array(numbers_tuple(5), text(SIX)), "takes 20 .* are 24"),
    "a giant dimension": (array(numbers_tuple(10**12), text(b"12345678")), "takes 4000000000000 "),
    "a product that overflows": (array(numbers_tuple(2**32, 2**32), text(b"")), "are 0"),
    "a size beyond the machine's": (array(numbers_tuple(2**70), text(SIX)), "no size"),
    "negative sizes": (array(numbers_tuple(-2, -3), text(SIX)), "no size"),
    "sizes that are no integers": (array(b"(NNt", text(SIX)), "no size"),
    "sizes that are booleans": (array(b"(\x88t", text(SIX[:4])), "no size"),
    "a list for a shape": (array(b"](K\x06e", text(SIX)), "no tuple"),
    "65 dimensions": (array(numbers_tuple(*[1] * 65), text(SIX[:4])), "no tuple of 64"),
    "giant, and empty": (array(numbers_tuple(10**12, 0), text(b"")), "without any data"),
    "a million million empty texts": (
        array(numbers_tuple(10**12), text(b""), code=b"S0"),
        "without any data",
    ),
    "data that are a number": (array(numbers_tuple(1), b"K\x05"), "data given as int"),
    "data that are no bytes": (array(numbers_tuple(1), b"V\\u20ac\n"), "codec can't encode"),
    "text beyond Unicode": (array(numbers_tuple(1), text(b"\xff" * 4), code=b"U1"), "do not exist"),
    "too few objects": (array(numbers_tuple(3), b"(NNl", code=b"O8"), "takes 3 .* are 2"),
    "objects as raw bytes": (array(numbers_tuple(1), text(b"12345678"), code=b"O8"), "elements"),
    "no dtype": (EMPTY + b"(K\x01K\x06\x85N\x89" + text(SIX) + b"tb", "NoneType in the place of"),
    "a state of another kind": (EMPTY + b"}b", "array state that numpy"),
    "an order that is no flag": (array(numbers_tuple(6), text(SIX), order=b"N"), "array state"),
    "an array filled twice": (
        array(numbers_tuple(6), text(SIX)) + b"(K\x01K\x06\x85" + dtype(b"f4") + b"\x89N" + b"tb",
        "filled twice",
    ),
    "an array that holds itself": (
        EMPTY + b"q\x01(K\x01K\x01\x85" + dtype(b"O8") + b"\x89(h\x01ltb",
        "unfinished array",
    ),
    "a dtype state of another kind": (dtype(b"f4", b"}"), "dtype state that numpy"),
    "an unknown byte order": (dtype(b"f4", b"(K\x03K\x05NNNt"), "dtype state that numpy"),
    "a buffer of objects": (
        buffer(raw(b"12345678"), dtype(b"O8"), numbers_tuple(1), text(b"C")),
        "without raw data",
    ),
    "a buffer that is a list": (
        buffer(b"]", dtype(b"f4"), numbers_tuple(0), text(b"C")),
        "without raw data",
    ),
    "a buffer that is too short": (
        buffer(raw(SIX), dtype(b"f4"), numbers_tuple(7), text(b"C")),
        "takes 28 .* are 24",
    ),
    "an unknown order": (
        buffer(raw(SIX), dtype(b"f4"), numbers_tuple(6), text(b"Q")),
        "array buffer that numpy",
    ),
    "an order that is an array": (
        buffer(raw(SIX), dtype(b"f4"), numbers_tuple(6), array(numbers_tuple(6), text(SIX))),
        "array buffer that numpy",
    ),
    "axes that repeat": (
        buffer(raw(SIX), dtype(b"f4"), numbers_tuple(2, 3), text(b"K"), numbers_tuple(0, 0)),
        "no permutation",
    ),
    "a scalar of too few bytes": (
        call(b"numpy.core.multiarray", b"scalar", dtype(b"f8"), text(b"1234")),
        "takes 8 .* are 4",
    ),
    "a scalar of objects": (
        call(b"numpy.core.multiarray", b"scalar", dtype(b"O8"), text(b"12345678")),
        "object type",
    ),
    "a scalar without value": (
        call(b"numpy.core.multiarray", b"scalar", dtype(b"f8")),
        "without dtype and value",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_does_not_fit_is_unreadable(name):
    data, message = UNREADABLE[name]
    with pytest.raises(UnreadableFileError, match=message):
        load_inert(data + b".")


STRUCTURED = np.dtype([("a", "<f4"), ("b", "<i2")])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    (
        np.zeros(2, STRUCTURED),
        np.zeros(1, STRUCTURED)[0],
        np.zeros(2, "V4"),
        np.array(["2015-08-13"], "M8[D]"),
    ),
    ids=["structured", "structured scalar", "void", "dates"],
)
def test_structured_arrays_are_refused_with_what_to_do(value, protocol):
    with pytest.raises(RefusedFileError, match="save plain arrays instead"):
        load_inert(pickle.dumps(value, protocol))


def test_fields_on_a_plain_dtype_are_refused():
    with pytest.raises(RefusedFileError, match="structured"):
        load_inert(dtype(b"f4", FIELDS) + b".")

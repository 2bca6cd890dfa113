"""Pickles of every protocol, from this Python and from Python 2.7, become inert objects."""

from __future__ import annotations

import collections
import functools
import json
import math
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest

import lasport
from lasport.errors import RefusedFileError, UnreadableFileError
from lasport.inert import Global, Instance
from lasport.readers.pickle_machine import _OPCODES, load_inert

PROTOCOLS = range(6)


class Plain:
    pass


class Slots:
    __slots__ = ("x",)


class DictAndSlots(Plain):
    __slots__ = ("x",)


class ListOf(list):
    pass


class DictOf(dict):
    pass


class SetOf(set):
    pass


class TupleOf(tuple):
    __slots__ = ()


class Keywords:
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __getnewargs_ex__(self):
        return (3,), {"depth": 5}


def own(cls: type) -> str:
    return f"{__name__}.{cls.__name__}"


def test_every_opcode_of_python_is_known_under_its_name():
    expected = {code.encode("latin-1"): row.name for code, row in pickletools.code2op.items()}
    assert {code: name for code, (name, _) in _OPCODES.items()} == expected


PLAIN_DATA = {
    "none": None,
    "booleans": [True, False],
    "integers": [0, 1, 255, 256, 65535, 65536, 2**31 - 1, -1, -(2**31), 2**31, -(2**63), 10**300],
    "floats": [0.0, -1.5, 1e-300, math.inf],
    "text": [
        "",
        "a" * 300,
        "tab\tline\nquote'\"back\\slash",
        "é",
        "€",
        "\U0001f600",
        "\udc80",
        "\r",
    ],
    "bytes": [b"", b"\x00\xff\n\\'", bytes(range(256)) * 2],
    "bytearrays": [bytearray(), bytearray(b"\x00\xff")],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((((),),),)],
    "dicts": [{}, {1: 2}, {"a": {"b": None}, (1, ("x",)): [], 2.5: 3, None: 4}],
    "sets": [set(), {1, "x"}, frozenset(), frozenset({1, frozenset({2})})],
    "others": [1 + 2j, range(1, 9, 3), slice(None, 5, -1)],
    "many": [list(range(2500)), {str(i): i for i in range(2500)}],
    "ordered": collections.OrderedDict([("z", 1), ("a", 2), ("m", 3)]),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", PLAIN_DATA)
def test_plain_data_come_back_as_they_were(name, protocol):
    value = PLAIN_DATA[name]
    result = load_inert(pickle.dumps(value, protocol))
    assert result == value
    assert repr(result) == repr(value)  # also tells True from 1, and the order of a dict


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_object_that_is_used_twice_is_one_object(protocol):
    shared = [1]
    first, second, (third,) = load_inert(pickle.dumps([shared, shared, (shared,)], protocol))
    assert first is second is third


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_cycles_close(protocol):
    in_list: list[object] = []
    in_dict: dict[str, object] = {"list": in_list}
    in_object = Plain()
    in_object.state = in_dict
    in_list.extend([in_list, in_dict, (in_list,), in_object])
    in_dict["object"] = in_object
    result = load_inert(pickle.dumps(in_list, protocol))
    assert result[0] is result
    assert result[2] == (result,)
    assert result[1]["list"] is result
    assert result[1]["object"] is result[3]
    assert result[3].get("state") is result[1]
    assert repr(result[3]) == f"<Instance of {own(Plain)}>"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_dicts_may_be_keyed_by_objects(protocol):
    first, second = Plain(), Plain()
    value = [collections.OrderedDict([(first, 1), (second, 2)]), {second: 3}, {first}, second]
    ordered, plain, in_set, key = load_inert(pickle.dumps(value, protocol))
    assert type(ordered) is collections.OrderedDict
    assert list(ordered.values()) == [1, 2]
    assert list(ordered)[1] is key
    assert plain == {key: 3}
    assert in_set == {next(iter(ordered))}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_object_keeps_its_class_and_attributes(protocol):
    value = Plain()
    value.num_units = 7
    result = load_inert(pickle.dumps(value, protocol))
    assert type(result) is Instance
    assert result.cls == Global(__name__, "Plain")
    assert result.path == own(Plain)
    assert (result.args, result.kwargs, result.items, result.elements) == ((), {}, [], [])
    assert result.state == {"num_units": 7}
    assert result.get("num_units") == 7
    assert result.get("missing", "default") == "default"


@pytest.mark.parametrize("protocol", range(2, 6))
def test_slots_are_attributes(protocol):
    slots, both = Slots(), DictAndSlots()
    slots.x, both.x, both.y = 1, 2, 3
    first, second = load_inert(pickle.dumps([slots, both], protocol))
    assert first.state == {"x": 1}
    assert second.state == {"x": 2, "y": 3}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_subclasses_of_containers_keep_what_they_contain(protocol):
    value = [ListOf([1, 2]), DictOf(a=3), TupleOf((4, 5)), SetOf({6})]
    in_list, in_dict, in_tuple, in_set = load_inert(pickle.dumps(value, protocol))
    assert (in_list.path, in_list.elements) == (own(ListOf), [1, 2])
    assert (in_dict.path, in_dict.items) == (own(DictOf), [("a", 3)])
    assert (in_tuple.path, in_tuple.args) == (own(TupleOf), ((4, 5),))
    assert (in_set.path, in_set.args) == (own(SetOf), ([6],))


@pytest.mark.parametrize("protocol", range(2, 6))
def test_keyword_arguments_of_new_are_kept(protocol):
    result = load_inert(pickle.dumps(Keywords(), protocol))
    if protocol >= 4:
        assert (result.path, result.args, result.kwargs) == (own(Keywords), (3,), {"depth": 5})
    else:
        # Written as a call of partial(cls.__new__, cls, 3, depth=5).
        assert result.cls.path == "functools.partial"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_calls_are_recorded(protocol):
    partial = functools.partial(math.pow, 2)
    value = [partial, collections.deque([1, 2], 5), collections.defaultdict(list, {3: 4}), math.pow]
    first, second, third, function = load_inert(pickle.dumps(value, protocol))
    assert (first.path, first.args) == ("functools.partial", (Global("math", "pow"),))
    assert first.state[:2] == (Global("math", "pow"), (2,))
    assert (second.path, second.elements) == ("collections.deque", [1, 2])
    assert (third.path, third.args, third.items) == (
        "collections.defaultdict",
        (Global("builtins", "list"),),
        [(3, 4)],
    )
    assert function == Global("math", "pow")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_getattr_is_recorded(protocol):
    # Theano-PyMC writes getattr(TensorType, "filter") into pickles of ordinary nets.
    result = load_inert(pickle.dumps([Plain().__init_subclass__, "x".join], protocol))[1]
    assert (result.path, result.args) == ("builtins.getattr", ("x", "join"))


# Written by cPickle of Python 2.7.18: {"str": a str of bytes 0 ' " \ newline 255, "text": unicode,
# "numbers": [0, 255, 65536, -1, 10**30, 1.5, True, None], "twice": (shared, shared), "set":
# set([3]), "complex": 1-2j, "range": xrange(1, 7, 2)}
PYTHON_2_DATA = {
    0: b"(dp1\nS'set'\np2\nc__builtin__\nset\np3\n((lp4\nI3\natRp5\nsS'text'\np6\nV\\u20ac\xe9"
    b"\\u000a\np7\nsS'twice'\np8\n((lp9\nI1\naI-2\nag9\ntp10\nsS'range'\np11\nc__builtin__\n"
    b"xrange\np12\n(I1\nI7\nI2\ntRp13\nsS'complex'\np14\nc__builtin__\ncomplex\np15\n(F1\nF-2\n"
    b"tRp16\nsS'numbers'\np17\n(lp18\nI0\naI255\naI65536\naI-1\naL"
    b"1000000000000000000000000000000L\naF1.5\naI01\naNasS'str'\np19\n"
    b"S'\\x00\\'\"\\\\\\n\\xff'\np20\ns.",
    1: b"}q\x01(U\x03setq\x02c__builtin__\nset\nq\x03(]q\x04K\x03atRq\x05U\x04textq\x06X\x06\x00"
    b"\x00\x00\xe2\x82\xac\xc3\xa9\nq\x07U\x05twiceq\x08(]q\t(K\x01J\xfe\xff\xff\xffeh\ttU\x05"
    b"rangeq\nc__builtin__\nxrange\nq\x0b(K\x01K\x07K\x02tRq\x0cU\x07complexq\rc__builtin__\n"
    b"complex\nq\x0e(G?\xf0\x00\x00\x00\x00\x00\x00G\xc0\x00\x00\x00\x00\x00\x00\x00tRq\x0fU\x07"
    b"numbersq\x10]q\x11(K\x00K\xffJ\x00\x00\x01\x00J\xff\xff\xff\xffL"
    b"1000000000000000000000000000000L\nG?\xf8\x00\x00\x00\x00\x00\x00I01\nNeU\x03strq\x12U\x06"
    b"\x00'\"\\\n\xffq\x13u.",
    2: b"\x80\x02}q\x01(U\x03setq\x02c__builtin__\nset\nq\x03]q\x04K\x03a\x85Rq\x05U\x04textq\x06"
    b"X\x06\x00\x00\x00\xe2\x82\xac\xc3\xa9\nq\x07U\x05twiceq\x08]q\t(K\x01J\xfe\xff\xff\xffeh\t"
    b"\x86U\x05rangeq\nc__builtin__\nxrange\nq\x0bK\x01K\x07K\x02\x87Rq\x0cU\x07complexq\r"
    b"c__builtin__\ncomplex\nq\x0eG?\xf0\x00\x00\x00\x00\x00\x00G\xc0\x00\x00\x00\x00\x00\x00\x00"
    b"\x86Rq\x0fU\x07numbersq\x10]q\x11(K\x00K\xffJ\x00\x00\x01\x00J\xff\xff\xff\xff\x8a\r\x00"
    b"\x00\x00@\xea\xedtF\xd0\x9c,\x9f\x0cG?\xf8\x00\x00\x00\x00\x00\x00\x88NeU\x03strq\x12U\x06"
    b"\x00'\"\\\n\xffq\x13u.",
}


@pytest.mark.parametrize("protocol", PYTHON_2_DATA)
def test_data_from_python_2(protocol):
    result = load_inert(PYTHON_2_DATA[protocol])
    first, second = result.pop("twice")
    assert first is second
    assert first == [1, -2]
    assert result == {
        "str": "\x00'\"\\\n\xff",
        "text": "\u20ac\xe9\n",
        "numbers": [0, 255, 65536, -1, 10**30, 1.5, True, None],
        "set": {3},
        "complex": 1 - 2j,
        "range": range(1, 7, 2),
    }
    assert result["numbers"][6] is True


# Written by cPickle of Python 2.7.18: [old, new, OrderedDict([(new, 1), ("k", 2)]),
# a subclass of list [new], a subclass of dict {new: "value"}] with old.me = old, new.a = old
PYTHON_2_OBJECTS = {
    0: b"(lp1\n(i__main__\nOld\np2\n(dp3\nS'me'\np4\ng2\nsbaccopy_reg\n_reconstructor\np5\n"
    b"(c__main__\nNew\np6\nc__builtin__\nobject\np7\nNtRp8\n(dp9\nS'a'\ng2\nsbaccollections\n"
    b"OrderedDict\np10\n((lp11\n(lp12\ng8\naI1\naa(lp13\nS'k'\naI2\naatRp14\nag5\n(c__main__\n"
    b"MyList\np15\nc__builtin__\nlist\np16\n(lp17\ng8\natRp18\nag5\n(c__main__\nMyDict\np19\n"
    b"c__builtin__\ndict\np20\n(dp21\ng8\nS'value'\np22\nstRp23\na.",
    1: b"]q\x01((c__main__\nOld\nq\x02oq\x03}q\x04U\x02meq\x05h\x03sbccopy_reg\n_reconstructor\n"
    b"q\x06(c__main__\nNew\nq\x07c__builtin__\nobject\nq\x08NtRq\t}q\nU\x01ah\x03sbccollections\n"
    b"OrderedDict\nq\x0b(]q\x0c(]q\r(h\tK\x01e]q\x0e(U\x01kK\x02eetRq\x0fh\x06(c__main__\nMyList"
    b"\nq\x10c__builtin__\nlist\nq\x11]q\x12h\tatRq\x13h\x06(c__main__\nMyDict\nq\x14c__builtin__"
    b"\ndict\nq\x15}q\x16h\tU\x05valueq\x17stRq\x18e.",
    2: b"\x80\x02]q\x01((c__main__\nOld\nq\x02oq\x03}q\x04U\x02meq\x05h\x03sbc__main__\nNew\nq\x06"
    b")\x81q\x07}q\x08U\x01ah\x03sbccollections\nOrderedDict\nq\t]q\n(]q\x0b(h\x07K\x01e]q\x0c("
    b"U\x01kK\x02ee\x85Rq\rc__main__\nMyList\nq\x0e)\x81q\x0fh\x07a}q\x10bc__main__\nMyDict\nq"
    b"\x11)\x81q\x12h\x07U\x05valueq\x13s}q\x14be.",
}


@pytest.mark.parametrize("protocol", PYTHON_2_OBJECTS)
def test_objects_from_python_2(protocol):
    old, new, ordered, in_list, in_dict = load_inert(PYTHON_2_OBJECTS[protocol])
    assert (old.path, old.args, old.get("me")) == ("__main__.Old", (), old)
    assert (new.path, new.args, new.get("a")) == ("__main__.New", (), old)
    assert list(ordered.items()) == [(new, 1), ("k", 2)]
    assert (in_list.path, in_list.elements) == ("__main__.MyList", [new])
    assert (in_dict.path, in_dict.items) == ("__main__.MyDict", [(new, "value")])


# Opcodes and spellings that no pickler here writes.
PROGRAMS = {
    "raw bytes in a protocol-0 str": (b"S'\xe9\x80'\n.", "\xe9\x80"),
    "a str in double quotes": (b'S"it\'s"\n.', "it's"),
    "a long without its L": (b"L5\n.", 5),
    "an empty long": (b"\x8a\x00.", 0),
    "a long with a long count": (b"\x8b\x02\x00\x00\x00\x00\x80.", -32768),
    "a str with a long count": (b"T\x02\x00\x00\x00a\xff.", "a\xff"),
    "text with the longest count": (b"\x8d\x02\0\0\0\0\0\0\0\xc3\xa9.", "é"),
    "bytes with the longest count": (b"\x8e\x02\0\0\0\0\0\0\0a\xff.", b"a\xff"),
    "POP of a value": (b"K\x01K\x02" + b"0.", 1),
    "POP of a mark": (b"K\x01(0.", 1),
    "POP_MARK": (b"K\x01(K\x02K\x03" + b"1.", 1),
    "DUP": (b"K\x012\x86.", (1, 1)),
    "the largest memo index": (b"K\x01r\xff\xff\xff\xff0j\xff\xff\xff\xff.", 1),
    "a pickle in front of other bytes": (b"K\x01.K\x02.", 1),
    "a dict built from a list": (b"c__builtin__\ndict\n](K\x01K\x02\x86e\x85R.", {1: 2}),
    "bytearray from bytes": (b"c__builtin__\nbytearray\nC\x02a\xff\x85R.", bytearray(b"a\xff")),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    data, expected = PROGRAMS[name]
    result = load_inert(data)
    assert result == expected
    assert type(result) is type(expected)


RECORDED = {
    "an unknown encoding": (b"c_codecs\nencode\nVab\nVhex\n\x86R.", ("ab", "hex")),
    "a collection of text": (b"c__builtin__\nset\nVab\n\x85R.", ("ab",)),
    "a range of one argument": (b"c__builtin__\nxrange\nK\x05\x85R.", (5,)),
    "a dict of no pairs": (b"c__builtin__\ndict\n](K\x01K\x02e\x85R.", ([1, 2],)),
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_known_call_with_unusual_arguments_is_recorded(name):
    data, args = RECORDED[name]
    result = load_inert(data)
    assert type(result) is Instance
    assert result.args == args


def test_an_object_is_hashable_and_has_identity():
    first, second = load_inert(b"(c__builtin__\nobject\n)\x81c__builtin__\nobject\n)\x81t.")
    assert type(first) is type(second) is object
    assert first is not second


def test_arguments_of_new_are_kept_in_protocol_1():
    result = load_inert(b"ccopy_reg\n__newobj__\n(cm\nC\nK\x01K\x02tR.")
    assert (result.path, result.args) == ("m.C", (1, 2))


def test_several_builds_update_the_state():
    result = load_inert(b"cm\nC\n)\x81}Va\nK\x01sb}Vb\nK\x02sb}Va\nK\x03sb.")
    assert result.state == {"a": 3, "b": 2}


def test_a_state_that_is_no_dict_is_kept():
    result = load_inert(b"cm\nC\n)\x81(K\x01K\x02tb.")
    assert result.state == (1, 2)
    assert result.get("a", "default") == "default"


def test_a_shared_state_is_not_changed_through_one_of_its_objects():
    program = b"(cm\nC\n)\x81}Va\nK\x01sq\x00b}Vb\nK\x02sbcm\nD\n)\x81h\x00bt."
    first, second = load_inert(program)
    assert first.state == {"a": 1, "b": 2}
    assert second.state == {"a": 1}


def test_python_2_names_of_modules_are_normalized():
    assert load_inert(b"c__builtin__\nset\n.") == Global("builtins", "set")
    assert load_inert(b"ccopy_reg\n__newobj__\n.").path == "copyreg.__newobj__"


BROKEN = {
    "nothing at all": (b"", "ends without STOP at byte 0"),
    "no STOP": (b"K\x01", "ends without STOP at byte 2"),
    "no pickle": (b"version https://git-lfs", "no such pickle opcode.*at byte 0"),
    "a later protocol": (b"\x80\x06N.", "protocol 6.*PROTO at byte 0"),
    "cut in a value": (b"NX\x05\x00\x00\x00ab", "5 bytes wanted, 2 left .*BINUNICODE at byte 1"),
    "cut in a line": (b"I12", "line does not end"),
    "a frame that is too long": (b"\x80\x04\x95\xff\0\0\0\0\0\0\0N.", "frame is longer"),
    "a negative count": (b"T\xff\xff\xff\xffab.", "-1 bytes wanted"),
    "nothing for STOP": (b".", "nothing on the stack"),
    "too little for a tuple": (b"N\x87.", "too little on the stack"),
    "TUPLE without MARK": (b"Nt.", "no MARK"),
    "an unknown memo index": (b"h\x05.", "nothing was stored under 5"),
    "a negative memo index": (b"Np-1\n.", "negative memo index"),
    "an integer that is none": (b"Ixyz\n.", "invalid literal"),
    "an integer of a million digits": (b"I" + b"1" * 10**6 + b"\n.", "more than 4300 digits"),
    "an integer of a million bytes": (b"\x8b@B\x0f\0" + b"1" * 10**6 + b".", "more than 2048"),
    "a float that is none": (b"Fxyz\n.", "could not convert"),
    "a str without quotes": (b"Sabc\n.", "without its quotes"),
    "a str with half a quote": (b"S'\n.", "without its quotes"),
    "a str with a foreign escape": (b"S'\\N{DIGIT ONE}'\n.", "escape that Python 2"),
    "text that is no UTF-8": (b"\x8c\x01\xff.", "can't decode"),
    "text with half an escape": (b"V\\u12\n.", "truncated"),
    "elements for a number": (b"K\x01K\x02a.", "elements for int"),
    "elements for a tuple": (b")(K\x02e.", "elements for tuple"),
    "set elements for a list": (b"](K\x01\x90.", "set elements for list"),
    "items for a list": (b"]K\x00K\x05s.", "items for list"),
    "items for a class": (b"cm\nC\nK\x00K\x05s.", "items for Global"),
    "a key without a value": (b"}(K\x00u.", "key without a value"),
    "a list as key": (b"}]Ns.", "list in a dictionary key"),
    "a list in a tuple as key": (b"})]\x86Ns.", "list in a dictionary key"),
    "a list in a set": (b"\x8f(]\x90.", "list in a dictionary key or set element"),
    "a dict in a frozenset": (b"(}\x91.", "dict in a dictionary key or set element"),
    "a list as key of an OrderedDict": (
        b"ccollections\nOrderedDict\n](]N\x86e\x85R.",
        "list in a dictionary key",
    ),
    "a state for a class": (b"cm\nC\n}b.", "a state for Global"),
    "a state for a list": (b"]}b.", "a state for list"),
    "a call of a number": (b"K\x01)R.", "int called like a function"),
    "a call of a list's element": (b"]q\x00)R.", "list called like a function"),
    "arguments that are a list": (b"cm\nf\n]R.", "list in the place of arguments"),
    "an instance of text": (b"Vm\n)\x81.", "str called like a function"),
    "OBJ without a class": (b"(o.", "without a class"),
    "keyword arguments that are a list": (b"cm\nC\n)]\x92.", "keyword arguments"),
    "a keyword that is a number": (b"cm\nC\n)}K\x01Ns\x92.", "keyword arguments"),
    "a module that is a number": (b"K\x01Vname\n\x93.", "module or name is no text"),
    "a complex number beyond floats": (
        b"c__builtin__\ncomplex\nL1" + b"0" * 400 + b"L\nK\x01\x86R.",
        "too large",
    ),
    "a range without steps": (b"c__builtin__\nxrange\nK\x01K\x05K\x00\x87R.", "must not be zero"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_data_are_told_with_the_place(name):
    data, message = BROKEN[name]
    with pytest.raises(UnreadableFileError, match=message) as caught:
        load_inert(data)
    assert " at byte " in str(caught.value)


REFUSED = {
    "a class of the extension registry": (b"\x82\x01.", "extension registry"),
    "the same with two bytes": (b"\x83\x01\x00.", "extension registry"),
    "the same with four bytes": (b"\x84\x01\x00\x00\x00.", "extension registry"),
    "a persistent id": (b"Pid\n.", "persistent id"),
    "a persistent id on the stack": (b"NQ.", "persistent id"),
    "an out-of-band buffer": (b"\x97.", "out-of-band"),
    "an out-of-band buffer made read-only": (b"N\x98.", "out-of-band"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_lies_outside_of_the_file_is_refused(name):
    data, message = REFUSED[name]
    with pytest.raises(RefusedFileError, match=message):
        load_inert(data)


def test_out_of_band_buffers_of_python_are_refused():
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(pickle.PickleBuffer(b"ab"), 5, buffer_callback=buffers.append)
    with pytest.raises(RefusedFileError, match="buffer_callback"):
        load_inert(data)


def reachable(root: object) -> list[Instance]:
    """Return every Instance that hangs on `root`."""
    found, todo, seen = [], [root], set()
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Instance):
            found.append(value)
            todo += [value.cls, value.args, value.kwargs, value.state, value.items, value.elements]
        elif isinstance(value, dict):
            todo += [*value, *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            todo += value
    return found


def test_a_net_with_its_whole_theano_graph():
    # Facts of the file: written under Python 2.7 by Lasagne 0.2.dev1.
    path = Path(lasport.__file__).parent / "data" / "digits_bn.pkl"
    net = load_inert(path.read_bytes())
    assert net.path == "lasagne.layers.dense.DenseLayer"
    assert net.get("num_units") == 10
    assert net.get("nonlinearity") == Global("lasagne.nonlinearities", "softmax")
    norms = [value for value in reachable(net) if value.path and "BatchNormLayer" in value.path]
    assert sorted(value.get("alpha") for value in norms) == [0.05, 0.1, 0.2, 0.5]
    assert sum(value.path == "theano.gof.graph.Apply" for value in reachable(net)) > 100


# Each with the class of what it holds.
PUBLIC_PICKLES = {
    "Theano__Theano/gof__tests__test_fg_old_crash.pkl": dict,
    "Theano__Theano/gpuarray__tests__GpuArray.pkl": np.ndarray,
    "Theano__Theano/gpuarray__tests__GpuArray.pkl.old.pkl": np.ndarray,
    "Theano__Theano/sandbox__cuda__tests__CudaNdarray.pkl": np.ndarray,
    "Theano__Theano/sandbox__cuda__tests__CudaNdarray_py3.pkl": np.ndarray,
    "Theano__Theano/sandbox__cuda__tests__old_pool_interface.pkl": Instance,
    "Theano__Theano/sandbox__gpuarray__tests__GpuArray.pkl": np.ndarray,
    "Theano__Theano/scan_module__tests__inconsistent_scan.pkl": Instance,
    "Theano__Theano/tensor__signal__tests__old_pool_interface.pkl": Instance,
    "NIC-VICOROB__sub-cortical_segmentation/miccai2012_v1.pkl": collections.OrderedDict,
    "NIC-VICOROB__sub-cortical_segmentation/miccai2012_v1_history.pkl": list,
    "houghb__lignet/double_hidden_ann_objects.pkl": list,
    "houghb__lignet/final-0-solids_net.pkl": list,
    "lerrel__rllab-adv/env-InvertedPendulumAdv-v1_Exp1_Itr25_BS4000_Adv0.25_stp0.01_lam0.97_"
    "831200.p": dict,
    "matthijsvk__multimodalSR/gru_2layer_trained.pkl": dict,
    "yandexdataschool__AgentNet/gopher.pcl": list,
    "yandexdataschool__AgentNet/weights_after_epoch2000.pcl": dict,
}
# A pickle behind the header of an .npy file, which is one line.
PUBLIC_OBJECT_ARRAYS = ("snipsco__ntm-lasagne/copy.npy", "snipsco__ntm-lasagne/sort.npy")


@pytest.mark.parametrize("name", PUBLIC_PICKLES)
def test_public_pickle(corpus, name):
    assert type(load_inert((corpus / name).read_bytes())) is PUBLIC_PICKLES[name]


@pytest.mark.parametrize("name", PUBLIC_OBJECT_ARRAYS)
def test_public_object_array(corpus, name):
    _, _, data = (corpus / name).read_bytes().partition(b"\n")
    result = load_inert(data)
    assert {type(element).__name__ for element in result.flat} == {"ndarray"}


def test_no_public_pickle_is_left_out(corpus):
    entries = json.loads((corpus / "MANIFEST.json").read_text(encoding="utf-8"))
    pickles = {entry["file"] for entry in entries if entry["globals"] is not None}
    assert pickles == {*PUBLIC_PICKLES, *PUBLIC_OBJECT_ARRAYS}

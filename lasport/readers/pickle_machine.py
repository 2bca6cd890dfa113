"""Reads a pickle of any Python and protocol without running any of it.

Nothing here calls :mod:`pickle`. Every opcode of protocols 0 to 5 is one row of the table
below, after https://docs.python.org/3/library/pickletools.html; what a step does is in
:mod:`lasport.readers.pickle_stack`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO, TypeAlias

from lasport.errors import LasportError, RefusedFileError, UnreadableFileError
from lasport.readers.constructions import make_set
from lasport.readers.pickle_stack import Machine

__all__ = ["load_inert"]

# Python itself converts no longer text: it takes quadratic time. The same for binary
# integers, which take as long again whenever they serve as dictionary keys.
_MAX_DIGITS = 4300
_MAX_INTEGER_BYTES = 2048

# All that Python 2's repr of a str escapes.
_STR_ESCAPE = re.compile(rb"""\\(?:x[0-9a-fA-F]{2}|[nrt'"\\])""")


def load_inert(
    data: bytes | BinaryIO, persistent: Callable[[object], object] | None = None
) -> object:
    r"""Read the first object of a pickle, inertly.

    Parameters
    ----------
    data : bytes or file
        A pickle, uncompressed; a file is read from where it stands, and must be able to seek.
        What follows its STOP is ignored, as Python does.
    persistent : callable, optional
        Returns the object of a persistent id; without it such objects are refused.

    Returns
    -------
    object
        Plain Python data and numpy arrays where the pickle holds such; `Global` for the
        classes and functions it names, `Instance` for the objects made of them.
        Python 2's str comes as text with one character per byte (latin-1), except that
        the data of a large array stay bytes.

    Raises
    ------
    UnreadableFileError
        Where the data are truncated or corrupt; the message says at which byte.
    RefusedFileError
        For objects that live outside of the file, and for structured arrays.

    Examples
    --------
    >>> load_inert(b"cos\nsystem\n(S'ls'\ntR.")
    <Instance of os.system>
    """
    stream = BytesIO(data) if isinstance(data, bytes) else data
    machine = Machine(stream, persistent or _refuse_persistent)
    name, offset = "at the start", 0
    try:
        while machine.left:
            offset = machine.position
            code = machine.take(1)
            name, step = _OPCODES.get(code, _UNKNOWN)
            if name == "STOP":
                return machine.pop()
            step(machine)
    except LasportError as error:
        doubt = f"; is it a pickle? It begins with {machine.beginning()!r}" if not offset else ""
        raise type(error)(f"{error} (pickle opcode {name} at byte {offset}){doubt}") from error
    except (ValueError, OverflowError) as error:
        raise UnreadableFileError(f"{error} (pickle opcode {name} at byte {offset})") from error
    raise UnreadableFileError(f"truncated: the pickle ends without STOP at byte {machine.size}")


def _integer(line: bytes) -> int:
    if len(line) > _MAX_DIGITS:
        raise UnreadableFileError(f"an integer of more than {_MAX_DIGITS} digits")
    return int(line)


def _integer_or_bool(line: bytes) -> int:
    # How protocol 0 spells False and True.
    return {b"00": False, b"01": True}[line] if line in (b"00", b"01") else _integer(line)


def _long_integer(raw: bytes) -> int:
    if len(raw) > _MAX_INTEGER_BYTES:
        raise UnreadableFileError(f"an integer of more than {_MAX_INTEGER_BYTES} bytes")
    return int.from_bytes(raw, "little", signed=True)


def _float(raw: bytes) -> float:
    (value,) = struct.unpack(">d", raw)
    return float(value)


def _quoted(line: bytes) -> str:
    """Undo Python 2's repr of a str, one character per byte."""
    body = line[1:-1]
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise UnreadableFileError("a string without its quotes")
    if b"\\" in _STR_ESCAPE.sub(b"", body):
        raise UnreadableFileError("a string with an escape that Python 2 does not write")
    # With these escapes only, the codec agrees with Python 2; other bytes are latin-1.
    return body.decode("unicode_escape")


def _index(machine: Machine) -> int:
    index = _integer(machine.line())
    if index < 0:
        raise UnreadableFileError("a negative memo index")
    return index


def _class_instance(machine: Machine) -> None:
    cls = machine.named()
    machine.old_instance([cls, *machine.pop_mark()])


def _refuse_extension(machine: Machine) -> None:
    raise RefusedFileError(
        "a class by its number in copyreg's extension registry, which is not in the file;"
        " pickle again without registered extensions"
    )


def _refuse_persistent(reference: object) -> object:
    raise RefusedFileError(
        "an object by persistent id, which is not in the file; save with pickle.dump"
    )


def _refuse_buffer(machine: Machine) -> None:
    raise RefusedFileError(
        "an out-of-band buffer, which is not in the file; pickle again without buffer_callback"
    )


def _refuse_unknown(machine: Machine) -> None:
    raise UnreadableFileError("no such pickle opcode; corrupt data, or no pickle at all")


_Step: TypeAlias = Callable[[Machine], None]

_UNKNOWN: tuple[str, _Step] = ("unknown", _refuse_unknown)

_OPCODES: dict[bytes, tuple[str, _Step]] = {
    # Plain values
    b"N": ("NONE", lambda m: m.stack.append(None)),
    b"\x88": ("NEWTRUE", lambda m: m.stack.append(True)),
    b"\x89": ("NEWFALSE", lambda m: m.stack.append(False)),
    b"I": ("INT", lambda m: m.push(_integer_or_bool(m.line()))),
    b"L": ("LONG", lambda m: m.push(_integer(m.line().removesuffix(b"L")))),
    b"J": ("BININT", lambda m: m.push(m.signed(4))),
    b"K": ("BININT1", lambda m: m.push(m.unsigned(1))),
    b"M": ("BININT2", lambda m: m.push(m.unsigned(2))),
    b"\x8a": ("LONG1", lambda m: m.push(_long_integer(m.counted(1)))),
    b"\x8b": ("LONG4", lambda m: m.push(_long_integer(m.take(m.signed(4))))),
    b"F": ("FLOAT", lambda m: m.push(float(m.line()))),
    b"G": ("BINFLOAT", lambda m: m.push(_float(m.take(8)))),
    # Text and bytes; the first three are Python 2's str
    b"S": ("STRING", lambda m: m.push(_quoted(m.line()))),
    b"T": ("BINSTRING", lambda m: m.push(m.byte_string(m.signed(4)))),
    b"U": ("SHORT_BINSTRING", lambda m: m.push(m.counted(1).decode("latin-1"))),
    b"V": ("UNICODE", lambda m: m.push(m.line().decode("raw-unicode-escape"))),
    b"\x8c": ("SHORT_BINUNICODE", lambda m: m.push(m.text(1))),
    b"X": ("BINUNICODE", lambda m: m.push(m.text(4))),
    b"\x8d": ("BINUNICODE8", lambda m: m.push(m.text(8))),
    b"C": ("SHORT_BINBYTES", lambda m: m.push(m.counted(1))),
    b"B": ("BINBYTES", lambda m: m.push(m.counted(4))),
    b"\x8e": ("BINBYTES8", lambda m: m.push(m.counted(8))),
    b"\x96": ("BYTEARRAY8", lambda m: m.push(m.take_bytearray(m.unsigned(8)))),
    # Containers
    b")": ("EMPTY_TUPLE", lambda m: m.push(())),
    b"\x85": ("TUPLE1", lambda m: m.push(m.last(1))),
    b"\x86": ("TUPLE2", lambda m: m.push(m.last(2))),
    b"\x87": ("TUPLE3", lambda m: m.push(m.last(3))),
    b"t": ("TUPLE", lambda m: m.push(tuple(m.pop_mark()))),
    b"]": ("EMPTY_LIST", lambda m: m.push([])),
    b"l": ("LIST", lambda m: m.push(m.pop_mark())),
    b"a": ("APPEND", lambda m: m.append([m.pop()])),
    b"e": ("APPENDS", lambda m: m.append(m.pop_mark())),
    b"}": ("EMPTY_DICT", lambda m: m.push({})),
    b"d": ("DICT", Machine.make_dict),
    b"s": ("SETITEM", lambda m: m.set_items(m.last(2))),
    b"u": ("SETITEMS", lambda m: m.set_items(m.pop_mark())),
    b"\x8f": ("EMPTY_SET", lambda m: m.push(set())),
    b"\x90": ("ADDITEMS", lambda m: m.add(m.pop_mark())),
    b"\x91": ("FROZENSET", lambda m: m.push(frozenset(make_set(m.pop_mark())))),
    # Stack and memo
    b"(": ("MARK", Machine.mark),
    b"0": ("POP", Machine.drop),
    b"1": ("POP_MARK", Machine.drop_mark),
    b"2": ("DUP", lambda m: m.push(m.top())),
    b"p": ("PUT", lambda m: m.put(_index(m))),
    b"q": ("BINPUT", lambda m: m.put(m.unsigned(1))),
    b"r": ("LONG_BINPUT", lambda m: m.put(m.unsigned(4))),
    b"\x94": ("MEMOIZE", lambda m: m.put(len(m.memo))),
    b"g": ("GET", lambda m: m.get(_index(m))),
    b"h": ("BINGET", lambda m: m.get(m.unsigned(1))),
    b"j": ("LONG_BINGET", lambda m: m.get(m.unsigned(4))),
    # Names and calls, none of which is followed
    b"c": ("GLOBAL", lambda m: m.push(m.named())),
    b"\x93": ("STACK_GLOBAL", Machine.stack_named),
    b"R": ("REDUCE", Machine.call),
    b"i": ("INST", _class_instance),
    b"o": ("OBJ", lambda m: m.old_instance(m.pop_mark())),
    b"\x81": ("NEWOBJ", Machine.new),
    b"\x92": ("NEWOBJ_EX", Machine.new_with_keywords),
    b"b": ("BUILD", Machine.build),
    # What is not in the file
    b"\x82": ("EXT1", _refuse_extension),
    b"\x83": ("EXT2", _refuse_extension),
    b"\x84": ("EXT4", _refuse_extension),
    b"P": ("PERSID", lambda m: m.push(m.persistent(m.line().decode("latin-1")))),
    b"Q": ("BINPERSID", lambda m: m.push(m.persistent(m.pop()))),
    b"\x97": ("NEXT_BUFFER", _refuse_buffer),
    b"\x98": ("READONLY_BUFFER", _refuse_buffer),
    # The pickle itself
    b"\x80": ("PROTO", Machine.protocol),
    b"\x95": ("FRAME", Machine.frame),
    b".": ("STOP", lambda m: None),
}

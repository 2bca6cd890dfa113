"""Writes inert objects as Python 2 pickles them in protocol 2, arrays as byte strings."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lasport.inert import Global, Instance

__all__ = ["write_pickle"]


def write_pickle(root: object, path: Path) -> None:
    """Write a graph of plain data, arrays and records of instances."""
    with path.open("wb") as file:
        file.write(b"\x80\x02")
        _Writer(file).value(root)
        file.write(b".")


class _Writer:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.memo: dict[int, int] = {}
        self.kept: list[object] = []  # an id is free again when its object is gone

    def value(self, value: object) -> None:
        write = self.file.write
        if id(value) in self.memo:
            write(b"j" + struct.pack("<I", self.memo[id(value)]))
            return
        match value:
            case None | bool():
                write({None: b"N", False: b"\x89", True: b"\x88"}[value])
            case int():
                write(b"J" + struct.pack("<i", value))
            case float():
                write(b"G" + struct.pack(">d", value))
            case str() | bytes():
                raw = value.encode("latin-1") if isinstance(value, str) else value
                write(b"T" + struct.pack("<i", len(raw)))
                write(raw)
                self.put(value)
            case Global():
                self.name(value.module, value.name)
            case set() | frozenset():
                self.name("__builtin__", "set")
                self.sequence(b"(](", sorted(value), b"etR")  # type: ignore[type-var]
                self.put(value)
            case tuple():
                self.sequence(b"(", value, b"t")
                self.put(value)
            case list():
                write(b"]")
                self.put(value)
                self.sequence(b"(", value, b"e")
            case dict():
                write(b"}")
                self.put(value)
                self.sequence(b"(", [part for item in value.items() for part in item], b"u")
            case Instance():
                self.value(value.cls)
                write(b")\x81")
                self.put(value)
                self.value(value.state)
                write(b"b")
            case np.ndarray():
                self.array(value)
            case _:
                raise TypeError(type(value).__name__)

    def put(self, value: object) -> None:
        self.memo[id(value)] = len(self.kept)
        self.file.write(b"r" + struct.pack("<I", len(self.kept)))
        self.kept.append(value)

    def name(self, module: str, name: str) -> None:
        self.file.write(f"c{module}\n{name}\n".encode("ascii"))

    def sequence(self, start: bytes, values: Iterable[object], end: bytes) -> None:
        self.file.write(start)
        for value in values:
            self.value(value)
        self.file.write(end)

    def array(self, array: np.ndarray) -> None:
        self.name("numpy.core.multiarray", "_reconstruct")
        self.name("numpy", "ndarray")
        self.file.write(b"K\x00\x85U\x01b\x87R")
        self.put(array)
        self.file.write(b"(K\x01")
        self.value(array.shape)
        self.name("numpy", "dtype")
        self.file.write(b"(U\x02" + array.dtype.str[1:].encode() + b"K\x00K\x01tR")
        self.file.write(b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89")
        self.value(array.tobytes())
        self.file.write(b"tb")

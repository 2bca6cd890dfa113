"""Parity records: what a net computed where it came from, read and written with numpy alone.

`lasport.oracles.probe` says what the keys of a record mean, and makes records with the real Theano.
Here a record is opened, checked for being whole, and given types.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Literal, NamedTuple, TypeAlias, TypedDict, cast

import numpy as np

from lasport.atomic import replacing
from lasport.errors import UnreadableFileError
from lasport.oracles.members import Without, read_members
from lasport.oracles.probe import FORMAT, write_arrays
from lasport.readers.containers import open_content
from lasport.spec import Array

__all__ = [
    "Draws",
    "LayerMeta",
    "Masks",
    "Mode",
    "ParamMeta",
    "Record",
    "RecordMeta",
    "read_record",
    "write_record",
]

Mode: TypeAlias = Literal["inference", "training"]
Masks: TypeAlias = Mapping[int, Sequence[Array]]  # by layer index
MODES: tuple[Mode, Mode] = ("inference", "training")
# What a record of the numpy reference gives for versions.
NO_THEANO = "none: lasport's numpy reference"
# How often a layer draws is its own business, so masks may be there or not.
MASK_KEY = re.compile(r"(training|passes/\d+)/masks/\d+/\d+")


class LayerMeta(TypedDict):
    """One layer: its name, full class path, indices of the layers that feed it, and shape."""

    name: str | None
    kind: str
    incoming: list[int]
    output_shape: list[int | None]


class ParamMeta(TypedDict):
    """One parameter: its name, tags, and owners (layer index, attribute), the first one first."""

    name: str | None
    tags: list[str]
    owners: list[tuple[int, str | None]]


class RecordMeta(TypedDict):
    """What the arrays belong to; layers are in ``get_all_layers`` order, parameters likewise.

    ``inputs`` and ``outputs`` are indices into ``layers``; ``passes`` counts training passes;
    ``no_gradient`` is None, or says why the record holds no gradients.
    """

    format: int
    python: str
    numpy: str
    theano: str
    lasagne: str
    floatX: str
    layers: list[LayerMeta]
    params: list[ParamMeta]
    inputs: list[int]
    outputs: list[int]
    seed: int
    passes: int
    grid: float
    command: str
    no_gradient: str | None


class Draws(NamedTuple):
    """What stochastic layers draw in a pass: recorded samples, or else what a seed gives."""

    masks: Masks | None
    seed: int


@dataclass(frozen=True)
class Record:
    """A parity record.

    Attributes
    ----------
    meta : RecordMeta
        Versions, names, seeds.
    arrays : mapping of str to array
        Under the keys that `lasport.oracles.probe` documents. Those of a large file are read
        whenever they are asked for.
    """

    meta: RecordMeta
    arrays: Mapping[str, Array]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Record:
        """Take what `lasport.oracles.probe.probe_layers` returned, or the members of a file.

        Raises
        ------
        UnreadableFileError
            If ``meta`` or an array is missing, or an array is there that should not be.
        """
        if "meta" not in arrays:
            raise UnreadableFileError("this is no parity record: it has no 'meta'")
        meta = _parse_meta(str(arrays["meta"]))
        record = cls(meta, Without(arrays, "meta"))
        _check_whole(record)
        return record

    @property
    def by_lasagne(self) -> bool:
        """Whether the real Lasagne made it, and not the numpy reference."""
        return self.meta["theano"] != NO_THEANO

    @property
    def inputs(self) -> list[Array]:
        """What the input layers are fed."""
        return self._series("inputs")

    @property
    def params(self) -> list[Array]:
        """Parameters before anything ran, in ``get_all_params`` order."""
        return self._series("params")

    @property
    def cotangents(self) -> list[Array]:
        """Weights of the outputs in the scalar that the gradients belong to."""
        return self._series("cotangents")

    def cotangents_of(self, outputs: Sequence[Array]) -> list[Array]:
        """Return the recorded cotangents, whatever the outputs."""
        return self.cotangents

    @property
    def masks(self) -> dict[int, list[Array]]:
        """What stochastic layers drew in the training pass on `inputs`, by layer index."""
        return self._masks("training/masks")

    def draws(self, training_pass: int | None = None) -> Draws:
        """Return what was drawn in a training pass, or (None) in that on `inputs`."""
        masks = self.masks if training_pass is None else self.pass_masks(training_pass)
        return Draws(masks, self.meta["seed"])

    def outputs(self, mode: Mode) -> list[Array]:
        """Return the values of the output layers."""
        return self._series(f"{mode}/outputs")

    def layers(self, mode: Mode) -> list[Array]:
        """Return the values of all layers, in ``get_all_layers`` order."""
        return self._series(f"{mode}/layers")

    def layer(self, mode: Mode, index: int) -> Array:
        """Return one layer's value."""
        return self.arrays[f"{mode}/layers/{index}"]

    def batch(self, training_pass: int) -> list[Array]:
        """Return what the input layers are fed in a training pass; the first pass is 1."""
        return self._series(f"batches/{training_pass}")

    def params_after(self, training_pass: int) -> list[Array]:
        """Return the parameters after the training passes up to this one; the first is 1."""
        return self._series(f"training/params/{training_pass}")

    def pass_masks(self, training_pass: int) -> dict[int, list[Array]]:
        """Return what stochastic layers drew in a training pass, by layer index."""
        return self._masks(f"passes/{training_pass}/masks")

    def grads(self, mode: Mode) -> dict[int, Array]:
        """Return gradients by index of the (trainable) parameter; empty with ``no_gradient``."""
        return dict(self._numbered(f"{mode}/grads"))

    def input_grads(self, mode: Mode) -> dict[int, Array]:
        """Return gradients by index of the (floating point) input; empty with ``no_gradient``."""
        return dict(self._numbered(f"{mode}/input_grads"))

    def _numbered(self, prefix: str) -> Iterator[tuple[int, Array]]:
        numbers = (key[len(prefix) + 1 :] for key in self.arrays if key.startswith(prefix + "/"))
        for number in sorted(map(int, numbers)):
            yield number, self.arrays[f"{prefix}/{number}"]

    def _series(self, prefix: str) -> list[Array]:
        return [value for _, value in self._numbered(prefix)]

    def _masks(self, prefix: str) -> dict[int, list[Array]]:
        keys = (key[len(prefix) + 1 :] for key in self.arrays if key.startswith(prefix + "/"))
        layers = sorted({int(key.partition("/")[0]) for key in keys})
        return {layer: self._series(f"{prefix}/{layer}") for layer in layers}


def read_record(path: str | PathLike[str]) -> Record:
    """Read a parity record.

    Parameters
    ----------
    path : path-like
        An npz that `write_record` or ``probe.py`` wrote; gzip, bz2 or xz around it is undone.

    Returns
    -------
    Record

    Raises
    ------
    UnreadableFileError
        If there is no such file, or it is no record, not whole, or holds pickled objects.
    RefusedFileError
        Where decompressed content is out of all proportion to the file.

    Examples
    --------
    >>> read_record("missing.npz")
    Traceback (most recent call last):
        ...
    lasport.errors.UnreadableFileError: missing.npz: No such file or directory
    """
    name = fspath(path)
    content = open_content(path)
    try:
        return Record.from_arrays(read_members(content))
    except UnreadableFileError as error:
        raise UnreadableFileError(f"{name}: {error}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableFileError(f"{name}: not a parity record: {error}") from error


def write_record(path: str | PathLike[str], record: Record) -> None:
    """Write a parity record; an interrupted run leaves the old file or none.

    Parameters
    ----------
    path : path-like
        Replaced if it exists.
    record : Record
        The same record gives the same bytes.
    """
    text = np.array(json.dumps(record.meta, sort_keys=True))
    with replacing(path) as partial, partial.open("wb") as stream:
        write_arrays(stream, {**record.arrays, "meta": text})


def _parse_meta(text: str) -> RecordMeta:
    try:
        meta = json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableFileError(f"'meta' is not JSON: {error}") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        found = meta.get("format") if isinstance(meta, dict) else None
        raise UnreadableFileError(f"a record of format {found!r}, where {FORMAT} can be read")
    missing = sorted(RecordMeta.__required_keys__ - set(meta))
    if missing:
        raise UnreadableFileError(f"'meta' lacks {', '.join(missing)}")
    return cast(RecordMeta, meta)


def _check_whole(record: Record) -> None:
    """Compare the keys with those that ``meta`` promises."""
    expected = set(_expected_keys(record))
    found = {key for key in record.arrays if not MASK_KEY.fullmatch(key)}
    if found != expected:
        problems = [f"lacks {key}" for key in sorted(expected - found)]
        problems += [f"has an unexpected {key}" for key in sorted(found - expected)]
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UnreadableFileError(f"the record {', '.join(problems[:3])}{more}")


def _expected_keys(record: Record) -> Iterator[str]:
    meta = record.meta
    inputs, outputs = len(meta["inputs"]), len(meta["outputs"])
    yield from (f"inputs/{i}" for i in range(inputs))
    yield from (f"params/{n}" for n in range(len(meta["params"])))
    for p in range(1, meta["passes"] + 1):
        yield from (f"batches/{p}/{i}" for i in range(inputs))
        yield from (f"training/params/{p}/{n}" for n in range(len(meta["params"])))
    yield from (f"cotangents/{j}" for j in range(outputs))
    for mode in MODES:
        yield from (f"{mode}/layers/{k}" for k in range(len(meta["layers"])))
        yield from (f"{mode}/outputs/{j}" for j in range(outputs))
        if meta["no_gradient"] is None:
            trainable = (n for n, p in enumerate(meta["params"]) if "trainable" in p["tags"])
            yield from (f"{mode}/grads/{n}" for n in trainable)
            floating = (i for i, x in enumerate(record.inputs) if x.dtype.kind == "f")
            yield from (f"{mode}/input_grads/{i}" for i in floating)

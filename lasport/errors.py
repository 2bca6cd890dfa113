"""Every deliberate error of lasport.

All of them derive from :class:`LasportError`, whose ``exit_code`` is what the
command line returns: 2 for input that cannot be read or is refused, 3 for
layers that have no translation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = [
    "ComparisonError",
    "DifferentExportError",
    "ExportError",
    "InvalidNetworkError",
    "LasportError",
    "MissingDependencyError",
    "Refusal",
    "RefusedFileError",
    "RegistrationError",
    "ScriptError",
    "UnreadableFileError",
    "UnsupportedLayersError",
    "UsageError",
    "naming",
]


class LasportError(Exception):
    """Base class of every error that lasport raises on purpose."""

    exit_code = 2


class UnreadableFileError(LasportError):
    """The bytes are not what they should be: truncated, corrupt, another format."""


class RefusedFileError(LasportError):
    """The file asks for something that no saved network needs and that is not done."""


class ScriptError(LasportError):
    """A build script does what its stand-ins for Lasagne and Theano cannot do, or fails."""


class InvalidNetworkError(LasportError):
    """The file was read, and the network in it contradicts itself."""


class UsageError(LasportError):
    """An argument has a value that lasport does not know."""


class RegistrationError(LasportError):
    """A layer class was registered twice, or its declaration is incomplete."""


class MissingDependencyError(LasportError):
    """An optional package that this operation needs is not installed."""


class ComparisonError(LasportError):
    """Two nets cannot be compared: inputs, records or models do not fit."""


class ExportError(LasportError):
    """A file format cannot hold a model, or what runs it cannot run this one."""


class DifferentExportError(ExportError):
    """A file was written, and computes something else than the net."""

    exit_code = 1


@dataclass(frozen=True)
class Refusal:
    """One layer that cannot be translated.

    Attributes
    ----------
    layer : str
        Name of the layer within the network.
    kind : str
        Full path of its Lasagne class.
    reason : str
        What stands in the way, and what to do about it.
    """

    layer: str
    kind: str
    reason: str

    def __str__(self) -> str:
        return f"{self.layer} ({self.kind}): {self.reason}"


class UnsupportedLayersError(LasportError):
    """All layers of a network that have no translation, in one error.

    Parameters
    ----------
    refusals : sequence of Refusal
        At least one.
    """

    exit_code = 3

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        count = len(self.refusals)
        head = f"{count} layer{'s' if count != 1 else ''} cannot be translated:"
        super().__init__("\n  ".join([head, *map(str, self.refusals)]))


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put the file that errors are about before their messages."""
    try:
        yield
    except (UnreadableFileError, RefusedFileError, InvalidNetworkError) as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from error

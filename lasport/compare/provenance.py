"""Where a report comes from: who computed what with which versions, of which data."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np

from lasport.compare.port import Port
from lasport.oracles.oracle import Oracle
from lasport.oracles.record import NO_THEANO
from lasport.spec import Array, Network
from lasport.version import __version__

__all__ = ["Provenance", "digest"]


@dataclass(frozen=True)
class Provenance:
    """What somebody needs to make the same comparison, and to know that it is the same.

    Attributes
    ----------
    date : str
        When it was made, in UTC, as in ``"2026-11-21T15:04:05+00:00"``.
    command : str
        The command line, or the Python call.
    seed : int
        Of the random inputs, batches and masks.
    versions : mapping of str to str
        Of what compared and ran the port: ``lasport``, ``python``, ``numpy``, and what the port
        runs on (``keras``, ``tensorflow``, ``backend``).
    oracle_versions : mapping of str to str
        Of what computed the record: ``python``, ``numpy``, ``theano``, ``lasagne``, ``floatX``.
        Empty strings are versions that the record does not know.
    inputs_sha256 : str
        Hexadecimal, of the record's inputs; see :func:`digest` for what is hashed.
    params_sha256 : str
        Of the original's parameters, in ``get_all_params`` order.
    weights_sha256 : str
        Of the port's weights, in the port's order.
    """

    date: str
    command: str
    seed: int
    versions: Mapping[str, str] = field(default_factory=dict)
    oracle_versions: Mapping[str, str] = field(default_factory=dict)
    inputs_sha256: str = ""
    params_sha256: str = ""
    weights_sha256: str = ""

    @classmethod
    def of(cls, network: Network, port: Port, record: Oracle, command: str) -> Provenance:
        """Describe a comparison that is being made."""
        meta = record.meta
        ours = {
            "lasport": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        }
        return cls(
            date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            command=command,
            seed=meta["seed"],
            versions={**ours, **port.versions},
            oracle_versions={
                "python": meta["python"],
                "numpy": meta["numpy"],
                "theano": meta["theano"],
                "lasagne": meta["lasagne"],
                "floatX": meta["floatX"],
            },
            inputs_sha256=digest(record.inputs),
            params_sha256=digest(network.param_values()),
            weights_sha256=digest(port.weights()),
        )

    def lines(self) -> list[str]:
        """Return the facts as lines for people."""
        ours = ", ".join(f"{name} {text}" for name, text in self.versions.items())
        known = {name: text for name, text in self.oracle_versions.items() if text != NO_THEANO}
        oracle = ", ".join(f"{name} {text}" for name, text in known.items() if text)
        return [
            f"made: {self.date} by {self.command}",
            f"with: {ours}; oracle: {oracle}; seed {self.seed}",
            (
                f"sha256: inputs {self.inputs_sha256[:16]}, parameters {self.params_sha256[:16]}, "
                f"the model's weights {self.weights_sha256[:16]}"
            ),
        ]


def digest(arrays: Iterable[Array]) -> str:
    """Return one SHA-256 of arrays in their order: of dtypes, shapes and entries.

    Of each array the name of its dtype, its shape as Python writes it and a newline are hashed,
    then its entries, little-endian in C order.

    Examples
    --------
    >>> digest([np.arange(3, dtype=">i4")]) == digest([np.arange(3, dtype="<i4")])
    True
    """
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.name} {array.shape}\n".encode("ascii"))
        entries = np.ascontiguousarray(array)
        if entries.dtype.byteorder == ">":
            entries = entries.astype(entries.dtype.newbyteorder("<"))
        found.update(entries.reshape(-1).view(np.uint8).data)
    return found.hexdigest()

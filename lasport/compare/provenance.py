"""Where a report comes from: who computed what with which versions, of which data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Provenance"]


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

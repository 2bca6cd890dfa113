"""The golden cases as tests want them: the net that was pickled, and what real Lasagne computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lasport import load
from lasport.oracles.record import Record, read_record
from lasport.spec import Network

__all__ = ["REFUSED", "Case", "families", "load_case", "pickle_of"]

GOLDEN = Path(__file__).parent / "golden"

# Nets that are read and recorded, and refused by name.
REFUSED = ("shared_averages",)


@dataclass(frozen=True)
class Case:
    """One golden case.

    Attributes
    ----------
    network : Network
        Read from the first of the pickles.
    pickles : tuple of Path
        The same net, pickled by several versions of Python and Theano, some compressed.
    """

    name: str
    network: Network
    record: Record
    pickles: tuple[Path, ...]


def pickle_of(name: str) -> Path:
    """Return the file of a case's first pickle."""
    return GOLDEN / f"{name}.pkl.bz2"


@cache
def load_case(name: str) -> Case:
    """Read a case's net and record."""
    first = pickle_of(name)
    others = {path for path in GOLDEN.glob(f"{name}.*pkl*") if path != first}
    record = read_record(GOLDEN / f"{name}.npz.bz2")
    return Case(name, load(first), record, (first, *sorted(others)))


@cache
def families() -> Mapping[str, str]:
    """Return the family of each case, by the case's name."""
    manifest = json.loads((GOLDEN / "MANIFEST.json").read_text(encoding="ascii"))
    return {case["name"]: case["family"] for case in manifest["cases"]}

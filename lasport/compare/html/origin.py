"""Where a report comes from, and how to make it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lasport.compare.html.markup import Element, element

if TYPE_CHECKING:
    from lasport.compare.report import Report

__all__ = ["provenance"]


def provenance(report: Report) -> Element:
    """Return settings, versions, fingerprints and the command."""
    facts: dict[str, object] = {"Model": report.model, "Compared with": report.oracle}
    facts |= {name.replace("_", " ").capitalize(): value for name, value in report.settings.items()}
    made, command = report.provenance, None
    if made is not None:
        facts |= {
            "Made on": made.date,
            "Versions": _pairs(made.versions),
            "Versions of the original": _pairs(made.oracle_versions),
            "SHA-256 of the inputs": made.inputs_sha256,
            "SHA-256 of the parameters": made.params_sha256,
            "SHA-256 of the model's weights": made.weights_sha256,
        }
        command = element("pre", made.command)
    terms = [
        part
        for name, value in facts.items()
        if value
        for part in (element("dt", name), element("dd", _plain(value)))
    ]
    again = [element("p", "To make it again:"), command] if command is not None else []
    return element("section", element("h2", "Where it comes from"), element("dl", *terms), *again)


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value)


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

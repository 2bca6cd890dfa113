"""The reports of a test suite: a page for each, and an index by test.

Several processes may make them, so each report is left in a directory, the
spool, and whoever started the others makes pages of what lies there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from lasport import testing
from lasport.atomic import filling, replacing, require_fillable, require_writable
from lasport.compare.html.markup import Element, document, element
from lasport.compare.html.page import article, style_sheet
from lasport.compare.html.pieces import badge

if TYPE_CHECKING:
    from lasport.compare.report import Report

__all__ = ["SuiteReports"]

INDEX = "lasport-reports.json"  # what tells a directory of reports from any other
NOWHERE = "outside of any test"
NOTHING = "No test called lasport.testing.assert_equivalent."


class Entry(TypedDict):
    """What the index says of one report; ``name`` is that of its files."""

    test: str
    name: str
    model: str
    oracle: str
    verdict: str
    compared: int
    agreed: int
    finding: str | None  # the first thing that differs, or could not be compared


class SuiteReports:
    """What one run of a test suite compared.

    Parameters
    ----------
    path : Path
        Where the pages shall be: a directory that is new, empty or has reports
        of an earlier run, which are replaced; or a file, ``NAME.html``.
    spool : str, optional
        Of the process that started this one; then nothing is written here.

    Raises
    ------
    UsageError
        If the place is taken, or not writable.
    """

    def __init__(self, path: Path, spool: str | None = None) -> None:
        self.path = path
        self.one_file = path.suffix == ".html"
        self._count: Counter[str] = Counter()
        self._written: list[Entry] | None = None
        self._own_spool = None if spool else _spool_beside(path, one_file=self.one_file)
        self.spool = Path(self._own_spool.name if self._own_spool else str(spool))

    def listen(self) -> None:
        """Take every report from now on."""
        testing.observers.append(self.add)

    def close(self) -> None:
        """Take no more, and forget what was not written."""
        testing.observers.remove(self.add)
        if self._own_spool is not None:
            self._own_spool.cleanup()

    def add(self, report: Report) -> None:
        """Leave a report in the spool."""
        test = os.environ.get("PYTEST_CURRENT_TEST", NOWHERE).rpartition(" (")[0] or NOWHERE
        self._count[test] += 1
        findings = [*map(str, report.failures[:1]), *report.problems, None]
        entry = Entry(
            test=test,
            name=_file_name(test, self._count[test]),
            model=report.model,
            oracle=report.oracle,
            verdict=report.verdict,
            compared=len(report.comparisons),
            agreed=len(report.comparisons) - len(report.failures),
            finding=findings[0],
        )
        if self.one_file:
            body = ET.tostring(article(report), encoding="unicode")
            (self.spool / f"{entry['name']}.xml").write_text(body, encoding="utf-8")
        else:
            report.to_html(self.spool / f"{entry['name']}.html")
            report.to_json(self.spool / f"{entry['name']}.json")
        # Last, and at once: what has an entry is whole.
        with replacing(self.spool / f"{entry['name']}.entry") as partial:
            partial.write_text(json.dumps(entry), encoding="utf-8")

    def write(self) -> None:
        """Put pages and index in place, unless another process does."""
        if self._own_spool is None:
            return
        files = sorted(self.spool.glob("*.entry"))
        entries: list[Entry] = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        entries.sort(key=lambda entry: (entry["test"], entry["name"]))
        if self.one_file:
            with replacing(self.path) as partial:
                partial.write_text(self._one_page(entries), encoding="utf-8")
        else:
            with filling(self.path, INDEX) as directory:
                self._fill(directory, entries)
        self._written = entries

    def summary(self) -> str:
        """Return in one line what was written where."""
        if self._written is None:
            return f"lasport: no reports were written to {self.path}"
        different = sum(entry["verdict"] != "equal" for entry in self._written)
        place = self.path if self.one_file else self.path / "index.html"
        return f"lasport: {len(self._written)} reports, {different} of them not equal, in {place}"

    def _fill(self, directory: Path, entries: Sequence[Entry]) -> None:
        for entry in entries:
            for ending in ("html", "json"):
                name = f"{entry['name']}.{ending}"
                (self.spool / name).replace(directory / name)
        links = [f"{entry['name']}.html" for entry in entries]
        page = _page(_index(entries, links))
        (directory / "index.html").write_text(page, encoding="utf-8")
        (directory / INDEX).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")

    def _one_page(self, entries: Sequence[Entry]) -> str:
        sections = [_index(entries, [f"#{entry['name']}" for entry in entries])]
        for entry in entries:
            report = ET.parse(self.spool / f"{entry['name']}.xml").getroot()
            title = element("summary", badge(entry["verdict"]), f" {entry['test']}")
            # Within the fold, so that a browser that follows a link opens it.
            report.set("id", entry["name"])
            sections.append(element("details", title, report))
        return _page(*sections)


def _spool_beside(path: Path, *, one_file: bool) -> tempfile.TemporaryDirectory[str]:
    """Return a directory for reports, unless there is no place for what becomes of them."""
    if one_file:
        require_writable(path)
    else:
        require_fillable(path, INDEX)
    # Beside it, because files can only be moved at once within their file system.
    return tempfile.TemporaryDirectory(prefix=".lasport-", dir=path.parent)


def _index(entries: Sequence[Entry], links: Sequence[str]) -> Element:
    """Return the table of all reports."""
    rows = [
        element(
            "tr",
            element("td", badge(entry["verdict"])),
            element("th", element("a", entry["test"], href=link), scope="row"),
            element("td", f"{entry['model']} against {entry['oracle']}"),
            element("td", f"{entry['agreed']} of {entry['compared']}", class_="number"),
            element("td", entry["finding"] or ""),
        )
        for entry, link in zip(entries, links, strict=True)
    ]
    titles = ("Verdict", "Test", "Compared", "Agree", "What is wrong first")
    head = element("tr", *(element("th", title, scope="col") for title in titles))
    table = element("table", element("thead", head), element("tbody", *rows))
    equal = sum(entry["verdict"] == "equal" for entry in entries)
    return element(
        "section",
        element("h1", "What the tests compared"),
        element("p", f"{equal} of {len(entries)} comparisons found the port equal."),
        element("div", table, class_="scroll") if entries else element("p", NOTHING),
    )


def _page(*sections: Element) -> str:
    return document("What the tests compared", style_sheet(), element("main", *sections))


def _file_name(test: str, number: int) -> str:
    """Return a name for the files of a test's report: readable, of any system, and its own."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", test.rpartition("/")[2])[:80].strip("-")
    return f"{readable}-{hashlib.sha256(test.encode()).hexdigest()[:8]}-{number}"

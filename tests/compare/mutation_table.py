"""The table of all wrong ports and references and what caught them: a page of the documentation.

    python -m tests.compare.mutation_table > docs/mutants.md

makes and compares every one of them, which takes some minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from lasport import verify
from lasport.compare.report import Report
from tests.compare.conftest import build_mutant, load_net
from tests.compare.mutant import Mutant
from tests.compare.mutants import MUTANTS
from tests.compare.reference_mutants import REFERENCE_MUTANTS, ReferenceMutant

__all__ = ["COMMAND", "REFERENCES", "Row", "page", "report_on", "row_of"]

COMMAND = "python -m tests.compare.mutation_table > docs/mutants.md"

TITLE = """# Wrong ports, and what caught them

The comparison is tested by ports with one mistake each, and the numpy reference, which most ports
are compared with, by references with one. This page has all of them; this writes it, in a checkout:

```sh
{command}
```

Each is compared with what the real Lasagne recorded of the net ([how](exactness.md)). A line has
the net, whose record is in `tests/golden`; the first thing that differs, or what could not be
compared, which is a failure as well; how large the difference is in float64, relative to the
largest magnitude; and in float32, in units of the original's own rounding error, of which at most
8 are allowed: what is less is not seen there. A cell is empty where there is no such comparison.
{count} of {count} were caught.
"""

# How the topics of wrong references are headed.
REFERENCES = {
    "misread": "references that misread an attribute",
    "formula": "references with a wrong formula",
    "adjoint": "references with a wrong inverse",
}
HEADER = "| mistake | net | caught by | float64 | float32 |\n| --- | --- | --- | ---: | ---: |"


@dataclass(frozen=True)
class Row:
    """One line of the table: all of it is text."""

    mistake: str
    net: str
    caught_by: str
    float64: str
    float32: str

    def __str__(self) -> str:
        cells = (self.mistake, self.net, self.caught_by, self.float64, self.float32)
        return f"| {' | '.join(cells)} |"


def report_on(mutant: Mutant) -> Report:
    """Compare a wrong port with the record of its net."""
    net, record = load_net(mutant.net)
    passes = (1, record.meta["passes"])
    model = build_mutant(mutant)
    return verify(net, model, record, passes=passes, outputs_only=mutant.outputs_only)


def row_of(mistake: str, mutant: Mutant, report: Report) -> Row:
    """Return what the report says first.

    Raises
    ------
    ValueError
        If the report found nothing.
    """
    first = report.first_divergence
    if first is None and not report.problems:
        raise ValueError(f"{mistake}: not caught")
    if first is None:
        problem = next(each for each in report.problems if mutant.at in each)
        return Row(mistake, mutant.net, problem, "", "")
    figures = {one.dtype: one.figure for one in report.comparisons if one.subject == first.subject}
    float64, float32 = (figures.get(dtype) for dtype in ("float64", "float32"))
    caught_by = f"`{first.subject}`"
    if first.problem is not None:
        caught_by += f": {first.problem}"
    return Row(
        mistake,
        mutant.net,
        caught_by,
        "" if float64 is None else f"{float64:.1e}",
        "" if float32 is None else f"{float32:.2g}" if float32 < 1000 else f"{float32:.0e}",
    )


def reference_row(mistake: str, mutant: ReferenceMutant) -> Row:
    """Return what a record shows of a mistake in the reference.

    Raises
    ------
    ValueError
        If it shows nothing.
    """
    found = mutant.first_difference()
    if found is None:
        raise ValueError(f"{mistake}: not caught")
    figure = "" if found.relative is None else f"{found.relative:.1e}"
    return Row(mistake, mutant.case, found.subject, figure, "")


def rows() -> Iterator[tuple[str, Row]]:
    """Yield each line with the heading it stands below, all mutants computed."""
    for name, mutant in MUTANTS.items():
        topic, _, mistake = name.partition(": ")
        yield topic, row_of(mistake, mutant, report_on(mutant))
    for name, wrong in REFERENCE_MUTANTS.items():
        topic, _, mistake = name.partition(": ")
        yield REFERENCES[topic], reference_row(mistake, wrong)


def page() -> Iterator[str]:
    """Yield the page's lines."""
    count = len(MUTANTS) + len(REFERENCE_MUTANTS)
    yield TITLE.format(command=COMMAND, count=count)
    topic = None
    for number, (heading, row) in enumerate(rows(), 1):
        print(f"{number} of {count}: {heading}: {row.mistake}", file=sys.stderr)
        if heading != topic:
            topic = heading
            yield f"\n## {heading[0].upper()}{heading[1:]}\n\n{HEADER}"
        yield str(row)


if __name__ == "__main__":
    sys.stdout.write("\n".join([*page(), ""]))

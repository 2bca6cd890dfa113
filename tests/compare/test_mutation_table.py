"""The page of wrong ports and references lists all that there are, each caught at its mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.compare.mutants import MUTANTS
from tests.compare.mutation_table import COMMAND, REFERENCES, Row
from tests.compare.reference_mutants import REFERENCE_MUTANTS

PAGE = Path(__file__).parents[2] / "docs" / "mutants.md"
HINT = f"run: {COMMAND}"


@pytest.fixture(scope="module")
def listed() -> dict[str, Row]:
    """Return the rows of the page, by topic and mistake."""
    rows: dict[str, Row] = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        topic, _, table = section.partition("\n")
        for line in re.findall(r"^\|(.*)\|$", table, re.MULTILINE)[2:]:
            row = Row(*(cell.strip() for cell in line.split("|")))
            rows[f"{topic[0].lower()}{topic[1:]}: {row.mistake}"] = row
    return rows


def heading(name: str) -> str:
    """Return a wrong reference's name as the page has it."""
    topic, _, mistake = name.partition(": ")
    return f"{REFERENCES[topic]}: {mistake}"


def test_all_mutants_are_listed_and_no_others(listed):
    assert list(listed) == [*MUTANTS, *map(heading, REFERENCE_MUTANTS)], HINT


def test_each_was_caught_at_its_mistake(listed):
    for name, mutant in MUTANTS.items():
        assert listed[name].net == mutant.net, HINT
        assert mutant.at in listed[name].caught_by, HINT
    for name, wrong in REFERENCE_MUTANTS.items():
        assert listed[heading(name)].net == wrong.case, HINT


def test_figures_are_beyond_their_bounds(listed):
    figures = [row for row in listed.values() if row.float64]
    assert len(figures) > len(MUTANTS) / 2
    assert all(float(row.float64) > 1e-10 or float(row.float32) > 8 for row in figures)


def test_the_page_says_how_many_and_how_it_is_made():
    text = PAGE.read_text(encoding="utf-8")
    count = len(MUTANTS) + len(REFERENCE_MUTANTS)
    assert f"{count} of {count} were caught" in " ".join(text.split()), HINT
    assert COMMAND in text

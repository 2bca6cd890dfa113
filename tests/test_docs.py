"""Every code block of docs/ is run, or is of a kind that says why it is not."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lasport
from lasport import cli, demo, theano_compat
from lasport.cli.arguments import parse
from lasport.errors import MissingDependencyError
from lasport.oracles.theano_live import FLAGS
from tests.documents import ROOT, Block, blocks, commands

DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
BLOCKS = {page.relative_to(DOCS).with_suffix("").as_posix(): blocks(page) for page in PAGES}

# What may stand behind a fence.
KINDS = {
    "python": "run, page by page; with a name of a file behind it saved, for what comes after",
    "python lasagne": "run where Theano and Lasagne can be imported",
    "python lasagne-0.2": "run where that Lasagne is 0.2.dev1, which PyPI does not have",
    "text": "what the Python block before it printed, all of it",
    "text excerpt": "not run: a part of something longer",
    "console": "commands, run in order, that print the lines shown",
    "sh": "commands for other programs and machines; those of lasport's are parsed",
    "py": "of Lasagne on Python 2: compiled",
}
# Public, and no part of the interface's lists: what is not called, or not by users.
NOT_LISTED = {
    "lasport": {"lasport.LasportError", "lasport.UnsupportedLayersError", "lasport.__version__"},
    "lasport.errors": {"lasport.errors.naming"},
}

DIRECTIVES = {
    "{contents}",
    "{eval-rst}",
    "{figure}",
    "{image}",
    "{include}",
    "{literalinclude}",
    "{toctree}",
}


def pages_with(*kinds: str) -> list[str]:
    return [page for page, found in BLOCKS.items() if any(block.kind in kinds for block in found)]


def is_file(block: Block) -> bool:
    return block.kind == "python" and block.note.endswith(".py")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a directory with what the pages take for granted."""
    shutil.copy(demo.paths().net, tmp_path / "net.pkl")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    net = lasport.load(tmp_path / "net.pkl")
    np.savez(tmp_path / "saved.npz", *net.param_values())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", BLOCKS)
def test_every_block_is_of_a_known_kind(page):
    for block in BLOCKS[page]:
        with_note = f"{block.kind} {block.note}".strip()
        known = with_note in KINDS or is_file(block) or block.kind in DIRECTIVES
        assert known, f"{page}, line {block.line}: a block of kind {with_note!r}; known: {KINDS}"
        if block.kind in ("py", "python"):
            block.compiled(page)


@pytest.fixture
def theano_as_it_was(page: str) -> Iterator[None]:
    """Undo what a page sets in Theano; Theano is not imported for pages that do not use it."""
    if not any(block.note.startswith("lasagne") for block in BLOCKS[page]) or not lasagne_version():
        yield
        return
    config = importlib.import_module("theano").config
    before = config.floatX
    yield
    config.floatX = before


@pytest.mark.usefixtures("theano_as_it_was")
@pytest.mark.parametrize("page", pages_with("python"))
def test_python_blocks_run_and_print_what_the_page_shows(page, workplace, capsys):
    run_page(page, [block for block in BLOCKS[page] if block.kind != "console"], capsys)


@pytest.mark.full
@pytest.mark.usefixtures("theano_as_it_was")
@pytest.mark.parametrize("page", pages_with("console"))
def test_commands_print_what_the_page_shows(page, workplace, capsys):
    run_page(page, BLOCKS[page], capsys)


def run_page(page: str, found: list[Block], capsys: pytest.CaptureFixture[str]) -> None:
    """Run blocks of a page, in a directory of its own, and compare what they print."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed = None
    with lasport.temporary_registrations():
        for block in found:
            place = f"{page}, line {block.line}"
            if is_file(block):
                Path(block.note).write_text(block.text, encoding="utf-8")
            elif block.kind == "python":
                printed = None
                if runs_here(block):
                    exec(block.compiled(page), namespace)
                    printed = capsys.readouterr().out
            elif block.kind == "console":
                run_commands(block, place, capsys)
            elif (block.kind, block.note) == ("text", "") and printed is not None:
                assert printed == block.text, place


def run_commands(block: Block, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(block):
        assert command.program == "lasport", place
        code = cli.main(command.arguments)
        printed = "".join(capsys.readouterr())
        assert code == command.exit_code, f"{place}\n{printed}"
        assert command.missing_in(printed) is None, f"{place}\n{printed}"


def runs_here(block: Block) -> bool:
    needed = {"lasagne": ("0.1", "0.2.dev1"), "lasagne-0.2": ("0.2.dev1",)}
    return block.note not in needed or lasagne_version() in needed[block.note]


def lasagne_version() -> str | None:
    """Return the version of the real Lasagne, made importable, or None where it is not."""
    try:
        theano_compat.install(**FLAGS)
    except MissingDependencyError:
        return None
    if importlib.util.find_spec("lasagne") is None:
        return None
    version: str = importlib.import_module("lasagne").__version__
    return version


def test_the_blocks_for_lasagne_are_run():
    left = [block for found in BLOCKS.values() for block in found if not runs_here(block)]
    if left:
        pytest.skip(f"{len(left)} blocks were not run, with Lasagne {lasagne_version()}")


SCRIPTS = [
    pytest.param(block, id=f"{page}-{block.note}")
    for page, found in BLOCKS.items()
    for block in found
    if is_file(block) and "def build():" in block.text and "nolearn" not in block.text
]


@pytest.mark.parametrize("block", SCRIPTS)
def test_scripts_for_lasagne_build_the_same_on_the_real_one(block, workplace):
    if lasagne_version() != "0.2.dev1":
        pytest.skip(f"Lasagne 0.2.dev1 is needed, not {lasagne_version()}")
    namespace: dict[str, Any] = {}
    exec(block.compiled(block.note), namespace)
    real = lasport.from_lasagne(namespace["build"]())
    (workplace / block.note).write_text(block.text, encoding="utf-8")
    read = lasport.load(f"{block.note}:build", untrained=True)
    assert [layer.kind for layer in read.layers] == [layer.kind for layer in real.layers]
    shapes = [[value.shape for value in net.param_values()] for net in (read, real)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("page", pages_with("sh"))
def test_commands_for_other_places_have_arguments_that_lasport_knows(page):
    for block in BLOCKS[page]:
        for line in block.text.splitlines() if block.kind == "sh" else ():
            program, *arguments = shlex.split(line, comments=True)
            if program == "lasport":
                parse(arguments)


def test_kinds_of_blocks_are_in_use():
    found = {f"{block.kind} {block.note}".strip() for each in BLOCKS.values() for block in each}
    assert KINDS.keys() - found == set()


def test_words_of_messages_are_in_the_source():
    """The page of errors names more messages than it shows."""
    text = " ".join((DOCS / "errors.md").read_text("utf-8").split())
    listed = re.search(r"Other words for a damaged file.*?: (.*?)\. What is refused", text)
    assert listed is not None
    source = "".join(path.read_text("utf-8") for path in (ROOT / "lasport").rglob("*.py"))
    for words in re.findall("`([^`]+)`", listed[1]):
        assert words in source, words


# --- names


def linked_names(project: str) -> list[str]:
    lines = (DOCS / "inventories" / f"{project}.txt").read_text("utf-8").splitlines()
    return [line.split()[1] for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("project", ("keras", "numpy"))
def test_names_to_link_to_are_there(project):
    for name in linked_names(project):
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def test_layers_to_link_to_are_lasagnes():
    path = ROOT / "tests" / "data" / "lasagne_layers.json"
    kinds = [kind.split(".") for kind in json.loads(path.read_text("utf-8"))["0.2.dev1"]]
    # Exported to lasagne.layers, but for those that need a GPU.
    known = {f"lasagne.layers.{kind[-1]}" for kind in kinds} | {".".join(kind) for kind in kinds}
    linked = set(linked_names("lasagne"))
    assert {name for name in linked if re.search(r"Layer(_c01b)?$", name)} <= known


@pytest.mark.parametrize(
    "module", ("lasport", "lasport.errors", "lasport.keras_layers", "lasport.testing")
)
def test_the_interface_page_lists_every_public_name(module):
    listed = re.findall(r"^   (lasport[\w.]+)$", (DOCS / "api.md").read_text("utf-8"), re.M)
    public = {f"{module}.{name}" for name in importlib.import_module(module).__all__}
    assert public - set(listed) == NOT_LISTED.get(module, set())


# --- traps


TRAPS = (DOCS / "traps.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### (.+)\n\n((?:(?!##).*\n)*)", TRAPS, re.M))


def field(trap: str, name: str) -> str:
    found = re.search(rf"^- \*\*{name}:\*\*\s((?:(?!- \*\*).*\n)+)", SECTIONS[trap], re.M)
    assert found is not None, f"{trap} has no {name}"
    return " ".join(found[1].split())


def test_every_trap_names_tests_that_there_are():
    wrong_ports = (DOCS / "mutants.md").read_text("utf-8")
    for trap in SECTIONS:
        tested = field(trap, "Tested")
        named = re.findall(r"`(tests/\S+)::(\w+)`", tested)
        for path, test in named:
            assert f"def {test}(" in (ROOT / path).read_text("utf-8"), f"{trap}: {path}::{test}"
        mutants = re.findall(r'"([^"]+)"', tested)
        for mutant in mutants:
            assert f"| {mutant} |" in wrong_ports, f"{trap}: {mutant}"
        assert named or mutants, trap


def test_numbers_of_traps_are_those_of_the_wrong_ports():
    wrong_ports = (DOCS / "mutants.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (.+?) \| .* \| (\S+) \| \S* ?\|$", wrong_ports, re.M))
    compared = 0
    for trap in SECTIONS:
        first = re.match(r"(\d[\d.e-]*\d|\d)(?! %)", field(trap, "Number"))
        mutants = re.findall(r'"([^"]+)"', field(trap, "Tested"))
        if first and mutants:
            numbers = {f"{float(rows[mutant]):.2g}" for mutant in mutants if mutant in rows}
            assert first[1] in numbers, trap
            compared += 1
    assert compared >= 20


def test_every_trap_says_what_diagnose_says():
    sources = [TRAPS.partition("## Weights")[0], (DOCS / "diagnose.md").read_text("utf-8")]
    said = " ".join(" ".join(sources).split())
    for trap in SECTIONS:
        for quoted in re.findall(r'"([^"]+)"', field(trap, "In your port")):
            assert quoted in said, f"{trap}: {quoted}"


def test_every_trap_has_its_symptom_and_number():
    assert len(SECTIONS) >= 30
    for trap in SECTIONS:
        assert all(field(trap, name) for name in ("Symptom", "Number", "lasport"))

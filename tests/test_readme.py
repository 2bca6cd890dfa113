"""README.md is executed: its Python blocks, its commands, its claims."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lasport import demo
from tests.documents import ROOT, blocks, commands

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = blocks(ROOT / "README.md")
SETUP = ["pip install . && lasport demo", 'pip install ".[test]" && pytest']


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """Return a directory that holds the demo's net, as the README's commands expect it."""
    shutil.copy(demo.paths().net, tmp_path)
    return tmp_path


def test_the_set_up_is_two_commands():
    assert [block.text.splitlines() for block in BLOCKS if block.kind == "sh"] == [SETUP]


def test_every_block_is_of_a_kind_that_is_executed():
    assert {block.kind for block in BLOCKS} == {"sh", "python", "console"}


def test_python_blocks_run(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in BLOCKS:
        if block.kind == "python":
            exec(block.compiled("README.md"), namespace)


def test_commands_print_what_the_readme_shows(workplace, run_python):
    for block in BLOCKS:
        for command in commands(block) if block.kind == "console" else ():
            assert command.program == "lasport", command
            result = run_python("-m", "lasport.cli", *command.arguments, cwd=workplace)
            assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
            missing = command.missing_in(result.stdout)
            assert missing is None, f"{command}\ndoes not print\n{missing}"


def test_claims_are_those_that_the_demo_prints(run_python, tmp_path):
    claims = ["390 of 397", "1797 of 1797"]
    result = run_python("-m", "lasport.cli", "demo", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for claim in claims:
        assert claim in README
        assert claim in result.stdout
    assert list(tmp_path.iterdir()) == []

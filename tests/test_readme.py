"""README.md is executed: its Python blocks, its commands, its claims."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from lasport import demo

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SETUP = ["pip install . && lasport demo", 'pip install ".[test]" && pytest']


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the line its text starts on."""

    language: str
    text: str
    line: int


def fenced_blocks() -> list[Block]:
    return [
        Block(match["language"], match["text"], README.count("\n", 0, match.start("text")) + 1)
        for match in re.finditer(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", README, re.M | re.S)
    ]


BLOCKS = fenced_blocks()


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Split a console block into commands, each with the lines it must print."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.strip() not in ("", "..."):
            found[-1][1].append(line)
    return found


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """Return a directory that holds the demo's net, as the README's commands expect it."""
    shutil.copy(demo.paths().net, tmp_path)
    return tmp_path


def test_the_set_up_is_two_commands():
    assert [block.text.splitlines() for block in BLOCKS if block.language == "sh"] == [SETUP]


def test_every_block_is_of_a_kind_that_is_executed():
    assert {block.language for block in BLOCKS} == {"sh", "python", "console"}


def test_python_blocks_run(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in BLOCKS:
        if block.language == "python":
            # Leading newlines make a traceback name the README's own line.
            source = "\n" * (block.line - 1) + block.text
            exec(compile(source, "README.md", "exec"), namespace)


def test_commands_print_what_the_readme_shows(workplace, run_python):
    for block in BLOCKS:
        if block.language != "console":
            continue
        for command, expected in commands(block):
            program, *arguments = shlex.split(command)
            assert program == "lasport", command
            result = run_python("-m", "lasport.cli", *arguments, cwd=workplace)
            assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
            printed = iter(" ".join(line.split()) for line in result.stdout.splitlines())
            for line in expected:
                # `in` on the iterator consumes it: the lines must come in the README's order.
                assert " ".join(line.split()) in printed, f"{command}\ndoes not print\n{line}"


def test_claims_are_those_that_the_demo_prints(run_python, tmp_path):
    claims = ["390 of 397", "1797 of 1797"]
    result = run_python("-m", "lasport.cli", "demo", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for claim in claims:
        assert claim in README
        assert claim in result.stdout
    assert list(tmp_path.iterdir()) == []

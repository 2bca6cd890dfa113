"""The code blocks of a Markdown page, and the commands in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Block:
    """One code block.

    Attributes
    ----------
    kind : str
        First word behind the fence; ``indented`` without a fence.
    note : str
        The other words.
    text : str
    line : int
        Where the text starts, counted from 1.
    """

    kind: str
    note: str
    text: str
    line: int

    def compiled(self, page: str) -> object:
        """Return its code; a traceback names the page's own line."""
        return compile("\n" * (self.line - 1) + self.text, page, "exec")


@dataclass(frozen=True)
class Command:
    """A line of a ``console`` block: what is called, and what the page shows of its output."""

    program: str
    arguments: list[str]
    exit_code: int
    shown: list[str]

    def missing_in(self, printed: str) -> str | None:
        """Return the first line that was not printed, in the page's order and but for spaces."""
        lines = iter(" ".join(line.split()) for line in printed.splitlines())
        # `in` on an iterator consumes it.
        return next((line for line in self.shown if " ".join(line.split()) not in lines), None)


def blocks(path: Path) -> list[Block]:
    """Return all code blocks of a page."""
    found = []
    for token in MarkdownIt().parse(path.read_text("utf-8")):
        if token.type in ("fence", "code_block"):
            assert token.map is not None
            kind, _, note = token.info.strip().partition(" ")
            fenced = token.type == "fence"
            line = token.map[0] + (2 if fenced else 1)
            found.append(Block(kind if fenced else "indented", note, token.content, line))
    return found


def commands(block: Block) -> list[Command]:
    """Return the commands of a ``console`` block: lines behind ``$``, and the output of each.

    A line ``...`` stands for lines that are not shown, ``# exit code 1`` behind a command for
    an exit code other than 0.
    """
    found: list[Command] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            program, *arguments = shlex.split(line[2:], comments=True)
            code = re.search(r"# exit code (\d+)$", line)
            found.append(Command(program, arguments, int(code[1]) if code else 0, []))
        elif line.strip() not in ("", "..."):
            found[-1].shown.append(line)
    return found

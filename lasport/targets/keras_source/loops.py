"""Blocks that repeat, as loops: equal statements but for a counter in the names of layers.

conv2d_4, batchnorm_5, ..., conv2d_12, batchnorm_13, ...    for n in range(4, 36, 8):
res2b_branch2a, bn2b_branch2a, ..., res2c_branch2a, ...     for n in ("b", "c"):
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lasport.plan import unique_name
from lasport.targets.keras_source.code import Brackets, Expression, call, constant
from lasport.targets.keras_source.statements import CHAIN, COUNTER, Comment, Statement

__all__ = ["Loop", "rolled"]

SAVED = 6  # statements that a loop must save to read better than what it replaces
NAME = "name="

_PLAIN = re.compile(r'"[\w .:/-]+"', re.ASCII)
_TOKENS = re.compile(r"[1-9]\d*|[A-Za-z]+|.", re.ASCII)


@dataclass(frozen=True)
class Loop:
    """A ``for`` statement.

    Attributes
    ----------
    values : Expression
        What the counter runs through.
    body : tuple of Statement
        With f-strings for names.
    """

    values: Expression
    body: tuple[Statement, ...]


def rolled(body: Sequence[Statement], ends: Sequence[str]) -> list[Statement | Loop]:
    """Return statements with the blocks that repeat as loops.

    Parameters
    ----------
    body : sequence of Statement
        As they run.
    ends : sequence of str
        Variables that are used behind them.
    """
    flow = _Flow.of(body, ends)
    parts: list[Statement | Loop] = []
    place = 0
    while place < len(body):
        sizes = range(1, (len(body) - place) // 2 + 1)
        found = [block for size in sizes if (block := _repeated(flow, place, size)) is not None]
        block = max(found, key=lambda each: each.saved, default=None)
        if block is None or block.saved < SAVED:
            parts.append(body[place])
            place += 1
        else:
            lead, loop, rest = _written(flow, block)
            if parts[-1] is body[block.entry] and set(flow.users[block.entry]) <= {*block.rows[0]}:
                # Nothing but the loop takes it, so it needs no name of its own.
                parts[-1] = replace(body[block.entry], target=CHAIN)
                lead = []
            parts += [*lead, loop, *rest]
            place += len(block.rows) * len(block.rows[0])
    return parts


# --- what repeats


@dataclass(frozen=True)
class _Flow:
    """Statements, and which of them take what from which.

    Attributes
    ----------
    skeletons : list of str
        What must be equal in statements that a loop makes one.
    sources : list of list of int
        For each statement, the ones whose results it takes, in order.
    users : list of list of int
        For each statement, the ones that take its result; ``len(body)`` for what is behind.
    """

    body: Sequence[Statement]
    skeletons: list[str]
    sources: list[list[int]]
    users: list[list[int]]

    @classmethod
    def of(cls, body: Sequence[Statement], ends: Sequence[str]) -> _Flow:
        latest: dict[str, int] = {}
        sources: list[list[int]] = []
        users: list[list[int]] = [[] for _ in body]
        for place, statement in enumerate(body):
            sources.append([latest[atom] for _, atom in _atoms(statement.value) if atom in latest])
            for source in sources[-1]:
                users[source].append(place)
            latest[statement.target] = place
        for name in ends:
            users[latest[name]].append(len(body))
        return cls(body, [_skeleton(statement) for statement in body], sources, users)


@dataclass(frozen=True)
class _Block:
    """Repetitions of a block of statements.

    Attributes
    ----------
    rows : list of range
        The places of the statements of each.
    entry : int
        The statement whose result the first one takes; the others take that of the one before.
    counters : tuple of str
        What tells their names apart, token by token.
    """

    rows: list[range]
    entry: int
    counters: tuple[str, ...]

    @property
    def saved(self) -> int:
        """How many statements fewer a loop has."""
        return (len(self.rows) - 1) * len(self.rows[0])


def _repeated(flow: _Flow, start: int, size: int) -> _Block | None:
    """Return the repetitions of a block, as many as there are; None for less than two."""
    rows = [range(start, start + size)]
    entry = counters = None
    while _is_closed(flow, rows[-1]):
        row = range(rows[-1].stop, rows[-1].stop + size)
        if row.stop > len(flow.body) or not _is_closed(flow, row):
            break
        if not set(flow.users[rows[-1][-1]]) <= set(row):
            break
        taken = _entry(flow, rows[0], row)
        counted = _counters(flow, [*rows, row])
        if taken is None or counted is None or entry not in (None, taken):
            break
        rows, entry, counters = [*rows, row], taken, counted
    return None if entry is None or counters is None else _Block(rows, entry, counters)


def _is_closed(flow: _Flow, row: range) -> bool:
    """Return whether nothing but a block's last result is taken outside."""
    return all(user in row for place in row[:-1] for user in flow.users[place])


def _entry(flow: _Flow, first: range, row: range) -> int | None:
    """Return what the first block takes where another one takes the result of the one before.

    None if there is no such thing, or the blocks differ in more than names.
    """
    entries = set()
    for a, b in zip(first, row, strict=True):
        if flow.skeletons[a] != flow.skeletons[b]:
            return None
        for x, y in zip(flow.sources[a], flow.sources[b], strict=True):
            if y == row.start - 1 and x < first.start:
                entries.add(x)
            elif y != (x if x < first.start else x - first.start + row.start):
                return None
    return entries.pop() if len(entries) == 1 else None


def _counters(flow: _Flow, rows: Sequence[range]) -> tuple[str, ...] | None:
    """Return the one thing that counts all names of all blocks; None if there is none."""
    vectors: set[tuple[str, ...]] = set()
    for places in zip(*rows, strict=True):
        names = [_name(flow.body[place]) for place in places]
        if names[0] is None:
            continue
        tokens = _aligned(names)
        if tokens is None:
            return None
        vectors.update(vector for vector in tokens if len(set(vector)) > 1)
    first = min(vectors, key=lambda each: (len(each[0]), each), default=None)
    if first is None or any(_offset(vector, first) is None for vector in vectors):
        return None
    return first


def _aligned(names: Sequence[str | None]) -> list[tuple[str, ...]] | None:
    """Return the tokens of several names, place by place; None if these do not correspond."""
    plain = [name for name in names if name is not None and _PLAIN.fullmatch(name)]
    tokens = [_TOKENS.findall(name[1:-1]) for name in plain]
    if len(plain) < len(names) or len({len(each) for each in tokens}) > 1:
        return None
    return list(zip(*tokens, strict=True))


def _offset(vector: Sequence[str], counters: Sequence[str]) -> int | None:
    """Return how far tokens are from the counters, None if it is not always equally far."""
    if tuple(vector) == tuple(counters):
        return 0
    if not all(token.isdecimal() for token in (*vector, *counters)):
        return None
    apart = {int(a) - int(b) for a, b in zip(vector, counters, strict=True)}
    return apart.pop() if len(apart) == 1 else None


# --- how it is written


def _written(flow: _Flow, block: _Block) -> tuple[list[Statement], Loop, list[Statement]]:
    """Return what leads into a loop, the loop, and what leads out of it."""
    first = [flow.body[place] for place in block.rows[0]]
    given = flow.body[block.rows[-1][-1]].target
    entry = flow.body[block.entry].target
    taken = {statement.target for statement in flow.body}
    names = {each.target: _uncounted(each.target, taken) for each in first}
    lines = []
    if entry != CHAIN:
        names[entry] = CHAIN
        if sum(atom == entry for each in first for _, atom in _atoms(each.value)) > 1:
            names[entry] = unique_name("shortcut", taken)
            lines.append(Statement(names[entry], CHAIN))
    names[first[-1].target] = CHAIN
    columns = [[flow.body[place] for place in places] for places in zip(*block.rows, strict=True)]
    lines.extend(_merged(column, names, block.counters) for column in columns)
    lead = [] if entry == CHAIN else [Statement(CHAIN, entry)]
    rest = [] if given == CHAIN else [Statement(given, CHAIN)]
    return lead, Loop(_values(block.counters), tuple(lines)), rest


def _merged(
    same: Sequence[Statement], names: dict[str, str], counters: tuple[str, ...]
) -> Statement:
    spelled = [_name(statement) for statement in same]

    def rename(label: str, atom: str) -> str:
        if label == NAME and (aligned := _aligned(spelled)) is not None:
            return _f_string(aligned, counters)
        return names.get(atom, atom)

    comments = [each.comment for each in same if each.comment is not None]
    comment = _comment(comments) if comments else None
    return Statement(names[same[0].target], _renamed(same[0].value, rename), comment)


def _comment(same: Sequence[Comment]) -> Comment:
    names = f"{same[0].layer} {'to' if same[2:] else 'and'} {same[-1].layer}"
    shapes = {each.shape for each in same}
    return Comment(names, same[0].kind, same[0].shape if len(shapes) == 1 else "")


def _f_string(aligned: Sequence[tuple[str, ...]], counters: tuple[str, ...]) -> str:
    parts = []
    for vector in aligned:
        if len(set(vector)) == 1:
            parts.append(vector[0])
            continue
        offset = _offset(vector, counters) or 0
        parts.append(f"{{{COUNTER}{f' {offset:+d}'.replace('+', '+ ') if offset else ''}}}")
    return f'f"{"".join(parts)}"'


def _values(counters: tuple[str, ...]) -> Expression:
    if not all(counter.isdecimal() for counter in counters):
        return constant(counters)
    numbers = tuple(map(int, counters))
    step = numbers[1] - numbers[0]
    if step < 1 or numbers != tuple(range(numbers[0], numbers[-1] + 1, step)):
        return constant(numbers)
    start, stop = numbers[0], numbers[-1] + step
    bounds = (start, stop, step) if step > 1 else (start, stop) if start else (stop,)
    return call("range", *map(repr, bounds))


def _uncounted(target: str, taken: set[str]) -> str:
    """Return a name for a variable of the block, without its number."""
    if target == CHAIN:
        return CHAIN
    return unique_name(f"{re.sub(r'_?[0-9]+', '', target)}_n", taken)


# --- expressions


def _atoms(value: Expression, label: str = "") -> Iterator[tuple[str, str]]:
    """Yield the parts of an expression that hold no other, each with its label."""
    if isinstance(value, str):
        yield label, value
        return
    if isinstance(value.before, Brackets):
        yield from _atoms(value.before)
    for name, item in value.items:
        yield from _atoms(item, name)


def _renamed(value: Expression, rename: Callable[[str, str], str], label: str = "") -> Expression:
    if isinstance(value, str):
        return rename(label, value)
    before = value.before if isinstance(value.before, str) else _renamed(value.before, rename)
    items = tuple((name, _renamed(item, rename, name)) for name, item in value.items)
    return Brackets(before, value.opening, items, value.closing)


def _skeleton(statement: Statement) -> str:
    """Return a statement without its names and variables."""
    known = {"True", "False", "None"}

    def rename(label: str, atom: str) -> str:
        return "?" if label == NAME or (atom.isidentifier() and atom not in known) else atom

    commented = "" if statement.comment is None else "#"
    return f"{_renamed(statement.value, rename)}{commented}"


def _name(statement: Statement) -> str | None:
    return next((atom for label, atom in _atoms(statement.value) if label == NAME), None)

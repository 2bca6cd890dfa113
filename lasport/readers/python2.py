"""Scripts for Python 2, translated to Python 3 as they are read."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection
from types import CodeType
from typing import Any, Literal, TypeAlias

from lasport.errors import ScriptError

__all__ = ["DIVIDE", "PythonVersion", "compile_script", "divide"]

PythonVersion: TypeAlias = Literal[2, 3]

NAMES_OF_2 = {"basestring", "long", "raw_input", "unichr", "unicode", "xrange"}
METHODS_OF_2 = {"has_key", "iteritems", "iterkeys", "itervalues"}
# What imports mean depends on the package (_OldImports); what division does, on the future.
OWN_FIXES = {"fissix.fixes.fix_future", "fissix.fixes.fix_import"}
# The name under which a translated script finds Python 2's division.
DIVIDE = "__python_2_divide__"


def compile_script(
    source: str, filename: str, python: PythonVersion | None, siblings: Collection[str] = ()
) -> CodeType:
    """Compile a script.

    Parameters
    ----------
    source : str
        Python 2 or 3.
    filename : str
        Named in errors.
    python : {2, 3}, optional
        What the script is written for. By default Python 3, and Python 2 if it does not compile
        as that or uses names that only Python 2 has: a script that could be for either may still
        divide integers as Python 2 does.
    siblings : collection of str
        The other modules of its package, which Python 2 imports by their name alone.

    Raises
    ------
    ScriptError
        If it is neither, with the line.
    """
    try:
        if python == 3 or (python is None and not _is_for_2(source)):
            return compile(source, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        if python == 3:
            raise _refusal(filename, error.lineno, error.msg) from error
    except ValueError as error:  # null bytes
        raise ScriptError(f"{filename}: {error}") from error
    translated = _translate(source, filename)
    try:
        tree = ast.parse(translated, filename)
    except SyntaxError as error:
        raise _refusal(filename, error.lineno, error.msg) from error
    future = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        for alias in node.names
    }
    if "division" not in future:
        tree = _OldDivision().visit(tree)
    if "absolute_import" not in future:
        tree = _OldImports(siblings).visit(tree)
    return compile(ast.fix_missing_locations(tree), filename, "exec", dont_inherit=True)


def _is_for_2(source: str) -> bool:
    """Tell whether a module uses what only Python 2 has, and does not provide it itself."""
    if not any(name in source for name in NAMES_OF_2 | METHODS_OF_2):  # parsing takes longer
        return False
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=other):
                bound.add(other or name)
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in METHODS_OF_2:
                if not (isinstance(owner, ast.Name) and owner.id == "six"):
                    return True
    return bool(used & NAMES_OF_2 - bound)


def _refusal(filename: str, line: int | None, message: str | None) -> ScriptError:
    return ScriptError(f"{filename}, line {line}: {message}")


def _translate(source: str, filename: str) -> str:
    from fissix import refactor
    from fissix.pgen2.parse import ParseError
    from fissix.pgen2.tokenize import TokenError

    fixers = set(refactor.get_fixers_from_package("fissix.fixes")) - OWN_FIXES
    try:
        tree = refactor.RefactoringTool(fixers).refactor_string(source + "\n", filename)
    except ParseError as error:
        _, (line, _) = error.context
        raise _refusal(filename, line, f"neither Python 2 nor 3: {error.msg}") from error
    except TokenError as error:
        message, (line, _) = error.args
        raise _refusal(filename, line, f"neither Python 2 nor 3: {message}") from error
    return str(tree)


class _OldDivision(ast.NodeTransformer):
    """Turns ``a / b`` and ``a /= b`` into Python 2's division."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        divide = ast.Name(DIVIDE, ast.Load())
        return ast.copy_location(ast.Call(divide, [node.left, node.right], []), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        before = ast.parse(ast.unparse(node.target), mode="eval").body
        value = ast.Call(ast.Name(DIVIDE, ast.Load()), [before, node.value], [])
        return ast.copy_location(ast.Assign([node.target], value), node)


class _OldImports(ast.NodeTransformer):
    """Turns ``import a`` into ``from . import a`` where that is another module of the package."""

    def __init__(self, siblings: Collection[str]) -> None:
        self.siblings = siblings

    def _is_sibling(self, name: str | None) -> bool:
        return name is not None and name.partition(".")[0] in self.siblings

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if not node.level and self._is_sibling(node.module):
            node.level = 1
        return node

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return [
            ast.copy_location(each, node)
            for alias in node.names
            for each in (
                _import_sibling(alias) if self._is_sibling(alias.name) else [ast.Import([alias])]
            )
        ]


def _import_sibling(alias: ast.alias) -> list[ast.stmt]:
    """Return what imports ``a``, or ``a.b``, and binds what Python 2 binds."""
    outer, _, inner = alias.name.rpartition(".")
    if not outer:
        return [ast.ImportFrom(None, [alias], 1)]
    imported: list[ast.stmt] = [ast.ImportFrom(outer, [ast.alias(inner, alias.asname)], 1)]
    if alias.asname is None:
        first = alias.name.partition(".")[0]
        imported = [
            ast.ImportFrom(outer, [ast.alias(inner, "__imported__")], 1),
            ast.ImportFrom(None, [ast.alias(first)], 1),
        ]
    return imported


def divide(a: Any, b: Any) -> Any:
    """Divide as Python 2 does: integers to an integer, rounded down."""
    whole = isinstance(a, int) and isinstance(b, int)
    function: Callable[[Any, Any], Any] = operator.floordiv if whole else operator.truediv
    return function(a, b)

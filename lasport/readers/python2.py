"""Scripts for Python 2, translated to Python 3 as they are read."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from types import CodeType
from typing import Any, Literal, TypeAlias

from lasport.errors import ScriptError

__all__ = ["DIVIDE", "PythonVersion", "compile_script", "divide"]

PythonVersion: TypeAlias = Literal[2, 3]

# The name under which a translated script finds Python 2's division.
DIVIDE = "__python_2_divide__"


def compile_script(source: str, filename: str, python: PythonVersion | None) -> CodeType:
    """Compile a script.

    Parameters
    ----------
    source : str
        Python 2 or 3.
    filename : str
        Named in errors.
    python : {2, 3}, optional
        What the script is written for. By default Python 3, and Python 2 if it does not compile
        as that: a script that compiles as either may still divide integers as Python 2 does.

    Raises
    ------
    ScriptError
        If it is neither, with the line.
    """
    try:
        if python != 2:
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
    future = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(name.name == "division" for name in node.names)
        for node in tree.body
    )
    if not future:
        tree = ast.fix_missing_locations(_OldDivision().visit(tree))
    return compile(tree, filename, "exec", dont_inherit=True)


def _refusal(filename: str, line: int | None, message: str | None) -> ScriptError:
    return ScriptError(f"{filename}, line {line}: {message}")


def _translate(source: str, filename: str) -> str:
    from fissix import refactor
    from fissix.pgen2.parse import ParseError
    from fissix.pgen2.tokenize import TokenError

    fixers = refactor.get_fixers_from_package("fissix.fixes")
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


def divide(a: Any, b: Any) -> Any:
    """Divide as Python 2 does: integers to an integer, rounded down."""
    whole = isinstance(a, int) and isinstance(b, int)
    function: Callable[[Any, Any], Any] = operator.floordiv if whole else operator.truediv
    return function(a, b)

"""What a build script imports from beside it: modules and packages, for Python 2 or 3 as it is."""

from __future__ import annotations

import ast
import builtins
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import tokenize
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from lasport.errors import ScriptError
from lasport.readers.python2 import DIVIDE, PythonVersion, compile_script, divide

__all__ = ["among_neighbours", "read_source"]

PACKAGE = "__init__.py"
# Names that Python 2's scripts use and Python 3 lacks.
PYTHON_2 = {
    DIVIDE: divide,
    "basestring": str,
    "long": int,
    "raw_input": input,
    "reduce": functools.reduce,
    "unichr": chr,
    "unicode": str,
    "xrange": range,
}


def read_source(path: Path) -> str:
    """Return a script's text, in the encoding that it declares."""
    try:
        with tokenize.open(path) as stream:
            return stream.read()
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror or error}") from error
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: {error}") from error


@contextmanager
def among_neighbours(
    path: Path, module: ModuleType, python: PythonVersion | None
) -> Iterator[None]:
    """Let a script import its neighbours, and find itself and Python 2's names."""
    folder = path.parent.resolve()
    root, module.__package__ = _package(folder)
    folders = [str(each) for each in dict.fromkeys((folder, root))]
    before, paths, arguments = dict(sys.modules), list(sys.path), sys.argv
    added = {name: value for name, value in PYTHON_2.items() if not hasattr(builtins, name)}
    neighbours = _Neighbours(root, folders, python)
    sys.modules[module.__name__] = module
    sys.path[:0] = folders
    sys.meta_path.insert(0, neighbours)
    sys.argv = [str(path)]
    vars(builtins).update(added)
    try:
        yield
    finally:
        for name in added:
            delattr(builtins, name)
        sys.argv = arguments
        sys.path[:] = paths
        sys.meta_path.remove(neighbours)
        for name, other in list(sys.modules.items()):
            # They hold the stand-ins.
            file = getattr(other, "__file__", None)
            if other is module or (name not in before and file and neighbours.owns(Path(file))):
                del sys.modules[name]
        if module.__name__ in before:
            sys.modules[module.__name__] = before[module.__name__]


def _package(folder: Path) -> tuple[Path, str]:
    """Return the folder that a script's outermost package is in, and the name of its own one."""
    names: list[str] = []
    while (folder / PACKAGE).is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(names)


class _Neighbours(importlib.abc.MetaPathFinder):
    """Finds modules and packages beside the script."""

    def __init__(self, root: Path, folders: Sequence[str], python: PythonVersion | None) -> None:
        self.root, self.folders, self.python = root, folders, python

    def owns(self, file: Path) -> bool:
        """Tell whether a file is the user's, and not installed in an environment among them."""
        return file.is_relative_to(self.root) and "site-packages" not in file.parts

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module that is a file beside the script, or in a package there."""
        last = name.rpartition(".")[2]
        for folder in self.folders if path is None else path:
            for file in (Path(folder, last, PACKAGE), Path(folder, f"{last}.py")):
                if self.owns(file) and file.is_file():
                    return importlib.util.spec_from_loader(name, _Translating(file, self.python))
        return None


class _Translating(importlib.abc.SourceLoader):
    """Loads a module as the script is loaded, and leaves no compiled files behind."""

    def __init__(self, file: Path, python: PythonVersion | None) -> None:
        self.file, self.python = file, python

    def get_filename(self, name: str) -> str:
        return str(self.file)

    def get_data(self, path: Any) -> bytes:
        return Path(path).read_bytes()

    def source_to_code(  # type: ignore[override]  # static there
        self, data: object, path: object, *args: object, **options: object
    ) -> CodeType:
        source, siblings = read_source(self.file), _siblings(self.file.parent)
        # Only Python 2 imports those by their name alone.
        former = self.python is None and siblings and _imports(source) & siblings - _found(siblings)
        return compile_script(source, str(self.file), 2 if former else self.python, siblings)


def _siblings(folder: Path) -> set[str]:
    """Return the modules of a package; none if the folder is no package."""
    if not (folder / PACKAGE).is_file():
        return set()
    packages = {file.parent.name for file in folder.glob(f"*/{PACKAGE}")}
    return packages | {file.stem for file in folder.glob("*.py")}


def _imports(source: str) -> set[str]:
    """Return what a module of Python 3 imports by its name alone; nothing if it is for Python 2."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    names = [
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    ]
    return {name.partition(".")[0] for name in names}


def _found(names: Collection[str]) -> set[str]:
    """Return those of several names that can be imported from elsewhere."""
    return {name for name in names if importlib.machinery.PathFinder.find_spec(name) is not None}

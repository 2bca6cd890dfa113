"""Running a build script, with stand-ins for Lasagne and Theano.

A build script is code: it runs, with all that it may do. What is below ``if __name__ ==
"__main__"`` does not run.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from lasport.errors import InvalidNetworkError, LasportError, ScriptError
from lasport.readers.binding import BatchNormStatistic, bind_file
from lasport.readers.layer_graph import in_key_order
from lasport.readers.listing import listed_on
from lasport.readers.live import read_layers
from lasport.readers.neighbours import among_neighbours, read_source
from lasport.readers.python2 import PythonVersion, compile_script
from lasport.readers.standins.bases import Layer
from lasport.readers.standins.choices import NEWEST, Choices
from lasport.readers.standins.helpers import get_all_layers, get_all_params
from lasport.readers.standins.modules import standing_in
from lasport.readers.standins.nolearn import NeuralNet
from lasport.readers.standins.symbols import SharedVariable, Symbol
from lasport.spec import Network

__all__ = ["BuildScript", "is_script", "load_script"]

SCRIPT = re.compile(r"(?P<path>.+\.py):(?P<function>\w+)", re.DOTALL)


@dataclass(frozen=True)
class BuildScript:
    """The origin of a net that a script built: what it takes to build it again elsewhere.

    Attributes
    ----------
    path : Path
        The script.
    function : str
        Its function.
    kwargs : mapping of str to object
        What the function is called with.
    places : tuple of int
        Where the net's outputs come in ``get_all_layers`` of what the function
        returns, a dict in the order of its keys.
    """

    path: Path
    function: str
    kwargs: Mapping[str, object]
    places: tuple[int, ...]


def is_script(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path names a function of a build script, as in ``model.py:build_net``."""
    return SCRIPT.fullmatch(os.fspath(path)) is not None


def load_script(
    script: str | os.PathLike[str],
    outputs: Sequence[str] | None = None,
    *,
    kwargs: Mapping[str, object] | None = None,
    python: PythonVersion | None = None,
    lasagne_version: str | None = None,
    flip_filters: bool | None = None,
    untrained: bool = False,
    params: str | os.PathLike[str] | None = None,
    params_key: str | None = None,
    bn_stat: BatchNormStatistic = "inv_std",
) -> Network:
    """Build the net that a function of a script describes, and give it its parameters.

    Parameters
    ----------
    script : str
        ``PATH.py:FUNCTION``.
    outputs : sequence of str, optional
        Names of the layers that shall be the outputs.
    kwargs : mapping, optional
        What the function is called with.
    python : {2, 3}, optional
        What the script is written for; by default Python 3 if it compiles as that.
    lasagne_version, flip_filters
        As for :func:`lasport.load`.
    untrained : bool
        Take zeros, and a note, for values that the script would draw at random, to look at the net.
    params : path-like, optional
        The file of parameters; needed unless the script sets all of them.
    params_key, bn_stat
        As for :func:`~lasport.readers.saved_net.load_network`.

    Returns
    -------
    Network

    Raises
    ------
    ScriptError
        If the script fails, with its line, or asks a stand-in for what it cannot do.
    InvalidNetworkError
        If parameters do not fit, or there are none.
    """
    found = SCRIPT.fullmatch(os.fspath(script))
    if found is None:
        raise ScriptError(f"{script}: PATH.py:FUNCTION is expected")
    path, function = Path(found["path"]), found["function"]
    said = lasagne_version is not None
    choices = Choices(lasagne_version or NEWEST, flip_filters, said=said)
    run = _run(path, function, dict(kwargs or {}), python, choices)
    root = _layers(run, f"{path}:{function}")
    drawn = [
        param.name or "one without a name"
        for param in get_all_params(list(root.values()) if isinstance(root, dict) else root)
        if isinstance(param, SharedVariable) and param.drawn
    ]
    network = read_layers(root, outputs)
    origin = None
    if isinstance(network.origin, tuple) and not isinstance(run, NeuralNet):
        whole = get_all_layers([entry for entry in in_key_order(run) if isinstance(entry, Layer)])
        places = tuple(map(whole.index, network.origin))
        origin = BuildScript(path, function, dict(kwargs or {}), places)
    network = replace(network, notes=choices.notes(), origin=origin)
    if params is None:
        if drawn:
            count = f"{len(drawn)} parameter{'s' * (len(drawn) != 1)}"
            missing = (
                f"{path}:{function} draws the values of {count} at random "
                f"({', '.join(drawn[:3])}{', ...' if drawn[3:] else ''}); give the file of the "
                "trained ones (params=, --params)"
            )
            if not untrained:
                raise InvalidNetworkError(missing)
            network = replace(network, notes=(*network.notes, missing))
        return network
    listed = listed_on(choices.day, network, nolearn=isinstance(run, NeuralNet))
    return bind_file(network, params, params_key, bn_stat, listed)


def _run(
    path: Path,
    function: str,
    kwargs: dict[str, Any],
    python: PythonVersion | None,
    choices: Choices,
) -> object:
    code = compile_script(read_source(path), str(path), python)
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    # Neighbours last to be asked: a copy of Lasagne beside the script is not what it gets.
    with among_neighbours(path, module, python), standing_in(choices):
        try:
            exec(code, vars(module))  # noqa: S102 - what it was given for
            build = getattr(module, function, None)
            if not callable(build):
                others = ", ".join(_functions_of(module)) or "none"
                raise ScriptError(f"there is no function {function!r} in it; it has {others}")
            result = build(**kwargs)
            if isinstance(result, NeuralNet):
                result.initialize()
            return result
        except LasportError as error:
            raise ScriptError(f"{_place(error, path)}: {error}") from error
        except (Exception, SystemExit) as error:
            kind = type(error).__name__
            raise ScriptError(f"{_place(error, path)}: {kind}: {error}") from error


def _functions_of(module: ModuleType) -> Iterator[str]:
    """Yield the functions that a script defines, not those that it imports."""
    for name, value in vars(module).items():
        if getattr(getattr(value, "__code__", None), "co_filename", None) == module.__file__:
            yield name


def _place(error: BaseException, path: Path) -> str:
    """Return the last line of the script that led to an error."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def _layers(result: object, where: str) -> Any:
    """Return the layers among what a build function returned, beside variables and numbers."""
    if isinstance(result, Layer):
        return result
    if isinstance(result, NeuralNet):
        return result.layers_of_output()
    if isinstance(result, dict) and all(isinstance(value, Layer) for value in result.values()):
        return result
    entries = list(result.values()) if isinstance(result, dict) else result
    if isinstance(entries, (list, tuple)):
        layers = [entry for entry in entries if isinstance(entry, Layer)]
        others = [entry for entry in entries if not isinstance(entry, (Layer, Symbol))]
        if layers and not others:
            return layers
    raise ScriptError(
        f"{where} returns {type(result).__name__}, in place of a layer or a list, tuple or dict of "
        "layers"
    )

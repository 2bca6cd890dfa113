"""The oracle in another interpreter: the real Lasagne where it still runs, in Python 2.7 to 3.11.

The other Python runs `lasport.oracles.probe`, a copy of it, in a process of its own: it unpickles
the file of the net or runs the build script, is told inputs and parameters by an npz, and leaves a
record. Of lasport it sees the probe and, for a current Python, the repairs of `theano_compat`.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lasport import errors, theano_compat
from lasport.errors import (
    ComparisonError,
    LasportError,
    MissingDependencyError,
    UnreadableFileError,
    UsageError,
)
from lasport.oracles import probe
from lasport.oracles.child import Child, describe_end, find_interpreter
from lasport.oracles.handover import (
    advise,
    as_declared,
    float_dtype,
    require_options,
    require_same_layers,
)
from lasport.oracles.record import Record, read_record
from lasport.oracles.reference import draw_inputs
from lasport.readers.containers import open_content
from lasport.readers.saved_net import place_layers
from lasport.readers.script import BuildScript
from lasport.spec import Array, Network

__all__ = ["TIMEOUT", "process_record"]

TIMEOUT = 3600.0
VERSIONS = re.compile(r"Lasagne (\S+) on Theano .*")
# As Python says it, and as `theano_compat` does.
ABSENT = re.compile(r"No module named '?(theano|lasagne)'?$|: (theano|lasagne) is not installed")
INSTALL = {"theano": "theano==1.0.5", "lasagne": "lasagne"}


def process_record(
    net: Network,
    python: str,
    *,
    seed: int = 0,
    passes: int = 5,
    timeout: float = TIMEOUT,
    tell: Callable[[str], None] = lambda stage: None,
) -> Record:
    """Record what the real Lasagne of another interpreter computes for a network.

    Parameters
    ----------
    net : Network
        From a pickle, which the other interpreter unpickles, or from a build
        script, which it runs; it takes the network's parameters.
    python : str
        The interpreter: a path, or a name to be found on ``PATH``. It inherits the environment.
    seed : int
        Seeds inputs, batches, cotangents, and what stochastic layers draw.
    passes : int
        Number of training passes.
    timeout : float
        Seconds after which it is stopped.
    tell : callable
        Told each stage.

    Returns
    -------
    Record
        In the precision of the network's parameters and inputs.

    Raises
    ------
    UsageError
        If there is no such interpreter, the network comes from neither, or its script was called
        with more than literals.
    MissingDependencyError
        If the interpreter cannot import Theano or Lasagne.
    UnreadableFileError
        If it cannot unpickle the file, or run the script, that lasport could.
    ComparisonError
        If its Lasagne cannot run the network, or means another one by it; if it crashes, takes
        longer than ``timeout``, or leaves no record.
    """
    if not timeout > 0:
        raise UsageError(f"timeout must be a number of seconds above 0, not {timeout!r}")
    program = find_interpreter(python)
    with tempfile.TemporaryDirectory(prefix="lasport-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        _lay_out_program(place)
        np.savez(place / "inputs.npz", **_draw(net, seed, passes))
        command = [program, str(place / "probe.py"), *_source(net, place)]
        command += ["--inputs", str(place / "inputs.npz"), "--seed", str(seed)]
        child = Child(python, place)
        status = child.run(command, _environment(net, place), timeout, tell)
        if status:
            raise _failure(child, status)
        record = _read(child)
    require_options(net, record.meta["lasagne"])
    require_same_layers(net, record)
    return record


# --- what the other process is given


def _lay_out_program(place: Path) -> None:
    """Copy the probe, and as much of lasport as a current Python needs to import Theano."""
    shutil.copy(probe.__file__, place / "probe.py")
    package = place / "lasport"
    package.mkdir()
    (package / "__init__.py").touch()
    for module in (errors, theano_compat):
        shutil.copy(str(module.__file__), package)


def _draw(net: Network, seed: int, passes: int) -> dict[str, Array]:
    """Return inputs, batches and parameters by their keys in a record."""
    drawn, *batches = (as_declared(net, arrays) for arrays in draw_inputs(net, seed, passes))
    found = probe.numbered("inputs", drawn)
    for number, batch in enumerate(batches, 1):
        found |= probe.numbered(f"batches/{number}", batch)
    return found | probe.numbered("params", net.param_values())


def _source(net: Network, place: Path) -> list[str]:
    """Return the probe's arguments that say which net to run, and where to leave its record."""
    record = str(place / "record.npz")
    if isinstance(net.origin, os.PathLike):
        path = Path(net.origin)
        outputs = place_layers(path, net.outputs)
        source, options = str(_plain_file(path, place)), []
    elif isinstance(net.origin, BuildScript):
        script, outputs = net.origin, list(net.origin.places)
        source = f"{script.path.absolute()}:{script.function}"
        options = ["--kwargs", _literals(script)]
    else:
        raise UsageError(
            "the oracle 'python:PATH' runs a net that was read from a file, or Lasagne layers that "
            "a build script returns; this net is neither ('theano' runs live layers, here)"
        )
    return [source, record, *options, "--outputs", *map(str, outputs)]


def _plain_file(path: Path, place: Path) -> Path:
    """Return the path of a pickle without compression around it."""
    with open_content(path) as content:
        with contextlib.suppress(OSError):  # what was unpacked in memory has no number
            if os.path.samestat(os.fstat(content.fileno()), path.stat()):
                return path.absolute()
        plain = place / "net" / path.name
        plain.parent.mkdir()
        with plain.open("wb") as stream:
            shutil.copyfileobj(content, stream)
    return plain


def _literals(script: BuildScript) -> str:
    """Return the arguments of a script's function as text that every Python reads alike."""
    text = repr(dict(script.kwargs))
    with contextlib.suppress(ValueError, SyntaxError):
        if text.isascii() and ast.literal_eval(text) == script.kwargs:
            return text
    raise UsageError(
        f"{script.function} was called with {text}, and another interpreter can be given numbers, "
        "ASCII text, None, and tuples, lists and dicts of them"
    )


def _environment(net: Network, place: Path) -> dict[str, str]:
    """Return the environment: the caller's own, but for what would spoil the record."""
    environment = dict(os.environ)
    environment.pop("PYTHONHOME", None)  # of this interpreter, and of no other
    environment.setdefault("PYTHONWARNINGS", "ignore")  # of their age, mostly
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # beside somebody's script
    environment["PYTHONIOENCODING"] = "utf-8"
    # Later flags win: the user's, who may have compiled code somewhere, and then ours.
    environment["THEANO_FLAGS"] = ",".join(
        [
            f"base_compiledir={(place / 'theano').as_posix()}",
            os.environ.get("THEANO_FLAGS", ""),
            f"floatX={float_dtype(net)},device=cpu,force_device=True",
        ]
    )
    return environment


# --- what it leaves


def _read(child: Child) -> Record:
    path = child.place / "record.npz"
    if not path.exists():
        raise ComparisonError(f"{child.python} ended without a record{child.printed()}")
    try:
        return read_record(path)
    except LasportError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise ComparisonError(f"{child.python} left no record: {reason}") from error


def _failure(child: Child, status: int) -> LasportError:
    """Return the error that says why the probe ended as it did."""
    python, reason, printed = child.python, child.last_line(), child.printed()
    if status == probe.IMPORTING:
        absent = ABSENT.search(reason)
        if absent is None:
            text = f"{python} cannot import Theano and Lasagne: {reason}{printed}"
            return MissingDependencyError(text)
        name = absent[1] or absent[2]
        return MissingDependencyError(
            f"{python} has no {name}; install it there: "
            f"{python} -m pip install {INSTALL[name]}{printed}"
        )
    versions = next(filter(None, map(VERSIONS.fullmatch, child.stages)), None)
    who = f"{python} ({versions[0]})" if versions else python
    if status == probe.LOADING:
        advice = advise(reason, versions[1] if versions else "")
        return UnreadableFileError(f"{who} cannot load the net: {reason}{advice}{printed}")
    if status == probe.RUNNING:
        another = "; another version of Lasagne may have made the net"
        advice = another if reason.startswith("AttributeError") else ""
        return ComparisonError(f"{who} cannot run this net: {reason}{advice}{printed}")
    return ComparisonError(f"{python} {describe_end(status)} {child.doing()}{printed}")

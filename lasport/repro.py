"""A folder from which a comparison can be made again, on another machine and without Theano."""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lasport.atomic import filling
from lasport.oracles.record import write_record
from lasport.readers.script import is_script

if TYPE_CHECKING:
    from lasport.compare.report import Report
    from lasport.oracles.record import Record

__all__ = ["COPIED", "REPEATED", "REPLACED", "save_repro"]

RECORD, README = "record.npz", "README.txt"

# The options of `lasport verify`: those whose files are copied, those that are repeated as they
# were, and those that the folder's record and model make superfluous, or that say where to write.
COPIED = ("params", "register")
REPEATED = (
    "outputs",
    "params_key",
    "kwargs",
    "python",
    "lasagne_version",
    "flip_filters",
    "bn_stat",
    "data_format",
    "modes",
    "passes",
    "outputs_only",
    "no_gradients",
)
REPLACED = ("oracle", "timeout", "seed", "profile", "json", "html", "save_repro")

KINDS = {
    RECORD: "inputs, parameters and what the original computes of them",
    "report.html": "what was found, for a browser",
    "report.json": "the same for programs, exact versions included",
    "net": "what the original was read from",
    "params": "its parameters",
    "register": "what its layers of your own classes are",
    "model": "the model that was compared",
}


def save_repro(
    directory: Path,
    arguments: argparse.Namespace,
    report: Report,
    record: Record,
    write_model: Callable[[Path], None],
) -> None:
    """Write all that a comparison was made of, its result, and the command to make it again.

    Parameters
    ----------
    directory : Path
        New or empty; it is there whole or not at all.
    arguments : argparse.Namespace
        Of ``lasport verify``, which made the comparison. The files that it
        names are copied.
    report : Report
        What came out.
    record : Record
        What the original computed.
    write_model : callable
        Writes the model, if it is not among the files.

    Raises
    ------
    UsageError
        If the directory is not empty, or cannot be made.
    OSError
        If a file cannot be copied.
    """
    copies = dict(_copies(arguments))
    with filling(directory) as folder:
        for name, source in copies.items():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, folder / name)
        if arguments.model is None:
            write_model(folder / _model(arguments))
        write_record(folder / RECORD, record)
        report.to_json(folder / "report.json")
        report.to_html(folder / "report.html")
        text = "\n".join(_readme(folder, report, _command(arguments, copies)))
        (folder / README).write_text(f"{text}\n", encoding="utf-8")


def _copies(arguments: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    """Yield where in the folder each file is copied to."""
    net = _net(arguments)
    yield f"net/{net.name}", net
    if arguments.params is not None:
        yield f"params/{arguments.params.name}", arguments.params
    for number, path in enumerate(arguments.register, 1):
        yield f"register-{number}/{path.name}", path
    if arguments.model is not None:
        yield _model(arguments), arguments.model


def _net(arguments: argparse.Namespace) -> Path:
    """Return the file of the net, or of the script that builds it."""
    file: Path = arguments.file
    return Path(str(file).rpartition(":")[0]) if is_script(file) else file


def _model(arguments: argparse.Namespace) -> str:
    return f"model{'.keras' if arguments.model is None else arguments.model.suffix}"


def _command(arguments: argparse.Namespace, copies: Mapping[str, Path]) -> str:
    """Return the command that compares what is in the folder."""
    names = {path: name for name, path in copies.items()}
    function = str(arguments.file).removeprefix(str(_net(arguments)))
    words = ["lasport", "verify", names[_net(arguments)] + function, _model(arguments)]
    words += ["--oracle", f"record:{RECORD}"]
    if arguments.params is not None:
        words += ["--params", names[arguments.params]]
    for path in arguments.register:
        words += ["--register", names[path]]
    if arguments.model is None and arguments.data_format is None:
        words += ["--data-format", "channels_first"]  # as the model was made
    for option in REPEATED:
        value = getattr(arguments, option)
        if value is not None and value is not False:
            words += [f"--{option.replace('_', '-')}", *_words(value)]
    return shlex.join(words)


def _words(value: object) -> list[str]:
    """Return what stands behind an option."""
    if value is True:
        return []
    if isinstance(value, list):
        return [str(item) for item in value]
    if isinstance(value, tuple):
        return [",".join(map(str, value))]
    return [json.dumps(value) if isinstance(value, dict) else str(value)]


def _readme(folder: Path, report: Report, command: str) -> Iterator[str]:
    """Yield the lines that say what the folder is."""
    yield f"{report.model} against {report.oracle}: {report.verdict}"
    if report.provenance is not None:
        made = report.provenance
        yield f"\nMade on {made.date} with lasport {made.versions.get('lasport', '')} by\n"
        yield f"  {made.command}"
    yield "\nIn this folder, with lasport installed, the same is compared by\n"
    yield f"  {command}"
    yield f"\nwhich exits with {0 if report else 1} and needs neither Theano nor Lasagne.\n"
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        kind = KINDS.get(str(name)) or KINDS[name.parts[0].partition("-")[0].partition(".")[0]]
        yield f"{name.as_posix()}: {kind}\n  {path.stat().st_size} bytes, sha256 {_sha256(path)}"
    yield "\nPickles are read and never run. Scripts (.py) are code, and run; what they import"
    yield "besides Lasagne, Theano and numpy is not in this folder."


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

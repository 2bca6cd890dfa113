"""The commands, each of which takes its arguments and returns an exit code."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from lasport import demo
from lasport.api import diagnose, export, record, verify
from lasport.atomic import require_fillable, require_writable
from lasport.cli.nets import (
    build_model,
    files_read,
    load_net,
    load_optimized,
    load_translatable,
    model_name,
    read_model_file,
    start_keras,
    write_model_file,
)
from lasport.compare.table import show_report
from lasport.errors import LasportError, UnreadableFileError, UnsupportedLayersError, UsageError
from lasport.exporting import FORMATS, SAVED_MODEL
from lasport.inspection import inspect_network, inspect_parameters
from lasport.oracles.child import find_interpreter
from lasport.oracles.record import Record
from lasport.outline import outline, outline_findings, outline_parameters
from lasport.passes import lower
from lasport.readers.parameters import read_parameters
from lasport.readers.script import is_script
from lasport.repro import save_repro
from lasport.targets.keras_calls import keras_calls
from lasport.targets.keras_source import weights_beside
from lasport.terminal import show, status_line
from lasport.translate import translate

__all__ = [
    "convert_net",
    "diagnose_model",
    "inspect_file",
    "show_demo",
    "verify_model",
    "write_record",
]

EQUAL, DIFFERENT = 0, 1
ENDINGS = (".keras", ".npz", ".py", ".safetensors")
TRAINED = (".keras", ".py")


def inspect_file(arguments: argparse.Namespace) -> int:
    """Show a net and what it becomes, or what parameters a file holds."""
    try:
        net = load_net(arguments, untrained=True)
    except UnreadableFileError as error:
        try:
            parameters = read_parameters(arguments.file, arguments.params_key)
        except LasportError:
            raise error from None
        if arguments.json:
            _show_json(inspect_parameters(parameters))
        else:
            show("\n".join(outline_parameters(parameters)), sys.stdout)
        return EQUAL
    if arguments.json:
        _show_json(inspect_network(net, arguments.profile))
        return EQUAL
    show("\n".join([net.summary(), *outline_findings(net), ""]), sys.stdout)
    try:
        calls = keras_calls(lower(translate(net)), arguments.profile, net.dtype.name)
    except UnsupportedLayersError as error:
        show(str(error), sys.stdout)
    else:
        show("\n".join(outline(calls)), sys.stdout)
    return EQUAL


def _show_json(content: dict[str, object]) -> None:
    # Every character beyond ASCII is escaped, so nothing in a file can steer a terminal.
    print(json.dumps(content, indent=1, allow_nan=False))


def convert_net(arguments: argparse.Namespace) -> int:
    """Write what a net becomes, in the format that the name of the output tells."""
    output: Path = arguments.output
    trained = output.suffix in TRAINED and arguments.optimize is None
    if arguments.synchronized and not trained:
        raise UsageError(
            "--synchronized is for a model that is trained: NAME.keras or NAME.py, no --optimize"
        )
    if output.suffix in FORMATS:
        return _export(arguments)
    if output.suffix not in ENDINGS:
        known = ", ".join(sorted({*ENDINGS, *FORMATS} - {""}))
        raise UsageError(
            f"{output}: the name must end in the format to write, one of {known}, or in nothing "
            "for the directory of a SavedModel"
        )
    outputs = [output, weights_beside(output)] if output.suffix == ".py" else [output]
    for path in outputs:
        require_writable(path, files_read(arguments))
    with status_line(sys.stderr) as progress:
        net = load_optimized(arguments, progress)
        start_keras(progress)
        progress("building the model")
        model = build_model(net, arguments)
        progress("writing the model")
        write_model_file(model, output)
    taken = ", ".join(str(tensor.shape) for tensor in model.inputs)
    written = " and ".join(map(str, outputs))
    show(f"{written}: profile {arguments.profile}, takes {taken}", sys.stdout)
    return EQUAL


def _export(arguments: argparse.Namespace) -> int:
    output: Path = arguments.output
    if output.suffix:
        require_writable(output, files_read(arguments))
    else:
        require_fillable(output, SAVED_MODEL)
    with status_line(sys.stderr) as progress:
        net = load_optimized(arguments, progress)
        start_keras(progress)
        report = export(
            net,
            output,
            profile=arguments.profile,
            data_format=arguments.data_format,
            dtype=arguments.dtype,
            name=model_name(arguments),
            progress=progress,
            command=arguments.command,
        )
    show(f"{output}: profile {arguments.profile}", sys.stdout)
    show_report(report, sys.stdout)
    return EQUAL


def verify_model(arguments: argparse.Namespace) -> int:
    """Compare a model with its net."""
    if arguments.model is not None and arguments.profile is not None:
        raise UsageError("--profile says which model to make; leave it out where MODEL is given")
    place = arguments.oracle.partition(":")[2]
    given = [Path(path) for path in (arguments.model, place) if path]
    outputs = [path.resolve() for path in (arguments.json, arguments.html) if path is not None]
    if len(set(outputs)) < len(outputs):
        raise UsageError("--json and --html name the same file")
    for output in (arguments.json, arguments.html):
        if output is not None:
            require_writable(output, [*files_read(arguments), *given])
    if arguments.save_repro is not None:
        require_fillable(arguments.save_repro)
    _warn_of_running(arguments)
    records: list[Record] = []
    with status_line(sys.stderr) as progress:
        net = load_translatable(arguments, progress)
        start_keras(progress)
        progress("building the model" if arguments.model is None else "reading the model")
        model = (
            build_model(net, arguments)
            if arguments.model is None
            else read_model_file(arguments.model)
        )
        report = verify(
            net,
            model,
            arguments.oracle,
            arguments.modes,
            passes=arguments.passes,
            seed=arguments.seed,
            outputs_only=arguments.outputs_only,
            gradients=not arguments.no_gradients,
            data_format=arguments.data_format,
            timeout=arguments.timeout,
            progress=progress,
            on_record=None if arguments.save_repro is None else records.append,
        ).made_by(arguments.command)
        if arguments.save_repro is not None:
            progress("writing what it takes to make it again")
            write = partial(write_model_file, model)
            save_repro(arguments.save_repro, arguments, report, records[-1], write)
    if arguments.json is not None:
        report.to_json(arguments.json)
    if arguments.html is not None:
        report.to_html(arguments.html)
    show_report(report, sys.stdout)
    if report.failures and arguments.model is not None:
        hint = "hint: lasport diagnose, with the same net and model, looks for the mistake"
        show(hint, sys.stderr)
    return EQUAL if report else DIFFERENT


def write_record(arguments: argparse.Namespace) -> int:
    """Write what an oracle computes."""
    output: Path = arguments.output
    require_writable(output, files_read(arguments))
    _warn_of_running(arguments)
    with status_line(sys.stderr) as progress:
        progress("reading the net")
        net = load_net(arguments)
        meta = record(
            net,
            output,
            arguments.oracle,
            seed=arguments.seed,
            passes=arguments.passes,
            timeout=arguments.timeout,
            progress=progress,
        ).meta
    without = "" if meta["no_gradient"] is None else f", no gradients: {meta['no_gradient']}"
    show(
        f"{output}: {len(meta['layers'])} layers in both modes, {meta['passes']} training passes, "
        f"{meta['floatX']}, by Lasagne {meta['lasagne']} on Theano {meta['theano']}{without}",
        sys.stdout,
    )
    return EQUAL


def _warn_of_running(arguments: argparse.Namespace) -> None:
    """Say before anything happens that the oracle runs what the file says."""
    kind, _, place = arguments.oracle.partition(":")
    if kind in ("theano", "python"):
        who = "Theano" if kind == "theano" else find_interpreter(place)
        does = "runs" if is_script(arguments.file) else "unpickles, and so runs,"
        show(f"lasport: warning: {who} {does} {arguments.file}, whatever it says", sys.stderr)


def diagnose_model(arguments: argparse.Namespace) -> int:
    """Say why somebody's own port differs."""
    if arguments.json is not None:
        require_writable(arguments.json, [*files_read(arguments), arguments.model])
    with status_line(sys.stderr) as progress:
        net = load_translatable(arguments, progress)
        start_keras(progress)
        progress("reading the model")
        diagnosis = diagnose(
            net,
            arguments.model,
            align=dict(arguments.align),
            data_format=arguments.data_format,
            seed=arguments.seed,
            progress=progress,
        )
    if arguments.json is not None:
        diagnosis.to_json(arguments.json)
    show(str(diagnosis), sys.stdout)
    return EQUAL if diagnosis else DIFFERENT


def show_demo(arguments: argparse.Namespace) -> int:
    """Go the whole way with the net that ships along."""
    if arguments.html is not None:
        require_writable(arguments.html)
    with status_line(sys.stderr) as progress:
        start_keras(progress)
        return EQUAL if demo.run(sys.stdout, progress, arguments.html) else DIFFERENT

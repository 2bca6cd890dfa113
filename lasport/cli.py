"""The command line: ``lasport inspect``, ``convert``, ``verify``, ``record``, and others.

Exit codes: 0 equal or done; 1 computed, and differs; 2 input that cannot be
read or is refused, or wrong usage; 3 layers without a translation.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lasport import __version__, demo
from lasport.api import diagnose, export, load, record, simplify, to_keras, verify
from lasport.atomic import require_fillable, require_writable
from lasport.compare.table import show_report
from lasport.errors import LasportError, UnreadableFileError, UnsupportedLayersError, UsageError
from lasport.exporting import FORMATS, SAVED_MODEL, export_weights
from lasport.inspection import inspect_network, inspect_parameters
from lasport.oracles.child import find_interpreter
from lasport.oracles.record import Mode, Record
from lasport.outline import outline, outline_findings, outline_parameters
from lasport.own_layers import run_registrations, temporary_registrations
from lasport.passes import DataFormat, lower
from lasport.readers.binding import BatchNormStatistic
from lasport.readers.parameters import read_parameters
from lasport.readers.python2 import PythonVersion
from lasport.readers.script import is_script
from lasport.repro import save_repro
from lasport.spec import Network
from lasport.targets.keras_calls import PROFILES, keras_calls
from lasport.targets.keras_source import weights_beside
from lasport.terminal import Progress, show, startup_silenced, status_line
from lasport.translate import translate

if TYPE_CHECKING:
    import keras

__all__ = ["main"]

EQUAL, DIFFERENT = 0, 1
# What a shell reports of a program that died of the signal.
INTERRUPTED, BROKEN_PIPE, TERMINATED = 130, 141, 143

ENDINGS = (".keras", ".npz", ".py", ".safetensors")
MODES = get_args(Mode)
DATA_FORMATS = get_args(DataFormat)
ORACLE = re.compile(r"reference|theano|(python|record):.+")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the program's name; by default what the process was started with.

    Returns
    -------
    int
        The exit code, see the module. Wrong usage raises SystemExit, as
        argparse does.
    """
    arguments = _parse(argv)
    try:
        with _terminable(), temporary_registrations():
            _run_registrations(arguments.register)
            code: int = arguments.run(arguments)
            sys.stdout.flush()
    except LasportError as error:
        show(f"lasport: {error}", sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever was reading has seen enough; at exit Python would try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        show(f"lasport: {place}{error.strerror or error}", sys.stderr)
        return LasportError.exit_code
    except KeyboardInterrupt:
        show("lasport: interrupted", sys.stderr)
        return INTERRUPTED
    return code


# --- the commands


def _inspect(arguments: argparse.Namespace) -> int:
    try:
        net = _load(arguments, untrained=True)
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


def _convert(arguments: argparse.Namespace) -> int:
    output: Path = arguments.output
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
        require_writable(path, _inputs(arguments))
    with status_line(sys.stderr) as progress:
        net = _load_optimized(arguments, progress)
        _start_keras(progress)
        progress("building the model")
        model = _build(net, arguments)
        progress("writing the model")
        _write(model, output)
    taken = ", ".join(str(tensor.shape) for tensor in model.inputs)
    written = " and ".join(map(str, outputs))
    show(f"{written}: profile {arguments.profile}, takes {taken}", sys.stdout)
    return EQUAL


def _export(arguments: argparse.Namespace) -> int:
    output: Path = arguments.output
    if output.suffix:
        require_writable(output, _inputs(arguments))
    else:
        require_fillable(output, SAVED_MODEL)
    with status_line(sys.stderr) as progress:
        net = _load_optimized(arguments, progress)
        _start_keras(progress)
        report = export(
            net,
            output,
            profile=arguments.profile,
            data_format=arguments.data_format,
            dtype=arguments.dtype,
            name=_model_name(arguments),
            progress=progress,
            command=arguments.command,
        )
    show(f"{output}: profile {arguments.profile}", sys.stdout)
    show_report(report, sys.stdout)
    return EQUAL


def _verify(arguments: argparse.Namespace) -> int:
    if arguments.model is not None and arguments.profile is not None:
        raise UsageError("--profile says which model to make; leave it out where MODEL is given")
    place = arguments.oracle.partition(":")[2]
    given = [Path(path) for path in (arguments.model, place) if path]
    for output in (arguments.json, arguments.html):
        if output is not None:
            require_writable(output, [*_inputs(arguments), *given])
    if arguments.save_repro is not None:
        require_fillable(arguments.save_repro)
    _warn_of_running(arguments)
    records: list[Record] = []
    with status_line(sys.stderr) as progress:
        net = _load_translatable(arguments, progress)
        _start_keras(progress)
        progress("building the model" if arguments.model is None else "reading the model")
        model = _build(net, arguments) if arguments.model is None else _read(arguments.model)
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
            write = partial(_write, model)
            save_repro(arguments.save_repro, arguments, report, records[-1], write)
    if arguments.json is not None:
        report.to_json(arguments.json)
    if arguments.html is not None:
        report.to_html(arguments.html)
    show_report(report, sys.stdout)
    return EQUAL if report else DIFFERENT


def _record(arguments: argparse.Namespace) -> int:
    output: Path = arguments.output
    require_writable(output, _inputs(arguments))
    _warn_of_running(arguments)
    with status_line(sys.stderr) as progress:
        progress("reading the net")
        net = _load(arguments)
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


def _diagnose(arguments: argparse.Namespace) -> int:
    if arguments.json is not None:
        given = (arguments.file, arguments.params, arguments.model)
        require_writable(arguments.json, [path for path in given if path])
    with status_line(sys.stderr) as progress:
        net = _load_translatable(arguments, progress)
        _start_keras(progress)
        progress("reading the model")
        diagnosis = diagnose(
            net,
            _read(arguments.model),
            align=dict(arguments.align),
            data_format=arguments.data_format,
            seed=arguments.seed,
            progress=progress,
        )
    if arguments.json is not None:
        diagnosis.to_json(arguments.json)
    show(str(diagnosis), sys.stdout)
    return EQUAL if diagnosis else DIFFERENT


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.html is not None:
        require_writable(arguments.html)
    with status_line(sys.stderr) as progress:
        _start_keras(progress)
        return EQUAL if demo.run(sys.stdout, progress, arguments.html) else DIFFERENT


def _run_registrations(paths: Sequence[Path]) -> None:
    """Run the files that say what users' own layer classes are."""
    if paths:
        # They define Keras layers; what TensorFlow prints at its start is not theirs.
        with status_line(sys.stderr) as progress:
            _start_keras(progress)
    for path in paths:
        run_registrations(path)


def _load_translatable(arguments: argparse.Namespace, progress: Progress) -> Network:
    """Read the net, and refuse its layers before anybody waits for TensorFlow."""
    progress("reading the net")
    net = _load(arguments)
    translate(net)
    return net


def _load_optimized(arguments: argparse.Namespace, progress: Progress) -> Network:
    """Read the net, and simplify it if that is asked for."""
    net = _load_translatable(arguments, progress)
    if arguments.optimize is None:
        return net
    progress("simplifying the net, and comparing what it gives")
    if arguments.dtype is None:
        arguments.dtype = net.dtype.name  # folded weights are in float64
    return simplify(net)


def _load(arguments: argparse.Namespace, *, untrained: bool = False) -> Network:
    return load(
        arguments.file,
        outputs=arguments.outputs,
        params=arguments.params,
        params_key=arguments.params_key,
        bn_stat=arguments.bn_stat,
        kwargs=arguments.kwargs,
        python=arguments.python,
        lasagne_version=arguments.lasagne_version,
        flip_filters={"yes": True, "no": False, None: None}[arguments.flip_filters],
        untrained=untrained,
    )


def _start_keras(progress: Progress) -> None:
    progress("starting TensorFlow")
    with startup_silenced():
        import lasport.targets.keras_model  # noqa: F401 - imports it


def _build(net: Network, arguments: argparse.Namespace) -> keras.Model:
    return to_keras(
        net,
        profile=arguments.profile or "stock",
        data_format=arguments.data_format or "channels_first",
        dtype=arguments.dtype,
        name=_model_name(arguments),
    )


def _model_name(arguments: argparse.Namespace) -> str:
    return re.sub(r"\W+", "_", arguments.file.stem)


def _inputs(arguments: argparse.Namespace) -> list[Path]:
    """Return the files that a net is read from, which no output may replace."""
    file = str(arguments.file)
    read = [arguments.file, arguments.params, *arguments.register]
    if is_script(file):
        read.append(Path(file.rpartition(":")[0]))
    return [path for path in read if path is not None]


def _write(model: keras.Model, path: Path) -> None:
    if path.suffix == ".py":
        from lasport.targets.keras_script import write_script

        write_script(model, path)
    elif path.suffix in (".npz", ".safetensors"):
        export_weights(model, path)
    else:
        from lasport.targets.keras_file import write_model

        write_model(model, path)


def _read(path: Path) -> keras.Model:
    from lasport.targets.keras_file import read_model

    return read_model(path)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a request to terminate unwind the process, so that nothing half-written stays."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's business
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# --- the arguments


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    # Python 3.11 does not take MODEL behind an option: it has settled that there is none.
    if len(rest) == 1 and not rest[0].startswith("-") and getattr(arguments, "model", "") is None:
        arguments.model = Path(rest.pop())
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.command = shlex.join(["lasport", *(sys.argv[1:] if argv is None else argv)])
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lasport",
        description="Port Lasagne networks to TensorFlow / Keras 3, with the evidence.",
        epilog="Exit codes: 0 equal or done; 1 computed, and differs; 2 input that cannot be read "
        "or is refused, or wrong usage; 3 layers without a translation.",
    )
    parser.add_argument("--version", action="version", version=f"lasport {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = commands.add_parser(
        "inspect", help="show a net and what it becomes in Keras, or what parameters a file holds"
    )
    command.set_defaults(run=_inspect)
    _add_net(command)
    _add_profile(command, default="stock")
    command.add_argument("--json", action="store_true", help="print all of it as JSON")

    command = commands.add_parser("convert", help="write the Keras model of a net")
    command.set_defaults(run=_convert)
    _add_net(command)
    command.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        required=True,
        help="NAME.keras; NAME.py, a script with NAME.weights.h5 beside it; a name without an "
        "ending, the directory of a SavedModel; NAME.tflite; NAME.onnx; NAME.npz or "
        "NAME.safetensors, weights alone",
    )
    _add_profile(command, default="stock")
    _add_data_format(command, default="channels_first")
    command.add_argument("--dtype", help="float type, or Keras dtype policy (default: the net's)")
    command.add_argument(
        "--optimize",
        choices=("inference",),
        help="fold normalization into weights and leave out noise: for a model that is not trained",
    )

    command = commands.add_parser("verify", help="compare a model with its net, layer by layer")
    command.set_defaults(run=_verify, dtype=None)
    _add_net(command)
    _add_verify_options(command)

    command = commands.add_parser(
        "record", help="write what the real Lasagne computes for a net, to compare with anywhere"
    )
    command.set_defaults(run=_record)
    _add_net(command)
    command.add_argument(
        "-o", "--output", metavar="REC", type=Path, required=True, help="the npz to write"
    )
    _add_oracle(command, default="theano")
    command.add_argument(
        "--passes", type=_count, default=5, metavar="N", help="training passes (default: 5)"
    )

    command = commands.add_parser(
        "diagnose", help="say why somebody's own port of a net gives other numbers"
    )
    command.set_defaults(run=_diagnose)
    _add_net(command)
    _add_diagnose_options(command)

    command = commands.add_parser("demo", help="go the whole way with the net that ships along")
    command.set_defaults(run=_demo, register=())
    _add_html(command)
    return parser


def _add_net(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help="the pickled net, possibly compressed, of which nothing is run; or "
        "SCRIPT.py:FUNCTION, which builds the net: the script is code, and runs",
    )
    command.add_argument(
        "--outputs",
        nargs="+",
        metavar="NAME",
        help="layers to take as outputs (default: the net's)",
    )
    command.add_argument(
        "--params",
        metavar="PARAMS",
        type=Path,
        help="parameters in place of the net's own: what get_all_param_values returned, as npz, "
        "npy, pickle or HDF5",
    )
    command.add_argument(
        "--params-key", metavar="KEY", help="where in the dict of PARAMS they are, if not plain"
    )
    command.add_argument(
        "--kwargs", type=_kwargs, metavar="JSON", help="what FUNCTION is called with"
    )
    command.add_argument(
        "--python",
        type=int,
        choices=get_args(PythonVersion),
        help="what SCRIPT is written for (default: 3 if it compiles as that, otherwise 2)",
    )
    command.add_argument(
        "--lasagne-version",
        metavar="VERSION",
        help="whose defaults SCRIPT relies on: 0.1, 0.2.dev1 (the default), or a day, as in "
        "2015-07-01",
    )
    command.add_argument(
        "--flip-filters",
        choices=("yes", "no"),
        help="of convolutions in SCRIPT that only a GPU computes and that do not say",
    )
    command.add_argument(
        "--bn-stat",
        choices=get_args(BatchNormStatistic),
        default="inv_std",
        help="what PARAMS holds of batch normalization's variances (default: inv_std)",
    )
    command.add_argument(
        "--register",
        metavar="FILE.py",
        type=Path,
        action="append",
        default=[],
        help="a Python file of yours that says, by lasport.register, what your own layer classes "
        "are in Keras; it is code, and it RUNS, so it must be one that you trust",
    )


def _add_profile(command: argparse.ArgumentParser, default: str | None) -> None:
    command.add_argument(
        "--profile",
        choices=PROFILES,
        default=default,
        help="stock: Keras' own layers where both modes compute the same; exact: Lasagne's running "
        "averages and gradients in further training too (default: stock)",
    )


def _add_data_format(command: argparse.ArgumentParser, default: str | None) -> None:
    command.add_argument(
        "--data-format",
        choices=DATA_FORMATS,
        default=default,
        help="order of axes at the model's inputs and outputs (default: channels_first, Lasagne's)",
    )


def _add_verify_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "model",
        metavar="MODEL",
        type=Path,
        nargs="?",
        help="a saved Keras model (default: the one that lasport makes)",
    )
    _add_profile(command, default=None)
    _add_data_format(command, default=None)
    _add_oracle(command, default="reference", others=", or record:FILE, a record made earlier")
    command.add_argument(
        "--modes",
        type=_modes,
        default=MODES,
        metavar="MODE[,MODE]",
        help=f"of {', '.join(MODES)} (default: both)",
    )
    command.add_argument(
        "--passes",
        type=_passes,
        default=(1, 5),
        metavar="N[,N...]",
        help="compare running averages after so many training passes (default: 1,5)",
    )
    command.add_argument(
        "--outputs-only",
        action="store_true",
        help="leave layers and running averages out, for a port whose layers have other names",
    )
    command.add_argument(
        "--no-gradients",
        action="store_true",
        help="leave gradients out, which take the memory of a training step",
    )
    command.add_argument("--json", type=Path, metavar="PATH", help="write the report here too")
    _add_html(command)
    command.add_argument(
        "--save-repro",
        type=Path,
        metavar="DIR",
        help="write everything that somebody needs to make the comparison again to a new "
        "directory: copies of your files, the model, what the original computed, the report",
    )


def _add_html(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--html", type=Path, metavar="PATH", help="write the report as a page, for a browser"
    )


def _add_diagnose_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", type=Path, help="the saved Keras model")
    command.add_argument(
        "--align",
        type=_pair,
        action="append",
        default=[],
        metavar="LAYER=LAYER",
        help="a layer of the net and the model's layer that stands for it, where lasport takes "
        "another one; may be given several times",
    )
    _add_data_format(command, default=None)
    command.add_argument("--seed", type=int, default=0, help="of random inputs (default: 0)")
    command.add_argument("--json", type=Path, metavar="PATH", help="write the diagnosis here too")


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not (ours and equals and theirs):
        raise argparse.ArgumentTypeError(f"{text!r} is not LAYER=LAYER")
    return ours, theirs


def _add_oracle(command: argparse.ArgumentParser, default: str, others: str = "") -> None:
    command.add_argument(
        "--oracle",
        type=_oracle,
        default=default,
        help="who says what is right: reference (numpy), theano, the real Lasagne in this process, "
        f"python:PATH, the one of another interpreter{others} (default: {default}); the real "
        "Lasagne unpickles FILE, which runs whatever it says, so it must be one that you trust",
    )
    command.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="stop another interpreter after so long (default: an hour)",
    )
    command.add_argument(
        "--seed", type=int, default=0, help="of random inputs and masks (default: 0)"
    )


def _oracle(text: str) -> str:
    if not ORACLE.fullmatch(text):
        known = "reference, theano, python:PATH or record:FILE"
        raise argparse.ArgumentTypeError(f"{text!r} is not {known}")
    return text


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return int(text)


def _kwargs(text: str) -> dict[str, object]:
    try:
        kwargs = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON: {error}") from error
    if not isinstance(kwargs, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON object")
    return kwargs


def _modes(text: str) -> tuple[Mode, ...]:
    known: dict[str, Mode] = {mode: mode for mode in MODES}
    unknown = [name for name in text.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(known)}")
    return tuple(known[name] for name in text.split(","))


def _passes(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers from 1 on, as in 1,5")
    return tuple(map(int, numbers))


if __name__ == "__main__":
    sys.exit(main())

"""What the command line takes, and what each command is called with."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, get_args

from lasport import __version__
from lasport.cli.commands import (
    convert_net,
    diagnose_model,
    inspect_file,
    show_demo,
    verify_model,
    write_record,
)
from lasport.oracles.record import Mode
from lasport.passes import DataFormat
from lasport.readers.binding import BatchNormStatistic
from lasport.readers.python2 import PythonVersion
from lasport.targets.keras_calls import PROFILES

__all__ = ["parse"]

MODES = get_args(Mode)
DATA_FORMATS = get_args(DataFormat)
ADDRESS = re.compile(r"\w+://")
ORACLE = re.compile(r"reference|theano|(python|record):.+")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line; `run` of the result is the command, `command` how to say it again."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    # Python 3.11 does not take MODEL behind an option: it has settled that there is none.
    if len(rest) == 1 and not rest[0].startswith("-") and getattr(arguments, "model", "") is None:
        arguments.model = Path(rest.pop())
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.command = shlex.join(["lasport", *(sys.argv[1:] if argv is None else argv)])
    return arguments


class _Parser(argparse.ArgumentParser):
    """Says what is wrong and nothing else: a page of options hides it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} ({self.prog} --help says more)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
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
    command.set_defaults(run=inspect_file)
    _add_net(command)
    _add_profile(command, default="stock")
    command.add_argument("--json", action="store_true", help="print all of it as JSON")

    command = commands.add_parser("convert", help="write the Keras model of a net")
    command.set_defaults(run=convert_net)
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
        "--synchronized",
        action="store_true",
        help="let batch normalization take the whole batch where tf.distribute splits it: for a "
        "model that is trained, NAME.keras or NAME.py",
    )
    command.add_argument(
        "--optimize",
        choices=("inference",),
        help="fold normalization into weights and leave out noise: for a model that is not trained",
    )

    command = commands.add_parser("verify", help="compare a model with its net, layer by layer")
    command.set_defaults(run=verify_model, dtype=None, synchronized=False)
    _add_net(command)
    _add_verify_options(command)

    command = commands.add_parser(
        "record", help="write what the real Lasagne computes for a net, to compare with anywhere"
    )
    command.set_defaults(run=write_record)
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
    command.set_defaults(run=diagnose_model)
    _add_net(command)
    _add_diagnose_options(command)

    command = commands.add_parser("demo", help="go the whole way with the net that ships along")
    command.set_defaults(run=show_demo, register=())
    _add_html(command)
    return parser


def _add_net(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file",
        metavar="FILE",
        type=_path,
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
        type=_path,
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


def _path(text: str) -> Path:
    if ADDRESS.match(text):
        raise argparse.ArgumentTypeError(f"{text} is an address: download the file, and name that")
    return Path(text)


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
        type=_path,
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
    command.add_argument(
        "model",
        metavar="MODEL",
        type=_path,
        help="the port: a saved Keras model, the directory of a SavedModel, or weights alone "
        "(.weights.h5, .npz, the prefix of a checkpoint)",
    )
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
        raise argparse.ArgumentTypeError(
            f"{text!r} is no JSON, as in '{{\"n\": 5}}': {error}"
        ) from error
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

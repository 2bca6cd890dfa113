"""What commands have in common: nets are read, models made, written and read."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lasport.api import load, simplify, to_keras
from lasport.errors import UsageError
from lasport.exporting import export_weights
from lasport.outline import lost_values
from lasport.own_layers import run_registrations
from lasport.readers.script import is_script
from lasport.spec import Network
from lasport.terminal import Progress, show, startup_silenced, status_line
from lasport.translate import translate

if TYPE_CHECKING:
    import keras

__all__ = [
    "build_model",
    "files_read",
    "load_net",
    "load_optimized",
    "load_translatable",
    "model_name",
    "read_model_file",
    "run_registrations_of",
    "start_keras",
    "write_model_file",
]


def run_registrations_of(paths: Sequence[Path]) -> None:
    """Run the files that say what users' own layer classes are."""
    if paths:
        # They define Keras layers; what TensorFlow prints at its start is not theirs.
        with status_line(sys.stderr) as progress:
            start_keras(progress)
    for path in paths:
        run_registrations(path)


def load_translatable(arguments: argparse.Namespace, progress: Progress) -> Network:
    """Read the net, and refuse its layers before anybody waits for TensorFlow."""
    progress("reading the net")
    net = load_net(arguments)
    translate(net)
    for warning in lost_values(net):
        progress("")
        show(f"lasport: {warning}", sys.stderr)
    return net


def load_optimized(arguments: argparse.Namespace, progress: Progress) -> Network:
    """Read the net, and simplify it if that is asked for."""
    net = load_translatable(arguments, progress)
    if arguments.optimize is None:
        return net
    progress("simplifying the net, and comparing what it gives")
    return simplify(net)


def load_net(arguments: argparse.Namespace, *, untrained: bool = False) -> Network:
    """Read the net."""
    if arguments.params is not None and is_script(arguments.params):
        raise UsageError(
            f"{arguments.params} is a script that builds a net: give that as FILE, and "
            f"{arguments.file} as its parameters (--params)"
        )
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


def start_keras(progress: Progress) -> None:
    """Import TensorFlow, silently."""
    progress("starting TensorFlow")
    with startup_silenced():
        import lasport.targets.keras_model  # noqa: F401 - imports it


def build_model(net: Network, arguments: argparse.Namespace) -> keras.Model:
    """Make the model that the arguments ask for."""
    return to_keras(
        net,
        profile=arguments.profile or "stock",
        data_format=arguments.data_format or "channels_first",
        dtype=arguments.dtype,
        name=model_name(arguments),
        synchronized=arguments.synchronized,
    )


def model_name(arguments: argparse.Namespace) -> str:
    """Return what to call the model: its file."""
    return re.sub(r"\W+", "_", arguments.file.stem)


def files_read(arguments: argparse.Namespace) -> list[Path]:
    """Return the files that a net is read from, which no output may replace."""
    file = str(arguments.file)
    read = [arguments.file, arguments.params, *arguments.register]
    if is_script(file):
        read.append(Path(file.rpartition(":")[0]))
    return [path for path in read if path is not None]


def write_model_file(model: keras.Model, path: Path) -> None:
    """Write a model in a format that Keras reads, or its weights."""
    if path.suffix == ".py":
        from lasport.targets.keras_script import write_script

        write_script(model, path)
    elif path.suffix in (".npz", ".safetensors"):
        export_weights(model, path)
    else:
        from lasport.targets.keras_file import write_model

        write_model(model, path)


def read_model_file(path: Path) -> keras.Model:
    """Read a saved model."""
    from lasport.targets.keras_file import read_model

    return read_model(path)

"""Whether a model computes what its network does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lasport.api.building import to_keras
from lasport.api.loading import StrPath, load
from lasport.atomic import require_writable
from lasport.errors import UsageError
from lasport.spec import Network

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from lasport.compare.report import Report
    from lasport.oracles.oracle import Oracle
    from lasport.oracles.record import Mode, Record
    from lasport.passes import DataFormat
    from lasport.targets.keras_calls import Profile
    from lasport.targets.tf1_program import Feeds, Tf1Program

__all__ = ["export", "record", "tf1_program", "verify"]


def verify(
    net: Network,
    model: keras.Model | Tf1Program | None = None,
    oracle: str | Record = "reference",
    modes: Sequence[Mode] = ("inference", "training"),
    *,
    profile: Profile = "stock",
    passes: Sequence[int] = (1, 5),
    seed: int = 0,
    outputs_only: bool = False,
    gradients: bool = True,
    data_format: DataFormat | None = None,
    timeout: float | None = None,
    progress: Callable[[str], None] = lambda stage: None,
    on_record: Callable[[Record], None] | None = None,
) -> Report:
    """Compare a model with its original, layer by layer, in both modes.

    Structure is judged in float64, rounding in float32 relative to the
    oracle's own error; see the page on exactness.

    Parameters
    ----------
    net : Network
        The original.
    model : keras.Model or Tf1Program, optional
        The port; by default the one that :func:`to_keras` makes. Of a program, from
        :func:`tf1_program`, the outputs are compared: in both modes, and after steps
        of its own training.
    oracle : str or Record
        Who says what is right: "reference" (numpy), "theano" (the real Lasagne
        in this process), "python:PATH" (the real Lasagne of another
        interpreter), "record:PATH" or a record. The real Lasagne unpickles the
        file that the net was read from, which runs whatever the file says.
    modes : sequence of {"inference", "training"}
        What to compare. Training adds the running averages.
    profile : {"stock", "exact"}
        Of the model made here, if none is given.
    passes : sequence of int
        After how many training passes to compare running averages.
    seed : int
        Seeds random inputs, batches and masks.
    outputs_only : bool
        Compare outputs alone: for a port whose layers have other names.
    gradients : bool
        Compare gradients too, which takes the memory of a training step.
    data_format : {"channels_first", "channels_last"}, optional
        Order of axes of a model that was loaded, or that lasport did not make,
        where the shapes of its inputs fit both.
    timeout : float, optional
        Seconds after which another interpreter is stopped; by default an hour.
    progress : callable
        Told each stage.
    on_record : callable, optional
        Given a record of what the original computed, before anything is compared with it.

    Returns
    -------
    Report
        True if everything was compared and agreed.

    Raises
    ------
    UnsupportedLayersError
        If the network has layers without a translation.
    ComparisonError
        If model or record are not of this network, or the oracle cannot run it.
    UnreadableFileError
        If the oracle cannot load the net.
    MissingDependencyError
        If Theano or Lasagne is not installed where the oracle needs it.
    """
    from lasport.compare.verify import verify_port
    from lasport.oracles.consult import consult, find_oracle

    given = repr(oracle) if isinstance(oracle, str) else "record"
    command = (
        f"lasport.verify(net, {'None' if model is None else 'model'}, {given}, {tuple(modes)}, "
        f"profile={profile!r}, passes={tuple(passes)}, seed={seed}, "
        f"outputs_only={outputs_only}, gradients={gradients}, "
        f"data_format={data_format!r})"
    )
    if model is None:
        model = to_keras(net, profile=profile)
    from lasport.compare.program import verify_program
    from lasport.targets.keras_port import KerasPort
    from lasport.targets.tf1_program import PROGRAM, Tf1Port, Tf1Program

    compare: Callable[..., Report]
    if isinstance(model, Tf1Program):
        program = Tf1Port(model, net, data_format)
        compare = partial(verify_program, net, program, model=PROGRAM)
    else:
        compare = partial(
            verify_port,
            net,
            KerasPort(model, net, data_format),
            model=f"model {model.name!r}",
            outputs_only=outputs_only,
            gradients=gradients,
        )
    most = max(passes, default=0)
    truth: Oracle
    if on_record is None:
        truth, description = find_oracle(
            net, oracle, seed=seed, passes=most, timeout=timeout, progress=progress
        )
    else:
        truth, description = consult(
            net, oracle, seed=seed, passes=most, timeout=timeout, progress=progress
        )
        on_record(truth)
    report = compare(
        truth,
        oracle=description,
        modes=modes,
        passes=passes,
        command=command,
        progress=progress,
    )
    return replace(report, notes=(*net.notes, *report.notes))


def record(
    net: Network | StrPath,
    path: StrPath,
    oracle: str = "theano",
    *,
    seed: int = 0,
    passes: int = 5,
    timeout: float | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> Record:
    """Write a parity record: what an oracle computes for a net, to compare with anywhere.

    ``verify(net, model, oracle="record:PATH")`` takes it where no Theano is.

    Parameters
    ----------
    net : Network or path-like
        The net, or a file for :func:`load`.
    path : path-like
        The npz to write; replaced if it exists, and only by a whole one.
    oracle : str
        Who computes: "theano", "python:PATH" or "reference", as for :func:`verify`.
    seed : int
        Seeds random inputs, batches and masks.
    passes : int
        How many training passes to record.
    timeout : float, optional
        Seconds after which another interpreter is stopped; by default an hour.
    progress : callable
        Told each stage.

    Returns
    -------
    Record

    Raises
    ------
    UsageError
        For another oracle, or a place where nothing can be written.
    LasportError
        What :func:`load` raises, and :func:`verify` of its oracle.
    """
    require_writable(path, [] if isinstance(net, Network) else [net])
    if oracle.startswith("record:"):
        raise UsageError(f"a record is made by theano, python:PATH or reference, not by {oracle!r}")
    if not isinstance(net, Network):
        progress("reading the net")
        net = load(net)
    from lasport.compare.verify import check_record
    from lasport.oracles.consult import consult
    from lasport.oracles.record import write_record

    made, _ = consult(net, oracle, seed=seed, passes=passes, timeout=timeout, progress=progress)
    check_record(net, made)
    progress("writing the record")
    write_record(path, made)
    return made


def tf1_program(
    session: tf.compat.v1.Session,
    inputs: tf.Tensor | Sequence[tf.Tensor],
    outputs: tf.Tensor | Sequence[tf.Tensor],
    *,
    test: Feeds | None = None,
    train: Feeds | None = None,
    step: object = None,
    towers: int = 1,
) -> Tf1Program:
    """Show lasport a program of TensorFlow 1, for :func:`verify` and :func:`diagnose`.

    It is run as it is, in both modes and with its own training step, and its variables
    are put back. What a step does to the running averages stays for the next one; what
    it does to the variables in ``GraphKeys.TRAINABLE_VARIABLES`` is taken back at once,
    for in Lasagne, too, the averages of a pass are those of the weights before it.

    Parameters
    ----------
    session : tf.compat.v1.Session
        Which holds the variables, with the net's parameters.
    inputs : tf.Tensor or list of tf.Tensor
        The placeholders of what the net takes, in the order of its input layers.
    outputs : tf.Tensor or list of tf.Tensor
        What the net gives, in the order of its outputs.
    test : dict, optional
        What the program feeds beside the inputs when it is tested, as in
        ``{training: False}``.
    train : dict, optional
        What it feeds in training, as in ``{training: True, labels: y}``. Of what has
        one entry for each example, rows are repeated or left out to the size of a batch.
    step : tf.Operation, tf.Tensor or list of these, optional
        What it runs in each step of training.
    towers : int
        Into how many parts a step cuts its batch, each of them for a copy of the net. The
        step is fed the same batch as often, so that each copy sees the whole of it.

    Returns
    -------
    lasport.targets.tf1_program.Tf1Program

    Raises
    ------
    UsageError
        If only one of ``train`` and ``step`` is given.
    """
    from lasport.targets.tf1_program import Tf1Program

    return Tf1Program(session, inputs, outputs, test=test, train=train, step=step, towers=towers)


def export(
    net: Network,
    path: StrPath,
    *,
    profile: Profile = "stock",
    data_format: DataFormat = "channels_first",
    dtype: str | None = None,
    name: str | None = None,
    oracle: str | Record = "reference",
    seed: int = 0,
    progress: Callable[[str], None] = lambda stage: None,
    command: str = "lasport.export",
) -> Report:
    """Write the model of a network for other programs than Keras, and prove what was written.

    The file is run by what runs such files, and its outputs are held against
    the original. If they differ, nothing is put in place.

    Parameters
    ----------
    net, profile, data_format, name
        As for :func:`to_keras`.
    path : path-like
        "NAME.tflite", "NAME.onnx", or without an ending: the directory of a
        SavedModel. Replaced if it is one already.
    dtype : str, optional
        By default the parameters' own in a SavedModel, and float32 elsewhere.
    oracle, seed, progress, command
        As for :func:`verify`.

    Returns
    -------
    Report
        Of the outputs, which agree: in inference mode, and of a SavedModel of a
        net that draws nothing in training mode too. Its notes say what the format
        does not hold.

    Raises
    ------
    ExportError
        If the format cannot hold the model.
    DifferentExportError
        If what was written computes something else.
    UnsupportedLayersError
        Naming every layer that has no translation.
    MissingDependencyError
        If the packages for ONNX are not installed.
    """
    from lasport.exporting import FORMATS, export_model
    from lasport.oracles.consult import find_oracle

    path = Path(path)
    if path.suffix not in FORMATS:
        known = ", ".join(filter(None, FORMATS))
        raise UsageError(f"{path}: the name must end in {known}, or in nothing for a SavedModel")
    progress("building the model")
    if dtype is None and path.suffix:
        dtype = "float32"
    model = to_keras(net, profile=profile, data_format=data_format, dtype=dtype, name=name)
    truth, description = find_oracle(net, oracle, seed=seed, passes=1, progress=progress)
    progress("writing the model, and running what was written")
    return export_model(
        model,
        net,
        path,
        data_format=data_format,
        truth=truth,
        oracle=description,
        command=command,
    )

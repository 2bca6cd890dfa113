"""The public functions: thin, each one a walk along the story of the data."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lasport.atomic import require_writable
from lasport.errors import ComparisonError, UnreadableFileError, UsageError
from lasport.spec import Array, Network

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from lasport.compare.diagnosis.result import Diagnosis
    from lasport.compare.report import Report
    from lasport.oracles.oracle import Oracle
    from lasport.oracles.record import Mode, Record
    from lasport.passes import DataFormat
    from lasport.readers.binding import BatchNormStatistic
    from lasport.readers.python2 import PythonVersion
    from lasport.targets.keras_calls import Calls, Profile
    from lasport.targets.parts import Opaque
    from lasport.targets.tf1_graph import Graph, Tensors
    from lasport.targets.tf1_program import Feeds, Tf1Program

__all__ = [
    "convert",
    "diagnose",
    "export",
    "feature_model",
    "from_lasagne",
    "lasagne_param_values",
    "load",
    "record",
    "simplify",
    "tf1_program",
    "to_keras",
    "to_source",
    "to_tf1",
    "verify",
]

StrPath = str | os.PathLike[str]


def load(
    path: StrPath,
    *,
    outputs: Sequence[str] | None = None,
    params: StrPath | None = None,
    params_key: str | None = None,
    bn_stat: BatchNormStatistic = "inv_std",
    kwargs: Mapping[str, object] | None = None,
    python: PythonVersion | None = None,
    lasagne_version: str | None = None,
    flip_filters: bool | None = None,
    untrained: bool = False,
) -> Network:
    """Read a network that somebody saved.

    Nothing that a saved file names is imported or called, so untrusted files
    are safe to read. A build script is code, and runs.

    Parameters
    ----------
    path : path-like
        A pickled output layer, a list or tuple of layers, a dict name ->
        layer, or a nolearn net, possibly beside scalers or within a grid
        search; of Python 2 or 3, protocol 0 to 5, or an archive of
        ``theano.misc.pkl_utils``; plain, gzip, bz2 or xz, recognized by
        content. Or ``SCRIPT.py:FUNCTION``, a function that builds the net: the
        script is code and runs, with stand-ins for Lasagne and Theano.
    outputs : sequence of str, optional
        Names of the layers that shall be the outputs. By default those that
        were pickled; of a list or dict that holds the whole net, the layers
        that feed no other.
    params : path-like, optional
        A file of parameters for the net: what ``get_all_param_values``
        returned, as npz, npy, pickle or HDF5, a dict by parameter or by layer,
        or one vector. They are taken in the file's order and checked by shape.
    params_key : str, optional
        Where in the dict that this file holds the parameters are.
    bn_stat : {"inv_std", "var"}
        What this file holds for the ``inv_std`` of batch normalization. A file
        cannot tell; values that no inv_std can have are refused.
    kwargs : mapping, optional
        What the function of a script is called with.
    python : {2, 3}, optional
        What a script is written for. By default Python 3 if it compiles as
        that; one for Python 2 that happens to do so divides integers wrongly.
    lasagne_version : str, optional
        Whose defaults a script relies on: "0.1", "0.2.dev1" (the default) or
        the day of a development version, such as "2015-07-01".
    flip_filters : bool, optional
        Of convolutions in a script that only a GPU computes and that do not
        say; by default they do not flip, and a note says so.
    untrained : bool
        Whether a script may leave parameters without values, to look at the
        net: they are zeros, and a note says so. By default it is refused.

    Returns
    -------
    Network
        Layers, attributes and parameters in Lasagne's terms. Classes without a
        translation are kept, and refused by :func:`to_keras`.

    Raises
    ------
    UnreadableFileError, RefusedFileError, InvalidNetworkError
        If there is no network to be had from the file, saying why.
    ScriptError
        If a script fails, with its line.
    UsageError
        If what only scripts take is given for something else.
    """
    from lasport.readers.script import is_script, load_script

    if is_script(path):
        return load_script(
            path,
            outputs,
            kwargs=kwargs,
            python=python,
            lasagne_version=lasagne_version,
            flip_filters=flip_filters,
            untrained=untrained,
            params=params,
            params_key=params_key,
            bn_stat=bn_stat,
        )
    of_scripts = {
        "kwargs": kwargs,
        "python": python,
        "lasagne_version": lasagne_version,
        "flip_filters": flip_filters,
    }
    given = [name for name, value in of_scripts.items() if value is not None]
    if given:
        raise UsageError(f"{path} is no SCRIPT.py:FUNCTION, and takes no {given[0]}")
    from lasport.readers.saved_net import load_network

    return load_network(path, outputs, params=params, params_key=params_key, bn_stat=bn_stat)


def from_lasagne(layer: object, *, outputs: Sequence[str] | None = None) -> Network:
    """Read a network from live Lasagne layers, in a process that has Lasagne.

    Parameters
    ----------
    layer : Lasagne layer, or list, tuple or dict of such
        As for :func:`load`.
    outputs : sequence of str, optional
        Names of the layers that shall be the outputs.

    Returns
    -------
    Network
    """
    from lasport.readers.live import read_layers

    return read_layers(layer, outputs)


def to_keras(
    net: Network,
    *,
    profile: Profile = "stock",
    data_format: DataFormat = "channels_first",
    dtype: str | None = None,
    name: str | None = None,
    synchronized: bool = False,
) -> keras.Model:
    """Build the Keras model that computes what a network computes.

    Parameters
    ----------
    net : Network
        From :func:`load` or :func:`from_lasagne`.
    profile : {"stock", "exact"}
        "stock": layers that Keras ships wherever inference and the forward
        pass of training are the same; such a model loads without lasport.
        "exact": own layers wherever stock ones part company in training:
        running averages of inv_std, gradients of rectifiers at 0 and of max
        pooling at ties.
    data_format : {"channels_first", "channels_last"}
        Order of axes at the model's inputs and outputs. "channels_first" is
        exactly what Lasagne took and returned; "channels_last" moves the
        channels of images to the end. Inside, images are channels last.
    dtype : str, optional
        Float dtype or Keras dtype policy; by default the parameters' own.
    name : str, optional
        The model's name.
    synchronized : bool
        Whether batch normalization takes mean and variance of the whole batch
        where a ``tf.distribute`` strategy splits it, as Lasagne did on its one
        device; otherwise each replica takes those of its part.

    Returns
    -------
    keras.Model
        Functional; layers carry Lasagne's names.

    Raises
    ------
    UnsupportedLayersError
        Naming every layer that has no translation, or with ``synchronized`` none
        that is synchronized.
    UsageError
        For an unknown profile, data format or dtype.
    """
    calls = _calls(net, profile, data_format, dtype, synchronized=synchronized)
    from lasport.targets.keras_model import build_model

    return build_model(calls, name)


def to_source(
    net: Network,
    *,
    profile: Profile = "stock",
    data_format: DataFormat = "channels_first",
    dtype: str | None = None,
    name: str = "net",
    weights: str | None = None,
    synchronized: bool = False,
) -> str:
    """Return the Keras script that builds what :func:`to_keras` builds, from the same calls.

    Parameters
    ----------
    net, profile, data_format, dtype
        As for :func:`to_keras`.
    name : str
        The model's name.
    weights : str, optional
        Name of the file that the script loads weights from, beside itself; by
        default NAME.weights.h5. ``model.save_weights`` of the built model
        writes it, and ``lasport convert FILE -o NAME.py`` both files.
    synchronized : bool
        As for :func:`to_keras`.

    Returns
    -------
    str
        Python with two functions, ``build()`` and ``load()``. It imports lasport
        only where Keras ships no layer for what the net computes.

    Raises
    ------
    UnsupportedLayersError
        Naming every layer that has no translation.
    UsageError
        For an unknown profile or data format, or if a script cannot import a
        layer class of yours.
    """
    from lasport.targets.keras_source import keras_source

    calls = _calls(net, profile, data_format, dtype, synchronized=synchronized)
    return keras_source(calls, name, f"{name}.weights.h5" if weights is None else weights)


def to_tf1(
    net: Network,
    inputs: Tensors,
    training: bool | tf.Tensor,
    *,
    profile: Profile = "stock",
    data_format: DataFormat = "channels_first",
    dtype: str | None = None,
) -> Graph:
    """Build what a network computes into the default graph of tf.compat.v1.

    The layers are those of :func:`to_keras`. Their variables come from
    ``tf.compat.v1.get_variable``, in scopes named as the Lasagne layers: within
    ``tf.compat.v1.variable_scope(..., reuse=True)`` nets share them. They start
    as the ported parameters: ``tf.compat.v1.global_variables_initializer()``
    gives the trained net, in the process that built the graph.

    Parameters
    ----------
    net : Network
        From :func:`load` or :func:`from_lasagne`.
    inputs : tf.Tensor, or list or dict of tf.Tensor
        As many as the net has input layers, in the net's order or by the input
        layers' names, with the axes of ``data_format``.
    training : bool or tf.Tensor
        The mode: Lasagne's ``not deterministic``. A boolean tensor of shape ()
        chooses it each time the graph runs.
    profile, data_format, dtype
        As for :func:`to_keras`. Under "exact" batch normalization averages
        ``moving_inv_std``, under "stock" ``moving_variance``.

    Returns
    -------
    lasport.targets.tf1_graph.Graph
        Outputs, layers by name, variables, and the update ops, which are in
        ``tf.compat.v1.GraphKeys.UPDATE_OPS`` too. Nothing runs these unless the
        training step depends on them.

    Raises
    ------
    UnsupportedLayersError
        Naming every layer that has no translation, or none in such a graph: those
        of your own classes, and loops over nets.
    UsageError
        For an unknown profile, data format or dtype, for other inputs or another
        ``training`` than the net takes, and outside of a graph.
    """
    calls = _calls(net, profile, data_format, dtype)
    from lasport.targets.tf1_graph import build_graph

    return build_graph(calls, inputs, training)


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


def convert(
    path: StrPath,
    *,
    outputs: Sequence[str] | None = None,
    params: StrPath | None = None,
    params_key: str | None = None,
    bn_stat: BatchNormStatistic = "inv_std",
    kwargs: Mapping[str, object] | None = None,
    python: PythonVersion | None = None,
    lasagne_version: str | None = None,
    flip_filters: bool | None = None,
    profile: Profile = "stock",
    data_format: DataFormat = "channels_first",
    dtype: str | None = None,
    name: str | None = None,
    synchronized: bool = False,
) -> keras.Model:
    """Read a saved network and build its Keras model: :func:`load`, then :func:`to_keras`."""
    net = load(
        path,
        outputs=outputs,
        params=params,
        params_key=params_key,
        bn_stat=bn_stat,
        kwargs=kwargs,
        python=python,
        lasagne_version=lasagne_version,
        flip_filters=flip_filters,
    )
    return to_keras(
        net,
        profile=profile,
        data_format=data_format,
        dtype=dtype,
        name=name,
        synchronized=synchronized,
    )


def lasagne_param_values(
    model: keras.Model, net: Network | None = None, *, data_format: DataFormat | None = None
) -> list[Array]:
    """Return a model's weights as ``lasagne.layers.get_all_param_values`` would.

    Parameters
    ----------
    model : keras.Model
        From :func:`to_keras`, trained or not, or saved and loaded again.
    net : Network, optional
        The network it was made from; only a model that was built in this
        process knows it by itself.
    data_format : {"channels_first", "channels_last"}, optional
        Of a model that was loaded, where the shapes of its inputs fit both.

    Returns
    -------
    list of ndarray
        In ``get_all_params`` order, in Lasagne's shapes and the original
        dtypes. Weights that were not touched come back bit for bit.

    Raises
    ------
    UsageError
        If ``net`` is needed.
    ComparisonError
        If the model is not one that lasport makes of the network, or of which
        data format it is cannot be told.
    """
    from lasport.targets.keras_model import read_weights

    return read_weights(model, _calls_behind(model, net, data_format))


def feature_model(
    model: keras.Model,
    layers: Sequence[str],
    net: Network | None = None,
    *,
    data_format: DataFormat | None = None,
) -> keras.Model:
    """Return the model that gives what some Lasagne layers compute, made of a model's own layers.

    ``model.get_layer(name).output`` is something else wherever a Lasagne layer
    takes several Keras layers, for one a convolution and its rectifier, or where
    it is held in another order of axes.

    Parameters
    ----------
    model : keras.Model
        From :func:`to_keras`, trained or not, or saved and loaded again.
    layers : sequence of str
        Names of Lasagne layers, as ``net.layers`` has them.
    net : Network, optional
        The network it was made from; only a model that was built in this
        process knows it by itself.
    data_format : {"channels_first", "channels_last"}, optional
        By default that of the model. "channels_first" gives the very arrays that
        ``lasagne.layers.get_output`` gives for these layers.

    Returns
    -------
    keras.Model
        With the inputs of ``model``, and one output for each name. It has the
        layers of ``model``: training one trains the other.

    Raises
    ------
    UsageError
        If no layer is called so, or ``net`` is needed.
    ComparisonError
        If the model is not one that lasport makes of the network, or of which
        data format it is cannot be told.
    """
    from lasport.targets.keras_features import feature_model

    calls = _calls_behind(model, net, data_format)
    return feature_model(model, calls, layers, data_format)


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

    port: KerasPort | Tf1Port
    if isinstance(model, Tf1Program):
        port, called = Tf1Port(model, net, data_format), PROGRAM
    else:
        port, called = KerasPort(model, net, data_format), f"model {model.name!r}"
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
    if isinstance(port, Tf1Port):
        report = verify_program(
            net,
            port,
            truth,
            oracle=description,
            model=called,
            modes=modes,
            passes=passes,
            command=command,
            progress=progress,
        )
    else:
        report = verify_port(
            net,
            port,
            truth,
            oracle=description,
            model=called,
            modes=modes,
            passes=passes,
            outputs_only=outputs_only,
            gradients=gradients,
            command=command,
            progress=progress,
        )
    return replace(report, notes=(*net.notes, *report.notes))


def simplify(net: Network, *, seed: int = 0) -> Network:
    """Return a net with fewer layers that computes the same in inference mode, and only there.

    Dropout and noise go, batch normalization is folded into the product before
    or behind it, zeros around images become those of the convolution, and
    nonlinearities those of the layer that they follow. Weights that change are
    in float64. What was made is compared with the original before it is
    returned, on random inputs.

    Parameters
    ----------
    net : Network
        Of which all layers have a translation.
    seed : int
        Of the inputs.

    Returns
    -------
    Network

    Raises
    ------
    ComparisonError
        If a layer differs by more than rounding, relative to its largest
        magnitude and in float64.
    UnsupportedLayersError
        Naming every layer that has no translation.
    """
    from lasport.compare.simplified import require_same
    from lasport.simplification import simplified
    from lasport.translate import translate

    translate(net)
    found, stands_for = simplified(net)
    require_same(net, found, stands_for, seed)
    return found


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
        Of the outputs in inference mode, which agree. Its notes say what the
        format does not hold.

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


def diagnose(
    net: Network,
    model: keras.Model | Tf1Program | StrPath,
    *,
    align: Mapping[str, str] | None = None,
    data_format: DataFormat | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda stage: None,
) -> Diagnosis:
    """Say why somebody's own port of a network gives other numbers.

    Each layer is judged by itself: what Lasagne computes before it is fed to the
    port's layer in its place, in both modes. Where the two differ, known mistakes
    are made in the original's arithmetic, one by one and in pairs; the simplest
    that gives the port's numbers is the cause.

    Parameters
    ----------
    net : Network
        The original.
    model : keras.Model, Tf1Program or path-like
        The port, functional or Sequential, with names and an order of axes of its
        own; one with a ``call()`` of its own, or a program of TensorFlow 1, from
        :func:`tf1_program`, of which both modes as a whole and the variables can be
        seen; or a file: a model that Keras loads, the directory of a SavedModel, of
        which only inference as a whole and the variables can be seen, or weights
        alone: ``.weights.h5``, ``.h5``, ``.npz``, or the prefix of a checkpoint of
        TensorFlow's.
    align : mapping of str to str, optional
        Lasagne layers with the model's layers that stand for them, where lasport
        aligns them wrongly.
    data_format : {"channels_first", "channels_last"}, optional
        Order of axes of the model's inputs, where their shapes fit both.
    seed : int
        Seeds random inputs.
    progress : callable
        Told each stage.

    Returns
    -------
    Diagnosis
        True if nothing differs.

    Raises
    ------
    UnsupportedLayersError
        If the network has layers without a translation.
    UnreadableFileError
        If a file is none of these.
    ComparisonError
        If the model cannot be run on what the network takes.
    UsageError
        If ``align`` names a layer that is not there, or there are none to align.
    """
    from lasport.translate import translate

    translate(net)
    if isinstance(model, (str, os.PathLike)):
        path = Path(model)
        if path.is_dir() or _holds_weights(path):
            _refuse_alignment(align, str(path))
            return _diagnose_file(net, path, data_format, seed, progress)
        from lasport.targets.keras_file import read_model

        model = read_model(path)
    from lasport.targets.tf1_program import PROGRAM, Tf1Parts, Tf1Program

    if isinstance(model, Tf1Program):
        _refuse_alignment(align, PROGRAM)
        parts = Tf1Parts(model, net)
        return _diagnose_opaque(net, parts, PROGRAM, data_format, seed, progress)
    from lasport.targets.keras_whole import KerasWhole, computes_itself

    if computes_itself(model):
        _refuse_alignment(align, f"model {model.name!r}")
        whole = KerasWhole(model, net, data_format)
        return _diagnose_opaque(net, whole, f"model {model.name!r}", data_format, seed, progress)
    progress("taking the model apart")
    try:
        return _diagnose_model(net, model, "float64", align, data_format, seed, progress)
    except ComparisonError as error:
        # TensorFlow, or a layer of the user's, may not compute in double precision.
        try:
            return _diagnose_model(net, model, "float32", align, data_format, seed, progress)
        except ComparisonError:
            raise error from None


def _diagnose_model(
    net: Network,
    model: keras.Model,
    dtype: str,
    align: Mapping[str, str] | None,
    data_format: DataFormat | None,
    seed: int,
    progress: Callable[[str], None],
) -> Diagnosis:
    """Diagnose a model in one float type."""
    from lasport.compare.diagnosis.diagnose import diagnose_parts
    from lasport.targets.keras_dissection import Dissection

    port = Dissection(model, net, dtype)
    return diagnose_parts(
        net,
        port,
        model=f"model {model.name!r}",
        precision=port.weights_dtype,
        data_format=data_format,
        align=align,
        seed=seed,
        progress=progress,
    )


def _refuse_alignment(align: Mapping[str, str] | None, model: str) -> None:
    if align:
        raise UsageError(f"{model} shows no layers that could be aligned")


def _holds_weights(path: Path) -> bool:
    named = path.suffix == ".npz" or path.name.endswith(".weights.h5")
    return named or _is_checkpoint(path)


def _is_checkpoint(path: Path) -> bool:
    """Whether a path is the prefix of a checkpoint's files, which is no file itself."""
    return path.with_name(f"{path.name}.index").is_file()


def _diagnose_file(
    net: Network,
    path: Path,
    data_format: DataFormat | None,
    seed: int,
    progress: Callable[[str], None],
) -> Diagnosis:
    """Diagnose a SavedModel, a checkpoint, or other weights alone."""
    if path.is_dir():
        from lasport.targets.saved_model import SavedModel

        port = SavedModel(path, net)
        return _diagnose_opaque(net, port, path.name, data_format, seed, progress)
    from lasport.compare.diagnosis.diagnose_weights import diagnose_weights
    from lasport.readers.files import read_content

    if _is_checkpoint(path):
        from lasport.targets.checkpoint import read_checkpoint

        return diagnose_weights(net, read_checkpoint(path), model=path.name)
    arrays = read_content(path).root
    if not isinstance(arrays, Mapping):
        raise UnreadableFileError(f"{path} holds no weights by name or number")
    return diagnose_weights(net, arrays, model=path.name)


def _diagnose_opaque(
    net: Network,
    port: Opaque,
    model: str,
    data_format: DataFormat | None,
    seed: int,
    progress: Callable[[str], None],
) -> Diagnosis:
    """Diagnose a port of which only the ends and the variables show."""
    from lasport.compare.diagnosis.diagnose_opaque import diagnose_opaque

    return diagnose_opaque(
        net,
        port,
        model=model,
        data_format=data_format,
        seed=seed,
        progress=progress,
    )


def _calls_behind(model: keras.Model, net: Network | None, data_format: DataFormat | None) -> Calls:
    """Return how lasport makes a model of a network, which the model may know by itself."""
    from lasport.targets.keras_model import calls_of
    from lasport.targets.recognition import recognize

    calls = calls_of(model)
    if net is not None and (calls is None or calls.plan.network is not net):
        calls = recognize(model, net, data_format)
    if calls is None:
        raise UsageError(
            "this model was not built from a network in this process; pass net=, the network"
            if net is None
            else "the layers of this model are not those that lasport makes of the network"
        )
    return calls


def _calls(
    net: Network,
    profile: Profile,
    data_format: DataFormat,
    dtype: str | None,
    *,
    synchronized: bool = False,
) -> Calls:
    from lasport.passes import lower
    from lasport.targets.keras_calls import keras_calls
    from lasport.translate import translate

    if data_format not in ("channels_first", "channels_last"):
        known = "channels_first or channels_last"
        raise UsageError(f"data_format must be {known}, not {data_format!r}")
    plan = lower(translate(net), data_format)
    return keras_calls(plan, profile, dtype or net.dtype.name, synchronized=synchronized)

"""Why somebody's own port gives other numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lasport.api.loading import StrPath
from lasport.errors import ComparisonError, UnreadableFileError, UsageError
from lasport.spec import Network

if TYPE_CHECKING:
    import keras

    from lasport.compare.diagnosis.result import Diagnosis
    from lasport.passes import DataFormat
    from lasport.targets.parts import Opaque
    from lasport.targets.tf1_program import Tf1Program

__all__ = ["diagnose"]


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

"""ONNX: one file for other runtimes than TensorFlow's."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from lasport.errors import ExportError, MissingDependencyError
from lasport.spec import Array
from lasport.targets.exports.signature import Signature

__all__ = ["run", "write"]

LONGEST = 300  # characters of what others report
NEEDED = ("onnx", "onnxruntime", "tf2onnx")


def write(signature: Signature, path: Path) -> None:
    """Write a model, with the names of the signature.

    Raises
    ------
    MissingDependencyError
        If the extra ``lasport[onnx]`` is not installed.
    ExportError
        If the net needs operations that ONNX, or the converter, lacks.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"ONNX takes {', '.join(missing)}: pip install 'lasport[onnx]'"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the converter, about numpy's past
            signature.model.export(
                path, format="onnx", verbose=False, input_signature=_nested(signature)
            )
    except Exception as error:  # the converter raises whatever it likes
        reason = f"{type(error).__name__}: {error}"[:LONGEST]
        raise ExportError(f"ONNX cannot hold this net: {reason}") from error
    _rename_outputs(path, signature.outputs)


def run(signature: Signature, path: Path, inputs: Sequence[Array]) -> list[Array]:
    """Run a file with ONNX Runtime, on the CPU.

    Raises
    ------
    ExportError
        If the runtime lacks an operation, in this float type, say.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        given = dict(zip(signature.inputs, inputs, strict=True))
        return list(session.run(list(signature.outputs), given))
    except Exception as error:  # its own classes share no base but this one
        reason = str(error).replace(str(path), path.name)[:LONGEST]
        raise ExportError(f"ONNX Runtime cannot run this net: {reason}") from error


def _nested(signature: Signature) -> list[object]:
    """Return the specs in the structure in which the model takes its inputs."""
    specs: list[object] = list(signature.specs)
    return specs if len(specs) == 1 else [specs]


def _rename_outputs(path: Path, names: Sequence[str]) -> None:
    """Give outputs the names of the net's: the converter calls them Identity, Identity_1, ..."""
    import onnx

    model = onnx.load(path)
    for value, name in zip(model.graph.output, names, strict=True):
        given = value.name
        value.name = name
        model.graph.node.append(onnx.helper.make_node("Identity", [given], [name]))
    onnx.save(model, path)

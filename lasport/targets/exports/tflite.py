"""TensorFlow Lite: one file for phones and other small machines."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from lasport.errors import ExportError
from lasport.spec import Array
from lasport.targets.exports import saved_model
from lasport.targets.exports.signature import Signature

__all__ = ["run", "write"]


def write(signature: Signature, path: Path) -> None:
    """Write a model in float32, with TensorFlow Lite's own operations alone.

    Raises
    ------
    ExportError
        If the model computes in another type, or needs other operations.
    """
    if {str(x.dtype) for x in signature.model.inputs if "float" in x.dtype} - {"float32"}:
        raise ExportError("TensorFlow Lite computes in float32 here; convert with dtype float32")
    with tempfile.TemporaryDirectory() as directory:
        saved_model.write(signature, Path(directory))
        keys = ["serving_default"]
        converter = tf.lite.TFLiteConverter.from_saved_model(directory, signature_keys=keys)
        try:
            path.write_bytes(converter.convert())
        except Exception as error:  # the converter's own class is private, and not all are
            raise ExportError(f"TensorFlow Lite cannot hold this net: {_reason(error)}") from error


def run(signature: Signature, path: Path, inputs: Sequence[Array]) -> list[Array]:
    """Run a file with TensorFlow Lite's interpreter."""
    runner = _interpreter(path).get_signature_runner("serving_default")
    found = runner(**dict(zip(signature.inputs, inputs, strict=True)))
    return [found[name] for name in signature.outputs]


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        Interpreter = tf.lite.Interpreter
    with warnings.catch_warnings():
        # TensorFlow announces that its own interpreter moves to that package.
        warnings.simplefilter("ignore", UserWarning)
        return Interpreter(model_path=str(path))


def _reason(error: Exception) -> str:
    """Return the operations that are missing, or what else there is to say in a line."""
    if "TensorList" in str(error):
        return "recurrent layers take growing lists of tensors, which it does not have"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    missing = next((line for line in lines if line.startswith(("Flex ops:", "Custom ops:"))), None)
    return missing or (lines[0] if lines else type(error).__name__)

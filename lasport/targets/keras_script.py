"""Writing a model as a script with its weights beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lasport.atomic import replacing
from lasport.errors import ComparisonError, UsageError
from lasport.targets.keras_model import calls_of
from lasport.targets.keras_source import keras_source, weights_beside

__all__ = ["write_script"]


def write_script(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Write the script that builds a model, and its weights, and run it.

    Parameters
    ----------
    model : keras.Model
        Built by lasport, in this process.
    path : path-like
        Ends in ".py". It and the weights are replaced if they exist, and only
        once the script has given the model back.

    Raises
    ------
    UsageError
        If lasport did not build the model.
    ComparisonError
        If the script gives another one.
    """
    calls = calls_of(model)
    if calls is None:
        raise UsageError("only a model that lasport built in this process has a script")
    weights = weights_beside(path)
    source = keras_source(calls, model.name, weights.name)
    with replacing(path) as script, replacing(weights) as partial:
        script.write_text(source, encoding="utf-8")
        model.save_weights(partial)
        _require_same(_run(source, script, partial), model)


def _run(source: str, path: Path, weights: Path) -> keras.Model:
    names: dict[str, Any] = {"__name__": path.stem, "__file__": os.fspath(path)}
    exec(compile(source, os.fspath(path), "exec"), names)  # noqa: S102 - written a moment ago
    model: keras.Model = names["load"](weights)
    return model


def _require_same(found: keras.Model, model: keras.Model) -> None:
    """Refuse a model with other layers, arguments or weights."""
    if found.get_config() != model.get_config():
        raise ComparisonError("the script builds other layers than the model has")
    pairs = zip(found.weights, model.weights, strict=True)
    for a, b in pairs:
        if not np.array_equal(a.numpy(), b.numpy(), equal_nan=True):
            raise ComparisonError(f"the script gives {b.path} another value than the model has")

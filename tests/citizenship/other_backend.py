"""A saved model, and a net's whole way, where Keras runs on JAX or torch: run as a program.

``python other_backend.py models FOLDER`` runs every ``NAME.keras`` of a folder on
``NAME.inputs.npz``, and writes what it computed as ``NAME.found.npz``, or what it raised as
``NAME.error.txt``.
``python other_backend.py converts`` prints, as JSON, what lasport does without TensorFlow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

import lasport.keras_layers


def single(items):
    return items[0] if len(items) == 1 else items


def draws(model: keras.Model) -> bool:
    """Whether the model draws random numbers."""
    return any("seed_generator" in variable.path for variable in model.variables)


def run(model: keras.Model, inputs: Sequence[np.ndarray], *, trains: bool) -> Mapping:
    """Return the outputs and, where asked and possible, all variables after a training step."""
    given = [x.astype(taken.dtype) for x, taken in zip(inputs, model.inputs, strict=True)]
    outputs = model(single([keras.ops.convert_to_tensor(x) for x in given]))
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    found = {f"outputs/{i}": keras.ops.convert_to_numpy(y) for i, y in enumerate(outputs)}
    if trains and model.trainable_variables and not draws(model):
        model.compile(keras.optimizers.SGD(1e-3), "mse")
        model.train_on_batch(single(given), single([np.zeros_like(y) for y in found.values()]))
        variables = enumerate(model.variables)
        found |= {f"after/{i}": keras.ops.convert_to_numpy(v.value) for i, v in variables}
    return found


def inputs_of(path: Path) -> list[np.ndarray]:
    with np.load(path) as arrays:
        return [arrays[f"arr_{i}"] for i in range(len(arrays.files))]


def run_model(path: Path) -> None:
    try:
        model = keras.saving.load_model(path)
        found = run(model, inputs_of(path.with_suffix(".inputs.npz")), trains=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test says it of this model
        text = f"{type(error).__name__}: {error}"
        path.with_suffix(".error.txt").write_text(text, encoding="utf-8")
    else:
        np.savez(path.with_suffix(".found.npz"), **found)


def refusal(call, *arguments: object, **options: object) -> str:
    try:
        call(*arguments, **options)
    except lasport.LasportError as error:
        return f"{type(error).__name__}: {error}"
    return "none"


def convert() -> dict[str, object]:
    """Return what became of the packaged net."""
    from lasport import demo

    net = lasport.load(demo.paths().net)
    with np.load(demo.paths().digits) as digits, np.load(demo.paths().expected) as expected:
        images, probabilities = digits["X"], expected["probabilities"]
    report: dict[str, object] = {"backend": keras.backend.backend()}
    for profile in ("stock", "exact"):
        model = lasport.to_keras(net, profile=profile)
        values = zip(lasport.lasagne_param_values(model), net.param_values(), strict=True)
        report[profile] = {
            "apart": float(np.abs(model.predict(images, verbose=0) - probabilities).max()),
            "same values": all(np.array_equal(a, b) for a, b in values),
            "features": list(lasport.feature_model(model, ["conv1", "fc"]).output_shape),
        }
    report["tensorflow imported"] = "tensorflow" in sys.modules
    report["verify"] = refusal(lasport.verify, net, model)
    report["diagnose"] = refusal(lasport.diagnose, net, model)
    pool = lasport.keras_layers.Pooling([3], [2], [0], "max", dtype="float64")
    report["float64 pool"] = refusal(pool, np.ones((1, 4, 1)))
    report["float64"] = refusal(lasport.to_keras, net, dtype="float64")
    return report


if __name__ == "__main__":
    if sys.argv[1] == "models":
        for path in sorted(Path(sys.argv[2]).glob("*.keras")):
            run_model(path)
    else:
        print(json.dumps(convert()))

"""The residual net on a phone: TensorFlow Lite files, in float32 and quantized.

lasport writes, runs and proves the file in float32. Smaller ones are made by TensorFlow's own
converter, of the SavedModel that lasport writes; quantizing is not exact, so what it costs is
measured on the digits::

    python phone.py --output DIRECTORY
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

import lasport
from lasport import demo

RESNET = Path(__file__).resolve().parent.parent / "resnet"


def load_digits():
    with np.load(demo.paths().digits) as digits, np.load(demo.paths().expected) as expected:
        return digits["X"], digits["y"], expected["test"]


def quantize(saved_model, kind, images):
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(saved_model), signature_keys=["serving_default"]
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        # Weights in half precision; phones without it compute in float32.
        converter.target_spec.supported_types = [tf.float16]
    elif kind == "int8":
        # Weights and activations in eight bits, scaled by what these images give.
        converter.representative_dataset = lambda: ([image[np.newaxis]] for image in images)
    else:
        # Weights in eight bits, activations scaled as they come.
        assert kind == "dynamic range"
    return converter.convert()


def run(path, images):
    """Compute what the file gives for images, as a phone does."""
    with warnings.catch_warnings():
        # TensorFlow announces that its interpreter moves to the package ai-edge-litert.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = tf.lite.Interpreter(model_path=str(path))
    (wanted,) = interpreter.get_input_details()
    (given,) = interpreter.get_output_details()
    interpreter.resize_tensor_input(wanted["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(wanted["index"], images)
    interpreter.invoke()
    return interpreter.get_tensor(given["index"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(), help="where to write the files")
    directory = parser.parse_args().output

    net = lasport.load(f"{RESNET / 'resnet.py'}:build_model", params=RESNET / "resnet.npz")
    # Nothing is trained on a phone: batch normalization can go into the convolutions.
    small = lasport.simplify(net)
    print(f"layers: {len(net.layers)}, simplified: {len(small.layers)}")
    assert lasport.export(small, directory / "digits.tflite", dtype="float32")
    assert lasport.export(small, directory / "digits", dtype="float32")

    images, labels, test = load_digits()
    others = np.delete(images, test, axis=0)
    paths = {"float32": directory / "digits.tflite"}
    for kind in ("float16", "dynamic range", "int8"):
        paths[kind] = directory / f"digits_{kind.replace(' ', '_')}.tflite"
        paths[kind].write_bytes(quantize(directory / "digits", kind, others[:100]))

    with np.load(RESNET / "predicted.npz") as predicted:
        expected = predicted["probabilities"]
    print(f"{'':<15}{'kB':>5}{'right of 397':>15}{'same of 1797':>15}{'probabilities off by':>23}")
    for kind, path in paths.items():
        found = run(path, images)
        classes = found.argmax(axis=1)
        right = (classes == labels)[test].sum()
        same = (classes == expected.argmax(axis=1)).sum()
        off = np.abs(found - expected).max()
        size = path.stat().st_size / 1000
        print(f"{kind:<15}{size:>5.0f}{right:>15}{same:>15}{off:>23.1e}")


if __name__ == "__main__":
    main()

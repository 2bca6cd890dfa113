"""Two nets on a phone: TensorFlow Lite files, in float32 and quantized.

lasport writes, runs and proves the file in float32. Smaller ones are made by TensorFlow's own
converter, of the SavedModel that lasport writes; quantizing is not exact, so what it costs is
measured::

    python phone.py --output DIRECTORY
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf
from drawn import draw_images, draw_values

import lasport
from lasport import demo

HERE = Path(__file__).resolve().parent
RESNET = HERE.parent / "resnet"


def load_probabilities(path):
    """Return what Lasagne computed."""
    with np.load(path) as archive:
        return archive["probabilities"]


# --- Files


def write_files(net, directory, name, images):
    """Return the paths of the files, by what they compute in."""
    # Nothing is trained on a phone: batch normalization can go into the convolutions.
    small = lasport.simplify(net)
    print(f"{name}: {len(net.layers)} layers, {len(small.layers)} of them left")
    paths = {"float32": directory / f"{name}.tflite"}
    assert lasport.export(small, paths["float32"])
    assert lasport.export(small, directory / name, dtype="float32")
    for kind in ("float16", "dynamic range", "int8"):
        paths[kind] = directory / f"{name}_{kind.replace(' ', '_')}.tflite"
        paths[kind].write_bytes(quantize(directory / name, kind, images))
    return paths


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


# --- Nets


def digits(directory):
    """Take the residual net, which was trained: does it still read the digits?"""
    net = lasport.load(f"{RESNET / 'resnet.py'}:build_model", params=RESNET / "resnet.npz")
    expected = load_probabilities(RESNET / "predicted.npz")
    with np.load(demo.paths().digits) as data, np.load(demo.paths().expected) as split:
        images, labels, test = data["X"], data["y"], split["test"]
    paths = write_files(net, directory, "digits", np.delete(images, test, axis=0)[:100])
    print(f"{'':<15}{'kB':>5}{'right of 397':>15}{'same of 1797':>15}{'probabilities off by':>23}")
    for kind, path in paths.items():
        found = run(path, images)
        classes = found.argmax(axis=1)
        right = (classes == labels)[test].sum()
        same = (classes == expected.argmax(axis=1)).sum()
        off = np.abs(found - expected).max()
        print(f"{kind:<15}{path.stat().st_size / 1000:>5.0f}{right:>15}{same:>15}{off:>23.1e}")


def mobile(directory):
    """Take a net of a phone's size; nobody trained it."""
    script = f"{HERE / 'mobile_net.py'}:build_model"
    params = lasport.load(script, untrained=True).owned_params()
    path = directory / "mobile.npz"
    np.savez(path, *draw_values((param.name, param.value.shape) for _, param in params))
    net = lasport.load(script, params=path)
    expected = load_probabilities(HERE / "mobile_net.npz")
    images = draw_images(len(expected), seed=1)
    paths = write_files(net, directory, "mobile", draw_images(5, seed=2))
    print(f"{'':<15}{'kB':>5}{'probabilities off by':>23}")
    for kind, path in paths.items():
        off = np.abs(run(path, images) - expected).max()
        print(f"{kind:<15}{path.stat().st_size / 1000:>5.0f}{off:>23.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(), help="where to write the files")
    directory = parser.parse_args().output
    digits(directory)
    print()
    mobile(directory)


if __name__ == "__main__":
    main()

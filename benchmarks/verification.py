"""What verification costs: time relative to the net's own passes, memory relative to its depth.

Each figure comes from a fresh process, because peak memory never goes down. The net is run the
way its user would: a pass forward in each mode for each batch and float type that a verification
looks at, and a pass back for each of those in training mode. Times are processor times of the
process, so that other processes on the machine count little.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SCRIPT = Path(__file__).parent / "resnet.py"
DTYPES = ("float64", "float32")
PASSES = 5  # so many further batches are looked at in training mode
MEGABYTE = 2**20


def measure(depth: int, image: int, gradients: bool) -> dict[str, float]:
    """Verify a net of one depth in both modes, TensorFlow being up already."""
    import numpy as np

    import lasport
    from benchmarks.conversion import held, peak
    from benchmarks.nets import convolutional

    lasport.verify(convolutional((2,), image=8), passes=(1,), gradients=gradients)
    net = lasport.load(f"{SCRIPT}:build", kwargs={"depth": depth, "image": image})
    model = lasport.to_keras(net)
    weights = sum(value.size for value in net.param_values())
    before = held()
    (verifying, report) = timed(lambda: lasport.verify(net, model, gradients=gradients))
    assert report.ok, report.to_text()
    most = peak()
    x = np.random.default_rng(0).standard_normal((2, image, image, 3))
    running = sum(own_passes(net, x, dtype) for dtype in DTYPES)
    return {
        "depth": depth,
        "parameters": weights,
        "peak": most / MEGABYTE,
        "copies": weights * sum(int(dtype[5:]) // 8 for dtype in DTYPES) / MEGABYTE,
        "beyond": (most - before) / MEGABYTE,
        "verifying": verifying,
        "running": running,
    }


def own_passes(net: object, x: object, dtype: str) -> float:
    """Return the time of the net's own passes, as many as a verification looks at."""
    import tensorflow as tf

    import lasport

    model = lasport.to_keras(net, dtype=dtype, data_format="channels_last")
    batch = tf.constant(x, dtype)
    model(batch)

    def forward_and_back() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(batch, training=True))
        tape.gradient(loss, model.trainable_variables)

    inference, _ = timed(lambda: model(batch, training=False))
    training, _ = timed(lambda: [forward_and_back() for _ in range(1 + PASSES)])
    return inference + training


def timed(action: Callable[[], object]) -> tuple[float, object]:
    """Return the processor time of an action, and what it returns."""
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def main() -> None:
    """Print what each depth costs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--depths", type=int, nargs="+", default=[50, 101, 152])
    parser.add_argument("--image", type=int, default=224)
    parser.add_argument("--without-gradients", action="store_true", help="leave them out")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        (depth,) = arguments.depths
        print(json.dumps(measure(depth, arguments.image, not arguments.without_gradients)))
        return
    for depth in arguments.depths:
        command = [sys.executable, "-m", "benchmarks.verification", "--one"]
        command += ["--depths", str(depth), "--image", str(arguments.image)]
        command += ["--without-gradients"] * arguments.without_gradients
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        print(
            f"ResNet-{depth}, {found['parameters'] / 1e6:.1f} million parameters: "
            f"{found['verifying'] / found['running']:.1f} times its own passes "
            f"({found['verifying']:.0f} s, {found['running']:.0f} s); "
            f"memory {found['peak']:.0f} MB, of which {found['beyond']:.0f} MB are the comparison, "
            f"{found['copies']:.0f} MB of these two copies of the weights"
        )


if __name__ == "__main__":
    main()

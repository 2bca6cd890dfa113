"""What a conversion costs: memory relative to the weights, time relative to copying them.

Each figure comes from a fresh process, because peak memory never goes down.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

CONVERT = "convert"


def peak() -> int:
    """Return the most memory that this process ever held, in bytes (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def held() -> int:
    """Return the memory that this process holds now, in bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def convert() -> dict[str, float]:
    """Convert a net of twenty million parameters, TensorFlow being up already."""
    import lasport
    from benchmarks.nets import convolutional, dense

    lasport.to_keras(convolutional((2,), image=8))(np.zeros((1, 3, 8, 8), np.float32))
    net = dense()
    values = net.param_values()
    size = sum(value.nbytes for value in values)
    before = held()
    start = time.perf_counter()
    model = lasport.to_keras(net)
    converting = time.perf_counter() - start
    after = peak()
    back = lasport.lasagne_param_values(model)
    after_all = peak()
    # Last, because the copies count as memory too.
    start = time.perf_counter()
    copies = [value.copy() for value in values]
    copying = time.perf_counter() - start
    assert len(copies) == len(back)
    return {
        "parameters": sum(value.size for value in values),
        "memory": (after - before) / size,
        "time": converting / copying,
        "memory_back": (after_all - before) / size,
    }


def main() -> None:
    """Print the figures of a fresh process."""
    command = [sys.executable, "-m", "benchmarks.conversion", CONVERT]
    root = Path(__file__).parent.parent
    result = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    found = json.loads(result.stdout.splitlines()[-1])
    print(f"to_keras, {found['parameters'] / 1e6:.1f} million parameters:")
    print(f"  peak memory grew by {found['memory']:.2f} times the weights (the model holds 1)")
    print(f"  and by {found['memory_back']:.2f} times with the weights read back")
    print(f"  took {found['time']:.1f} times as long as copying the weights")


if __name__ == "__main__":
    if sys.argv[1:] == [CONVERT]:
        print(json.dumps(convert()))
    else:
        main()

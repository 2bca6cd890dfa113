"""What reading a big file costs: memory relative to the weights, time relative to two copies.

Each file is read in a fresh process, because peak memory never goes down.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import lasport
from benchmarks.measure import ratio_of_times
from lasport.readers.parameters import read_parameters

WRITE = "write"
READERS: dict[str, Callable[[Path], object]] = {
    "net.pkl": lasport.load,
    "parameters.pkl": read_parameters,
    "parameters.npz": read_parameters,
}


def write(folder: Path) -> None:
    """Write a net of four dense layers, and its parameters, half a gigabyte of float32 each."""
    from benchmarks.nets import dense_layers
    from lasport.readers.network import build_network
    from tests.python2_pickle import write_pickle

    net = dense_layers(units=5600, layers=4)
    values = build_network(net).param_values()
    write_pickle(net, folder / "net.pkl")
    write_pickle(values, folder / "parameters.pkl")
    np.savez(folder / "parameters.npz", *values)


def memory(field: str) -> int:
    """Return what Linux knows of this process's memory, in bytes."""
    status = Path("/proc/self/status").read_text("ascii")
    match = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    assert match is not None
    return int(match[1]) * 1024


def measure(path: Path, warm_up: Path) -> dict[str, float]:
    """Read one file, everything being imported already."""
    read = READERS[path.name]
    lasport.load(warm_up)
    before = memory("VmRSS")
    found = read(path)
    grown = memory("VmHWM") - before
    values = getattr(found, "values", None) or found.param_values()  # type: ignore[attr-defined]
    size = sum(value.nbytes for value in values)
    del found, values

    def read_and_copy() -> bytearray:
        return bytearray(path.read_bytes())

    time = ratio_of_times(lambda: read(path), read_and_copy, rounds=5)
    return {"size": size, "memory": grown / size, "time": time}


def run(*arguments: str) -> str:
    """Run this module in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.big_files", *arguments]
    root = Path(__file__).parent.parent
    return subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Print the figures for each kind of file."""
    demo = Path(lasport.__file__).parent / "data" / "digits_bn.pkl"
    with tempfile.TemporaryDirectory() as folder:
        run(WRITE, folder)
        for name in READERS:
            found = json.loads(run(str(Path(folder) / name), str(demo)))
            print(f"{name}, {found['size'] / 2**20:.0f} MiB of weights:")
            print(f"  peak memory grew by {found['memory']:.2f} times the weights")
            print(f"  took {found['time']:.2f} times as long as reading and copying the bytes")


if __name__ == "__main__":
    match sys.argv[1:]:
        case [command, folder] if command == WRITE:
            write(Path(folder))
        case [path, warm_up]:
            print(json.dumps(measure(Path(path), Path(warm_up))))
        case _:
            main()

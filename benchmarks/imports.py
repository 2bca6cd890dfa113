"""How long lasport and `lasport inspect` take to start, in units of `import numpy`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lasport
from benchmarks.measure import ratio_of_times

DEMO = str(Path(lasport.__file__).parent / "data" / "digits_bn.pkl")
PROGRAMS = {
    "import lasport": "import lasport",
    "lasport inspect, the demo net": f"from lasport.cli import main; main(['inspect', {DEMO!r}])",
    "import keras": "import keras",
}


def run(program: str) -> None:
    """Run a program in a fresh interpreter."""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def main() -> None:
    """Print one ratio per program."""
    for name, program in PROGRAMS.items():
        ratio = ratio_of_times(lambda p=program: run(p), lambda: run("import numpy"), rounds=5)
        print(f"{name}: {ratio:.2f} times import numpy")


if __name__ == "__main__":
    main()

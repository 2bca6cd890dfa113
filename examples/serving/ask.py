"""Ask a server for all digits, and hold its answers against what Lasagne computed.

Numpy and the standard library are all that it needs; TensorFlow Serving answers as well::

    python ask.py http://localhost:8501/v1/models/digits:predict
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np

EXAMPLES = Path(__file__).resolve().parent.parent
DIGITS = EXAMPLES.parent / "lasport" / "data" / "digits.npz"


def ask(url, images):
    body = json.dumps({"instances": images.tolist()}).encode()
    with urlopen(Request(url, body, {"Content-Type": "application/json"})) as answer:
        return np.array(json.load(answer)["predictions"], np.float32)


def main(url):
    with np.load(DIGITS) as digits, np.load(EXAMPLES / "resnet" / "predicted.npz") as predicted:
        images, expected = digits["X"], predicted["probabilities"]
    found = np.concatenate([ask(url, images[i : i + 100]) for i in range(0, len(images), 100)])
    same = (found.argmax(axis=1) == expected.argmax(axis=1)).sum()
    print(f"digits with Lasagne's class: {same} of {len(images)}")
    print(f"largest difference of a probability: {np.abs(found - expected).max():.1e}")


if __name__ == "__main__":
    main(sys.argv[1])

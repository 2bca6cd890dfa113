"""What lasport writes works where TensorFlow is installed and lasport is not.

LASPORT_PLAIN_PYTHON names an interpreter that has TensorFlow and what that needs, nothing else; by
default it is this one, in processes that cannot import lasport.
"""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest

import lasport
from lasport import demo
from lasport.targets.keras_script import write_script

pytestmark = pytest.mark.full

LASPORT_IS_GONE = """
import sys
if NAMED:
    import importlib.util
    assert importlib.util.find_spec("lasport") is None, "lasport is installed there"
else:
    sys.modules["lasport"] = None
"""


@pytest.fixture(scope="module")
def model():
    return lasport.to_keras(lasport.load(demo.paths().net), name="net")


@pytest.fixture
def plain(model, tmp_path):
    """Return a function that runs a program on ``x`` there, and returns its ``y``."""
    x = np.random.default_rng(7).normal(size=(5, *model.inputs[0].shape[1:])).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    named = os.environ.get("LASPORT_PLAIN_PYTHON")

    def run(program):
        lines = (
            LASPORT_IS_GONE.replace("NAMED", str(named is not None)),
            "import numpy as np\nx = np.load('x.npy')\n",
            dedent(program),
            "np.save('y.npy', y)\n",
        )
        ran = subprocess.run(
            [named or sys.executable, "-I", "-c", "".join(lines)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return np.load(tmp_path / "y.npy"), model.predict(x, verbose=0), ran.stdout

    return run


def test_script(model, plain, tmp_path):
    write_script(model, tmp_path / "net.py")
    found, expected, printed = plain("""
        import runpy
        names = runpy.run_path("net.py", run_name="__main__")
        y = names["load"]().predict(x, verbose=0)
    """)
    assert 'Model: "net"' in printed
    np.testing.assert_array_equal(found, expected)


def test_keras_file(model, plain, tmp_path):
    model.save(tmp_path / "net.keras")
    found, expected, _ = plain("""
        import keras
        y = keras.saving.load_model("net.keras").predict(x, verbose=0)
    """)
    np.testing.assert_array_equal(found, expected)


def test_saved_model_serves_and_trains_without_keras(plain, tmp_path):
    lasport.export(lasport.load(demo.paths().net), tmp_path / "net")
    found, expected, printed = plain("""
        sys.modules["keras"] = None
        import tensorflow as tf
        model = tf.saved_model.load("net")
        serve, train = model.signatures["serving_default"], model.signatures["train"]
        y = serve(input_=x)["probabilities"]
        train(input_=x)
        print(bool(tf.reduce_any(serve(input_=x)["probabilities"] != y)))
    """)
    assert printed == "True\n"
    np.testing.assert_array_equal(found, expected)

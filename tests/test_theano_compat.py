"""Theano and Lasagne import on this Python, and compute what closed forms say."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lasport import theano_compat
from lasport.errors import MissingDependencyError

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

NEEDS_THEANO = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("theano", "lasagne")),
    reason="Theano or Lasagne is not installed",
)

# Each expression is evaluated in one fresh process, after install(floatX="float64").
CLOSED_FORMS = [
    ("a constant keeps its precision", "T.constant(0.3).data.item()", 0.3),
    ("a product with a constant does", "evaluate(lambda x: 0.1 * x, np.float64(1.0))", 0.1),
    ("a reciprocal does", "evaluate(T.inv, np.float64(0.3))", 1 / 0.3),
    ("an integer constant is as narrow as can be", "str(T.constant(3).dtype)", "int8"),
    (
        "partial windows are pooled",
        "evaluate(pool_2d, image, ws=(2, 2), ignore_border=False)[0, 0]",
        [[6.0, 8.0, 9.0], [11.0, 13.0, 14.0]],
    ),
    (
        "averages leave the pad out",
        (
            "evaluate(pool_2d, image, ws=(2, 2), stride=(2, 2), pad=(1, 1), ignore_border=True,"
            " mode='average_exc_pad')[0, 0]"
        ),
        [[0.0, 1.5, 3.5], [7.5, 9.0, 11.0]],
    ),
    (
        "averages have gradients",
        (
            "evaluate(lambda x: T.grad(pool_2d(x, ws=(2, 2), ignore_border=False,"
            " mode='average_inc_pad').sum(), x), image)[0, 0]"
        ),
        [[0.25, 0.25, 0.25, 0.25, 0.5], [0.25, 0.25, 0.25, 0.25, 0.5], [0.5, 0.5, 0.5, 0.5, 1.0]],
    ),
    (
        "convolutions flip their filters",
        "evaluate(lambda x: T.nnet.conv2d(x, np.arange(2.0).reshape(1, 1, 1, 2)), image)[0, 0]",
        [[0.0, 1.0, 2.0, 3.0], [5.0, 6.0, 7.0, 8.0], [10.0, 11.0, 12.0, 13.0]],
    ),
    ("random streams draw", "set(MRG(7).binomial((50,), p=0.5).eval()) == {0, 1}", True),
    (
        "scan runs",
        "evaluate(lambda x: theano.scan(cumulate, [x], [x[0] * 0])[0], row)",
        [0, 1, 3, 6],
    ),
    ("Lasagne builds a net", "lasagne.layers.DenseLayer((None, 7), 4).output_shape[1]", 4),
    ("C code is not generated", "theano.config.cxx", ""),
]

PREAMBLE = """
import json, sys
from lasport import theano_compat
theano_compat.install(floatX="float64", optimizer="None")
theano_compat.install()
import numpy as np, theano, theano.tensor as T, lasagne
from theano.sandbox.rng_mrg import MRG_RandomStreams as MRG
from theano.tensor.signal.pool import pool_2d
image, row = np.arange(15.0).reshape(1, 1, 3, 5), np.arange(4.0)
def cumulate(x, total):
    return total + x
def evaluate(function, value, **options):
    x = T.TensorType("float64", (False,) * value.ndim)()
    return function(x, **options).eval({x: value})
print(json.dumps([np.asarray(eval(text)).tolist() for text in sys.argv[1:]]))
"""


@NEEDS_THEANO
def test_what_theano_computes_agrees_with_closed_forms(
    run_python: RunPython, tmp_path: Path
) -> None:
    expressions = [row[1] for row in CLOSED_FORMS]
    done = run_python("-W", "ignore", "-c", PREAMBLE, *expressions, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    expected = [row[2] for row in CLOSED_FORMS]
    names = [row[0] for row in CLOSED_FORMS]
    assert dict(zip(names, found, strict=True)) == dict(zip(names, expected, strict=True))


@NEEDS_THEANO
def test_nothing_is_printed_or_warned_about(run_python: RunPython, tmp_path: Path) -> None:
    script = "from lasport import theano_compat; theano_compat.install()"
    done = run_python("-W", "error::UserWarning", "-c", script, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@NEEDS_THEANO
def test_the_users_theano_flags_win(
    run_python: RunPython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEANO_FLAGS", "floatX=float16")
    script = (
        "from lasport import theano_compat; theano_compat.install(floatX='float64');"
        "import theano; print(theano.config.floatX)"
    )
    done = run_python("-W", "ignore", "-c", script, cwd=tmp_path)
    assert done.stdout.split() == ["float16"], done.stderr[-3000:]


@pytest.mark.parametrize("absent", ("theano", "lasagne"))
def test_a_missing_package_is_named_with_what_to_do(
    absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec

    def without(name: str) -> object:
        return None if name == absent else find_spec(name) or object()

    monkeypatch.setattr(importlib.util, "find_spec", without)
    monkeypatch.delitem(sys.modules, absent, raising=False)
    flags = os.environ.get("THEANO_FLAGS")
    with pytest.raises(MissingDependencyError, match=rf"{absent} is not installed.*pip install"):
        theano_compat.install()
    assert os.environ.get("THEANO_FLAGS") == flags


def test_importing_the_repairs_imports_no_theano(run_python: RunPython, tmp_path: Path) -> None:
    script = (
        "import sys, lasport.theano_compat; print(sorted({'theano', 'scipy'} & set(sys.modules)))"
    )
    assert run_python("-c", script, cwd=tmp_path).stdout.strip() == "[]"

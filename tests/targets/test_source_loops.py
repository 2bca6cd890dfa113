"""Loops in scripts: where blocks repeat, and only there."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

import lasport
from lasport.targets.keras_script import write_script
from tests.targets.test_keras_source import run

HERE = Path(__file__).parent

MLP = """
    x = lasagne.layers.InputLayer((None, 6), name="in")
    for n in {counters}:
        x = lasagne.layers.DenseLayer(x, 6, name="%s" % n)
        x = lasagne.layers.DropoutLayer(x, name="{dropped}" % n)
"""

RESIDUAL = """
    x = lasagne.layers.InputLayer((None, 6), name="in")
    for n in range(4):
        before = x
        for place in "abc":
            x = lasagne.layers.DenseLayer(x, 6, name="dense%d%s" % (n, place))
        x = lasagne.layers.ElemwiseSumLayer([before, x], name="sum%d" % n)
"""

# A build script's lines, and the loops of the Keras script.
LOOPS = {
    "numbers": (MLP.format(counters=[1, 2, 3, 4, 5, 6], dropped="drop%s"), ["range(1, 7)"]),
    "in steps": (MLP.format(counters=[10, 20, 30, 40], dropped="drop%s"), ["range(10, 50, 10)"]),
    "some": (MLP.format(counters=[2, 3, 5, 7], dropped="drop%s"), ["(2, 3, 5, 7)"]),
    "letters": (
        MLP.format(counters=["a", "b", "c", "d"], dropped="drop_%s"),
        ['("a", "b", "c", "d")'],
    ),
    "backwards": (MLP.format(counters=[4, 3, 2, 1], dropped="drop%s"), ["(4, 3, 2, 1)"]),
    "unnamed": (
        MLP.replace('"%s" % n', "None")
        .format(counters=[1] * 4, dropped="1")
        .replace('name="1" % n', "name=None"),
        ["range(1, 9, 2)"],
    ),
    "few": (MLP.format(counters=[1, 2], dropped="drop%s"), []),
    "other names": (
        MLP.format(counters=["one", "tow", "six", "ten"], dropped="drop").replace(
            '"drop" % n', '"d%d" % len(x.name)'
        ),
        [],
    ),
    "residual": (RESIDUAL, ["range(4)"]),
    "taken later": (RESIDUAL + "    x = lasagne.layers.ConcatLayer([x, before])\n", ["range(3)"]),
}


@pytest.mark.parametrize(("lines", "loops"), LOOPS.values(), ids=LOOPS)
def test_blocks_that_repeat_are_loops(lines, loops, tmp_path):
    script = tmp_path / "model.py"
    build = textwrap.indent(textwrap.dedent(lines), "    ")
    script.write_text(f"import lasagne\ndef build():\n{build}\n    return x\n")
    net = with_values(f"{script}:build", tmp_path)
    source = lasport.to_source(net)
    found = [line for line in source.splitlines() if line.lstrip().startswith("for ")]
    assert found == [f"    for n in {values}:" for values in loops]
    require_same(net, tmp_path)


def test_residual_net_of_32_layers(tmp_path):
    scripts = HERE.parent / "corpus_scripts"
    net = with_values(f"{scripts}/cifar_resnet.py:build", tmp_path)
    source = lasport.to_source(net, dtype="float32")
    assert source.count("    for n in range(") == 3
    assert "# conv2d_4 to conv2d_36: Conv2DLayer, (None, 16, 32, 32)" in source
    assert len(source.splitlines()) < 220
    require_same(net, tmp_path)


def with_values(script, tmp_path):
    """Return the net with random parameters."""
    rng = np.random.default_rng(11)
    untrained = lasport.load(script, untrained=True)
    values = [rng.uniform(0.5, 1, param.value.shape) for _, param in untrained.owned_params()]
    np.savez(tmp_path / "values.npz", *values)
    return lasport.load(script, params=tmp_path / "values.npz")


def require_same(net, tmp_path):
    """Write the script, which refuses other layers and weights, and compare outputs."""
    model = lasport.to_keras(net, name="net")
    write_script(model, tmp_path / "net.py")
    again = run((tmp_path / "net.py").read_text(encoding="utf-8"), tmp_path)
    x = np.random.default_rng(12).normal(size=(3, *model.input_shape[1:]))
    np.testing.assert_array_equal(model(x), again(x))

"""Simplified nets: what goes, what stays, and that both compute the same."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

import lasport
from lasport import simplification
from lasport.errors import ComparisonError
from tests.golden_records import load_case

BEFORE = """
    x = InputLayer((None, 3, 9, 8), name="in")
    x = batch_norm(Conv2DLayer(x, 4, (3, 2), name="conv"), name="bn")
    x = DropoutLayer(x, name="drop")
    x = batch_norm(Conv2DLayer(x, 6, 1, num_groups=2, name="groups"), name="bn_g")
    x = batch_norm(NINLayer(x, 5, name="nin"))
    x = batch_norm(DenseLayer(x, 7, nonlinearity=softmax, name="dense"))
"""
TRANSPOSED = """
    x = InputLayer((None, 3, 5, 4), name="in")
    x = batch_norm(TransposedConv2DLayer(x, 4, (3, 2), stride=2, name="up"))
    x = batch_norm(DilatedConv2DLayer(x, 5, 2, dilation=2, name="wide"))
"""
BEHIND = """
    x = BatchNormLayer(InputLayer((None, 3, 4, 5), name="in"), name="bn")
    x = {product}
"""
PADDED = """
    x = PadLayer(InputLayer((None, 3, 9, 8), name="in"), {width}, name="zeros")
    x = Conv2DLayer(x, 4, (3, 4), pad={pad}, name="conv")
"""
RECTIFIED = """
    x = DenseLayer(InputLayer((None, 3), name="in"), 4, name="d")
    x = BatchNormLayer(x, name="bn")
"""
OWN_AXES = """
    x = InputLayer((None, 3, 9, 8), name="in")
    x = Conv2DLayer(x, 4, 2, nonlinearity=None, name="c")
    x = BatchNormLayer(x, axes=(0,), name="bn")
"""
USED_TWICE = """
    x = InputLayer((None, 3), name="in")
    x = DenseLayer(x, 3, nonlinearity=None, name="d")
    x = ElemwiseSumLayer([x, BatchNormLayer(x, name="bn")], name="sum")
"""
SHARED = """
    x = InputLayer((None, 3), name="in")
    a = DenseLayer(x, 3, nonlinearity=None, b=None, name="a")
    x = DenseLayer(BatchNormLayer(a, name="bn"), 3, W=a.W, name="b")
"""

# What a build script makes, and the layers that are left of it.
CASES = {
    "before": (BEFORE, "in conv groups nin dense"),
    "transposed": (TRANSPOSED, "in up wide"),
    "behind, dense": (BEHIND.format(product="DenseLayer(x, 6, name='dense')"), "in dense"),
    "behind, conv": (BEHIND.format(product="Conv2DLayer(x, 6, 2, name='conv')"), "in conv"),
    "behind, flipped": (
        BEHIND.format(product="Conv2DLayer(x, 6, 2, flip_filters=False, name='conv')"),
        "in conv",
    ),
    "behind, untied": (
        BEHIND.format(product="Conv2DLayer(x, 6, 2, untie_biases=True, name='conv')"),
        "in conv",
    ),
    "behind, nin": (BEHIND.format(product="NINLayer(x, 6, name='nin')"), "in nin"),
    "behind, zeros between": (
        BEHIND.format(product="Conv2DLayer(x, 6, 3, pad=1, name='conv')"),
        "in bn conv",
    ),
    "behind, leading axes": (
        BEHIND.format(product="DenseLayer(x, 6, num_leading_axes=2, name='dense')"),
        "in bn dense",
    ),
    "behind, groups": (
        BEHIND.format(product="Conv2DLayer(x, 6, 2, num_groups=3, name='conv')"),
        "in bn conv",
    ),
    "zeros": (PADDED.format(width=2, pad=1), "in conv"),
    "zeros, one side": (PADDED.format(width="[(1, 0), (0, 0)]", pad=1), "in zeros conv"),
    "rectified": (RECTIFIED, "in d bn"),
    "own axes": (OWN_AXES, "in c bn"),
    "used twice": (USED_TWICE, "in d bn sum"),
    "shared": (SHARED, "in a bn b"),
    "noise as output": (
        "x = DropoutLayer(InputLayer((None, 3), name='in'), name='drop')",
        "in drop",
    ),
}


@pytest.mark.parametrize(("lines", "left"), CASES.values(), ids=CASES)
def test_what_goes_and_what_stays(lines, left, tmp_path):
    net = with_values(lines, tmp_path)
    simpler = lasport.simplify(net)  # which compares the two
    assert [layer.name for layer in simpler.layers] == left.split()
    model = lasport.to_keras(simpler, dtype="float64")
    assert lasport.verify(net, model, modes=("inference",), outputs_only=True).ok


@pytest.mark.parametrize("floats", ("float32", "float64"))
def test_simplified_net_computes_in_the_float_type_it_had(floats, tmp_path):
    net = with_values(TRANSPOSED, tmp_path, floats)
    assert net.dtype == floats
    simpler = lasport.simplify(net)
    assert max(value.dtype for value in simpler.param_values()) == np.float64
    assert lasport.to_keras(simpler).outputs[0].dtype == floats
    report = lasport.export(simpler, tmp_path / "net.tflite")  # which is float32 by default
    assert report.ok


@pytest.mark.parametrize("name", ("net_autoencoder", "inverse_dropout"))
def test_nets_that_go_back_stay_as_they_are(name):
    net = load_case(name).network
    inverts = any("InverseLayer" in layer.kind for layer in net.layers)
    assert not inverts or lasport.simplify(net) is net


def test_net_that_comes_out_wrong_is_refused(tmp_path, monkeypatch):
    net = with_values(BEFORE, tmp_path)
    right = simplification._scale_and_shift
    monkeypatch.setattr(
        simplification,
        "_scale_and_shift",
        lambda norm: (right(norm)[0] * (1 + 1e-8), right(norm)[1]),
    )
    with pytest.raises(ComparisonError, match="the simplified net computes something else"):
        lasport.simplify(net)


def with_values(lines, tmp_path, floats="float64"):
    """Return a net with random parameters."""
    script = tmp_path / "model.py"
    build = textwrap.indent(textwrap.dedent(lines), "    ")
    script.write_text(
        "from lasagne.layers import *\nfrom lasagne.nonlinearities import *\n"
        f"def build():\n{build}\n    return x\n"
    )
    rng = np.random.default_rng(21)
    untrained = lasport.load(f"{script}:build", untrained=True)
    if not untrained.param_values():
        return untrained
    shapes = [param.value.shape for _, param in untrained.owned_params()]
    values = [rng.uniform(0.5, 1.5, shape).astype(floats) for shape in shapes]
    np.savez(tmp_path / "values.npz", *values)
    return lasport.load(f"{script}:build", params=tmp_path / "values.npz")

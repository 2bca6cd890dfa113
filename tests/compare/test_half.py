"""Models in half precision: right ones are equal by their own yardstick, wrong ones are not."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from lasport import to_keras, verify
from lasport.oracles.narrow import NARROW
from lasport.passes import lower
from lasport.readers.network import build_network
from lasport.targets.keras_calls import keras_calls
from lasport.targets.keras_model import build_model
from lasport.translate import translate
from tests.compare.edits import arguments, become, weights
from tests.inert_nets import function, image, layer

POLICIES = ("mixed_float16", "mixed_bfloat16")
RIGHT = (
    "demo",
    "net_digits",
    "net_residual_block",
    "net_vgg_block",
    "net_inception",
    "net_denoising_autoencoder",
    "net_two_inputs_two_outputs",
    "lstm_default",
    "gru_open",
)


def flipped(kernel):
    return kernel[::-1, ::-1]


# Net, edit; those that half precision itself shows, of which a float64 copy is not needed.
WRONG = {
    "filters flipped": ("net_digits", weights("conv1", kernel=flipped)),
    "filters of the last convolution flipped": ("demo", weights("conv3", kernel=flipped)),
    "normalization missing": ("net_vgg_block", become("conv1_1_bn", "keras.layers.Identity")),
    "rectifier missing": ("net_digits", become("conv2_bn_nonlin", "keras.layers.Identity")),
}


def itself(report, policy):
    """Return what was found of the very model."""
    dtype = policy.removeprefix("mixed_")
    return [one for one in report.comparisons if one.dtype == dtype]


def wrong_port(net, edit, policy):
    calls = keras_calls(lower(translate(net)), "stock", policy)
    model = build_model(replace(calls, calls=tuple(edit(list(calls.calls)))))
    return keras.Model(model.inputs, model.outputs)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", RIGHT)
def test_right_models_are_equal(name, policy, net_and_record):
    net, record = net_and_record(name)
    report = verify(net, to_keras(net, dtype=policy), record, passes=(1,))
    assert report.ok, report.to_text()
    found = itself(report, policy)
    assert [one.subject for one in found] == [f"inference/model/{name}" for name in net.outputs]
    # The largest that was measured is 2.
    assert all(one.ratio < 4 and one.bound == 8 for one in found)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("name", "edit"), WRONG.values(), ids=WRONG)
def test_half_precision_shows_mistakes_by_itself(name, edit, policy, net_and_record):
    net, record = net_and_record(name)
    port = wrong_port(net, edit, policy)
    report = verify(net, port, record, modes=("inference",), outputs_only=True)
    found = itself(report, policy)
    assert found
    assert not any(one.ok for one in found)


@pytest.mark.parametrize("policy", POLICIES)
def test_copies_show_what_half_precision_hides(policy, net_and_record):
    # An epsilon of 1e-2 in place of 1e-4 is below its rounding here.
    net, record = net_and_record("net_digits")
    port = wrong_port(net, arguments("conv2_bn", epsilon=1e-2), policy)
    report = verify(net, port, record, modes=("inference",), outputs_only=True)
    assert all(one.ok for one in itself(report, policy))
    assert not report.ok


def test_a_sum_that_float16_cannot_hold_differs():
    # Keras sums a window in float16: beyond 2048 ones are lost. No copy does.
    window = {"pool_size": (56, 48), "stride": (56, 48), "pad": (0, 0), "ignore_border": True}
    shifted = layer(
        "special.BiasLayer", image(2, 3, 56, 48), {"b": np.ones(3)}, shared_axes=(0, 2, 3)
    )
    net = build_network(layer("pool.Pool2DLayer", shifted, {}, mode="average_inc_pad", **window))
    report = verify(net, to_keras(net, dtype="mixed_float16"), modes=("inference",))
    assert [one.dtype for one in report.failures] == ["float16"]
    assert verify(net, to_keras(net, dtype="mixed_bfloat16"), modes=("inference",))


def test_a_net_of_half_precision_is_judged_in_it():
    # Theano's floatX=float16.
    rng = np.random.default_rng(3)
    params = {
        "W": rng.standard_normal((70, 4)).astype(np.float16),
        "b": rng.standard_normal(4).astype(np.float16),
    }
    net = build_network(
        layer("dense.DenseLayer", image(), params, num_units=4, nonlinearity=function("tanh"))
    )
    assert net.dtype == np.float16
    report = verify(net)
    assert report.ok, report.to_text()
    assert len(itself(report, "float16")) == 1


@pytest.mark.parametrize("dtype", NARROW)
def test_rounding_is_to_the_nearest_and_to_even(dtype):
    unit = {"float16": 2.0**-10, "bfloat16": 2.0**-7}[dtype]
    rounded = {
        1.0 + unit / 2: 1.0,
        1.0 + 3 * unit / 2: 1.0 + 2 * unit,
        -1.0 - 0.6 * unit: -1.0 - unit,
        -0.0: -0.0,
        np.inf: np.inf,
        1e39: np.inf,
    }
    with np.errstate(over="ignore"):
        found = NARROW[dtype](np.array(list(rounded), np.float32))
    np.testing.assert_array_equal(found, list(rounded.values()))
    assert np.isnan(NARROW[dtype](np.array([np.nan, -np.nan], np.float32))).all()
    assert NARROW[dtype](np.arange(3000)).dtype == np.int64


def test_bfloat16_is_that_of_keras():
    rng = np.random.default_rng(4)
    values = (rng.standard_normal(999) * 10.0 ** rng.integers(-30, 30, 999)).astype(np.float32)
    there = keras.ops.cast(values, "bfloat16")
    np.testing.assert_array_equal(NARROW["bfloat16"](values), keras.ops.cast(there, "float32"))

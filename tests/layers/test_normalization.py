"""BatchNormLayer: axes, absent parameters, and the average of inv_std."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import registry
from lasport.errors import InvalidNetworkError
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import layer, read, source

# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "batchnorm_2d": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_3d": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_4d": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_5d": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_axes_0": ("InvStdBatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_axes_0_1": ("InvStdBatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_axes_0_2": ("InvStdBatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_axes_0_3": ("InvStdBatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_axes_0_1_2": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_axes_all": ("InvStdBatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_axes_1_2": ("InvStdBatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_axes_0_1_of_3": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_no_beta": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_no_gamma": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_no_beta_no_gamma": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_no_beta_2d": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_alpha_0_01": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_alpha_0_05": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_alpha_0_5": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_alpha_0_9": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_alpha_1_0": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_epsilon_1e_5": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_epsilon_1e_3": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_epsilon_1e_2": ("BatchNormalization", "InvStdBatchNormalization"),
    "batchnorm_epsilon_1e_1": ("BatchNormalization", "InvStdBatchNormalization"),
    "batch_norm_dense": (
        "Dense BatchNormalization Activation",
        "Dense InvStdBatchNormalization Nonlinearity",
    ),
    "batch_norm_dense_no_bias": (
        "Dense BatchNormalization Activation",
        "Dense InvStdBatchNormalization Activation",
    ),
    "batch_norm_dense_linear": ("Dense BatchNormalization", "Dense InvStdBatchNormalization"),
    "batch_norm_conv": (
        "Conv2D BatchNormalization Activation",
        "Conv2D InvStdBatchNormalization Nonlinearity",
    ),
    "batch_norm_conv_no_bias": (
        "Conv2D BatchNormalization Activation",
        "Conv2D InvStdBatchNormalization Nonlinearity",
    ),
    "batch_norm_nin": (
        "Dense BatchNormalization Activation",
        "Dense InvStdBatchNormalization Nonlinearity",
    ),
}


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


CPU = "normalization.BatchNormLayer"
GPU = "dnn.BatchNormDNNLayer"


def norm(shape=(None, 3, 5, 2), kept=(3,), *, kind=CPU, params=None, without=(), **state):
    """Return a layer whose parameters have the shape ``kept``."""
    given = {"axes": (0, 2, 3), "epsilon": 1e-4, "alpha": 0.1, **state}
    for name in without:
        del given[name]
    names = params or ("beta", "gamma", "mean", "inv_std")
    absent = dict.fromkeys({"beta", "gamma"} - set(names))
    return layer(kind, source(shape), {name: np.ones(kept) for name in names}, **absent, **given)


AXES = (
    ((0, 2, 3), (3,)),
    ([0, 2, 3], (3,)),
    (0, (3, 5, 2)),
    ((0, 1), (5, 2)),
    ((0, 1, 2, 3), ()),
)


@pytest.mark.parametrize(("axes", "kept"), AXES)
def test_parameters_have_the_axes_that_are_not_averaged_over(axes, kept):
    found = read(norm(kept=kept, axes=axes))
    assert found.problem is None
    assert found.output_shape == (None, 3, 5, 2)
    with pytest.raises(InvalidNetworkError, match="parameter beta has shape"):
        build_network(norm(kept=(*kept, 7), axes=axes))


def test_an_instance_of_january_2016_has_a_mode_that_does_nothing():
    assert read(norm(mode="low_mem")).attributes == read(norm()).attributes


def test_the_cudnn_class_computes_what_the_cpu_class_does():
    families = registry.families()
    assert families[f"lasagne.layers.{GPU}"] is families[f"lasagne.layers.{CPU}"]
    assert read(norm(kind=GPU)).attributes == read(norm()).attributes


def test_the_order_of_parameters_is_lasagnes():
    assert list(read(norm()).params) == ["beta", "gamma", "mean", "inv_std"]


def test_inv_std_is_averaged_and_not_the_variance():
    """Two batches of variance 3 and 15: the mean of 1/2 and 1/4 is not 1 / sqrt(1 + 9)."""
    net = build_network(norm((None, 1), (1,), axes=(0,), epsilon=1.0, alpha=0.5))
    first, second = (np.sqrt(variance) * np.array([[-1.0], [1.0]]) for variance in (3, 15))
    after = run_reference(net, [first], training=True).params
    assert after[3] == pytest.approx(0.5 * 1 + 0.5 * 0.5)
    after = run_reference(net, [second], training=True, params=after).params
    assert after[3] == pytest.approx(0.5 * 0.75 + 0.5 * 0.25)
    np.testing.assert_array_equal(after[:2], np.ones((2, 1)))


def test_stored_statistics_are_used_as_they_are():
    net = build_network(norm((None, 1), (1,), axes=(0,), epsilon=123.0))
    y = run_reference(net, [np.array([[5.0], [7.0]])], training=False).layers[-1]
    np.testing.assert_array_equal(y, [[5.0 - 1 + 1], [7.0 - 1 + 1]])


PROBLEMS = (
    ({"without": ("alpha",)}, "attribute 'alpha' is missing"),
    ({"epsilon": "1e-4"}, "attribute 'epsilon': a number was expected, not '1e-4'"),
    ({"axes": "auto"}, "attribute 'axes': an integer was expected, not 'auto'"),
    # A class of the same name from before Lasagne had one stored the variance.
    ({"params": ("beta", "gamma", "mean", "var")}, "var is a parameter that this class does not"),
    ({"params": ("beta", "gamma", "mean")}, "parameter inv_std is missing"),
    ({"axes": (0, 4)}, "axes=(0, 4) do not fit an input of (None, 3, 5, 2)"),
    ({"axes": (0, -1)}, "Lasagne does not compute negative axes, and (0, -1) has one"),
)


@pytest.mark.parametrize(("state", "message"), PROBLEMS)
def test_problems(state, message):
    assert message in read(norm(**state)).problem

"""InverseLayer: the gradient through another layer, at the point of the same pass."""

from __future__ import annotations

import numpy as np
import pytest

import lasport
from lasport.errors import ComparisonError, UnsupportedLayersError
from lasport.layers.inverse import ADJOINTS
from lasport.operations import Adjoint, Combine, Slice
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from lasport.targets.keras_calls.adjoint import ADJOINTS as MAPPED
from lasport.targets.keras_calls.adjoint import CALLED_AGAIN
from lasport.translate import translate
from tests.golden_records import families, load_case
from tests.inert_nets import function, layer, merge, named, source

NETS = ("net_inverted_autoencoder", "net_denoising_autoencoder")
RECORDS = [
    name
    for name, family in families().items()
    if family == "inverse" or name.startswith("ties_inverse") or name in NETS
]


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


# What comes back is the last but the transposes.
LAYERS = {
    "inverse_dense": ("InvertibleDense Activation", "NonlinearityGradient Activation"),
    "inverse_conv2d_same": ("InvertibleConvolution Activation", "NonlinearityGradient Activation"),
    "inverse_transposed3d": (
        "InvertibleConvolutionTranspose Activation",
        "NonlinearityGradient Activation",
    ),
    "inverse_batchnorm": ("InvertibleBatchNormalization", "Activation"),
    "inverse_scale": ("InvertibleScale", "Activation"),
    "inverse_flatten": ("Flatten", "ShapeGradient"),
    "inverse_pad": ("ConstantPad", "Slice Slice"),
    "inverse_upscale2d": ("UpSampling2D", "Pooling"),
    "inverse_pool2d_max": ("MaxPooling2D", "PoolingGradient"),
    "inverse_dropout": ("OnesLike Dropout Multiply", "Multiply"),
    "inverse_of_input_maxpool": ("MaxPooling2D", "PassOn PoolingGradient"),
    "inverse_of_input_linear": ("", "PassOn"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_keras_layers(name, keras_layers):
    stock, _ = keras_layers(load_case(name))
    there, back = LAYERS[name]
    code = "" if "of_input" in name else "Activation"
    there_and_back = f"{there} {code} {back}".split()
    # The second call of a layer has no class of its own.
    assert [kind for kind in stock.split() if kind != "Permute"] == there_and_back


def test_every_adjoint_has_a_mapping():
    assert set(ADJOINTS) == {*MAPPED, *CALLED_AGAIN}


@pytest.mark.parametrize(
    ("name", "kinds"),
    (
        ("inverse_bias", []),
        ("inverse_linear", []),
        ("inverse_dropout_none", []),
        ("inverse_dropout", [Combine]),
        ("inverse_pad", [Slice, Slice]),
        ("inverse_tanh", [Adjoint]),
        ("inverse_dense_image", [Adjoint, Adjoint, Adjoint]),
    ),
)
def test_steps(name, kinds):
    plan = translate(load_case(name).network)
    assert [type(step.operation) for step in plan.steps if step.layer == "inverse"] == kinds


def test_a_layer_that_is_inverted_twice_shows_its_mask_once():
    dropped = layer("noise.DropoutLayer", SOURCE, {}, p=0.5, rescale=True)
    once = inverse(dropped, dropped)
    twice = inverse(once, dropped)
    plan = translate(build_network([twice]))
    kinds = [type(step.operation).__name__ for step in plan.steps]
    assert kinds == ["Input", "Dropout", "Combine", "Combine", "Combine"]


# --- one Keras layer goes both ways


def test_the_way_back_has_no_weights_of_its_own():
    case = load_case("net_inverted_autoencoder")
    model = lasport.to_keras(case.network, dtype="float64")
    assert len(model.weights) == len(case.record.params) == 6
    kernel = model.get_layer("conv1").kernel
    kernel.assign(2 * kernel)
    values = lasport.lasagne_param_values(model)
    np.testing.assert_array_equal(values[0], 2 * case.record.params[0])
    _, image = model(np.asarray(case.record.inputs[0]))
    trained = run_reference(case.network, case.record.inputs, training=False, params=values)
    np.testing.assert_allclose(image, trained.layers[-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("profile", ("stock", "exact"))
@pytest.mark.parametrize("name", NETS)
def test_a_saved_model_is_recognized_and_equal(name, profile, tmp_path):
    import keras

    case = load_case(name)
    lasport.to_keras(case.network, profile=profile).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    report = lasport.verify(case.network, loaded, case.record)
    assert report.ok, report.to_text()
    assert any(
        comparison.subject.startswith("inference/layers") for comparison in report.comparisons
    )


def test_float16_policies_run():
    case = load_case("net_denoising_autoencoder")
    model = lasport.to_keras(case.network, dtype="mixed_float16")
    outputs = model(case.record.inputs[0].astype(np.float32), training=True)
    assert all(np.isfinite(output).all() for output in outputs)


# --- what is refused

SOURCE = source((None, 6))


def inverse(incoming, inverted):
    """Return the inverse of a layer, as a pickle holds it."""
    return merge("special.InverseLayer", [incoming, inverted, inverted.state["input_layer"]])


def refusal(net):
    with pytest.raises(UnsupportedLayersError) as caught:
        translate(build_network(net))
    (found,) = caught.value.refusals
    assert found.kind == "lasagne.layers.special.InverseLayer"
    return found.reason


def dense(incoming, units, **state):
    weights = {"W": np.ones((6, units))}
    given = {"num_units": units, "nonlinearity": function("tanh"), **state}
    return layer("dense.DenseLayer", incoming, weights, **given)


def test_products_over_pools_are_refused():
    pooled = layer(
        "pool.FeaturePoolLayer",
        SOURCE,
        {},
        pool_size=2,
        axis=1,
        pool_function=named("theano.tensor.basic.prod"),
    )
    assert "the derivative of prod, which" in refusal(inverse(pooled, pooled))


def test_a_layer_without_an_adjoint_is_refused():
    images = source((None, 3, 5, 5))
    pyramid = layer(
        "pool.SpatialPyramidPoolingLayer",
        images,
        {},
        pool_dims=[2, 1],
        mode="max",
        implementation="fast",
    )
    net = inverse(pyramid, pyramid)
    assert "no adjoint of PyramidPool" in refusal(net)
    with pytest.raises(ComparisonError, match="no inverse of"):
        run_reference(build_network(net), [np.ones((2, 3, 5, 5))], training=False)


def test_a_gradient_of_another_shape_is_refused():
    net = inverse(dense(SOURCE, 4), dense(SOURCE, 3))
    assert "(None, 4), the output of" in refusal(net)
    with pytest.raises(ComparisonError, match=r"a gradient of \(2, 4\) does not fit"):
        run_reference(build_network(net), [np.ones((2, 6))], training=False)


def test_a_layer_that_shares_its_weights_with_a_third_one_is_refused():
    first = dense(SOURCE, 6)
    second = layer("dense.DenseLayer", first, None, **first.state | {"input_layer": first})
    assert "whose parameter W is an expression or is shared" in refusal(inverse(second, second))


def test_an_input_that_is_not_the_layers_is_refused():
    first = dense(SOURCE, 6)
    second = dense(first, 6)
    net = merge("special.InverseLayer", [second, second, SOURCE])
    assert "with another layer's input" in refusal(net)

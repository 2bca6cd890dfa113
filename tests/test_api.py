"""The public functions: defaults, what they refuse, and how they hang together."""

from __future__ import annotations

import numpy as np
import pytest

import lasport
from lasport import convert, lasagne_param_values, load, to_keras, verify
from lasport.errors import ComparisonError, UnsupportedLayersError, UsageError
from tests.golden_records import GOLDEN, load_case, pickle_of

NET = pickle_of("net_vgg_block")
RECORD = GOLDEN / "net_vgg_block.npz.bz2"


def test_everything_public_is_there():
    assert all(hasattr(lasport, name) for name in lasport.__all__)
    assert sorted(lasport.__all__) == lasport.__all__


def test_load_takes_the_outputs_that_are_asked_for():
    net = load(NET, outputs=["pool1", "conv1_1"])
    assert net.outputs == ("pool1", "conv1_1")
    assert [layer.name for layer in net.layers][-1] == "pool1"
    assert "prob" not in [layer.name for layer in net.layers]
    with pytest.raises(
        UsageError, match="no layer is called 'nonsense'; there are: input, conv1_1"
    ):
        load(NET, outputs=["nonsense"])


@pytest.mark.parametrize("path", (NET, str(NET)))
def test_convert_is_load_and_to_keras(path):
    model = convert(path, outputs=["pool1"], profile="exact", data_format="channels_last")
    other = to_keras(
        load(path, outputs=["pool1"]), profile="exact", data_format="channels_last", name=model.name
    )
    assert model.get_config() == other.get_config()
    for first, second in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_defaults_of_to_keras():
    net = load(NET)
    model = to_keras(net)
    assert tuple(model.inputs[0].shape) == (None, 2, 8, 4)
    assert model.outputs[0].dtype == "float64"  # the parameters' own
    kinds = {type(layer).__module__.partition(".")[0] for layer in model.layers}
    assert kinds == {"keras"}  # the stock profile


WRONG = (
    ({"profile": "both"}, "profile must be one of stock, exact, not 'both'"),
    ({"data_format": "NHWC"}, "data_format must be channels_first or channels_last, not 'NHWC'"),
    ({"dtype": "int8"}, "dtype 'int8'"),
)


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        to_keras(load(NET), **options)


@pytest.mark.parametrize("function", (to_keras, lasport.to_source, verify, lasport.export))
def test_a_path_in_place_of_a_net_is_refused(function, tmp_path):
    more = [tmp_path / "net.tflite"] if function is lasport.export else []
    with pytest.raises(UsageError, match=r"as lasport\.load returns it, not str"):
        function(str(NET), *more)


def test_a_path_in_place_of_a_model_is_refused():
    with pytest.raises(UsageError, match=r"as keras\.saving\.load_model returns it, not str"):
        verify(load(NET), "net.keras")
    with pytest.raises(UsageError, match=r"load_model returns it, not Network"):
        verify(to_keras(load(NET)), load(NET))


def test_all_that_cannot_be_ported_is_named():
    with pytest.raises(UnsupportedLayersError, match="2 layers cannot be translated"):
        convert(pickle_of("shared_averages"))


# --- weights back


def test_a_model_of_this_process_knows_its_net():
    net = load(NET)
    for value, before in zip(lasagne_param_values(to_keras(net)), net.param_values(), strict=True):
        np.testing.assert_array_equal(value, before)


def test_a_foreign_model_does_not():
    import keras

    inputs = keras.Input((3,))
    foreign = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    with pytest.raises(UsageError, match="pass net=, the network"):
        lasagne_param_values(foreign)
    with pytest.raises(UsageError, match="are not those that lasport makes of the network"):
        lasagne_param_values(foreign, load(NET))


# --- verification


@pytest.mark.parametrize(
    "oracle", ("reference", f"record:{RECORD}", load_case("net_vgg_block").record)
)
def test_oracles(oracle):
    report = verify(load(NET), oracle=oracle, passes=(1,))
    assert report
    assert report.first_divergence is None


def test_oracles_are_named_in_the_report():
    net = load(NET)
    assert verify(net, modes=("inference",)).oracle == "the numpy reference"
    report = verify(net, oracle=f"record:{RECORD}", modes=("inference",))
    assert report.oracle == "record net_vgg_block.npz.bz2"


@pytest.mark.parametrize("oracle", ("theano?", "python:", "record:", "records:x.npz", ""))
def test_unknown_oracles_are_refused(oracle):
    with pytest.raises(
        UsageError, match="oracle must be reference, theano, python:PATH or record:PATH"
    ):
        verify(load(NET), oracle=oracle)


def test_a_record_of_another_net_is_refused():
    with pytest.raises(ComparisonError, match="the record has layers"):
        verify(load(NET), oracle=load_case("net_digits").record)


def test_one_mode_is_compared_alone():
    subjects = [c.subject for c in verify(load(NET), modes=("inference",)).comparisons]
    assert subjects
    assert all(subject.startswith("inference/") for subject in subjects)


def test_the_first_layer_that_differs_is_named():
    net = load(NET)
    model = to_keras(net, profile="exact")
    layer = model.get_layer("conv1_2")
    layer.kernel.assign(layer.kernel.numpy()[::-1])  # one axis flipped
    report = verify(net, model, passes=(1,))
    assert not report
    assert report.first_divergence is not None
    assert report.first_divergence.layer == "conv1_2"
    assert report.first_divergence.subject == "inference/layers/conv1_2"


def test_stages_are_told():
    stages = []
    verify(load(NET), passes=(1,), progress=stages.append)
    assert stages == ["inference", "training", "running averages", "gradients"]


def test_the_same_seed_is_the_same_comparison():
    net = load(pickle_of("net_lenet"))
    first, same, other = (verify(net, seed=seed, passes=(1,)) for seed in (3, 3, 4))
    assert first.comparisons == same.comparisons
    assert first.comparisons != other.comparisons

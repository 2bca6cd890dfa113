"""nolearn's nets in build scripts: its layers, their names and order, and its files.

What is expected is what nolearn 0.6.1 with Lasagne 0.2.dev1 made of the same script, and 0.5 with
Lasagne of January 2015, on Python 2.7.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import lasport
from lasport.errors import InvalidNetworkError, ScriptError
from lasport.oracles.reference import run_reference

NETS = Path(__file__).parent / "nolearn_nets.py"

# Layers in the order of get_all_layers; parameters as save_params_to gives them, each by its place
# in get_all_params; and the first row of what the net computes of the inputs below.
TRUTH = {
    "names_and_classes": (
        "input conv1 pool1 dropout1 hidden2 output",
        {"conv1": [0, 1], "hidden2": [2, 3], "output": [4, 5]},
        [0.642608, 0.244496, 0.112896],
    ),
    "classes_and_options": (
        "input0 dense1 dropout2 last",
        {"dense1": [0], "last": [1, 2]},
        [0.25959, 0.209535, 0.28566, 0.245216],
    ),
    "branches": (
        "in1 in2 b a both d c again output",
        {"a": [0, 1], "b": [2, 3], "c": [4, 5], "d": [6, 7], "output": [8, 9]},
        [0.446289, 0.775732],
    ),
    "tied": (
        "input0 one dense2 dense3",
        {"one": [0, 1], "dense2": [0, 1], "dense3": [2, 3]},
        [0.274858, 0.325933, 0.217052],
    ),
    "masked": (
        "x mask lstm2 dense3",
        {"lstm2": list(range(17)), "dense3": [17, 18]},
        [0.336535, 0.291078],
    ),
    "instances": (
        "input0 dense1 batchnorm2 nonlinearity3 noise dense5",
        {"dense1": [0], "batchnorm2": [1, 2, 3, 4], "dense5": [5, 6]},
        [0.524549, 0.475451],
    ),
    "wrapped": (
        "input0 dense1 LW_dense1 out",
        {"dense1": [0, 1], "LW_dense1": [2, 3, 4, 5], "out": [6, 7]},
        [0.130733, 0.330029],
    ),
    "by_path": ("input0 dense1", {"dense1": [0, 1]}, [0.026327, 0.15226, 0.0, 0.0, 0.010648]),
}


def value(place, shape):
    return np.random.RandomState(place).uniform(0.02, 0.3, shape).astype(np.float32)


@pytest.fixture
def saved(tmp_path):
    """Return a function that saves a net's parameters as nolearn does."""

    def save(name):
        _, places, _ = TRUTH[name]
        net = lasport.load(f"{NETS}:{name}", untrained=True)
        values = OrderedDict(
            (
                layer.name,
                [
                    value(place, param.value.shape)
                    for place, param in zip(
                        places.get(layer.name, []), layer.params.values(), strict=True
                    )
                ],
            )
            for layer in net.layers
        )
        path = tmp_path / f"{name}.pickle"
        path.write_bytes(pickle.dumps(values, 2))
        return path

    return save


@pytest.mark.parametrize("name", TRUTH)
def test_nets_are_those_that_nolearn_made(saved, name):
    layers, _, expected = TRUTH[name]
    net = lasport.load(f"{NETS}:{name}", params=saved(name))
    assert [layer.name for layer in net.layers] == layers.split()
    shapes = [[2 if size is None else size for size in net[key].output_shape] for key in net.inputs]
    inputs = [
        np.random.RandomState(100 + place).uniform(-1, 1, shape).astype(np.float32)
        for place, shape in enumerate(shapes)
    ]
    outputs = run_reference(net, inputs, training=False).layers[-1]
    np.testing.assert_allclose(outputs[0], expected, atol=2e-6)


def test_a_nolearn_net_is_ported(saved):
    net = lasport.load(f"{NETS}:branches", params=saved("branches"))
    assert lasport.verify(net, passes=(1,))


# --- what scripts do with their nets


@pytest.fixture
def script(tmp_path):
    def write(source):
        path = tmp_path / "model.py"
        path.write_text(
            "from nolearn.lasagne import *\nfrom lasagne.layers import *\n"
            "from lasagne.init import Constant\n" + dedent(source)
        )
        return f"{path}:build"

    return write


SMALL = """
    def net(**options):
        layers = [('input', InputLayer), ('hidden', DenseLayer), ('output', DenseLayer)]
        return NeuralNet(layers, input_shape=(None, 3), hidden_num_units=4, output_num_units=2,
                         **options)
"""
VALUES = {
    "input": [],
    "hidden": [value(0, (3, 4)), value(1, (4,))],
    "output": [value(2, (4, 2)), value(3, (2,))],
}


@pytest.mark.parametrize("form", ("a file", "a dict", "another net"))
def test_parameters_loaded_by_the_script_are_the_nets(script, tmp_path, form):
    path = tmp_path / "saved.pickle"
    path.write_bytes(pickle.dumps(VALUES, 2))
    load = {
        "a file": f"made.load_params_from({str(path)!r})",
        "a dict": f"import pathlib, pickle; data = pathlib.Path({str(path)!r}).read_bytes(); "
        "made.load_params_from(pickle.loads(data))",
        "another net": (
            f"other = net(); other.load_params_from({str(path)!r}); made.load_params_from(other)"
        ),
    }[form]
    source = SMALL + f"\n    def build():\n        made = net(); {load}; return made\n"
    found = lasport.load(script(source)).param_values()
    for array, expected in zip(found, VALUES["hidden"] + VALUES["output"], strict=True):
        np.testing.assert_array_equal(array, expected)


def test_what_a_file_lacks_is_asked_for(script, tmp_path):
    path = tmp_path / "saved.pickle"
    path.write_bytes(pickle.dumps({**VALUES, "output": [], "elsewhere": VALUES["output"]}, 2))
    source = f"\n    def build():\n        made = net(); made.load_params_from({str(path)!r})\n"
    with pytest.raises(ScriptError, match=r"parameters of \[\] are loaded to output, which has"):
        lasport.load(script(SMALL + source + "        return made\n"))
    path.write_bytes(pickle.dumps({"hidden": VALUES["hidden"]}, 2))
    with pytest.raises(InvalidNetworkError, match=r"1 parameter at random \(output\.W\)"):
        lasport.load(script(SMALL + source + "        return made\n"))


FAILURES = {
    "training": ("net().fit([1], [2])", r"line \d+: the script asks for fit of a net, and nothing"),
    "an option of no layer": ("net(hiden_b=None)", "is given hiden_b, and has no layer of that"),
    "two of a name": (
        "NeuralNet([('a', InputLayer), ('a', DenseLayer)], a_shape=(None, 2))",
        "two layers are called a",
    ),
    "options beside layers": (
        "NeuralNet(InputLayer((None, 3), name='x'), x_shape=(None, 4))",
        "the layer x is there already and takes no options",
    ),
    "a list": ("net().load_weights_from([1, 2])", "from a list, as before nolearn 0.6"),
    "another part of nolearn": (
        "__import__('nolearn.dbn').dbn.DBN([1, 2])",
        "DBN is called, and nolearn is missing",
    ),
}


@pytest.mark.parametrize(("made", "words"), FAILURES.values(), ids=FAILURES)
def test_what_cannot_be_said_is_refused(script, made, words):
    with pytest.raises(ScriptError, match=words):
        lasport.load(script(SMALL + f"\n    def build():\n        return {made}\n"))


def test_layers_are_to_be_had_by_name_and_place(script):
    source = """
    def build():
        made = net(hidden_W=Constant(1), output_W=Constant(2))
        made.initialize()
        assert list(made.layers_) == ['input', 'hidden', 'output']
        assert made.layers_['hidden'] is made.layers_[1] is made.layers_[0:2][-1]
        assert [v.shape for v in made.get_all_params_values()['output']] == [(4, 2), (2,)]
        assert len(made.get_all_params(trainable=True)) == 4
        return made.layers_['hidden']
    """
    assert lasport.load(script(SMALL + source)).outputs == ("hidden",)


def test_a_layer_that_the_output_does_not_need_is_left_out(script):
    source = """
    def build():
        layers = [('input', InputLayer), ('aside', DenseLayer), ('output', DenseLayer)]
        return NeuralNet(layers, input_shape=(None, 3), aside_num_units=4, output_num_units=2,
                         output_incoming='input', output_W=Constant(1))
    """
    net = lasport.load(script(source))
    assert ([layer.name for layer in net.layers], net.outputs) == (["input", "output"], ("output",))


# --- nolearn 0.5, with Lasagne of its time

FORMER = """
    def build():
        return NeuralNet(
            layers=[('input', InputLayer), ('conv1', Conv2DLayer), ('pool1', MaxPool2DLayer),
                    ('hidden', DenseLayer), ('output', DenseLayer)],
            input_shape=(None, 2, 10, 9), conv1_num_filters=3, conv1_filter_size=(3, 2),
            conv1_border_mode='full', conv1_strides=(1, 1), pool1_ds=(3, 2), hidden_num_units=5,
            output_num_units=4, output_nonlinearity=None, regression=True, eval_size=0.2)
"""
# As its save_weights_to listed them: backwards, from Lasagne's own list from the outputs on.
BACKWARDS = [(3,), (3, 2, 3, 2), (5,), (60, 5), (4,), (5, 4)]


def test_files_of_nolearn_05_are_bound(script, tmp_path):
    path = tmp_path / "saved.pickle"
    values = [value(place, shape) for place, shape in enumerate(BACKWARDS)]
    path.write_bytes(pickle.dumps(values, 2))
    with pytest.raises(InvalidNetworkError, match=r"as nolearn 0\.5 did .*--lasagne-version 2015"):
        lasport.load(script(FORMER), params=path, lasagne_version="2015-04-01")
    net = lasport.load(script(FORMER), params=path, lasagne_version="2015-01-22")
    shapes = [(2, 10, 9), (3, 12, 10), (3, 4, 5), (5,), (4,)]
    assert [layer.output_shape[1:] for layer in net.layers] == shapes
    assert [v.shape for v in net.param_values()] == [BACKWARDS[n] for n in (1, 0, 3, 2, 5, 4)]
    np.testing.assert_array_equal(net["hidden"].params["W"].value, values[3])


def test_arguments_of_that_time_ask_for_the_version(script):
    with pytest.raises(ScriptError, match=r"Conv2DLayer took border_mode before Lasagne 0\.1"):
        lasport.load(script(FORMER))

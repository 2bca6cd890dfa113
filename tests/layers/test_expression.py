"""ExpressionLayer: which functions a file can hold, and whether they do what output_shape says."""

from __future__ import annotations

import numpy as np
import pytest

from lasport import to_keras
from lasport.errors import UnsupportedLayersError
from lasport.inert import Global, Instance
from lasport.layers.expression import Reduction, read_function
from lasport.layers.nonlinearities import Nonlinearity
from lasport.readers.network import build_network
from lasport.translate import translate
from tests.golden_records import load_case
from tests.inert_nets import elemwise, function, layer, named, read, source

REDUCE = ("Reduce", "Reduce")
OWN = ("Nonlinearity", "Nonlinearity")
# Golden cases: Keras layers of the stock profile, and of the exact one.
RECORDS = {
    "expression_sqr": OWN,
    "expression_chain": (
        "Activation" + 3 * " Nonlinearity" + " Activation" + 3 * " Nonlinearity",
        4 * "Nonlinearity " + "Activation" + 3 * " Nonlinearity",
    ),
    "expression_lasagne": ("Activation", "Nonlinearity"),
    "expression_copy": ("", ""),
    "expression_mean": ("GlobalAveragePooling1D",) * 2,
    "expression_max": ("GlobalMaxPooling2D", "GlobalReduce"),
    "expression_std": REDUCE,
    "expression_var": ("Permute Reduce", "Permute Reduce"),
    "expression_sum": REDUCE,
    "expression_min": ("GlobalReduce",) * 2,
    "expression_prod": REDUCE,
    "ties_expression_max": REDUCE,
    "ties_expression_abs": OWN,
    "ties_hard_sigmoid": OWN,
}


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    assert keras_layers(load_case(name)) == RECORDS[name]


# --- what files hold


def partial(path, *arguments, **options):
    """Return ``functools.partial`` of a function as a pickle holds it."""
    kept = named(path)
    return Instance(Global("functools", "partial"), (kept,), state=(kept, arguments, options, None))


MEAN = "theano.tensor.basic.mean"
FUNCTIONS = (
    (elemwise("theano.scalar.basic.Sqr"), Nonlinearity("sqr")),
    (function("LeakyRectify", leakiness=0.2), Nonlinearity("leaky_rectify", {"leakiness": 0.2})),
    (named(MEAN), Reduction("mean")),
    (partial(MEAN), Reduction("mean")),
    (partial(MEAN, axis=None), Reduction("mean")),
    (partial(MEAN, axis=-1), Reduction("mean", (-1,))),
    (partial(MEAN, axis=[0, np.int64(2)]), Reduction("mean", (0, 2))),
    (partial(MEAN, axis=1, keepdims=True), Reduction("mean", (1,), keepdims=True)),
)


@pytest.mark.parametrize(("stored", "expected"), FUNCTIONS)
def test_functions(stored, expected):
    assert read_function(stored) == expected


KNOWN = "is none of Lasagne's and Theano's that lasport knows; make the layer a class of your own"
PARTIAL = "of a functools.partial only a reduction with axis and keepdims is known"
REFUSED = (
    (named("__main__.swish"), f"the function __main__.swish {KNOWN}"),
    (named("__main__.<lambda>"), f"the function __main__.<lambda> {KNOWN}"),
    (named("numpy.mean"), f"the function numpy.mean {KNOWN}"),
    (elemwise("theano.scalar.basic.Maximum"), f"the function theano.scalar.basic.Maximum {KNOWN}"),
    (partial(MEAN, axis=1, dtype="float64"), PARTIAL),
    (partial(MEAN, 3), PARTIAL),
    (partial("theano.tensor.nnet.nnet.relu", alpha=0.1), PARTIAL),
    (partial("theano.tensor.basic.flatten", axis=1), "flatten is none of theano.tensor's mean"),
    (partial(MEAN, axis="1"), "an integer was expected, not '1' (str)"),
)


@pytest.mark.parametrize(("stored", "message"), REFUSED)
def test_other_functions_are_refused_by_name(stored, message):
    net = layer("special.ExpressionLayer", source((None, 7)), function=stored, _output_shape=None)
    assert message in read(net).problem


# --- output_shape


def expression(function, shape=(None, 3, 4), **state):
    return layer("special.ExpressionLayer", source(shape), {}, function=function, **state)


SHAPES = (
    (named(MEAN), "auto", ()),
    (partial(MEAN, axis=1), "auto", (None, 4)),
    (partial(MEAN, axis=-3), (7, 3, 4), None),
    (partial(MEAN, axis=(0, 2), keepdims=True), "auto", (1, 3, 1)),
    (partial(MEAN, axis=2), (None, 3), (None, 3)),
    (partial(MEAN, axis=2), [7, None], (7, None)),
    (partial(MEAN, axis=2), None, None),
    (partial(MEAN, axis=2), (None, 4), None),
    (elemwise("theano.scalar.basic.Sqr"), None, (None, 3, 4)),
    (elemwise("theano.scalar.basic.Sqr"), (None, 12), None),
)


@pytest.mark.parametrize(("function", "said", "expected"), SHAPES)
def test_output_shape_has_to_be_true(function, said, expected):
    found = read(expression(function, _output_shape=said))
    assert found.output_shape == expected
    if expected is None:
        assert "output_shape says that the output is" in found.problem
    else:
        assert found.problem is None


def test_a_function_for_the_shape_is_not_needed():
    given = {"get_output_shape_for": named("__main__.shape")}
    found = read(expression(partial(MEAN, axis=2), **given))
    assert (found.problem, found.output_shape) == (None, (None, 3))


AXES = ((3,), (-4,), (1, -2), ())


@pytest.mark.parametrize("axes", AXES)
def test_axes_that_do_not_exist_or_repeat_are_refused(axes):
    found = read(expression(partial(MEAN, axis=axes), _output_shape="auto"))
    assert found.problem == f"mean over axes {axes} of an input of 3 axes"


def test_a_single_number_is_no_output_of_a_model():
    net = build_network(expression(named(MEAN), _output_shape="auto"))
    with pytest.raises(UnsupportedLayersError, match="mean of the whole batch leaves no axis"):
        translate(net)


def test_log_softmax_is_for_matrices_as_in_theano():
    function = named("theano.tensor.nnet.nnet.logsoftmax")
    net = build_network(expression(function, _output_shape=None))
    with pytest.raises(UnsupportedLayersError, match="log_softmax is defined for matrices only"):
        translate(net)


def test_reducing_space_of_images_needs_no_transposition():
    net = build_network(expression(partial(MEAN, axis=(-1, 2)), (None, 3, 4, 5)))
    assert type(to_keras(net, data_format="channels_last").layers[-1]).__name__ == (
        "GlobalAveragePooling2D"
    )

"""From inert objects to a network: order, names, outputs, shapes, parameters, contradictions."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.errors import InvalidNetworkError, UnreadableFileError, UsageError
from lasport.inert import Instance
from lasport.readers.network import build_network
from tests.inert_nets import function, layer, merge, named, shared, source


def dropout(net, name=None, **state):
    return layer("noise.DropoutLayer", net, {}, name=name, **{"p": 0.5, "rescale": True, **state})


def concat(*nets, name=None):
    return merge("merge.ConcatLayer", nets, name=name, axis=1)


def dense(net, inputs=3, name=None, **state):
    params = {"W": np.ones((inputs, 2)), "b": np.zeros(2)}
    return layer(
        "dense.DenseLayer",
        net,
        params,
        **{"name": name, "num_units": 2, "nonlinearity": None, **state},
    )


def names(net):
    return [layer.name for layer in net.layers]


# --- order


def test_layers_come_depth_first_from_left_to_right():
    """As lasagne.layers.get_all_layers lists them."""
    x, y = source((None, 3), name="x"), source((None, 3), name="y")
    left = dropout(concat(y, x, name="first"), name="left")
    right = dropout(concat(x, left, name="second"), name="right")
    net = build_network(concat(left, right, name="out"))
    assert names(net) == ["y", "x", "first", "left", "second", "right", "out"]
    assert net.inputs == ("y", "x")
    assert net["second"].incoming == ("x", "left")


def test_depth_does_not_matter():
    net = source((None, 3))
    for _ in range(5000):
        net = dropout(net)
    assert len(build_network(net).layers) == 5001


def test_a_layer_that_feeds_itself_is_refused():
    first = dropout(source((None, 3)))
    second = dropout(first)
    first.state["input_layer"] = second
    with pytest.raises(InvalidNetworkError, match="DropoutLayer feeds itself"):
        build_network(second)


def test_one_layer_may_be_listed_twice():
    x = source((None, 3), name="x")
    net = build_network(concat(x, x, name="doubled"))
    assert net["doubled"].incoming == ("x", "x")
    assert net["doubled"].output_shape == (None, 6)


# --- what is at the top of a file


def chain():
    x = source((None, 3), name="x")
    a = dropout(x, name="a")
    b = dropout(a, name="b")
    c = dropout(a, name="c")
    return x, a, b, c


def test_outputs_are_what_was_pickled():
    x, a, b, c = chain()
    assert build_network(b).outputs == ("b",)
    assert build_network([c, b]).outputs == ("c", "b")
    assert build_network((b, a)).outputs == ("b", "a")
    assert build_network({"one": c, "two": b}).outputs == ("c", "b")
    assert build_network(x).outputs == ("x",)


def test_of_a_whole_net_the_outputs_are_the_layers_that_feed_no_other():
    x, a, b, c = chain()
    for whole in ([x, a, b, c], {"x": x, "b": b, "a": a, "c": c}, (b, x, c)):
        assert build_network(whole).outputs == ("b", "c")


def test_outputs_can_be_chosen():
    *_, b, c = chain()
    net = build_network([b, c], outputs=["a"])
    assert net.outputs == ("a",)
    assert names(net) == ["x", "a"]
    both = build_network([b, c], outputs=["c", "x"])
    assert both.outputs == ("c", "x")
    with pytest.raises(UsageError, match="no layer is called 'd'; there are: x, a, b, c"):
        build_network([b, c], outputs=["a", "d"])


def test_the_origin_is_kept():
    assert build_network(source((None, 3)), origin="net.pkl").origin == "net.pkl"


NO_LAYERS = (
    ({"W": np.ones(3), "b": np.ones(3)}, "a dict of 2 arrays: parameters, which go with the net"),
    ([np.ones(3)], "a list of 1 arrays: parameters"),
    ((np.ones(3), 7), "a tuple of 2 entries: int, ndarray"),
    ([], "a list of 0 entries: nothing"),
    ({}, "a dict of 0 entries: nothing"),
    (7, "a int"),
    (
        Instance(named("__main__.Trainer"), state={"net": None}),
        "an object of __main__.Trainer; save its output layer, not the object around it",
    ),
    (
        [source((None, 3)), Instance(named("__main__.Trainer"))],
        "a list of 2 entries: __main__.Trainer, lasagne.layers.input.InputLayer",
    ),
)


@pytest.mark.parametrize(("root", "words"), NO_LAYERS)
def test_what_holds_no_layers_is_described(root, words):
    with pytest.raises(UnreadableFileError) as caught:
        build_network(root)
    assert str(caught.value).startswith(f"the file holds no Lasagne layers but {words}")


BUILT_ON_A_SHAPE = (
    dropout((None, 3), name="top"),
    dropout(None, name="top"),
    concat(source((None, 3)), (None, 3), name="top"),
    concat(source((None, 3)), None, name="top"),
)


@pytest.mark.parametrize("net", BUILT_ON_A_SHAPE)
def test_a_layer_built_on_a_shape_is_refused(net):
    with pytest.raises(InvalidNetworkError, match=r"top .* is built on a shape, not on a layer"):
        build_network(net)


@pytest.mark.parametrize("sources", ([], None, "x"))
def test_a_merge_of_nothing_is_refused(sources):
    net = concat(source((None, 3)))
    net.state["input_layers"] = sources
    with pytest.raises(InvalidNetworkError, match=r"input_layers|built on a shape"):
        build_network(net)


# --- names


def test_layers_are_named_by_class_and_position():
    net = dense(dropout(source((None, 3))))
    assert names(build_network(net)) == ["input_0", "dropout_1", "dense_2"]


def test_an_empty_name_is_none():
    assert names(build_network(source((None, 3), name=""))) == ["input_0"]


def test_keys_of_a_dict_name_layers_without_a_name():
    x = source((None, 3))
    net = build_network({"data": x, "hidden": dropout(x), 7: dropout(x, name="own")})
    assert names(net) == ["data", "hidden", "own"]


def test_equal_names_are_numbered_and_make_room():
    x = source((None, 3), name="x")
    net = dropout(dropout(dropout(dropout(x, name="x"), name="x_2"), name="x"), name="x_3")
    found = names(build_network(net))
    assert len(set(found)) == 5
    assert found[0] == "x"
    assert {"x_2", "x_3"} <= set(found)


ODD = (
    ("data/in:0", "data_in_0"),
    ("fc 1 (first)", "fc_1_first_"),
    ("a.b-c_d", "a.b-c_d"),
    ("schön", "schön"),
)


@pytest.mark.parametrize(("name", "clean"), ODD)
def test_names_are_made_fit_for_keras(name, clean):
    assert names(build_network(source((None, 3), name=name))) == [clean]


# --- shapes


def test_shapes_are_computed_not_believed():
    net = dropout(dense(source((None, 3))), input_shape=(None, 99))
    read = build_network(net).layers[-1]
    assert read.input_shapes == ((None, 2),)
    assert read.output_shape == (None, 2)


def test_behind_an_unknown_class_the_stored_shape_counts():
    unknown = layer("__main__.Swish", source((None, 3)), {}, name="unknown")
    net = build_network(dense(unknown, inputs=5, name="known", input_shape=(None, np.int64(5))))
    assert net["unknown"].output_shape is None
    assert net["known"].input_shapes == ((None, 5),)
    assert net["known"].output_shape == (None, 2)


@pytest.mark.parametrize("stored", ({}, {"input_shape": 5}, {"input_shape": ("x", 5)}))
def test_behind_an_unknown_class_a_shape_may_stay_unknown(stored):
    unknown = layer("__main__.Swish", source((None, 3)), {})
    net = build_network(dense(unknown, inputs=5, name="known", **stored))
    assert net["known"].output_shape is None
    assert net["known"].problem is None


def test_an_unknown_class_keeps_its_attributes_and_parameters():
    unknown = layer("__main__.Swish", source((None, 3)), {"beta": np.ones(3)}, slope=2)
    read = build_network(unknown).layers[-1]
    assert read.attributes["slope"] == 2
    assert read.params["beta"].value.tolist() == [1.0] * 3


def test_each_problem_stays_with_its_layer():
    net = dropout(dropout(source((None, 3)), p=2.0, name="bad"), name="good")
    read = build_network(net)
    assert "a probability in [0, 1) was expected, not 2" in read["bad"].problem
    assert read["good"].problem is None


# --- parameters


def test_parameters_keep_order_tags_and_bits():
    net = dense(source((None, 3), name="x"), name="top")
    w, b = net.state["W"], net.state["b"]
    net.state["params"] = {b: {"trainable"}, w: ["regularizable", "trainable"]}
    read = build_network(net)["top"]
    assert list(read.params) == ["b", "W"]
    assert read.params["W"].tags == {"regularizable", "trainable"}
    assert not read.params["W"].value.flags.writeable


def test_layers_that_share_a_variable_share_a_parameter():
    first = dense(source((None, 3)), name="first")
    second = dense(source((None, 3)), name="second")
    w = first.state["W"]
    second.state |= {"W": w, "params": {w: set(), second.state["b"]: set()}}
    net = build_network([first, second])
    assert net["first"].params["W"].value is net["second"].params["W"].value
    assert len(net.param_values()) == 3


def expression():
    return Instance(named("theano.tensor.var.TensorVariable"), state={"owner": None})


BAD_PARAMETERS = {
    "an expression": (
        {"W": expression()},
        "parameter W is a theano.tensor.var.TensorVariable without an array of numbers; a",
    ),
    "text": ({"W": shared(np.array(["x"]))}, "parameter W is a theano.tensor.sharedvar"),
    "one too many": ({"V": shared(np.ones(2))}, "V is a parameter that this class does not have"),
}


@pytest.mark.parametrize(("params", "problem"), BAD_PARAMETERS.values(), ids=BAD_PARAMETERS)
def test_parameters_that_cannot_be_read(params, problem):
    net = dense(source((None, 3)))
    net.state |= params
    net.state["params"] = {variable: set() for variable in params.values()}
    assert build_network(net).layers[-1].problem.startswith(problem)


def test_a_parameter_without_a_name_is_counted():
    net = dense(source((None, 3)))
    net.state["params"] = {**net.state["params"], shared(np.ones(2)): set()}
    assert build_network(net).layers[-1].problem.startswith("parameter 2 is a parameter that this")


def test_a_parameter_that_is_not_listed_is_missed():
    net = dense(source((None, 3)))
    net.state["params"] = {net.state["b"]: set()}
    assert build_network(net).layers[-1].problem == (
        "W is set but not among the layer's parameters"
    )


def test_a_layer_without_its_weights_is_no_layer():
    net = dense(source((None, 3)))
    del net.state["W"], net.state["params"]
    assert build_network(net).layers[-1].problem == "parameter W is missing"


@pytest.mark.parametrize("tags", ("trainable", None, 3))
def test_tags_must_be_a_set(tags):
    net = dense(source((None, 3)))
    net.state["params"] = dict.fromkeys(net.state["params"], tags)
    assert "the tags of a parameter are a" in build_network(net).layers[-1].problem


def test_sizes_that_are_open_are_not_compared():
    net = layer(
        "dense.NINLayer",
        source((None, None, 5)),
        {"W": np.ones((3, 2)), "b": np.ones(2)},
        num_units=2,
        untie_biases=False,
        nonlinearity=function("linear"),
    )
    assert build_network(net).layers[-1].problem is None

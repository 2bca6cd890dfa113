"""The table of subgradients on the page on exactness: what Theano and TensorFlow choose."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import lasport
from lasport.inert import Global, Instance
from lasport.readers.network import build_network
from lasport.targets.keras_calls import PROFILES
from tests.golden_records import families
from tests.inert_nets import elemwise, function, layer, merge, named, source

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "exactness.md").read_text("utf-8")
MEASURED = json.loads((HERE / "data" / "subgradients.json").read_text("ascii"))["measured"]
THEANO = {row["function"]: row for row in MEASURED}

ops = keras.ops


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes
    ----------
    theano : str
        What the record calls the function.
    tensorflow : callable
        What computes the same on a vector in TensorFlow.
    net : Instance or None
        A net of one layer that takes the vector, if some layer computes the function.
    shapes : tuple of tuple of int
        In which the net's inputs take it, each its part.
    record : str
        The golden records that have it in whole layers.
    """

    theano: str
    tensorflow: Callable[[Any], Any]
    net: Instance | None = None
    shapes: tuple[tuple[int, ...], ...] = ((1, 1),)
    record: str = ""


def nonlinearity(name: str, **constants: float) -> Instance:
    given = function(name, **constants)
    return layer("special.NonlinearityLayer", source((None, 1)), {}, nonlinearity=given)


def pool(kind: str, rank: int) -> Instance:
    window = (1,) * (rank - 1) + (3,)
    state = {"pool_size": window, "stride": window, "pad": (0,) * rank, "ignore_border": True}
    return layer(f"pool.{kind}", source((None, 1, *window)), {}, mode="max", **state)


def reduction(kind: str, shape: tuple[int | None, ...], name: str, **state: object) -> Instance:
    state["pool_function"] = named(f"theano.tensor.basic.{name}")
    return layer(f"pool.{kind}", source(shape), {}, **state)


def expression(function: Global | Instance, size: int = 1) -> Instance:
    state = {"function": function, "_output_shape": "auto"}
    return layer("special.ExpressionLayer", source((None, size)), {}, **state)


def applied(scalar_op: str) -> Instance:
    return expression(elemwise(f"theano.scalar.basic.{scalar_op}"))


def merged(name: str) -> Instance:
    operation = elemwise(f"theano.scalar.basic.{name}")
    inputs = [source((None, 1)), source((None, 1))]
    return merge("merge.ElemwiseMergeLayer", inputs, merge_function=operation, cropping=None)


def max_pool(rank: int) -> Callable[[Any], Any]:
    window = (1,) * (rank - 1) + (3,)
    shape = (1, *window, 1)
    return lambda x: ops.max_pool(ops.reshape(x, shape), window, data_format="channels_last")


PYRAMID = layer(
    "pool.SpatialPyramidPoolingLayer",
    source((None, 1, 1, 3)),
    {},
    pool_dims=[1],
    mode="max",
    implementation="fast",
)
T_MAX = named("theano.tensor.basic.max")
LARGEST = Instance(Global("functools", "partial"), (T_MAX,), state=(T_MAX, (), {"axis": 1}, None))
HARD_SIGMOID = named("theano.tensor.nnet.sigm.hard_sigmoid")
PRELU = layer(
    "special.ParametricRectifierLayer", source((None, 1)), {"alpha": [0.25]}, shared_axes=(0,)
)
RRELU = layer(
    "special.RandomizedRectifierLayer",
    source((None, 1)),
    {},
    lower=0.125,
    upper=0.375,
    shared_axes=(),
)
WTA = layer("pool.FeatureWTALayer", source((None, 3)), {}, pool_size=3, axis=1)

# By the first cell.
ROWS = {
    "`rectify`, `T.nnet.relu`": Row(
        "rectify", ops.relu, nonlinearity("rectify"), record="ties_rectify"
    ),
    "`leaky_rectify` (0.01)": Row(
        "leaky_rectify",
        lambda x: ops.leaky_relu(x, 0.01),
        nonlinearity("LeakyRectify", leakiness=0.01),
        record="ties_leaky_rectify",
    ),
    "`very_leaky_rectify` (1/3)": Row(
        "very_leaky_rectify",
        lambda x: ops.leaky_relu(x, 1 / 3),
        nonlinearity("LeakyRectify", leakiness=1 / 3),
    ),
    "`ParametricRectifierLayer` (0.25)": Row(
        "prelu", lambda x: ops.leaky_relu(x, 0.25), PRELU, record="ties_prelu"
    ),
    "`RandomizedRectifierLayer` (mean 0.25)": Row(
        "prelu", lambda x: ops.leaky_relu(x, 0.25), RRELU, record="ties_rrelu"
    ),
    "`elu`": Row("elu", ops.elu, nonlinearity("elu"), record="ties_elu"),
    "`selu`": Row(
        "selu",
        ops.selu,
        nonlinearity("SELU", scale=1.0507009873554804934, scale_neg=1.6732632423543772848),
        record="ties_selu",
    ),
    "`MaxPool1DLayer`": Row(
        "max pool", max_pool(1), pool("MaxPool1DLayer", 1), ((1, 1, 3),), "ties_maxpool1d"
    ),
    "`MaxPool2DLayer`": Row(
        "max pool",
        max_pool(2),
        pool("MaxPool2DLayer", 2),
        ((1, 1, 1, 3),),
        "ties_maxpool ties_maxpool_ceil",
    ),
    "`MaxPool3DLayer`": Row(
        "max pool", max_pool(3), pool("MaxPool3DLayer", 3), ((1, 1, 1, 1, 3),), "ties_maxpool3d"
    ),
    "`SpatialPyramidPoolingLayer`": Row(
        "max pool", max_pool(2), PYRAMID, ((1, 1, 1, 3),), "ties_pyramid"
    ),
    "`GlobalPoolLayer`, `T.max`": Row(
        "T.max",
        ops.max,
        reduction("GlobalPoolLayer", (None, 1, 1, 3), "max"),
        ((1, 1, 1, 3),),
        "ties_globalpool_max",
    ),
    "`GlobalPoolLayer`, `T.min`": Row(
        "T.min",
        ops.min,
        reduction("GlobalPoolLayer", (None, 1, 1, 3), "min"),
        ((1, 1, 1, 3),),
        "ties_globalpool_min",
    ),
    "`FeaturePoolLayer`, `T.max`": Row(
        "T.max",
        ops.max,
        reduction("FeaturePoolLayer", (None, 3), "max", pool_size=3, axis=1),
        ((1, 3),),
        "ties_featurepool_max",
    ),
    "`FeaturePoolLayer`, `T.min`": Row(
        "T.min",
        ops.min,
        reduction("FeaturePoolLayer", (None, 3), "min", pool_size=3, axis=1),
        ((1, 3),),
        "ties_featurepool_min",
    ),
    "`FeatureWTALayer`": Row(
        "wta", lambda x: x * ops.one_hot(ops.argmax(x), 3), WTA, ((1, 3),), "ties_featurewta"
    ),
    "`ExpressionLayer`, `T.max`": Row(
        "T.max", ops.max, expression(LARGEST, 3), ((1, 3),), "ties_expression_max"
    ),
    "`ElemwiseMergeLayer`, `T.maximum`": Row(
        "T.maximum",
        lambda x: ops.maximum(x[0], x[1]),
        merged("Maximum"),
        ((1, 1), (1, 1)),
        "ties_maximum",
    ),
    "`ElemwiseMergeLayer`, `T.minimum`": Row(
        "T.minimum",
        lambda x: ops.minimum(x[0], x[1]),
        merged("Minimum"),
        ((1, 1), (1, 1)),
        "ties_minimum",
    ),
    "`abs(x)`": Row("T.abs_", ops.abs, applied("Abs"), record="ties_expression_abs"),
    "`T.nnet.hard_sigmoid`": Row(
        "hard_sigmoid",
        lambda x: ops.clip(0.2 * x + 0.5, 0, 1),
        expression(HARD_SIGMOID, 2),
        ((1, 2),),
        "ties_hard_sigmoid",
    ),
    "`T.sqrt(x)`": Row("T.sqrt", ops.sqrt, applied("Sqrt")),
    "`T.sgn(x)`": Row("T.sgn", ops.sign, applied("Sgn")),
    "`T.clip(x, 0, 1)`": Row("T.clip", lambda x: ops.clip(x, 0, 1)),
    "`T.sqrt(T.sum(T.sqr(x)))`": Row("norm", lambda x: ops.sqrt(ops.sum(ops.square(x)))),
    "`T.floor(x)`": Row("T.floor", ops.floor),
}


def spell(values: Any) -> str:
    return ", ".join(f"{float(value):.3g}" for value in np.ravel(values))


def differentiate(compute: Callable[[Any], Any], point: list[float]) -> str:
    x = tf.constant(point, "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(compute(x))
    return spell(tape.gradient(value, x, unconnected_gradients="zero"))


def model_of(row: Row, profile: str) -> Callable[[Any], Any]:
    """Return the model of a row's net as a function of one vector."""
    model = lasport.to_keras(build_network(row.net), profile=profile, dtype="float32")

    def compute(x: Any) -> Any:
        pieces = tf.split(x, len(row.shapes))
        inputs = [tf.reshape(piece, shape) for piece, shape in zip(pieces, row.shapes, strict=True)]
        return model(inputs if len(inputs) > 1 else inputs[0])

    return compute


def measure(name: str) -> list[str]:
    """Return a row as the page should have it."""
    row = ROWS[name]
    point = THEANO[row.theano]["point"]
    cells = [name, spell(point), spell(THEANO[row.theano]["gradient"])]
    cells.append(differentiate(row.tensorflow, point))
    if row.net is None:
        return [*cells, "", ""]
    return [*cells, *(differentiate(model_of(row, profile), point) for profile in PROFILES)]


def shown() -> dict[str, list[str]]:
    """Return the rows of the page by their first cell."""
    section = PAGE.partition("## Where a function has no gradient")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (`.*) \|$", section, re.MULTILINE)
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    return {row[0]: row for row in rows}


@pytest.mark.parametrize("name", ROWS)
def test_the_page_shows_what_is_measured(name):
    assert shown()[name] == measure(name)


def test_the_table_is_complete():
    assert list(shown()) == list(ROWS)
    # An inverse gives the gradient of what it inverts, which has a row.
    recorded = {
        name.replace("ties_inverse_", "ties_") for name in families() if name.startswith("ties_")
    }
    held = {name for row in ROWS.values() for name in row.record.split()}
    assert held == recorded, "a record of ties needs a row here, and on the page"
    assert {row.theano for row in ROWS.values()} | {"T.nnet.relu"} == set(THEANO)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.net is not None])
def test_the_exact_profile_follows_theano(name):
    _, _, theano, _, _, exact = shown()[name]
    assert exact == theano


def test_both_spellings_of_the_rectifier_are_one():
    assert THEANO["T.nnet.relu"]["gradient"] == THEANO["rectify"]["gradient"]
